package engine_test

import (
	"context"
	"io"
	"os"
	"runtime"
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

// What a Receiver that comes home is on the wire: the Sender's channel is closed at once, and what the peer passes on comes first.
func TestAReceiverThatComesHomeOnTheWire(t *testing.T) {
	v := newVictim(t, engine.Config{}, nil)
	v.write(open1(9, "msgpack", "asks"))
	asks := must(engine.Accept[ask](v.done, v.sess, "asks"))
	check(t, v.out.Send(v.done, &order{ID: 1}))
	v.write(frame{typ: frameData, channel: 9, arg: 1, payload: line(1, 2, 0, 11, outID) + "\x00\xc0\xd6\x07\x00\x00\x00\x01\xc0\xc0\xc0"})
	var home ask
	check(t, asks.Receive(v.done, &home))
	wantErr(t, v.out.Send(impatient(v.done), &order{}), context.Canceled)                      // the peer's come first
	for f := v.read(); f.typ != frameClose || f.channel != outID || f.arg != 0; f = v.read() { // hangs if there is none
	}
	// It is over for both sides: what crossed its end means nothing.
	v.write(frame{typ: frameCredit, channel: outID, arg: 1})
	v.write(frame{typ: frameReset, channel: outID, arg: 2})
	v.write(frame{typ: frameData, channel: 11, payload: string(must((&order{ID: 1}).MarshalMsg(nil)))})
	sent := result(func() error { return v.out.Send(v.done, &order{ID: 2}) })
	v.write(frame{typ: frameClose, channel: 11})
	check(t, get(t, sent))
	v.write(frame{typ: frameData, channel: 11, payload: orderPayload}) // it has ended
	for want := range uint64(2) {
		var o order
		check(t, home.More.Receive(v.done, &o))
		if o.ID != want+1 {
			t.Fatal(o)
		}
	}
	check(t, v.out.Close())
	wantErr(t, home.More.Receive(v.done, new(order)), io.EOF)
	// A second time it is a channel like any other, as the first has ended.
	v.write(frame{typ: frameData, channel: 9, arg: 1, payload: line(1, 2, 0, 13, outID) + "\x00\xc0\xd6\x07\x00\x00\x00\x01\xc0\xc0\xc0"})
	v.write(frame{typ: frameData, channel: 13, payload: orderPayload})
	v.write(frame{typ: frameClose, channel: 13, arg: 300, payload: "why"})
	check(t, asks.Receive(v.done, &home))
	var o order
	check(t, home.More.Receive(v.done, &o))
	if e := as[*engine.ChannelError](t, home.More.Receive(v.done, &o)); e.Code != 300 {
		t.Fatal(e)
	}
	check(t, v.sess.Err())
}

// What the peer does not pass on ends both ends at home.
func TestAPeerThatDoesNotPassOnWhatItHasEndsTheChannel(t *testing.T) {
	v := newVictim(t, engine.Config{}, nil)
	v.write(open1(9, "msgpack", "asks"))
	asks := must(engine.Accept[ask](v.done, v.sess, "asks"))
	v.write(frame{typ: frameData, channel: 9, arg: 1, payload: line(1, 2, 0, 11, outID) + "\x00\xc0\xd6\x07\x00\x00\x00\x01\xc0\xc0\xc0"})
	var home ask
	check(t, asks.Receive(v.done, &home))
	v.write(frame{typ: frameClose, channel: 11, arg: 5, payload: "too many"})
	wantErr(t, home.More.Receive(v.done, new(order)), engine.ErrLimit)
	wantErr(t, v.out.Send(v.done, new(order)), engine.ErrLimit)
	check(t, v.sess.Err())
}

// A Sender that came home is no way for the peer to put a message in.
func TestAPeerCannotSendOnWhatItGaveBack(t *testing.T) {
	for _, waiting := range []bool{false, true} {
		v := newVictim(t, engine.Config{}, nil)
		v.write(open1(9, "msgpack", "asks"))
		asks := must(engine.Accept[ask](v.done, v.sess, "asks"))
		v.write(frame{typ: frameData, channel: 9, arg: 1, payload: line(1, 5, 0, inID, 0) + "\x00\xd6\x07\x00\x00\x00\x01\xc0\xc0\xc0\xc0"})
		var home ask
		check(t, asks.Receive(v.done, &home))
		if waiting {
			received := result(func() error { return v.in.Receive(v.done, new(order)) })
			v.write(frame{typ: frameData, channel: inID, payload: orderPayload})
			v.write(frame{typ: frameData, channel: inID, payload: orderPayload})
			_ = home.Reply.Close()
			if err := get(t, received); err == nil {
				t.Fatal("a message came")
			}
			continue
		}
		v.write(frame{typ: frameData, channel: inID, payload: orderPayload})
		v.poll()
		check(t, home.Reply.Send(v.done, &order{ID: 7}))
		var o order
		check(t, v.in.Receive(v.done, &o))
		if o.ID != 7 {
			t.Fatal(o)
		}
	}
}

func TestHandlersGetWhatASenderThatCameHomeSends(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	got := make(chan uint64, 10)
	check(t, engine.Handle(a, "handled", func(_ context.Context, o *order) error { got <- o.ID; return nil }))
	s := must(engine.Open[order](ctx, b, "handled"))
	check(t, s.Send(ctx, &order{ID: 1}))
	back, backR := channelOf[ask](t, b, a, "back")
	check(t, back.Send(ctx, &ask{Reply: s}))
	var home ask
	check(t, backR.Receive(ctx, &home))
	for i := range uint64(5) {
		check(t, home.Reply.Send(ctx, &order{ID: i + 2}))
	}
	for i := range uint64(6) {
		if n := get(t, got); n != i+1 {
			t.Fatal(n, i)
		}
	}
	check(t, home.Reply.Close())
}

// Ends that come home from one session after the other leave nobody in between either.
func TestAReceiverComesHomeFromSeveralSessions(t *testing.T) {
	ctx := watchdog(t)
	type way struct {
		a, b      *engine.Session
		out, back engine.Sender[ask]
		far, home engine.Receiver[ask]
	}
	var ways []way
	for range 2 {
		w := way{}
		w.a, w.b = pair(t, nil)
		w.out, w.far = channelOf[ask](t, w.a, w.b, "out")
		w.back, w.home = channelOf[ask](t, w.b, w.a, "back")
		ways = append(ways, w)
	}
	r, s := engine.Pipe[order]()
	before := 0
	for i := range 200 {
		w := &ways[i%2]
		var far, home ask
		check(t, w.out.Send(ctx, &ask{More: r}))
		check(t, w.far.Receive(ctx, &far))
		check(t, s.Send(ctx, &order{ID: uint64(2 * i)}))
		check(t, w.back.Send(ctx, &ask{More: far.More}))
		check(t, w.home.Receive(ctx, &home))
		r = home.More
		check(t, s.Send(ctx, &order{ID: uint64(2*i + 1)}))
		for n := range 2 {
			var o order
			check(t, r.Receive(ctx, &o))
			if o.ID != uint64(2*i+n) {
				t.Fatal(o, i)
			}
		}
		if i == 20 {
			before = runtime.NumGoroutine()
		}
	}
	if n := runtime.NumGoroutine(); n > before+10 {
		t.Errorf("%d goroutines, after %d", n, before)
	}
	for _, w := range ways {
		polled(t, w.b, func() {
			for w.a.Stats().Channels+w.b.Stats().Channels != 4 {
				if ctx.Err() != nil {
					t.Fatalf("%d ends are open", w.a.Stats().Channels+w.b.Stats().Channels)
				}
				runtime.Gosched()
			}
		})
	}
	check(t, s.Close())
	wantErr(t, r.Receive(ctx, new(order)), io.EOF)
}

// All who wait for room learn of the end.
func TestAllSendsThatWaitAtHomeLearnOfTheEnd(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	out, outR := channelOf[ask](t, a, b, "out")
	back, backR := channelOf[ask](t, b, a, "back")
	r, s := engine.Pipe[order]()
	var far, home ask
	check(t, out.Send(ctx, &ask{More: r}))
	check(t, outR.Receive(ctx, &far))
	check(t, back.Send(ctx, &ask{More: far.More}))
	check(t, backR.Receive(ctx, &home))
	var waiting []<-chan error
	for range 5 {
		waiting = append(waiting, result(func() error {
			for {
				if err := s.Send(ctx, &order{Note: "of some length"}); err != nil {
					return err
				}
			}
		}))
	}
	for range 100 {
		check(t, home.More.Receive(ctx, new(order)))
	}
	check(t, home.More.Close())
	for _, w := range waiting {
		wantErr(t, get(t, w), engine.ErrCanceled)
	}
}

// An answer is its channel's last message, also if it is written in place.
func TestASlotsAnswerIsTheLast(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	type query struct{ Reply engine.Sender[engine.Raw] }
	s, r := channelOf[query](t, a, b, "x")
	over := result(func() error {
		var q query
		if err := r.Receive(ctx, &q); err != nil {
			return err
		}
		slot, err := q.Reply.Reserve(ctx, 10)
		if err != nil {
			return err
		}
		if err := slot.Commit(copy(slot.Bytes(), "answer")); err != nil {
			return err
		}
		_, err = q.Reply.Reserve(ctx, 10)
		return err
	})
	var q query
	var answer engine.Raw
	check(t, engine.Call(ctx, s, &q, &q.Reply, &answer))
	if string(answer) != "answer" {
		t.Errorf("%q", answer)
	}
	wantErr(t, get(t, over), os.ErrClosed)
	if n := a.Ends() + b.Ends(); n != 2 {
		t.Errorf("%d ends are open", n)
	}
}

// What came home is bounded as what is open.
func TestWhatCameHomeIsBounded(t *testing.T) {
	ctx := watchdog(t)
	const most = 5
	a, b := pair(t, with(t, engine.Config{Limits: engine.Limits{Channels: most}}))
	back, backR := channelOf[ask](t, b, a, "back")
	for i := range 2 * most {
		s := must(engine.Open[order](ctx, b, "x"))
		r := must(engine.Accept[order](ctx, a, "x"))
		check(t, back.Send(ctx, &ask{Reply: s}))
		err := backR.Receive(ctx, new(ask))
		if i < most {
			check(t, err)
			continue
		}
		wantErr(t, err, engine.ErrLimit)
		wantErr(t, r.Receive(ctx, new(order)), engine.ErrLimit)
	}
}
