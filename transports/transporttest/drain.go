package transporttest

import (
	"context"
	"io"

	"github.com/corechan/corechan/engine"
)

// testADrainLetsChannelsFinish drains a session with an opened and a nested channel.
func testADrainLetsChannelsFinish(t *T) {
	l := t.connect()
	s, r := channel[parcel](t, l.A, l.B)
	replies, reply := engine.Pipe[note]()
	t.check(s.Send(t.ctx, &parcel{Reply: reply}))
	var got parcel
	t.check(r.Receive(t.ctx, &got))
	drained := result(func() error { return l.B.Drain(t.ctx) })
	t.eventually("the session is draining", l.B.Draining)
	sendNumbers(t, got.Reply, 0, 100)
	t.check(got.Reply.Close())
	wantNumbers(t, replies, 0, 100)
	t.want(replies.Receive(t.ctx, &note{}), io.EOF)
	t.check(s.Send(t.ctx, &parcel{ID: 5}))
	t.check(r.Receive(t.ctx, &got))
	select {
	case err := <-drained:
		t.Fatalf("drained with a channel open: %v", err)
	default:
	}
	t.check(s.Close())
	t.want(r.Receive(t.ctx, &parcel{}), io.EOF)
	_, err := engine.Accept[note](t.ctx, l.A, "never")
	t.want(err, engine.ErrSessionClosed)
	t.check(get(t, drained))
	get(t, l.A.Done())
	t.want(l.A.Err(), engine.ErrSessionClosed)
}

func testADrainingSessionTakesNoChannels(t *T) {
	l := t.connect()
	old, _ := channel[note](t, l.A, l.B)
	ctx, cancel := t.watch()
	drained := result(func() error { return l.B.Drain(ctx) })
	t.eventually("the session is draining", l.B.Draining)
	_, err := engine.Open[note](t.ctx, l.B, "mine")
	t.want(err, engine.ErrDraining)
	s, err := engine.Open[note](t.ctx, l.A, "late")
	t.check(err)
	t.want(sendUntilEnd(t.ctx, s), engine.ErrDraining)
	t.check(old.Send(t.ctx, &note{}))
	// Cut short, it closes at once.
	cancel()
	t.want(get(t, drained), context.Canceled)
	t.want(sendUntilEnd(t.ctx, old), engine.ErrSessionClosed)
}
