package wire_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

// TestStormOfSendersReceiversCancelsAndCloses has sessions over sockets that hold next to nothing, with many goroutines that send,
// receive, and give up at random, on channels with and without handlers, and ends each in some way in the middle of it all. What
// arrives is complete and in order, what was sent before an orderly end arrives, everybody comes to an end, and nothing is left.
func TestStormOfSendersReceiversCancelsAndCloses(t *testing.T) {
	residue(t)
	d := 3 * time.Second
	if soak {
		d = 5 * time.Minute
	}
	var engines [2][2]*engine.Engine
	for i, w := range []engine.Wait{engine.Block, engine.Hybrid} {
		for j := range 2 {
			engines[i][j] = newEngine(t, engine.Config{Wait: w, Limits: engine.Limits{Window: 4 << 10}})
		}
	}
	end := time.Now().Add(d)
	rounds := 0
	for seed := uint64(1); time.Now().Before(end) && !t.Failed(); seed++ {
		var all sync.WaitGroup
		for k := range uint64(4) {
			all.Go(func() {
				r := rand.New(rand.NewPCG(seed, k))
				network := []string{"unix", "unix", "tcp"}[r.IntN(3)]
				w := &storm{t: t, rnd: r, name: fmt.Sprintf("%d/%d over %s", seed, k, network)}
				w.run(network, engines[r.IntN(2)])
			})
		}
		all.Wait()
		rounds += 4
	}
	t.Log(rounds, "sessions")
}

// A storm is one session.
type storm struct {
	t    *testing.T
	rnd  *rand.Rand
	name string
}

// A flow is one channel of it.
type flow struct {
	sent, got atomic.Uint64
	over      atomic.Bool // the receiver has come to an end
	cleanEnd  atomic.Bool // it was io.EOF
}

func (w *storm) run(network string, eng [2]*engine.Engine) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	fa, fb := sockets(w.t, network)
	switch {
	case network == "unix":
		small(fa, fb)
	default: // less has TCP wait for its timers
		for _, f := range []int{fa.Int(), fb.Int()} {
			_ = unix.SetsockoptInt(f, unix.SOL_SOCKET, unix.SO_SNDBUF, 8<<10)
		}
	}
	o := ring.Options{Capacity: 4096 << w.rnd.IntN(3)}
	a, b := session(w.t, stream(network, fa), eng[0], true, o), session(w.t, stream(network, fb), eng[1], false, o)
	var all sync.WaitGroup
	var flows [2][]*flow // from a, from b
	for i := range 2 + w.rnd.IntN(4) {
		from, to, side := a, b, 0
		if w.rnd.IntN(2) == 0 {
			from, to, side = b, a, 1
		}
		f, name := &flow{}, fmt.Sprint("x", i)
		flows[side] = append(flows[side], f)
		w.receive(ctx, &all, to, name, f, w.rnd.IntN(3))
		rnd := rand.New(rand.NewPCG(w.rnd.Uint64(), 1))
		all.Go(func() { w.send(ctx, from, name, f, rnd) })
	}
	<-time.After(time.Duration(w.rnd.IntN(30_000)) * time.Microsecond)
	how := w.rnd.IntN(4)
	switch how {
	case 0, 1:
		_ = []*engine.Session{a, b}[how].Close()
	case 2: // both
		all.Go(func() { _ = a.Close() })
		_ = b.Close()
	case 3:
		_ = unix.Shutdown(fa.Int(), unix.SHUT_RDWR)
	}
	over := make(chan struct{})
	go func() { all.Wait(); close(over) }()
	select {
	case <-over:
	case <-ctx.Done():
		w.t.Errorf("%s: hangs", w.name)
		panic("a session hangs") // for the stacks
	}
	_, _ = a.Close(), b.Close()
	for side, list := range flows {
		for i, f := range list {
			sent, got := f.sent.Load(), f.got.Load()
			if got > sent {
				w.t.Errorf("%s: %d messages came, of %d", w.name, got, sent)
			}
			// What the side that closed had sent is delivered.
			if (f.cleanEnd.Load() || how == side) && f.over.Load() && got != sent {
				w.t.Errorf("%s: flow %d of side %d, ended by %d: %d messages of %d came", w.name, i, side, how, got, sent)
			}
		}
	}
}

// send sends numbered messages, gives up some, and may end the channel.
func (w *storm) send(ctx context.Context, s *engine.Session, name string, f *flow, rnd *rand.Rand) {
	out, err := engine.Open[engine.Raw](ctx, s, name)
	if err != nil {
		w.ended(err)
		return
	}
	var m engine.Raw
	last := uint64(rnd.IntN(3000))
	for n := uint64(1); n <= last; {
		m = numbered(m, 7, n, rnd.IntN(1000))
		short, cancel := ctx, context.CancelFunc(func() {})
		switch rnd.IntN(4) {
		case 0:
			short, cancel = context.WithTimeout(ctx, time.Duration(rnd.IntN(2000))*time.Microsecond)
		case 1:
			short = context.Background()
		}
		f.sent.Add(1) // before: it may have come when Send returns
		err := out.Send(short, &m)
		cancel()
		switch {
		case err == nil:
			n++
			continue
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			f.sent.Add(^uint64(0))
			continue
		}
		f.sent.Add(^uint64(0))
		w.ended(err)
		return
	}
	_ = out.Close()
}

// receive receives what is sent: on a loop, by a patient goroutine, or by one that gives up and comes again.
func (w *storm) receive(ctx context.Context, all *sync.WaitGroup, s *engine.Session, name string, f *flow, how int) {
	check := func(m engine.Raw) {
		n := f.got.Add(1)
		if len(m) < 16 || string(m) != string(numbered(nil, 7, n, len(m)-16)) {
			w.t.Errorf("%s: message %d is another", w.name, n)
		}
	}
	if how == 0 {
		err := engine.Handle(s, name, func(_ context.Context, m *engine.Raw) error {
			check(*m)
			return nil
		})
		if err != nil {
			w.ended(err)
		}
		return
	}
	rnd := rand.New(rand.NewPCG(w.rnd.Uint64(), 2))
	all.Go(func() {
		in, err := engine.Accept[engine.Raw](ctx, s, name)
		for err == nil {
			short, cancel := context.Background(), context.CancelFunc(func() {})
			if how == 2 {
				short, cancel = context.WithTimeout(ctx, time.Duration(rnd.IntN(2000))*time.Microsecond)
			}
			var m engine.Raw
			err = in.Receive(short, &m)
			cancel()
			if err == nil {
				check(m)
			} else if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
				err = nil
			}
		}
		f.cleanEnd.Store(errors.Is(err, io.EOF))
		f.over.Store(!errors.Is(err, os.ErrClosed))
		w.ended(err)
	})
}

// ended checks that an error is one of those that an end brings.
func (w *storm) ended(err error) {
	for _, end := range []error{io.EOF, os.ErrClosed, engine.ErrPeerGone, engine.ErrSessionClosed} {
		if errors.Is(err, end) {
			return
		}
	}
	w.t.Errorf("%s: ended with %v", w.name, err)
}
