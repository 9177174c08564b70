package engine_test

import (
	"context"
	"io"
	"testing"

	"github.com/corechan/corechan/engine"
)

// An end goes out and comes home again and again; nobody stays in between.
func TestAnEndThatComesHomeIsJoinedUp(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	out, outR := channelOf[ask](t, a, b, "out")
	back, backR := channelOf[ask](t, b, a, "back")
	r, s := engine.Pipe[order]()
	n := uint64(0)
	say := func(s engine.Sender[order]) {
		t.Helper()
		n++
		check(t, s.Send(ctx, &order{ID: n}))
	}
	for range 10 {
		check(t, out.Send(ctx, &ask{Reply: s}))
		var far, home ask
		check(t, outR.Receive(ctx, &far))
		say(far.Reply)
		check(t, back.Send(ctx, &ask{Reply: far.Reply}))
		wantErr(t, far.Reply.Send(ctx, &order{}), engine.ErrGiven)
		check(t, backR.Receive(ctx, &home))
		say(home.Reply)
		s = home.Reply
		if open := a.Stats().Channels + b.Stats().Channels; open != 4 {
			t.Fatalf("%d ends are open", open)
		}
	}
	say(s)
	check(t, s.Close())
	for i := range n {
		var o order
		check(t, r.Receive(ctx, &o))
		if o.ID != i+1 {
			t.Fatal(o, i)
		}
	}
	wantErr(t, r.Receive(ctx, new(order)), io.EOF)
}

func TestASenderThatCameHomeIsBoundedAndCanBeCancelled(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	out, outR := channelOf[ask](t, a, b, "out")
	back, backR := channelOf[ask](t, b, a, "back")
	r, s := engine.Pipe[order]()
	check(t, out.Send(ctx, &ask{Reply: s}))
	var far, home ask
	check(t, outR.Receive(ctx, &far))
	check(t, back.Send(ctx, &ask{Reply: far.Reply}))
	check(t, backR.Receive(ctx, &home))
	var err error
	sent := 0
	for err == nil {
		if err = home.Reply.Send(impatient(ctx), &order{Note: "a note of some length, so that there are fewer of them"}); err == nil {
			sent++
		}
	}
	wantErr(t, err, context.Canceled)
	if sent < 1000 || sent > 10000 {
		t.Error(sent)
	}
	waiting := result(func() error { return home.Reply.Send(ctx, &order{}) })
	check(t, r.Receive(ctx, new(order)))
	check(t, get(t, waiting))
	waiting = result(func() error {
		for {
			if err := home.Reply.Send(ctx, &order{}); err != nil {
				return err
			}
		}
	})
	check(t, r.Close())
	wantErr(t, get(t, waiting), engine.ErrCanceled)
	check(t, a.Err())
	check(t, b.Err())
}
