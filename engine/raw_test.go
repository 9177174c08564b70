package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

func TestMessagesInPlaceArriveInOrder(t *testing.T) {
	matrix(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		n := count(3000, 1e6) // 100 bytes each: more than the ring holds
		sent := result(func() error {
			for i := range n {
				slot, err := e.s.Reserve(ctx, 100)
				if err != nil {
					return err
				}
				if len(slot.Bytes()) != 100 {
					return fmt.Errorf("%d bytes", len(slot.Bytes()))
				}
				if err := slot.Commit(copy(slot.Bytes(), fmt.Sprintf("message %07d", i))); err != nil {
					return err
				}
			}
			return e.s.Close()
		})
		for i := range n {
			l := must(e.r.Lease(ctx))
			if got := string(l.Bytes()); got != fmt.Sprintf("message %07d", i) {
				t.Fatal(i, got)
			}
			check(t, l.Release())
		}
		_, err := e.r.Lease(ctx)
		if err == nil {
			t.Fatal("a message after the end")
		}
		check(t, get(t, sent))
	})
}

func TestASlotIsUsedOnce(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		spent := func(slot engine.Slot) {
			t.Helper()
			wantErr(t, slot.Commit(0), engine.ErrSlot)
			wantErr(t, slot.Abort(), engine.ErrSlot)
		}
		spent(engine.Slot{})
		for _, n := range []int{0, 1, 100} {
			committed := must(e.s.Reserve(ctx, n))
			check(t, committed.Commit(n))
			spent(committed)
			aborted := must(e.s.Reserve(ctx, n))
			check(t, aborted.Abort())
			spent(aborted)
			check(t, e.s.Send(ctx, &engine.Raw{1}))
			spent(committed)
		}
		check(t, e.s.Close())
		var got []int
		for m, err := range e.r.All(ctx) {
			check(t, err)
			got = append(got, len(*m))
		}
		if fmt.Sprint(got) != "[0 1 1 1 100 1]" {
			t.Error(got)
		}
	})
}

func TestASlotHasTheSizeThatWasAskedFor(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		panics := func(name string, f func()) {
			t.Helper()
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			f()
		}
		for n := range 20 {
			slot := must(e.s.Reserve(ctx, n))
			panics("Commit of one more", func() { _ = slot.Commit(n + 1) })
			panics("Commit of -1", func() { _ = slot.Commit(-1) })
			panics("a byte behind the slot", func() { slot.Bytes()[n] = 1 })
			check(t, slot.Commit(n)) // it is held still
			check(t, e.r.Receive(ctx, new(engine.Raw)))
		}
		for _, n := range []int{-1, -16, -17, -1 << 40} {
			panics(fmt.Sprint("Reserve of ", n), func() { _, _ = e.s.Reserve(ctx, n) })
		}
		check(t, e.s.Send(ctx, &engine.Raw{1}))
		check(t, e.r.Receive(ctx, new(engine.Raw)))
	})
}

func TestASlotThatIsHeldSendsNothingElse(t *testing.T) {
	matrix(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		slot := must(e.s.Reserve(ctx, 1))
		waiter, _ := watch(t)
		sent := result(func() error { return e.s.Send(waiter, &engine.Raw{2}) })
		get(t, waiter.waiting)
		slot.Bytes()[0] = 1
		closed := result(e.s.Close) // it does not wait for the slot, and comes after it
		check(t, get(t, closed))
		check(t, slot.Commit(1))
		var got engine.Raw
		if err := e.r.Receive(ctx, &got); err != nil || string(got) != "\x01" {
			t.Fatal(got, err)
		}
		wantErr(t, get(t, sent), os.ErrClosed)
		if err := e.r.Receive(ctx, &got); err == nil {
			t.Fatal(got)
		}
	})
}

func TestASlotMayBeCommittedByAnotherGoroutine(t *testing.T) {
	matrix(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		for i := range 200 { // often enough that the token has become somebody's own
			slot := must(e.s.Reserve(ctx, 1))
			slot.Bytes()[0] = byte(i)
			if i%3 == 0 {
				check(t, get(t, result(func() error { return slot.Commit(1) })))
			} else {
				check(t, slot.Commit(1))
			}
			l := must(e.r.Lease(ctx))
			if l.Bytes()[0] != byte(i) {
				t.Fatal(i, l.Bytes())
			}
			if i%5 == 0 {
				check(t, get(t, result(l.Release)))
			} else {
				check(t, l.Release())
			}
		}
	})
}

func TestALeaseIsReleasedOnce(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		wantErr(t, engine.Lease{}.Release(), engine.ErrSlot)
		for range 3 {
			check(t, e.s.Send(ctx, &engine.Raw{1}))
			l := must(e.r.Lease(ctx))
			check(t, l.Release())
			wantErr(t, l.Release(), engine.ErrSlot)
			wantErr(t, l.Release(), engine.ErrSlot)
		}
	})
}

func TestASecondLeaseIsACopy(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		for _, text := range []string{"one", "two", "", "four"} {
			msg := engine.Raw(text)
			check(t, e.s.Send(ctx, &msg))
		}
		var leases []engine.Lease
		for _, want := range []string{"one", "two", "", "four"} {
			l := must(e.r.Lease(ctx))
			if string(l.Bytes()) != want {
				t.Fatalf("%q", l.Bytes())
			}
			leases = append(leases, l)
		}
		// Each is released by itself, in any order.
		for _, i := range []int{2, 0, 3, 1} {
			check(t, leases[i].Release())
		}
		// The whole ring is the sender's again.
		msg := make(engine.Raw, e.s.MaxMessage())
		sent := result(func() error { return e.s.Send(ctx, &msg) })
		check(t, e.r.Receive(ctx, new(engine.Raw)))
		check(t, get(t, sent))
	})
}

// While a lease is held nothing of the ring is released, so that the sender fills it; meanwhile others receive.
func TestALeaseKeepsItsBytesWhileTheSenderFillsTheRing(t *testing.T) {
	matrix(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		o := with(t, engine.Config{Wait: c.wait})
		o.Ring.Capacity = 1 << 14
		e := connectWith[engine.Raw](t, c.kind, o)
		text := strings.Repeat("leased ", 20)
		msg := engine.Raw(text)
		check(t, e.s.Send(ctx, &msg))
		l := must(e.r.Lease(ctx))
		received := 0
		readers := result(func() error {
			var got engine.Raw
			for {
				if err := e.r.Receive(ctx, &got); err != nil {
					return err
				}
				if string(got) != strings.Repeat("x", 100) {
					return fmt.Errorf("message %d is %q", received, got)
				}
				received++
			}
		})
		msg = engine.Raw(strings.Repeat("x", 100))
		n := 0
		for full := false; !full; {
			w, cancel := watch(t)
			sent := result(func() error { return e.s.Send(w, &msg) })
			select {
			case err := <-sent:
				check(t, err)
				n++
			case <-w.waiting: // for space
				if string(l.Bytes()) != text {
					t.Fatalf("the lease became %q", l.Bytes())
				}
				full = n > 50
				if full {
					check(t, l.Release())
				} else {
					cancel()
				}
				if err := get(t, sent); err == nil {
					n++
				} else {
					wantErr(t, err, context.Canceled)
				}
			}
			cancel()
		}
		for range 1000 {
			check(t, e.s.Send(ctx, &msg))
			n++
		}
		_ = e.s.CloseWith(errBye)
		reason(engine.CodeError, "bye")(t, get(t, readers))
		if received != n {
			t.Errorf("%d messages of %d", received, n)
		}
	})
}

func TestALeaseOfOneChannelLetsTheOthersGoOn(t *testing.T) {
	for _, w := range waits {
		t.Run(w.String(), func(t *testing.T) {
			ctx := watchdog(t)
			e := connect[engine.Raw](t, setting{channel, w, 0})
			s, r := open[order](t, channel, e.a, e.b, "other")
			check(t, e.s.Send(ctx, &engine.Raw{42}))
			l := must(e.r.Lease(ctx))
			for i := range 500 {
				check(t, s.Send(ctx, &order{ID: uint64(i)}))
				var o order
				if err := r.Receive(ctx, &o); err != nil || o.ID != uint64(i) {
					t.Fatal(o, err)
				}
			}
			if string(l.Bytes()) != "\x2a" {
				t.Fatal(l.Bytes())
			}
			// Released while somebody else polls.
			asleep, _ := watch(t)
			poller := result(func() error { return r.Receive(asleep, new(order)) })
			get(t, asleep.waiting)
			check(t, l.Release())
			msg := make(engine.Raw, e.s.MaxMessage()-4096) // not without what the lease held
			check(t, e.s.Send(ctx, &msg))
			check(t, s.Send(ctx, new(order)))
			check(t, get(t, poller))
		})
	}
}

// linked returns a channel whose receiver's side tells how often its memory was freed.
func linked(t *testing.T, w engine.Wait, capacity int) (e ends[engine.Raw], freed func() int) {
	t.Helper()
	a, b := newLinks(t, capacity, nil)
	eng := newEngine(t, engine.Config{Wait: w})
	e.a, e.b = a.session(t, eng), b.session(t, eng)
	e.s, e.r = open[engine.Raw](t, channel, e.a, e.b, "x")
	return e, func() int { return len(b.over) }
}

func TestALeaseKeepsTheMemoryBeyondTheSessionsEnd(t *testing.T) {
	for _, w := range waits {
		for name, end := range map[string]func(e ends[engine.Raw]){
			"closed here":        func(e ends[engine.Raw]) { _ = e.b.Close() },
			"closed by the peer": func(e ends[engine.Raw]) { _ = e.a.Close(); _ = e.b.Err() },
		} {
			t.Run(fmt.Sprint(w, "/", name), func(t *testing.T) {
				ctx := watchdog(t)
				e, freed := linked(t, w, 1<<14)
				check(t, e.s.Send(ctx, &engine.Raw{1}))
				first := must(e.r.Lease(ctx))
				check(t, e.s.Send(ctx, &engine.Raw{2}))
				second := must(e.r.Lease(ctx))
				end(e)
				if freed() != 0 {
					t.Fatal("freed while a lease is held")
				}
				check(t, second.Release())
				if string(first.Bytes()) != "\x01" || freed() != 0 {
					t.Fatal(first.Bytes(), freed())
				}
				check(t, first.Release())
				if freed() != 1 {
					t.Fatalf("freed %d times after the release", freed())
				}
				wantErr(t, first.Release(), engine.ErrSlot)
				_ = e.b.Close()
				if freed() != 1 {
					t.Fatalf("freed %d times", freed())
				}
			})
		}
	}
}

func TestASlotKeepsTheMemoryBeyondTheSessionsEnd(t *testing.T) {
	for _, commit := range []bool{false, true} {
		ctx := watchdog(t)
		e, freed := linked(t, engine.Hybrid, 1<<14)
		back, _ := open[engine.Raw](t, channel, e.b, e.a, "back")
		slot := must(back.Reserve(ctx, 100))
		_ = e.b.Close()
		if freed() != 0 {
			t.Fatal("freed while a slot is held")
		}
		slot.Bytes()[99] = 1
		if commit {
			check(t, slot.Commit(100))
		} else {
			check(t, slot.Abort())
		}
		if freed() != 1 {
			t.Fatalf("freed %d times after the slot", freed())
		}
		_, err := back.Reserve(ctx, 1)
		wantErr(t, err, os.ErrClosed)
	}
}

// Release and Close race: whatever comes first, the memory is freed once, after both.
func TestReleaseAndCloseAtTheSameTimeFreeTheMemoryOnce(t *testing.T) {
	for range count(300, 1e5) {
		ctx := watchdog(t)
		e, freed := linked(t, engine.Block, ring.MinCapacity)
		check(t, e.s.Send(ctx, &engine.Raw{1}))
		l := must(e.r.Lease(ctx))
		poller := result(func() error { return e.r.Receive(ctx, new(engine.Raw)) })
		released := result(l.Release)
		closed := result(e.b.Close)
		check(t, get(t, released))
		check(t, get(t, closed))
		if err := get(t, poller); !errors.Is(err, os.ErrClosed) {
			t.Fatal(err)
		}
		for deadline := 0; freed() != 1; deadline++ { // the poller's goroutine may still be on its way
			if deadline == 1e6 {
				t.Fatalf("freed %d times", freed())
			}
			runtime.Gosched()
		}
		_ = e.a.Close()
	}
}
