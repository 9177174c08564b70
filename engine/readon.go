package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/corechan/corechan/netpoll"
)

// A loopReader has a loop read the port of a link that is filled by system calls, whenever its descriptor is readable: to
// ask such a link in every turn would cost a call each time. It holds the rx token until the port has failed.
type loopReader struct {
	p    *port
	eng  *Engine
	loop *netpoll.Loop
	over bool // on the loop's thread

	mu  sync.Mutex
	reg *netpoll.Registration
}

// readOn is runOn for such a link. Called with the rx token held.
func (p *port) readOn(loop *netpoll.Loop, eng *Engine) error {
	lr := &loopReader{p: p, eng: eng, loop: loop}
	lr.mu.Lock() // until the registration is known
	defer lr.mu.Unlock()
	var err error
	lr.reg, err = loop.Register(p.bell.Descriptor(), netpoll.In|netpoll.RDHup|netpoll.Edge, lr)
	if err != nil {
		p.loop.Store(nil)
		p.giveRx()
		eng.leaveLoop()
		return fmt.Errorf("engine: %w", err)
	}
	p.bell.Notify(lr.nudge)
	lr.nudge() // what came before is read too
	return nil
}

// nudge has the loop look at the port, for a reason other than bytes. It may be called by any goroutine.
func (l *loopReader) nudge() {
	if l.p.nudged.Swap(true) {
		return
	}
	if err := l.loop.Post(l.look); errors.Is(err, netpoll.ErrQueueFull) {
		l.loop.AfterFunc(0, l.look)
	}
}

func (l *loopReader) look() {
	if l.Ready(0) {
		l.nudge()
	}
}

// Label names the handler in a loop's statistics.
func (l *loopReader) Label() string { return "session" }

// Ready implements netpoll.Handler.
func (l *loopReader) Ready(netpoll.Events) (again bool) {
	p := l.p
	if l.over {
		return false
	}
	p.nudged.Store(false)
	gone := p.left()
	budget := l.loop.Budget()
	n, err := 0, p.bell.Drain()
	if errors.Is(err, ErrPeerGone) {
		p.attend(attGone)
		err = nil
	}
	if err == nil {
		p.cork(true)
		p.runBacklog()
		n, err = p.turn(budget)
		p.cork(false)
	} else {
		err = p.broken(err)
	}
	if err == nil {
		p.wakeSpace()
		err = p.pollerDuties()
	}
	if err == nil {
		p.armControl()
		if gone && n == 0 && p.left() {
			err = p.broken(p.owner.lastWord(context.Background()))
		}
	}
	if err != nil {
		l.over = true
		l.mu.Lock()
		_ = l.reg.Close()
		l.mu.Unlock()
		p.giveRx()
		l.eng.leaveLoop()
		return false
	}
	return n == budget || p.attention.Load()&attGone != 0
}

// cork has the link gather what handlers send in one turn.
func (p *port) cork(on bool) {
	if p.link.Cork != nil {
		p.link.Cork(on)
	}
}
