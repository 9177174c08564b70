package shm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/shm"
)

// A lane's memory and descriptors go with its end, not only with the session's.
func TestLanesComeAndGoOnOneSession(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	a, b := connect(t, &shm.Options{Engine: newEngine(t, engine.Config{})})
	idle := make(chan error, 1)
	go func() { // somebody polls at the accepting side
		_, err := engine.Accept[engine.Raw](ctx, b, "nobody opens this")
		idle <- err
	}()
	fds, maps := -1, -1
	for i := range 150 { // more than there may be at a time
		s := must(engine.OpenLane[engine.Raw](ctx, a, "lane", nil))
		r := must(engine.Accept[engine.Raw](ctx, b, "lane"))
		m := engine.Raw("hello")
		if err := s.Send(ctx, &m); err != nil {
			t.Fatal(i, err)
		}
		if i%2 == 0 {
			_ = s.Close()
		}
		var got engine.Raw
		if err := r.Receive(ctx, &got); err != nil || string(got) != "hello" {
			t.Fatal(i, string(got), err)
		}
		if i%2 == 0 {
			if err := r.Receive(ctx, &got); !errors.Is(err, io.EOF) {
				t.Fatal(i, err)
			}
		} else {
			_ = r.Close()
			for err := error(nil); err == nil || !errors.Is(err, engine.ErrCanceled); {
				if err = s.Send(ctx, &m); err != nil && !errors.Is(err, engine.ErrCanceled) {
					t.Fatal(i, err)
				}
			}
		}
		if i == 10 {
			fds, maps = len(fdtest.Open(t)), mappings(t)
		}
	}
	eventually(t, "the lanes' descriptors are closed", func() bool { return len(fdtest.Open(t)) <= fds+8 })
	eventually(t, "the lanes' memory is unmapped", func() bool { return mappings(t) <= maps })
	_ = a.Close()
	if err := within(t, "Accept", idle); !errors.Is(err, engine.ErrSessionClosed) {
		t.Error(err)
	}
}

// What is in a lane when its session ends is received all the same.
func TestTheEndOfASessionLosesNothingOnItsLanes(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	a, b := connect(t, &shm.Options{Engine: newEngine(t, engine.Config{})})
	idle := make(chan error, 1)
	go func() { // sees the session's end first
		_, err := engine.Accept[engine.Raw](ctx, b, "nobody opens this")
		idle <- err
	}()
	s := must(engine.OpenLane[engine.Raw](ctx, a, "lane", nil))
	r := must(engine.Accept[engine.Raw](ctx, b, "lane"))
	var m engine.Raw
	for n := range uint64(1000) {
		m = numbered(m, n+1)
		if err := s.Send(ctx, &m); err != nil {
			t.Fatal(err)
		}
	}
	_ = a.Close()
	if err := within(t, "Accept", idle); !errors.Is(err, engine.ErrSessionClosed) {
		t.Error(err)
	}
	if n, err := readNumbered(ctx, r); n != 1000 || !errors.Is(err, engine.ErrSessionClosed) {
		t.Errorf("%d messages of 1000, then %v", n, err)
	}
}

// The end of a channel reaches a receiver that is slow, also if nobody does anything any more at the sender.
func TestACloseBehindAFullRingArrives(t *testing.T) {
	for _, lane := range []bool{false, true} {
		t.Run(fmt.Sprintf("lane=%v", lane), func(t *testing.T) {
			residue(t)
			ctx := watchdog(t)
			a, b := connect(t, &shm.Options{
				Engine: newEngine(t, engine.Config{Limits: engine.Limits{Window: 1 << 20}}),
				Ring:   ring.Options{Capacity: 4096},
			})
			open := func() (engine.Sender[engine.Raw], error) { return engine.Open[engine.Raw](ctx, a, "x") }
			if lane {
				open = func() (engine.Sender[engine.Raw], error) {
					go func() { _, _ = engine.Accept[engine.Raw](ctx, b, "nobody opens this") }()
					return engine.OpenLane[engine.Raw](ctx, a, "x", &engine.LaneOptions{Ring: ring.Options{Capacity: 4096}})
				}
			}
			s := must(open())
			m := make(engine.Raw, 16) // 32 bytes with its header: they fill the ring to the last byte
			sent := 0
			for {
				short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
				err := s.Send(short, &m)
				cancel()
				if err != nil {
					break
				}
				sent++
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			r := must(engine.Accept[engine.Raw](ctx, b, "x"))
			received := make(chan error, 1)
			go func() {
				n := 0
				for _, err := range r.All(ctx) {
					if err != nil {
						received <- fmt.Errorf("after %d of %d: %w", n, sent, err)
						return
					}
					n++
				}
				received <- nil
			}()
			if err := within(t, "the end of the channel", received); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a lane was to give to the peer is closed if the session ends before.
func TestALaneThatIsNeverOfferedLeavesNothing(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	a, b := connect(t, &shm.Options{Engine: newEngine(t, engine.Config{}), Ring: ring.Options{Capacity: 4096}})
	s := must(engine.Open[engine.Raw](ctx, a, "x"))
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	m := make(engine.Raw, 16)
	for s.Send(short, &m) == nil {
	}
	for range 3 {
		short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		if _, err := engine.OpenLane[engine.Raw](short, a, "lane", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	_ = a.Close()
	_ = b.Close()
}

func TestMoreLanesThanTheLimitAreRefusedByName(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	addr := address()
	few := newEngine(t, engine.Config{Limits: engine.Limits{Lanes: 2}})
	many := newEngine(t, engine.Config{})
	ln := must(shm.Listen(ctx, addr, &shm.Options{Engine: few}))
	defer ln.Close()
	a := must(shm.Dial(ctx, addr, &shm.Options{Engine: many}))
	defer a.Close()
	b := must(ln.Accept(ctx))
	defer b.Close()
	go func() { _, _ = engine.Accept[engine.Raw](ctx, b, "nobody opens this") }()
	for i := range 4 {
		_, err := engine.OpenLane[engine.Raw](ctx, a, "lane", nil)
		if i < 2 && err != nil || i >= 2 && !errors.Is(err, engine.ErrLimit) {
			t.Errorf("lane %d: %v", i, err)
		}
	}
	go func() { _, _ = engine.Accept[engine.Raw](ctx, a, "nobody opens this") }()
	_, err := engine.OpenLane[engine.Raw](ctx, b, "lane", nil)
	if limit := new(engine.LimitError); !errors.As(err, &limit) || limit.Limit != 2 {
		t.Errorf("a lane too many of one's own: %v", err)
	}
}

func TestALaneOfAnotherCodecIsRefused(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	a, b := connect(t, &shm.Options{Engine: newEngine(t, engine.Config{})})
	accepted := make(chan error, 1)
	go func() {
		_, err := engine.Accept[any](ctx, b, "lane")
		accepted <- err
	}()
	s := must(engine.OpenLane[engine.Raw](ctx, a, "lane", nil))
	if err := within(t, "Accept", accepted); !errors.Is(err, engine.ErrCodec) {
		t.Error(err)
	}
	m := engine.Raw("hello")
	var err error
	for err == nil {
		err = s.Send(ctx, &m)
	}
	if !errors.Is(err, engine.ErrCodec) {
		t.Error(err)
	}
}

// Lanes and channels in both directions at once, more than there are threads that sleep for one each.
func TestManyLanesAtOnce(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	a, b := connect(t, &shm.Options{Engine: newEngine(t, engine.Config{Wait: engine.Block})})
	var all sync.WaitGroup
	defer all.Wait()
	const lanes, n = 24, 200
	for i := range lanes {
		from, to := a, b
		if i%2 == 1 {
			from, to = b, a
		}
		name := fmt.Sprint("lane ", i)
		all.Go(func() {
			s, err := engine.OpenLane[engine.Raw](ctx, from, name, nil)
			if err != nil {
				t.Error(err)
				return
			}
			var m engine.Raw
			for n := range uint64(n) {
				m = numbered(m, n+1)
				if err := s.Send(ctx, &m); err != nil {
					t.Error(err)
					return
				}
			}
			_ = s.Close()
		})
		all.Go(func() {
			r, err := engine.Accept[engine.Raw](ctx, to, name)
			if err != nil {
				t.Error(err)
				return
			}
			got := 0
			for m, err := range r.All(ctx) {
				if err != nil || string(*m) != string(numbered(nil, uint64(got)+1)) {
					t.Error(got, err)
					return
				}
				got++
			}
			if got != n {
				t.Errorf("%d of %d", got, n)
			}
		})
	}
}
