package transporttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"

	"github.com/corechan/corechan/engine"
)

// hopped returns the two ends of a channel of parcels with a hop in between: the receiver here, the sender two sessions
// away.
func hopped(t *T) (engine.Sender[parcel], engine.Receiver[parcel]) {
	t.Helper()
	l1, l2 := t.connect(), t.connect()
	r, s := engine.Pipe[parcel]()
	return pass(t, l2.A, l2.B, pass(t, l1.A, l1.B, &parcel{Deeper: s})).Deeper, r
}

// testMessagesAreAcknowledgedThroughAHop is what libchan's proxy does: who stands in between receives each message on one
// session, sends it on the other, and the last one acknowledges it on the channel that the first one put into it.
func testMessagesAreAcknowledgedThroughAHop(t *T) {
	l1, l2 := t.connect(), t.connect()
	first, in := channel[parcel](t, l1.A, l1.B)
	out, last := channel[parcel](t, l2.A, l2.B)
	proxied := result(func() error {
		for p, err := range in.All(t.ctx) {
			if err == nil {
				err = out.Send(t.ctx, p)
			}
			if err != nil {
				return err
			}
		}
		return out.Close()
	})
	served := result(func() error {
		for p, err := range last.All(t.ctx) {
			if err == nil {
				err = errors.Join(p.Reply.Send(t.ctx, &note{ID: p.ID}), p.Reply.Close())
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	for i := range uint64(50) {
		acks, ack := engine.Pipe[note]()
		t.check(first.Send(t.ctx, &parcel{ID: i, Reply: ack}))
		wantNumbers(t, acks, i, i+1)
		t.want(acks.Receive(t.ctx, &note{}), io.EOF)
	}
	t.check(first.Close())
	t.check(get(t, proxied))
	t.check(get(t, served))
}

// testAHopForwardsBothDirections sends through one pair of ends, and has each message acknowledged through another.
func testAHopForwardsBothDirections(t *T) {
	l1, l2 := t.connect(), t.connect()
	replies, reply := engine.Pipe[note]()
	feed, out := engine.Pipe[note]()
	far := pass(t, l2.A, l2.B, pass(t, l1.A, l1.B, &parcel{Reply: reply, Feed: feed}))
	echoed := result(func() error {
		for m, err := range far.Feed.All(t.ctx) {
			if err == nil {
				err = far.Reply.Send(t.ctx, m)
			}
			if err != nil {
				return err
			}
		}
		return far.Reply.Close()
	})
	for i := range uint64(200) {
		t.check(out.Send(t.ctx, &note{ID: i}))
		wantNumbers(t, replies, i, i+1)
	}
	t.check(out.Close())
	t.want(replies.Receive(t.ctx, &note{}), io.EOF)
	t.check(get(t, echoed))
}

// testNestedValuesGoThroughAHop sends parcels with everything in them over a channel that is forwarded.
func testNestedValuesGoThroughAHop(t *T) {
	s, r := hopped(t)
	for range 10 {
		replies, reply := engine.Pipe[note]()
		feed, out := engine.Pipe[note]()
		body, write := engine.Stream()
		read, sink := engine.Stream()
		t.check(s.Send(t.ctx, &parcel{
			Reply: reply, Feed: feed, Body: engine.Carried[io.Reader]{V: body}, Sink: engine.Carried[io.WriteCloser]{V: sink},
		}))
		_, err := io.WriteString(write, "some text")
		t.check(err)
		t.check(write.Close())
		sendNumbers(t, out, 0, 10)
		t.check(out.CloseWith(errors.New("enough")))
		var got parcel
		t.check(r.Receive(t.ctx, &got))
		sendNumbers(t, got.Reply, 0, 10)
		t.check(got.Reply.Close())
		wantNumbers(t, replies, 0, 10)
		t.want(replies.Receive(t.ctx, &note{}), io.EOF)
		wantNumbers(t, got.Feed, 0, 10)
		t.wantReason(got.Feed.Receive(t.ctx, &note{}), engine.CodeError, "enough")
		copied := result(func() error {
			_, err := io.Copy(got.Sink.V, got.Body.V)
			return errors.Join(err, got.Sink.V.Close())
		})
		text, err := io.ReadAll(read)
		t.check(err)
		if string(text) != "some text" {
			t.Errorf("%q", text)
		}
		t.check(get(t, copied))
	}
}

// testStreamsGoThroughAHop sends a stream of both directions over a channel that is forwarded.
func testStreamsGoThroughAHop(t *T) {
	s, r := hopped(t)
	text := pattern(1 << 20)
	onTCP(t, func(given, near *net.TCPConn) {
		t.check(s.Send(t.ctx, &parcel{Conn: engine.Carried[io.ReadWriteCloser]{V: struct{ halfCloser }{given}}}))
		var got parcel
		t.check(r.Receive(t.ctx, &got))
		echoed := result(func() error {
			_, err := io.Copy(got.Conn.V, got.Conn.V)
			return errors.Join(err, got.Conn.V.(interface{ CloseWrite() error }).CloseWrite())
		})
		written := result(func() error {
			_, err := near.Write(text)
			return errors.Join(err, near.CloseWrite())
		})
		back, err := io.ReadAll(near)
		t.check(err)
		if !bytes.Equal(back, text) {
			t.Errorf("%d bytes of %d", len(back), len(text))
		}
		t.check(get(t, written))
		t.check(get(t, echoed))
		t.check(got.Conn.V.Close())
	})
}

func testACallGoesThroughAHop(t *T) {
	// The other way round than onCallRoutes: the callee's end was forwarded.
	l1, l2 := t.connect(), t.connect()
	r, s := engine.Pipe[parcel]()
	far := pass(t, l2.A, l2.B, pass(t, l1.A, l1.B, &parcel{Parcels: r})).Parcels
	served := result(func() error { return answering(t.ctx, far) })
	for i := range uint64(50) {
		n, err := call(t.ctx, s, i)
		t.check(err)
		if n != i+1 {
			t.Fatalf("%d was answered with %d", i, n)
		}
	}
	t.check(s.Close())
	t.check(get(t, served))
}

func testACancelledCallIsCancelledThroughAHop(t *T) {
	l1, l2 := t.connect(), t.connect()
	r, s := engine.Pipe[parcel]()
	far := pass(t, l2.A, l2.B, pass(t, l1.A, l1.B, &parcel{Parcels: r})).Parcels
	t.learnsOfCancellation(s, far)
}

// testACancellationGoesThroughAnIdleHop cancels while nothing is sent, in the process in between or anywhere.
func testACancellationGoesThroughAnIdleHop(t *T) {
	l1, l2 := t.connect(), t.connect()
	r, s := engine.Pipe[note]()
	far := pass(t, l2.A, l2.B, pass(t, l1.A, l1.B, &parcel{Reply: s}))
	t.polled(l2.B)
	work, stop := far.Reply.Context(t.ctx)
	defer stop()
	t.check(r.CloseWith(&engine.ChannelError{Code: 306, Text: "not needed any more"}))
	get(t, work.Done())
	t.wantReason(context.Cause(work), 306, "not needed any more")
}

// testAHopThatDiesEndsBothSides closes the sessions of the one in between.
func testAHopThatDiesEndsBothSides(t *T) {
	l1, l2 := t.connect(), t.connect()
	replies, reply := engine.Pipe[note]()
	feed, out := engine.Pipe[note]()
	far := pass(t, l2.A, l2.B, pass(t, l1.A, l1.B, &parcel{Reply: reply, Feed: feed}))
	l1.Cut()
	l2.Cut()
	t.want(replies.Receive(t.ctx, &note{}), engine.ErrPeerGone)
	t.want(sendUntilEnd(t.ctx, out), engine.ErrPeerGone)
	t.want(far.Feed.Receive(t.ctx, &note{}), engine.ErrPeerGone)
	t.want(sendUntilEnd(t.ctx, far.Reply), engine.ErrPeerGone)
}

func testRefusalsGoThroughAHop(t *T) {
	l1, l2 := t.connect(), t.connect()
	s, in := channel[parcel](t, l1.A, l1.B)
	out, last := channelAs[parcel, forgetful](t, l2.A, l2.B)
	t.polled(l1.A)
	t.polled(l1.B)
	replies, reply := engine.Pipe[note]()
	feed, write := engine.Pipe[note]()
	t.check(s.Send(t.ctx, &parcel{Reply: reply, Feed: feed}))
	var p parcel
	t.check(in.Receive(t.ctx, &p))
	t.check(out.Send(t.ctx, &p))
	t.check(last.Receive(t.ctx, &forgetful{}))
	t.want(replies.Receive(t.ctx, &note{}), engine.ErrRefused)
	t.want(sendUntilEnd(t.ctx, write), engine.ErrRefused)
}

// testACancelledReplyDoesNotEndTheHop cancels what is in messages that a hop has yet to pass on.
func testACancelledReplyDoesNotEndTheHop(t *T) {
	l1, l2 := t.connect(), t.connect(engine.Limits{Window: 1024})
	t.polled(l1.B) // so that what comes is seen at once
	r, s := engine.Pipe[parcel]()
	far := pass(t, l2.A, l2.B, pass(t, l1.A, l1.B, &parcel{Parcels: r})).Parcels
	const many = 200
	for i := range uint64(many) {
		replies, reply := engine.Pipe[note]()
		feed, out := engine.Pipe[note]()
		t.check(s.Send(t.ctx, &parcel{ID: i, Reply: reply, Feed: feed}))
		if i%2 == 0 {
			t.check(replies.CloseWith(&engine.ChannelError{Code: 321, Text: "never mind"}))
			t.check(out.CloseWith(&engine.ChannelError{Code: 322, Text: "nothing"}))
		}
	}
	for i := range uint64(many) {
		var p parcel
		t.check(far.Receive(t.ctx, &p))
		if p.ID != i {
			t.Fatalf("parcel %d where %d was due", p.ID, i)
		}
		if i%2 == 0 {
			t.wantReason(sendUntilEnd(t.ctx, p.Reply), 321, "never mind")
			t.wantReason(p.Feed.Receive(t.ctx, &note{}), 322, "nothing")
		}
	}
}

// testWhatTheHopCannotForwardIsRefused has a hop that may open few channels: what it cannot pass on ends, with the limit.
func testWhatTheHopCannotForwardIsRefused(t *T) {
	const most = 4
	l1, l2 := t.connect(), t.connectWith(engine.Limits{Channels: most}, engine.Limits{})
	t.polled(l1.B) // so that what comes later is seen
	r, s := engine.Pipe[parcel]()
	far := pass(t, l2.A, l2.B, pass(t, l1.A, l1.B, &parcel{Parcels: r})).Parcels
	var receivers []engine.Receiver[note]
	for {
		replies, reply := engine.Pipe[note]()
		receivers = append(receivers, replies)
		if s.Send(t.ctx, &parcel{Reply: reply}) != nil || len(receivers) == 2*most {
			break
		}
	}
	n, err := 0, error(nil)
	for ; err == nil; n++ {
		err = far.Receive(t.ctx, &parcel{})
	}
	t.wantLimit(err, "open channels", "4")
	t.wantLimit(sendParcelsUntilEnd(t, s), "open channels", "4")
	if len(receivers) < n {
		t.Fatalf("%d were sent, %d received", len(receivers), n)
	}
	// The one that was too many, and those behind it, are refused and not forgotten.
	for _, r := range receivers[n-1:] {
		if err := r.Receive(t.ctx, &note{}); err == nil || t.ctx.Err() != nil {
			t.Errorf("a reply channel that was not passed on: %v", err)
		}
	}
}

func sendParcelsUntilEnd(t *T, s engine.Sender[parcel]) error {
	for {
		if err := s.Send(t.ctx, &parcel{}); err != nil {
			return err
		}
	}
}
