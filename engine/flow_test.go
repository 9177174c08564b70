package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

func TestAReceiverThatNeverReadsBlocksOnlyItsOwnSender(t *testing.T) {
	for _, procs := range allProcs {
		for _, w := range waits {
			run(t, setting{channel, w, procs}, func(t *testing.T, _ setting) {
				ctx := watchdog(t)
				const window = 10_000
				o := with(t, engine.Config{Wait: w, Limits: engine.Limits{Window: window}})
				o.Ring.Capacity = 1 << 14
				e := connectWith[engine.Raw](t, channel, o)
				const size = 100
				n := fill(t, e.s, size)
				if least := window / ring.Stride(engine.HeaderSize+size); n < least || n > least+1 {
					t.Errorf("%d messages fit into the window, not %d", n, least)
				}
				blocked := result(func() error { msg := make(engine.Raw, size); return e.s.Send(ctx, &msg) })
				var wg sync.WaitGroup
				for k := range 4 {
					s, r := open[order](t, channel, e.a, e.b, fmt.Sprint(k))
					wg.Go(func() {
						for i := range 1000 {
							if err := s.Send(ctx, &order{ID: uint64(i)}); err != nil {
								t.Error(err)
								return
							}
						}
						_ = s.Close()
					})
					wg.Go(func() {
						i := uint64(0)
						for o, err := range r.All(ctx) {
							if err != nil || o.ID != i {
								t.Error(o, i, err)
								return
							}
							i++
						}
						if i != 1000 {
							t.Errorf("%d of 1000", i)
						}
					})
				}
				wg.Wait()
				select {
				case err := <-blocked:
					t.Fatal("was not blocked:", err)
				default:
				}
				for range n + 1 {
					check(t, e.r.Receive(ctx, new(engine.Raw)))
				}
				check(t, get(t, blocked))
			})
		}
	}
}

// The end of TestAReceiverThatNeverReads, for who never reads until the end: only the context helps.
func TestASendToWhoNeverReadsEndsWithItsContext(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		e := connect[engine.Raw](t, c)
		if n := fill(t, e.s, 1000); n < 100 {
			t.Errorf("only %d messages of 1000 bytes fit", n)
		}
	})
}

func TestTwoThatOnlySendDoNotDeadlock(t *testing.T) {
	matrix(t, func(t *testing.T, c setting) {
		if c.kind == pipe {
			t.Skip("one direction")
		}
		ctx := watchdog(t)
		o := with(t, engine.Config{Wait: c.wait})
		o.Ring.Capacity = ring.MinCapacity
		a, b := pair(t, o)
		const n = 1000 // times 64 bytes: much more than the rings hold, less than the windows
		var wg sync.WaitGroup
		for _, side := range []struct{ from, to *engine.Session }{{a, b}, {b, a}} {
			ready := make(chan struct{})
			wg.Go(func() { // sends everything before it receives anything
				s := must(engine.Open[order](ctx, side.from, "x"))
				for i := range n {
					if err := s.Send(ctx, &order{ID: uint64(i), Note: "so that it has about 64 bytes"}); err != nil {
						t.Error(i, err)
						return
					}
				}
				close(ready)
				r := must(engine.Accept[order](ctx, side.from, "x"))
				for i := range n {
					var o order
					if err := r.Receive(ctx, &o); err != nil || o.ID != uint64(i) {
						t.Error(i, o, err)
						return
					}
				}
				_ = s.Close()
			})
		}
		wg.Wait()
	})
}

// A pipe each way, and both ends send first: the pipes hold what they hold, then each waits for the other, and only a
// third one can help.
func TestStreamingThroughTinyWindows(t *testing.T) {
	for _, window := range []uint32{1, 2, 7, 8, 15, 16, 64, 100, 1000} {
		for _, w := range waits {
			t.Run(fmt.Sprintf("%d/%v", window, w), func(t *testing.T) {
				ctx := watchdog(t)
				e := connectWith[order](t, channel, with(t, engine.Config{Wait: w, Limits: engine.Limits{Window: window}}))
				other, poll := open[order](t, channel, e.a, e.b, "other")
				// Somebody else polls at either side for a part of the time, so that messages and credits go both ways.
				stop, cancel := context.WithCancel(ctx)
				var wg sync.WaitGroup
				wg.Go(func() {
					for poll.Receive(stop, new(order)) == nil {
					}
				})
				wg.Go(func() {
					for other.Send(stop, new(order)) == nil {
					}
				})
				n := 300
				if w == engine.Spin {
					n = 30 // six spin for two processors
				}
				wg.Go(func() {
					for i := range n {
						if err := e.s.Send(ctx, &order{ID: uint64(i), Note: string(make([]byte, i%50))}); err != nil {
							t.Error(i, err)
							return
						}
					}
				})
				for i := range n {
					var o order
					if err := e.r.Receive(ctx, &o); err != nil || o.ID != uint64(i) {
						t.Fatal(i, o, err)
					}
				}
				cancel()
				wg.Wait()
			})
		}
	}
}

// The poller of the sender's side waits for something else; one CREDIT is enough for all who wait.
func TestCreditWakesAllWhoWaitForIt(t *testing.T) {
	for _, procs := range allProcs {
		for _, w := range waits {
			run(t, setting{channel, w, procs}, func(t *testing.T, _ setting) {
				ctx := watchdog(t)
				e := connectWith[engine.Raw](t, channel, with(t, engine.Config{Wait: w, Limits: engine.Limits{Window: 1000}}))
				asleep, cancel := watch(t)
				poller := result(func() error { _, err := engine.Accept[order](asleep, e.a, "never"); return err })
				get(t, asleep.waiting)
				n := fill(t, e.s, 1000)
				const senders = 3
				var waiters []<-chan error
				for range senders {
					ctx, _ := watch(t)
					waiters = append(waiters, result(func() error { return e.s.Send(ctx, &engine.Raw{1}) }))
					get(t, ctx.waiting)
				}
				for range n {
					check(t, e.r.Receive(ctx, new(engine.Raw))) // all of the window is granted again
				}
				for _, waiter := range waiters {
					check(t, get(t, waiter))
				}
				cancel()
				wantErr(t, get(t, poller), context.Canceled)
			})
		}
	}
}

// A lease is a message in the hands of its receiver: its credit is granted again although its memory is not.
func TestALeaseHeldDoesNotStopTheCredit(t *testing.T) {
	for _, w := range waits {
		t.Run(w.String(), func(t *testing.T) {
			ctx := watchdog(t)
			e := connectWith[engine.Raw](t, channel, with(t, engine.Config{Wait: w, Limits: engine.Limits{Window: 100}}))
			msg := make(engine.Raw, 100)
			check(t, e.s.Send(ctx, &msg)) // all of the window
			l := must(e.r.Lease(ctx))
			asleep, cancel := watch(t)
			poller := result(func() error { _, err := engine.Accept[order](asleep, e.b, "never"); return err })
			get(t, asleep.waiting)
			check(t, l.Release()) // somebody else polls
			check(t, e.s.Send(ctx, &msg))
			check(t, e.r.Receive(ctx, &msg))
			cancel()
			wantErr(t, get(t, poller), context.Canceled)
		})
	}
}

// The last message must not overtake the one that another's poll has put into the inbox.
func TestAReceiverThatTakesOverPollingKeepsTheOrder(t *testing.T) {
	for _, procs := range allProcs {
		for _, w := range waits {
			run(t, setting{channel, w, procs}, func(t *testing.T, c setting) {
				ctx := watchdog(t)
				a, b := pair(t, with(t, engine.Config{Wait: w}))
				n := count(3000, 3e6)
				const channels = 3
				var senders [channels]engine.Sender[order]
				var wg sync.WaitGroup
				for k := range channels {
					s, r := open[order](t, channel, a, b, fmt.Sprint(k))
					senders[k] = s
					wg.Go(func() {
						for want := uint64(0); ; want++ {
							var o order
							if err := r.Receive(ctx, &o); err != nil {
								if want != uint64(n) {
									t.Error(want, err)
								}
								return
							}
							if o.ID != want {
								t.Errorf("channel %d: %d, not %d", k, o.ID, want)
								return
							}
						}
					})
				}
				for i := range n {
					for _, s := range senders {
						check(t, s.Send(ctx, &order{ID: uint64(i)}))
					}
				}
				for _, s := range senders {
					check(t, s.Close())
				}
				wg.Wait()
			})
		}
	}
}
