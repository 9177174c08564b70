package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/inmem"
)

// wantLimit checks that err is about a limit, and says so to who reads it.
func wantLimit(t *testing.T, err error, what string, got, limit uint64) {
	t.Helper()
	wantErr(t, err, engine.ErrLimit)
	le := as[*engine.LimitError](t, err)
	if le.What != what || le.Got != got || le.Limit != limit {
		t.Fatalf("limit of %d %q, got %d; want %d %q, %d", le.Limit, le.What, le.Got, limit, what, got)
	}
	if !strings.Contains(err.Error(), fmt.Sprint(limit)) || !strings.Contains(err.Error(), what) {
		t.Errorf("%q does not say which limit", err)
	}
}

// wantRefused checks that the peer has refused a channel for a limit, and said which.
func wantRefused(t *testing.T, err error, what string, limit uint64) {
	t.Helper()
	wantErr(t, err, engine.ErrLimit)
	ce := as[*engine.ChannelError](t, err)
	if ce.Code != engine.CodeLimit || !strings.Contains(ce.Text, what) || !strings.Contains(ce.Text, fmt.Sprint(limit)) {
		t.Fatalf("code %d, %q; want a limit of %d %s", ce.Code, ce.Text, limit, what)
	}
}

func TestAMessageThatIsTooLarge(t *testing.T) {
	for _, limit := range []uint32{0, 1000} {
		kinds(t, func(t *testing.T, c setting) {
			if c.kind == pipe && limit != 0 {
				t.Skip("has no limit of its own")
			}
			ctx := watchdog(t)
			// The limit is the receiver's: the sender's own is another.
			b := with(t, engine.Config{Limits: engine.Limits{MaxMessage: limit}})
			ln := must(inmem.Listen(ctx, t.Name(), b))
			defer ln.Close()
			e := ends[engine.Raw]{}
			if c.kind == pipe {
				e = connect[engine.Raw](t, c)
			} else {
				e.a = must(inmem.Dial(ctx, t.Name(), with(t, engine.Config{Limits: engine.Limits{MaxMessage: 10}})))
				e.b = must(ln.Accept(ctx))
				e.s, e.r = open[engine.Raw](t, c.kind, e.a, e.b, "x")
			}
			want := int(limit)
			if limit == 0 {
				want = 256<<10 - engine.HeaderSize // what the ring holds
			}
			if got := e.s.MaxMessage(); got != want {
				t.Fatalf("MaxMessage is %d, not %d", got, want)
			}
			for _, n := range []int{want + 1, want + 7, want + 8, 2 * want, 1 << 24} {
				msg := make(engine.Raw, n)
				wantLimit(t, e.s.Send(ctx, &msg), "bytes a message", uint64(n), uint64(want))
				_, err := e.s.Reserve(ctx, n)
				wantLimit(t, err, "bytes a message", uint64(n), uint64(want))
			}
			msg := make(engine.Raw, want)
			check(t, e.s.Send(ctx, &msg))
			check(t, e.r.Receive(ctx, &msg))
			if len(msg) != want {
				t.Fatal(len(msg))
			}
		})
	}
}

func TestATypedMessageThatIsTooLarge(t *testing.T) {
	ctx := watchdog(t)
	e := connectWith[order](t, channel, with(t, engine.Config{Limits: engine.Limits{MaxMessage: 100}}))
	// What counts is the encoding, not the bound that Msgsize gives before.
	for n := range 200 {
		o := &order{ID: 1, Note: strings.Repeat("x", n)}
		size := len(must(o.MarshalMsg(nil)))
		err := e.s.Send(ctx, o)
		if size > 100 {
			wantLimit(t, err, "bytes a message", uint64(size), 100)
			continue
		}
		check(t, err)
		var got order
		if err := e.r.Receive(ctx, &got); err != nil || got != *o {
			t.Fatal(n, got, err)
		}
	}
	anything, _ := open[any](t, channel, e.a, e.b, "any")
	var v any = strings.Repeat("x", 200)
	wantLimit(t, anything.Send(ctx, &v), "bytes a message", 202, 100)
}

func TestMoreChannelsThanTheLimit(t *testing.T) {
	t.Run("here", func(t *testing.T) {
		ctx := watchdog(t)
		a, _ := pair(t, with(t, engine.Config{Limits: engine.Limits{Channels: 3}}))
		var open []engine.Sender[order]
		for range 3 {
			open = append(open, must(engine.Open[order](ctx, a, "x")))
		}
		_, err := engine.Open[order](ctx, a, "x")
		wantLimit(t, err, "open channels", 0, 3)
		check(t, open[1].Close())
		must(engine.Open[order](ctx, a, "x"))
		_, err = engine.Open[order](ctx, a, "x")
		wantLimit(t, err, "open channels", 0, 3)
	})
	t.Run("at the peer", func(t *testing.T) {
		for _, handled := range []bool{false, true} {
			t.Run(fmt.Sprintf("handled=%v", handled), func(t *testing.T) {
				ctx := watchdog(t)
				b := with(t, engine.Config{Limits: engine.Limits{Channels: 3}})
				ln := must(inmem.Listen(ctx, t.Name(), b))
				defer ln.Close()
				if handled {
					check(t, engine.Handle(ln, "x", func(context.Context, *order) error { return nil }))
				}
				a := must(inmem.Dial(ctx, t.Name(), nil))
				defer a.Close()
				var open []engine.Sender[order]
				for range 5 {
					open = append(open, must(engine.Open[order](ctx, a, "x")))
				}
				if !handled {
					s := must(ln.Accept(ctx))
					go func() { _, _ = engine.Accept[order](ctx, s, "never") }() // polls
				}
				for i, s := range open {
					if i < 3 {
						check(t, s.Send(ctx, new(order)))
						continue
					}
					for err := error(nil); ; err = s.Send(ctx, new(order)) {
						if err != nil {
							wantRefused(t, err, "open channels", 3)
							break
						}
					}
				}
				check(t, open[0].Send(ctx, new(order))) // nothing else has ended
				check(t, a.Err())
			})
		}
	})
}

func TestMoreUnclaimedChannelsThanTheLimit(t *testing.T) {
	for _, kind := range []string{channel, lane} {
		t.Run(kind, func(t *testing.T) {
			ctx := watchdog(t)
			a, b := pair(t, with(t, engine.Config{Limits: engine.Limits{Unclaimed: 2}}))
			poll := result(func() error { _, err := engine.Accept[order](ctx, b, "never"); return err })
			open := func() (engine.Sender[order], error) {
				if kind == lane {
					return engine.OpenLane[order](ctx, a, "x", nil)
				}
				return engine.Open[order](ctx, a, "x")
			}
			var senders []engine.Sender[order]
			for range 2 {
				senders = append(senders, must(open()))
			}
			refused := func() {
				t.Helper()
				s, err := open()
				for err == nil {
					err = s.Send(ctx, new(order))
				}
				wantRefused(t, err, "channels that nobody has accepted", 2)
			}
			refused()
			// One that is accepted makes room for another one.
			r := must(engine.Accept[order](ctx, b, "x"))
			senders = append(senders, must(open()))
			refused()
			for i, s := range senders {
				check(t, s.Send(ctx, &order{ID: uint64(i)}))
			}
			check(t, r.Receive(ctx, new(order)))
			for i := range 2 {
				r := must(engine.Accept[order](ctx, b, "x"))
				var o order
				if err := r.Receive(ctx, &o); err != nil || o.ID != uint64(i+1) {
					t.Fatal(o, err)
				}
			}
			check(t, a.Close())
			wantErr(t, get(t, poll), engine.ErrSessionClosed)
		})
	}
}

func TestMoreLanesThanTheLimit(t *testing.T) {
	ctx := watchdog(t)
	ln := must(inmem.Listen(ctx, t.Name(), with(t, engine.Config{Limits: engine.Limits{Lanes: 2}})))
	defer ln.Close()
	a := must(inmem.Dial(ctx, t.Name(), with(t, engine.Config{Limits: engine.Limits{Lanes: 3}})))
	b := must(ln.Accept(ctx))
	poll := result(func() error { _, err := engine.Accept[order](ctx, b, "never"); return err })
	s1 := must(engine.OpenLane[order](ctx, a, "x", nil))
	must(engine.OpenLane[order](ctx, a, "x", nil))
	_, err := engine.OpenLane[order](ctx, a, "x", nil)
	wantRefused(t, err, "lanes", 2)
	_, err = engine.OpenLane[order](ctx, b, "x", nil)
	wantLimit(t, err, "lanes", 0, 2)

	// A lane that has ended at both sides is none any more.
	check(t, s1.Close())
	r := must(engine.Accept[order](ctx, b, "x"))
	for range r.All(ctx) {
		t.Fatal("a message")
	}
	must(engine.OpenLane[order](ctx, a, "y", nil))

	check(t, a.Close())
	wantErr(t, get(t, poll), engine.ErrSessionClosed)
	check(t, b.Close())
}

// Whichever end closes first, lanes are not used up.
func TestLanesThatEndAreFreed(t *testing.T) {
	for _, first := range []string{"sender", "receiver"} {
		for _, w := range waits {
			t.Run(fmt.Sprint(first, "/", w), func(t *testing.T) {
				ctx := watchdog(t)
				a, b := pair(t, with(t, engine.Config{Wait: w, Limits: engine.Limits{Lanes: 2}}))
				for i := range 20 {
					s, r := open[order](t, lane, a, b, "x")
					check(t, s.Send(ctx, &order{ID: uint64(i)}))
					var o order
					if err := r.Receive(ctx, &o); err != nil || o.ID != uint64(i) {
						t.Fatal(o, err)
					}
					if first == "sender" {
						check(t, s.Close())
						if err := r.Receive(ctx, &o); err == nil {
							t.Fatal("a message")
						}
						check(t, r.Close())
					} else {
						check(t, r.Close())
						check(t, s.Close())
					}
				}
			})
		}
	}
}

func TestMoreSessionsThanTheLimit(t *testing.T) {
	ctx := watchdog(t)
	limited := with(t, engine.Config{Limits: engine.Limits{Sessions: 2}})
	ln := must(inmem.Listen(ctx, t.Name(), limited))
	defer ln.Close()
	free := with(t, engine.Config{})
	a := must(inmem.Dial(ctx, t.Name(), free))
	must(inmem.Dial(ctx, t.Name(), free))
	_, err := inmem.Dial(ctx, t.Name(), free)
	wantLimit(t, err, "sessions of the engine", 0, 2)
	// Both sides of an ended one are gone.
	check(t, a.Close())
	check(t, must(ln.Accept(ctx)).Close())
	must(inmem.Dial(ctx, t.Name(), free))
	_, _, err = inmem.Pair(limited)
	wantLimit(t, err, "sessions of the engine", 0, 2)
}

func TestLimitsHaveDefaults(t *testing.T) {
	l := newEngine(t, engine.Config{Limits: engine.Limits{Lanes: 5}}).Limits()
	want := engine.Limits{
		Window: 256 << 10, MaxMessage: 1 << 30, Channels: 1 << 16, Unclaimed: 1 << 10, References: 1 << 12, ReferenceExpiry: 10 * time.Minute, Lanes: 5, Sessions: 1 << 16,
	}
	if l != want {
		t.Errorf("%+v, want %+v", l, want)
	}
}

func TestErrorsSayWhatTheyAre(t *testing.T) {
	for _, c := range []struct {
		err  error
		text string
		is   error
	}{
		{&engine.ChannelError{Code: 300}, "engine: peer ended with code 300", nil},
		{&engine.ChannelError{Code: 1, Text: "x"}, "engine: peer ended with error: x", nil},
		{&engine.ChannelError{Code: engine.CodeCanceled}, "engine: receiver cancelled the channel", engine.ErrCanceled},
		{&engine.ChannelError{Code: engine.CodeRefused, Text: "x"}, "engine: peer refused the channel: x", engine.ErrRefused},
		{&engine.ChannelError{Code: engine.CodeCodec, Text: "x"}, "engine: codecs differ: x", engine.ErrCodec},
		{&engine.ChannelError{Code: engine.CodeLimit, Text: "x"}, "engine: limit exceeded: x", engine.ErrLimit},
		{&engine.ChannelError{Code: engine.CodeProtocol, Text: "x"}, "engine: protocol violated: x", engine.ErrProtocol},
		{&engine.LimitError{What: "lanes", Limit: 2}, "engine: limit of 2 lanes reached", engine.ErrLimit},
		{
			&engine.LimitError{What: "lanes", Limit: 2, Got: 3, Hint: "do"},
			"engine: limit of 2 lanes exceeded by 3; do", engine.ErrLimit,
		},
		{&engine.ProtocolError{What: "x"}, "engine: protocol violated: x", engine.ErrProtocol},
		{&engine.ProtocolError{What: "x", Err: os.ErrInvalid}, "engine: protocol violated: x: invalid argument", os.ErrInvalid},
	} {
		if c.err.Error() != c.text {
			t.Errorf("%q, want %q", c.err, c.text)
		}
		if c.is != nil && !errors.Is(c.err, c.is) {
			t.Errorf("%q is not %v", c.err, c.is)
		}
	}
}

// Who only opens channels, and never sends or waits for anything, reads what is answered all the same, before there is more of it than
// the peer keeps.
func TestChannelsThatAreOpenedAndClosedForLongLeaveNothingUnread(t *testing.T) {
	ctx := watchdog(t)
	o := with(t, engine.Config{Limits: engine.Limits{Channels: 64}})
	o.Ring.Capacity = 4096
	a, b := pair(t, o)
	for i := range 5000 {
		s, err := engine.Open[order](ctx, a, "x")
		if err != nil {
			t.Fatalf("channel %d: %v", i, err)
		}
		r := must(engine.Accept[order](ctx, b, "x"))
		check(t, r.Close()) // is answered to a
		check(t, s.Close())
	}
}
