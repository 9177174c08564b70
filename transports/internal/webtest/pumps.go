package webtest

import (
	"context"
	"sync"
	"time"

	"github.com/corechan/corechan/transports/internal/pump"
)

// Pumps are those that were made with a context, the newest last.
type Pumps struct {
	mu   sync.Mutex
	list []*pump.Pump
}

// Observe returns a context and the pumps of what is dialled or listened for with it.
func Observe(ctx context.Context) (context.Context, *Pumps) {
	p := new(Pumps)
	return pump.WithObserver(ctx, func(one *pump.Pump) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.list = append(p.list, one)
	}), p
}

// Last returns the newest.
func (p *Pumps) Last() *pump.Pump {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.list[len(p.list)-1]
}

// Settle waits until what two ends of a link have sent so far has arrived: until it is in the ring of the other one's
// session. It gives up where that is full and nobody reads.
func Settle(a, b *pump.Pump) {
	fromA, fromB := a.Sent(), b.Sent()
	end := time.NewTimer(2 * time.Second)
	defer end.Stop()
	tick := time.NewTicker(50 * time.Microsecond)
	defer tick.Stop()
	for a.Received() < fromB || b.Received() < fromA {
		select {
		case <-a.Closed():
			return
		case <-b.Closed():
			return
		case <-end.C:
			return
		case <-tick.C:
		}
	}
}
