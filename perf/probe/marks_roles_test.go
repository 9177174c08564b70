package probe

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/mark"
	"github.com/corechan/corechan/internal/monotime"
	"github.com/corechan/corechan/transports"
)

// What the actors mark.
const (
	markedEach    = 200
	markedTakes   = 200 * time.Microsecond
	markedMissed  = 7 // received, and never sent
	markedReplays = 5 // received twice
	markedLies    = 3 // received before they were sent, by their stamps
)

// markMany is the role of an actor that marks messages that it does not have.
func markMany(count *atomic.Uint64) {
	for range markedEach {
		stamp := uint64(monotime.Now())
		mark.Sent(stamp)
		for count.Add(1); uint64(monotime.Now())-stamp < uint64(markedTakes); {
		}
		mark.Received(stamp, uint64(monotime.Now())-stamp)
	}
	for i := range uint64(markedMissed) {
		mark.Received(i, 1) // 0 is no stamp
	}
	for range markedReplays {
		stamp := uint64(monotime.Now())
		mark.Sent(stamp)
		mark.Received(stamp, 1)
		mark.Received(stamp, 1)
	}
	for range markedLies {
		stamp := uint64(monotime.Now())
		mark.Sent(stamp)
		mark.Received(stamp, math.MaxUint64)
	}
}

// markingUser probes itself, and its parent, and says what came of it.
func markingUser() {
	start := func(pid int) (*Probe, Status) {
		p, err := Start(Config{PIDs: []int{pid}, Groups: []Group{Marks}})
		must(err)
		return p, statusOf(p, Marks)
	}
	p, own := start(os.Getpid())
	markMany(new(atomic.Uint64))
	s, err := p.Snapshot()
	must(err)
	fmt.Print(own.State)
	if strings.Contains(own.Why, "CAP_SYS_ADMIN") {
		fmt.Print(": CAP_SYS_ADMIN")
	}
	if slices.ContainsFunc(s.Cores, func(c Core) bool { return c.Marks != nil && c.Marks.Times.Count() > 0 }) {
		fmt.Print(", its own marks are seen")
	}
	_, parents := start(os.Getppid())
	if strings.Contains(parents.Why, "CAP_SYS_PTRACE") {
		fmt.Print("; of another user's process: CAP_SYS_PTRACE")
	}
}

// socketVariable is where a receiver listens.
const socketVariable = "CORECHAN_PROBE_TEST_SOCKET"

// receiver is the role of an actor that receives messages over shared memory. It tells how many with a stamp there were.
func receiver() func() told {
	ctx := context.Background()
	e, err := engine.New(engine.Config{Wait: engine.Block})
	must(err)
	ln, err := transports.Listen(ctx, "shm://"+os.Getenv(socketVariable), &transports.Options{Engine: e})
	must(err)
	var received atomic.Uint64
	go func() {
		s, err := ln.Accept(ctx)
		must(err)
		r, err := engine.Accept[engine.Raw](ctx, s, "marked")
		for err == nil {
			var m engine.Raw
			err = r.Receive(ctx, &m)
			received.Add(1)
		}
	}()
	return func() (s told) {
		s.Received = received.Load()
		for _, l := range e.Snapshot().Latencies {
			s.Count += l.Times.Count()
			s.P50, s.P99 = max(s.P50, l.Times.Quantile(0.5)), max(s.P99, l.Times.Quantile(0.99))
		}
		return s
	}
}
