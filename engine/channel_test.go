package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/inmem"
)

// count is how many messages a test of order sends.
func count(short, long int) int {
	if soak {
		return long
	}
	return short
}

func TestMessagesArriveInOrderAndTheChannelEndsClean(t *testing.T) {
	matrix(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[order](t, c)
		n := count(2000, 1e6)
		sent := result(func() error {
			for i := range n {
				if err := e.s.Send(ctx, &order{ID: uint64(i), Price: -int64(i), Note: "x"}); err != nil {
					return err
				}
			}
			return e.s.Close()
		})
		want := uint64(0)
		for o, err := range e.r.All(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if o.ID != want || o.Price != -int64(want) || o.Note != "x" {
				t.Fatalf("got %+v, want %d", o, want)
			}
			want++
		}
		if want != uint64(n) {
			t.Fatalf("%d messages of %d", want, n)
		}
		check(t, <-sent)
		wantErr(t, e.r.Receive(ctx, new(order)), io.EOF)
	})
}

func TestMessagesOfAllSizesKeepTheirBytes(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		sizes := []int{0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 4095, 4096, 100_000, e.s.MaxMessage() - 1, e.s.MaxMessage()}
		sent := result(func() error {
			for i, n := range sizes {
				msg := make(engine.Raw, n)
				for k := range msg {
					msg[k] = byte(i + k)
				}
				if err := e.s.Send(ctx, &msg); err != nil {
					return fmt.Errorf("%d bytes: %w", n, err)
				}
			}
			return e.s.Close()
		})
		var got engine.Raw
		for i, n := range sizes {
			check(t, e.r.Receive(ctx, &got))
			if len(got) != n {
				t.Fatalf("%d bytes, want %d", len(got), n)
			}
			for k := range got {
				if got[k] != byte(i+k) {
					t.Fatalf("message of %d bytes: byte %d is %d", n, k, got[k])
				}
			}
		}
		check(t, get(t, sent))
		wantErr(t, e.r.Receive(ctx, &got), io.EOF)
	})
}

func TestPingPong(t *testing.T) {
	matrix(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		var ping, pong ends[order]
		if ping = connect[order](t, c); c.kind == pipe {
			pong = connect[order](t, c)
		} else {
			pong.s, pong.r = open[order](t, c.kind, ping.b, ping.a, "pong")
		}
		echoed := result(func() error {
			for o, err := range ping.r.All(ctx) {
				if err != nil {
					return err
				}
				if err := pong.s.Send(ctx, o); err != nil {
					return err
				}
			}
			return pong.s.Close()
		})
		n := count(500, 1e5)
		if c.wait == engine.Spin {
			n /= 10 // with more spinners than free cores, a message takes a time slice
		}
		for i := range n {
			check(t, ping.s.Send(ctx, &order{ID: uint64(i)}))
			var o order
			if err := pong.r.Receive(ctx, &o); err != nil || o.ID != uint64(i) {
				t.Fatal(i, o, err)
			}
		}
		check(t, ping.s.Close())
		wantErr(t, pong.r.Receive(ctx, new(order)), io.EOF)
		check(t, <-echoed)
	})
}

func TestManyGoroutinesOnOneChannelLoseAndRepeatNothing(t *testing.T) {
	matrix(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[order](t, c)
		const senders, receivers = 3, 3
		n := count(300, 1e5)
		var sending, receiving sync.WaitGroup
		for k := range senders {
			sending.Go(func() {
				for i := range n {
					if err := e.s.Send(ctx, &order{ID: uint64(i), Price: int64(k)}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		var mu sync.Mutex
		seen := map[order]int{}
		for range receivers {
			receiving.Go(func() {
				var last [senders]int64 // one receiver sees each sender's messages in order
				for k := range last {
					last[k] = -1
				}
				for o, err := range e.r.All(ctx) {
					if err != nil {
						t.Error(err)
						return
					}
					if int64(o.ID) <= last[o.Price] {
						t.Errorf("%d after %d", o.ID, last[o.Price])
					}
					last[o.Price] = int64(o.ID)
					mu.Lock()
					seen[*o]++
					mu.Unlock()
				}
			})
		}
		sending.Wait()
		check(t, e.s.Close())
		receiving.Wait()
		if len(seen) != senders*n {
			t.Errorf("%d messages of %d", len(seen), senders*n)
		}
		for o, times := range seen {
			if times != 1 {
				t.Errorf("%+v came %d times", o, times)
			}
		}
	})
}

func TestManyChannelsOverASmallRingKeepTheirOrder(t *testing.T) {
	for _, procs := range allProcs {
		for _, w := range waits {
			run(t, setting{channel, w, procs}, func(t *testing.T, _ setting) {
				ctx := watchdog(t)
				o := with(t, engine.Config{Wait: w})
				o.Ring.Capacity = ring.MinCapacity
				a, b := pair(t, o)
				const channels = 8
				n := uint64(count(200, 1e5))
				var wg sync.WaitGroup
				for k := range channels {
					from, to := a, b
					if k%2 != 0 {
						from, to = b, a
					}
					name := fmt.Sprint("c", k)
					wg.Go(func() {
						s := must(engine.Open[order](ctx, from, name))
						for i := range n {
							if err := s.Send(ctx, &order{ID: i, Note: name}); err != nil {
								t.Error(err)
								return
							}
						}
						_ = s.Close()
					})
					wg.Go(func() {
						r := must(engine.Accept[order](ctx, to, name))
						want := uint64(0)
						for o, err := range r.All(ctx) {
							if err != nil {
								t.Error(name, err)
								return
							}
							if o.Note != name || o.ID != want {
								t.Errorf("%s: got %+v, want id %d", name, o, want)
								return
							}
							want++
						}
						if want != n {
							t.Errorf("%s: %d messages of %d", name, want, n)
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

func TestChannelsOfOneNameAreAcceptedInTheOrderTheyWereOpened(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	const n = 10
	for i := range n {
		s := must(engine.Open[order](ctx, a, "x"))
		check(t, s.Send(ctx, &order{ID: uint64(i)}))
		if s.Name() != "x" {
			t.Fatal(s.Name())
		}
	}
	for i := range n {
		r := must(engine.Accept[order](ctx, b, "x"))
		var o order
		if err := r.Receive(ctx, &o); err != nil || o.ID != uint64(i) || r.Name() != "x" {
			t.Fatal(i, o, r.Name(), err)
		}
	}
}

func TestAcceptsOfOneNameShareTheChannels(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	const n = 20
	got := make(chan uint64, n)
	for range n {
		go func() {
			r, err := engine.Accept[order](ctx, b, "x")
			if err != nil {
				t.Error(err)
				return
			}
			var o order
			if err := r.Receive(ctx, &o); err != nil {
				t.Error(err)
			}
			got <- o.ID
		}()
	}
	for i := range n {
		s := must(engine.Open[order](ctx, a, "x"))
		check(t, s.Send(ctx, &order{ID: uint64(i)}))
	}
	seen := map[uint64]bool{}
	for range n {
		seen[get(t, got)] = true
	}
	if len(seen) != n {
		t.Fatalf("%d channels of %d", len(seen), n)
	}
}

func TestAcceptOfANameWaitsForNoOther(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	x := result(func() engine.Receiver[order] { return must(engine.Accept[order](ctx, b, "x")) })
	y := result(func() engine.Receiver[order] { return must(engine.Accept[order](ctx, b, "y")) })
	sy := must(engine.Open[order](ctx, a, "y"))
	r := get(t, y)
	sx := must(engine.Open[order](ctx, a, "x"))
	get(t, x)
	check(t, sx.Close())
	check(t, sy.Send(ctx, &order{ID: 1}))
	check(t, r.Receive(ctx, new(order)))
}

func TestNames(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	for _, name := range []string{"", string(make([]byte, engine.MaxNameLen+1)), "no text: \xff"} {
		if _, err := engine.Open[order](ctx, a, name); err == nil {
			t.Errorf("Open(%q) succeeded", name)
		}
		if _, err := engine.OpenLane[order](ctx, a, name, nil); err == nil {
			t.Errorf("OpenLane(%q) succeeded", name)
		}
		if _, err := engine.Accept[order](ctx, b, name); err == nil {
			t.Errorf("Accept(%q) succeeded", name)
		}
		if err := engine.Handle(b, name, func(context.Context, *order) error { return nil }); err == nil {
			t.Errorf("Handle(%q) succeeded", name)
		}
	}
	// The longest, also with the strangest characters.
	for _, name := range []string{string(make([]byte, engine.MaxNameLen)), "\x00", "größer/κανάλι"} {
		s, r := open[order](t, channel, a, b, name)
		if s.Name() != name || r.Name() != name {
			t.Errorf("%q became %q and %q", name, s.Name(), r.Name())
		}
	}
	check(t, b.Err())
}

func TestZeroEndsAnswerAnError(t *testing.T) {
	ctx := watchdog(t)
	var s engine.Sender[order]
	var r engine.Receiver[order]
	calls := map[string]error{
		"Send":               s.Send(ctx, new(order)),
		"Close":              s.Close(),
		"CloseWith":          s.CloseWith(io.ErrUnexpectedEOF),
		"Receive":            r.Receive(ctx, new(order)),
		"Receiver.Close":     r.Close(),
		"Receiver.CloseWith": r.CloseWith(io.ErrUnexpectedEOF),
	}
	_, calls["Reserve"] = s.Reserve(ctx, 1)
	_, calls["Lease"] = r.Lease(ctx)
	_, calls["TryReceive"] = r.TryReceive(new(order))
	for name, err := range calls {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.Name() != "" || r.Name() != "" || s.MaxMessage() != 0 {
		t.Error(s.Name(), r.Name(), s.MaxMessage())
	}
	for _, err := range r.All(ctx) {
		wantErr(t, err, errors.ErrUnsupported)
	}
	if s != (engine.Sender[order]{}) || r != (engine.Receiver[order]{}) {
		t.Error("zero ends differ from zero ends")
	}
}

func TestSessionsTellTheirPeer(t *testing.T) {
	a, b := pair(t, nil)
	for _, s := range []*engine.Session{a, b} {
		if p := s.Peer(); !p.Local || p.Cred.PID == 0 || p.Addr != "inmem://pair" || s.Transport() != inmem.Transport {
			t.Errorf("%+v over %s", p, s.Transport())
		}
	}
}
