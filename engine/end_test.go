package engine_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/corechan/corechan/engine"
)

var errBye = errors.New("bye")

// isA returns a check that an error is one.
func isA(want error) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		wantErr(t, err, want)
	}
}

// reason returns a check that an error is the other end's, with a code and a text.
func reason(code engine.Code, text string) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		if ce := as[*engine.ChannelError](t, err); ce.Code != code || ce.Text != text {
			t.Fatalf("reason is code %d, %q; want %d, %q", ce.Code, ce.Text, code, text)
		}
	}
}

func both(checks ...func(*testing.T, error)) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		for _, c := range checks {
			c(t, err)
		}
	}
}

var long = strings.Repeat("ä", 1000) // 2000 bytes

// endings are the ways in which a channel may end: what is done, and what each end gets from then on. The receiver gets it
// after what was sent before, unless the end is its own doing.
var endings = []struct {
	name             string
	do               func(e ends[engine.Raw]) error
	sender, receiver func(*testing.T, error)
	session, own     bool // needs a session; it is the receiver's own end
}{
	{
		name:   "sender closes",
		do:     func(e ends[engine.Raw]) error { return e.s.Close() },
		sender: isA(os.ErrClosed), receiver: isA(io.EOF),
	},
	{
		name:   "sender closes with nil",
		do:     func(e ends[engine.Raw]) error { return e.s.CloseWith(nil) },
		sender: isA(os.ErrClosed), receiver: isA(io.EOF),
	},
	{
		name:   "sender closes with a text",
		do:     func(e ends[engine.Raw]) error { return e.s.CloseWith(errBye) },
		sender: isA(os.ErrClosed), receiver: reason(engine.CodeError, "bye"),
	},
	{
		name: "sender closes with a code of the application",
		do: func(e ends[engine.Raw]) error {
			return e.s.CloseWith(&engine.ChannelError{Code: 300, Text: "sold out"})
		},
		sender: isA(os.ErrClosed), receiver: reason(300, "sold out"),
	},
	{
		name:   "sender closes with a text that is too long",
		do:     func(e ends[engine.Raw]) error { return e.s.CloseWith(errors.New("." + long)) },
		sender: isA(os.ErrClosed),
		receiver: func(t *testing.T, err error) {
			ce := as[*engine.ChannelError](t, err)
			if len(ce.Text) != 1023 || !utf8.ValidString(ce.Text) || !strings.HasPrefix(long, ce.Text[1:]) {
				t.Errorf("text of %d bytes: %q", len(ce.Text), ce.Text)
			}
		},
	},
	{
		name: "receiver closes", own: true,
		do:     func(e ends[engine.Raw]) error { return e.r.Close() },
		sender: both(isA(engine.ErrCanceled), reason(engine.CodeCanceled, "")), receiver: isA(os.ErrClosed),
	},
	{
		name: "receiver closes with a text", own: true,
		do:     func(e ends[engine.Raw]) error { return e.r.CloseWith(errBye) },
		sender: reason(engine.CodeError, "bye"), receiver: isA(os.ErrClosed),
	},
	{
		name: "receiver refuses", own: true,
		do: func(e ends[engine.Raw]) error {
			return e.r.CloseWith(&engine.ChannelError{Code: engine.CodeRefused, Text: "not today"})
		},
		sender: both(isA(engine.ErrRefused), reason(engine.CodeRefused, "not today")), receiver: isA(os.ErrClosed),
	},
	{
		name: "sender's session closes", session: true,
		do:     func(e ends[engine.Raw]) error { return e.a.Close() },
		sender: isA(os.ErrClosed), receiver: isA(engine.ErrSessionClosed),
	},
	{
		name: "sender's session closes with a text", session: true,
		do:     func(e ends[engine.Raw]) error { return e.a.CloseWith(errBye) },
		sender: isA(os.ErrClosed), receiver: both(isA(engine.ErrSessionClosed), reason(engine.CodeError, "bye")),
	},
	{
		name: "receiver's session closes", session: true, own: true,
		do:     func(e ends[engine.Raw]) error { return e.b.Close() },
		sender: isA(engine.ErrSessionClosed), receiver: isA(os.ErrClosed),
	},
	{
		name: "receiver's session closes with a text", session: true, own: true,
		do:     func(e ends[engine.Raw]) error { return e.b.CloseWith(errBye) },
		sender: both(isA(engine.ErrSessionClosed), reason(engine.CodeError, "bye")), receiver: isA(os.ErrClosed),
	},
}

// forEnds runs f for each way to end each kind of channel.
func forEnds(t *testing.T, f func(t *testing.T, c setting, i int)) {
	matrix(t, func(t *testing.T, c setting) {
		for i := range endings {
			if endings[i].session && c.kind == pipe {
				continue
			}
			t.Run(endings[i].name, func(t *testing.T) { f(t, c, i) })
		}
	})
}

func TestAnEndComesAfterTheMessagesAndLasts(t *testing.T) {
	forEnds(t, func(t *testing.T, c setting, i int) {
		ctx, end := watchdog(t), endings[i]
		e := connect[engine.Raw](t, c)
		for k := range 3 {
			check(t, e.s.Send(ctx, &engine.Raw{byte(k)}))
		}
		check(t, end.do(e))
		var got engine.Raw
		if !end.own {
			for k := range 3 {
				if err := e.r.Receive(ctx, &got); err != nil || string(got) != string(rune(k)) {
					t.Fatal(k, got, err)
				}
			}
		}
		for range 3 {
			end.receiver(t, e.r.Receive(ctx, &got))
			_, err := e.r.Lease(ctx)
			end.receiver(t, err)
		}
		turns := 0
		for _, err := range e.r.All(ctx) {
			turns++
			end.receiver(t, err) // a clean end has no turn
		}
		if turns > 1 {
			t.Errorf("All had %d turns after the end", turns)
		}
		// The sender learns of it by the next Send; at the latest, once it has to wait.
		_, err := sendUntil(ctx, e.s, 1000)
		end.sender(t, err)
		_, err = e.s.Reserve(ctx, 10)
		end.sender(t, err)
		end.sender(t, e.s.Send(ctx, &got))
	})
}

func TestASecondCloseAnswersErrClosed(t *testing.T) {
	forEnds(t, func(t *testing.T, c setting, i int) {
		e := connect[engine.Raw](t, c)
		check(t, endings[i].do(e))
		_, _ = sendUntil(watchdog(t), e.s, 1000)
		_, _ = e.s.Close(), e.r.Close() // whatever they say: from now on both are closed
		for _, err := range []error{e.s.Close(), e.s.CloseWith(errBye), e.r.Close(), e.r.CloseWith(errBye)} {
			wantErr(t, err, os.ErrClosed)
		}
	})
}

func TestAnEndWakesWhoWaits(t *testing.T) {
	forEnds(t, func(t *testing.T, c setting, i int) {
		end := endings[i]
		// Two who wait to receive: one polls, one is parked. Then two who wait for credit or space.
		t.Run("receive", func(t *testing.T) {
			e := connect[engine.Raw](t, c)
			var waiters []<-chan error
			for range 2 {
				ctx, _ := watch(t)
				waiters = append(waiters, result(func() error { return e.r.Receive(ctx, new(engine.Raw)) }))
				get(t, ctx.waiting)
			}
			check(t, end.do(e))
			for _, w := range waiters {
				end.receiver(t, get(t, w))
			}
		})
		t.Run("send", func(t *testing.T) {
			e := connect[engine.Raw](t, c)
			fill(t, e.s, 10_000)
			var waiters []<-chan error
			for range 2 {
				ctx, _ := watch(t)
				msg := make(engine.Raw, 10_000)
				waiters = append(waiters, result(func() error { return e.s.Send(ctx, &msg) }))
				get(t, ctx.waiting)
			}
			check(t, end.do(e))
			for _, w := range waiters {
				end.sender(t, get(t, w))
			}
		})
	})
}

// Nobody calls anything at the sender's side after the Close, which found the ring full.
func TestAnEndArrivesAlsoIfTheRingIsFullAndNobodyPolls(t *testing.T) {
	matrix(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		msg := make(engine.Raw, e.s.MaxMessage())
		check(t, e.s.Send(ctx, &msg))
		check(t, e.s.CloseWith(errBye))
		check(t, e.r.Receive(ctx, &msg))
		reason(engine.CodeError, "bye")(t, e.r.Receive(ctx, &msg))
	})
}

// The same while somebody sleeps as the poller at the sender's side.
func TestAnEndArrivesAlsoIfTheRingIsFullAndThePollerSleeps(t *testing.T) {
	sessions(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		asleep, cancel := watch(t)
		poller := result(func() error { _, err := engine.Accept[order](asleep, e.a, "never"); return err })
		get(t, asleep.waiting)
		msg := make(engine.Raw, e.s.MaxMessage())
		check(t, e.s.Send(ctx, &msg))
		check(t, e.s.CloseWith(errBye))
		check(t, e.r.Receive(ctx, &msg))
		reason(engine.CodeError, "bye")(t, e.r.Receive(ctx, &msg))
		cancel()
		wantErr(t, get(t, poller), context.Canceled)
	})
}

func TestAReceiverThatClosesEndsOnlyItsChannel(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		if c.kind == pipe {
			t.Skip("has no other channel")
		}
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		s, r := open[engine.Raw](t, c.kind, e.a, e.b, "y")
		check(t, e.r.Close())
		for range 100 {
			check(t, s.Send(ctx, &engine.Raw{1}))
			check(t, r.Receive(ctx, new(engine.Raw)))
		}
		_, err := sendUntil(ctx, e.s, 1000)
		wantErr(t, err, engine.ErrCanceled)
		check(t, e.a.Err())
		check(t, e.b.Err())
	})
}

func TestWhatWasSentIsDroppedWithTheReceiver(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		for range 10 {
			check(t, e.s.Send(ctx, &engine.Raw{1}))
		}
		check(t, e.r.Receive(ctx, new(engine.Raw)))
		check(t, e.r.Close())
		wantErr(t, e.r.Receive(ctx, new(engine.Raw)), os.ErrClosed)
		for _, err := range e.r.All(ctx) {
			wantErr(t, err, os.ErrClosed)
		}
	})
}

func TestSessionDoneAndErr(t *testing.T) {
	t.Run("closed here", func(t *testing.T) {
		a, _ := pair(t, nil)
		check(t, a.Err())
		select {
		case <-a.Done():
			t.Fatal("done before its end")
		default:
		}
		check(t, a.Close())
		get(t, a.Done())
		wantErr(t, a.Err(), os.ErrClosed)
		check(t, a.Close()) // does nothing
		check(t, a.CloseWith(errBye))
	})
	t.Run("closed by the peer", func(t *testing.T) {
		a, b := pair(t, nil)
		check(t, b.CloseWith(errBye))
		get(t, a.Done())
		wantErr(t, a.Err(), engine.ErrSessionClosed)
		reason(engine.CodeError, "bye")(t, a.Err())
	})
	t.Run("closed by the peer while a Slot is held", func(t *testing.T) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, setting{kind: channel})
		slot := must(e.s.Reserve(ctx, 10))
		check(t, e.a.CloseWith(errBye))
		check(t, slot.Commit(10))
		get(t, e.b.Done())
		for {
			if err := e.r.Receive(ctx, new(engine.Raw)); err != nil {
				wantErr(t, err, engine.ErrSessionClosed)
				reason(engine.CodeError, "bye")(t, err)
				return
			}
		}
	})
}

func TestUseAfterTheSessionsEnd(t *testing.T) {
	for _, peers := range []bool{false, true} {
		name, want := "closed here", os.ErrClosed
		if peers {
			name, want = "closed by the peer", engine.ErrSessionClosed
		}
		t.Run(name, func(t *testing.T) {
			ctx := watchdog(t)
			a, b := pair(t, nil)
			if peers {
				check(t, b.Close())
			} else {
				check(t, a.Close())
			}
			_, err := engine.Accept[order](ctx, a, "x")
			wantErr(t, err, want)
			_, err = engine.Open[order](ctx, a, "x")
			wantErr(t, err, want)
			_, err = engine.OpenLane[order](ctx, a, "x", nil)
			wantErr(t, err, want)
			wantErr(t, engine.Handle(a, "x", func(context.Context, *order) error { return nil }), want)
		})
	}
}

func TestChannelsThatWereNotAcceptedEndWithTheSession(t *testing.T) {
	for _, kind := range []string{channel, lane} {
		t.Run(kind, func(t *testing.T) {
			ctx := watchdog(t)
			a, b := pair(t, nil)
			poll := result(func() error { _, err := engine.Accept[order](ctx, b, "other"); return err })
			var s engine.Sender[order]
			if kind == lane {
				s = must(engine.OpenLane[order](ctx, a, "x", nil))
			} else {
				s = must(engine.Open[order](ctx, a, "x"))
			}
			check(t, s.Send(ctx, &order{ID: 1}))
			check(t, a.Close())
			wantErr(t, get(t, poll), engine.ErrSessionClosed)
			// What was opened and sent before the end is there to be accepted and received.
			r := must(engine.Accept[order](ctx, b, "x"))
			var o order
			if err := r.Receive(ctx, &o); err != nil || o.ID != 1 {
				t.Fatal(o, err)
			}
			wantErr(t, r.Receive(ctx, &o), engine.ErrSessionClosed)
		})
	}
}

// The end of the session is read from the session's ring while the lane's holds messages still.
func TestALaneDeliversEverythingBeforeTheSessionsEnd(t *testing.T) {
	sessions(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[order](t, c)
		for i := range 100 {
			check(t, e.s.Send(ctx, &order{ID: uint64(i)}))
		}
		check(t, e.a.CloseWith(errBye))
		_, err := engine.Accept[order](ctx, e.b, "never")
		wantErr(t, err, engine.ErrSessionClosed)
		for i := range 100 {
			var o order
			if err := e.r.Receive(ctx, &o); err != nil || o.ID != uint64(i) {
				t.Fatal(i, o, err)
			}
		}
		reason(engine.CodeError, "bye")(t, e.r.Receive(ctx, new(order)))
	})
}
