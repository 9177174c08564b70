package engine_test

import (
	"io"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/atomics"
)

// allocs measures how often f allocates once everything is warm.
func allocs(t *testing.T, what string, f func()) {
	t.Helper()
	if atomics.Race {
		t.Skip("the race detector allocates")
	}
	for range 100 {
		f()
	}
	if n := testing.AllocsPerRun(2000, f); n != 0 {
		t.Errorf("%s allocates %v times", what, n)
	}
}

func TestAMessageAllocatesNothing(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		t.Run("typed", func(t *testing.T) {
			ctx := watchdog(t)
			e := connect[order](t, c)
			out, in := &order{ID: 1 << 40, Price: -1 << 40}, new(order)
			allocs(t, "Send and Receive", func() {
				check(t, e.s.Send(ctx, out))
				check(t, e.r.Receive(ctx, in))
			})
			if *in != *out {
				t.Error(in)
			}
		})
		t.Run("raw", func(t *testing.T) {
			ctx := watchdog(t)
			e := connect[engine.Raw](t, c)
			out, in := make(engine.Raw, 64), engine.Raw(nil)
			allocs(t, "Send and Receive", func() {
				check(t, e.s.Send(ctx, &out))
				check(t, e.r.Receive(ctx, &in))
			})
		})
		t.Run("in place", func(t *testing.T) {
			ctx := watchdog(t)
			e := connect[engine.Raw](t, c)
			allocs(t, "Reserve, Commit, Lease and Release", func() {
				slot, err := e.s.Reserve(ctx, 64)
				check(t, err)
				slot.Bytes()[0]++
				check(t, slot.Commit(64))
				l, err := e.r.Lease(ctx)
				check(t, err)
				_ = l.Bytes()[0]
				check(t, l.Release())
			})
			allocs(t, "Reserve and Abort", func() {
				slot, err := e.s.Reserve(ctx, 64)
				check(t, err)
				check(t, slot.Abort())
			})
		})
	})
}

// Between two goroutines, so that both sides wait.
func TestARoundTripAllocatesNothing(t *testing.T) {
	for _, w := range waits {
		for _, kind := range []string{channel, lane} {
			t.Run(setting{kind, w, 1}.String(), func(t *testing.T) {
				ctx := watchdog(t)
				ping := connect[order](t, setting{kind, w, 1})
				back, pong := open[order](t, kind, ping.b, ping.a, "pong")
				echoed := result(func() error {
					o := new(order)
					for {
						if err := ping.r.Receive(ctx, o); err != nil {
							return err
						}
						if err := back.Send(ctx, o); err != nil {
							return err
						}
					}
				})
				out, in := &order{ID: 1}, new(order)
				allocs(t, "a round trip", func() {
					check(t, ping.s.Send(ctx, out))
					check(t, pong.Receive(ctx, in))
				})
				check(t, ping.s.Close())
				if err := get(t, echoed); err == nil {
					t.Error("no end")
				}
			})
		}
	}
}

// A message that another channel's receiver has read, and that waits in the inbox.
func TestAMessageThroughTheInboxAllocatesNothing(t *testing.T) {
	ctx := watchdog(t)
	e := connect[order](t, setting{kind: channel})
	s, r := open[order](t, channel, e.a, e.b, "other")
	out, in := &order{ID: 1}, new(order)
	allocs(t, "it", func() {
		check(t, e.s.Send(ctx, out))
		check(t, s.Send(ctx, out))
		check(t, r.Receive(ctx, in)) // reads both
		check(t, e.r.Receive(ctx, in))
	})
}

func TestAMessageThatIsLookedForAllocatesNothing(t *testing.T) {
	ctx := watchdog(t)
	e := connect[order](t, setting{kind: channel})
	out, in := &order{ID: 1}, new(order)
	allocs(t, "it", func() {
		check(t, e.s.Send(ctx, out))
		for ok := false; !ok; {
			var err error
			ok, err = e.r.TryReceive(in)
			check(t, err)
		}
	})
}

// What a call costs is the end that the answerer gets, which it may keep: the caller's side allocates nothing.
func TestACallAllocatesTheAnswerersEnd(t *testing.T) {
	if atomics.Race {
		t.Skip("the race detector allocates")
	}
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[ask](t, a, b, "asks")
	over := result(func() error {
		q, o := new(ask), new(order)
		for {
			if err := r.Receive(ctx, q); err != nil {
				return err
			}
			if err := q.Reply.Send(ctx, o); err != nil {
				return err
			}
		}
	})
	q, o := new(ask), new(order)
	one := func() { check(t, engine.Call(ctx, s, q, &q.Reply, o)) }
	for range 100 {
		one()
	}
	if n := testing.AllocsPerRun(2000, one); n > 1 {
		t.Errorf("a call allocates %v times", n)
	}
	check(t, s.Close())
	wantErr(t, get(t, over), io.EOF)
}
