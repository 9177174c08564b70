package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
)

func TestACallWithADoneContextDoesNothing(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		done, cancel := context.WithCancel(ctx)
		cancel()
		check(t, e.s.Send(ctx, &engine.Raw{7}))
		wantErr(t, e.s.Send(done, &engine.Raw{8}), context.Canceled)
		_, err := e.s.Reserve(done, 10)
		wantErr(t, err, context.Canceled)
		wantErr(t, e.r.Receive(done, new(engine.Raw)), context.Canceled) // although there is a message
		_, err = e.r.Lease(done)
		wantErr(t, err, context.Canceled)
		for _, err := range e.r.All(done) {
			wantErr(t, err, context.Canceled)
		}
		if c.kind != pipe {
			_, err = engine.Open[order](done, e.a, "y")
			wantErr(t, err, context.Canceled)
			_, err = engine.OpenLane[order](done, e.a, "y", nil)
			wantErr(t, err, context.Canceled)
			_, err = engine.Accept[order](done, e.b, "y")
			wantErr(t, err, context.Canceled)
		}
		var got engine.Raw
		if err := e.r.Receive(ctx, &got); err != nil || string(got) != "\x07" {
			t.Fatal(got, err)
		}
		check(t, e.s.Close())
		for m, err := range e.r.All(ctx) {
			t.Fatal("something was sent with a done context:", m, err)
		}
	})
}

func TestADeadlineIsThatOfTheContext(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		e := connect[engine.Raw](t, c)
		ctx, cancel := context.WithDeadline(watchdog(t), time.Now().Add(time.Millisecond))
		defer cancel()
		wantErr(t, e.r.Receive(ctx, new(engine.Raw)), context.DeadlineExceeded)
	})
}

// cancelled calls f with a context that is cancelled once f waits, and returns f's error.
func cancelled(t *testing.T, f func(ctx context.Context) error) error {
	t.Helper()
	ctx, cancel := watch(t)
	err := result(func() error { return f(ctx) })
	get(t, ctx.waiting)
	cancel()
	return get(t, err)
}

func TestCancellingASendThatWaitsForCreditOrSpace(t *testing.T) {
	matrix(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		const size = 1000
		n := fill(t, e.s, size) // the channel's credit, or the ring of a lane or pipe
		msg := make(engine.Raw, size)
		wantErr(t, cancelled(t, func(ctx context.Context) error { return e.s.Send(ctx, &msg) }), context.Canceled)
		wantErr(t, cancelled(t, func(ctx context.Context) error { _, err := e.s.Reserve(ctx, size); return err }),
			context.Canceled)
		// All that was sent is there, nothing of what was cancelled; and the channel goes on.
		for range n {
			check(t, e.r.Receive(ctx, &msg))
		}
		check(t, e.s.Send(ctx, &engine.Raw{9}))
		if err := e.r.Receive(ctx, &msg); err != nil || string(msg) != "\x09" {
			t.Fatal(len(msg), err)
		}
	})
}

// The credit of several channels is more than the ring holds.
func TestCancellingASendThatWaitsForSpaceInTheSessionsRing(t *testing.T) {
	for _, procs := range allProcs {
		for _, w := range waits {
			run(t, setting{channel, w, procs}, func(t *testing.T, _ setting) {
				ctx := watchdog(t)
				o := with(t, engine.Config{Wait: w})
				o.Ring.Capacity = 1 << 14
				e := connectWith[engine.Raw](t, channel, o)
				n := fill(t, e.s, 1000)
				s := must(openSoon(ctx, e.a, "other"))
				wantErr(t, cancelled(t, func(ctx context.Context) error {
					msg := make(engine.Raw, 1000)
					return s.Send(ctx, &msg)
				}), context.Canceled)
				for range n {
					check(t, e.r.Receive(ctx, new(engine.Raw)))
				}
				check(t, s.Send(ctx, &engine.Raw{1}))
			})
		}
	}
}

func openSoon(ctx context.Context, s *engine.Session, name string) (engine.Sender[engine.Raw], error) {
	return engine.Open[engine.Raw](ctx, s, name)
}

func TestCancellingASendThatWaitsForASlot(t *testing.T) {
	matrix(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		slot := must(e.s.Reserve(ctx, 10))
		wantErr(t, cancelled(t, func(ctx context.Context) error { return e.s.Send(ctx, &engine.Raw{1}) }), context.Canceled)
		waiter := result(func() error { return e.s.Send(ctx, &engine.Raw{2}) })
		check(t, slot.Commit(0))
		check(t, get(t, waiter))
		for _, want := range []string{"", "\x02"} {
			var got engine.Raw
			if err := e.r.Receive(ctx, &got); err != nil || string(got) != want {
				t.Fatalf("%q %v", got, err)
			}
		}
	})
}

func TestCancellingReceives(t *testing.T) {
	matrix(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		receive := func(ctx context.Context) error { return e.r.Receive(ctx, new(engine.Raw)) }

		wantErr(t, cancelled(t, receive), context.Canceled)

		// Two wait: the first one polls, the second one is parked. Each ends with its own context.
		first, cancelFirst := watch(t)
		one := result(func() error { return receive(first) })
		get(t, first.waiting)
		wantErr(t, cancelled(t, receive), context.Canceled)

		// A parked one takes over when the poller leaves.
		second, _ := watch(t)
		two := result(func() error { return receive(second) })
		get(t, second.waiting)
		cancelFirst()
		wantErr(t, get(t, one), context.Canceled)
		check(t, e.s.Send(ctx, &engine.Raw{1}))
		check(t, get(t, two))
	})
}

// While the poller's own channel is silent, others are not, and it has to serve them: it must not forget its context.
func TestCancellingAPollerThatIsBusyForOthers(t *testing.T) {
	for _, w := range waits {
		run(t, setting{channel, w, 2}, func(t *testing.T, c setting) {
			ctx := watchdog(t)
			e := connect[engine.Raw](t, c)
			_, silent := open[engine.Raw](t, channel, e.a, e.b, "silent")
			poll, cancel := watch(t)
			poller := result(func() error { return silent.Receive(poll, new(engine.Raw)) })
			get(t, poll.waiting)

			flood, stop := context.WithCancel(ctx)
			defer stop()
			sent := result(func() error { _, err := sendUntil(flood, e.s, 10); return err })
			received := result(func() error {
				for {
					if err := e.r.Receive(flood, new(engine.Raw)); err != nil {
						return err
					}
				}
			})
			cancel()
			wantErr(t, get(t, poller), context.Canceled)
			stop()
			wantErr(t, get(t, sent), context.Canceled)
			wantErr(t, get(t, received), context.Canceled)
		})
	}
}

func TestCancellingAccept(t *testing.T) {
	sessions(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		a, b := pair(t, with(t, engine.Config{Wait: c.wait}))
		accept := func(ctx context.Context) error { _, err := engine.Accept[order](ctx, b, "x"); return err }
		first, cancelFirst := watch(t)
		one := result(func() error { return accept(first) })
		get(t, first.waiting)
		wantErr(t, cancelled(t, accept), context.Canceled) // parked
		cancelFirst()
		wantErr(t, get(t, one), context.Canceled) // the poller
		s, r := open[order](t, c.kind, a, b, "x") // lost to neither of them
		check(t, s.Send(ctx, new(order)))
		check(t, r.Receive(ctx, new(order)))
	})
}

func TestCancellingOpenLane(t *testing.T) {
	for _, procs := range allProcs {
		for _, w := range waits {
			run(t, setting{lane, w, procs}, func(t *testing.T, _ setting) {
				ctx := watchdog(t)
				a, b := pair(t, with(t, engine.Config{Wait: w, Limits: engine.Limits{Lanes: 1}}))
				// Nobody at the other side takes the lane.
				wantErr(t, cancelled(t, func(ctx context.Context) error {
					_, err := engine.OpenLane[order](ctx, a, "given up", nil)
					return err
				}), context.Canceled)
				// The peer learns that it was given up: what it accepts is at its end.
				r := must(engine.Accept[order](ctx, b, "given up"))
				if err := r.Receive(ctx, new(order)); err == nil || errors.Is(err, context.DeadlineExceeded) {
					t.Fatal(err)
				}
				check(t, a.Err())
				check(t, b.Err())
			})
		}
	}
}
