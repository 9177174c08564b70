package transporttest

import (
	"errors"
	"os"
	"strings"

	"github.com/corechan/corechan/engine"
)

func testAMessageThatIsTooLargeNamesTheLimit(t *T) {
	t.onRoutesWith(engine.Limits{MaxMessage: 2000}, func(t *T, w way) {
		if w.from == nil {
			return // within the process there is the ring only
		}
		if n := w.s.MaxMessage(); n != 2000 {
			t.Errorf("MaxMessage is %d", n)
		}
		err := w.s.Send(t.ctx, &note{Text: strings.Repeat("x", 3000)})
		t.wantLimit(err, "bytes a message", "2000")
		if e := as[*engine.LimitError](t, err); e.Limit != 2000 || e.Got < 3000 {
			t.Errorf("%+v", *e)
		}
		// The channel goes on, with messages just small enough.
		m := note{ID: 1}
		m.Text = strings.Repeat("x", 2000-m.Msgsize())
		t.check(w.s.Send(t.ctx, &m))
		var got note
		t.check(w.r.Receive(t.ctx, &got))
		if got != m {
			t.Errorf("%d bytes", len(got.Text))
		}
	})
}

func testTooManyChannelsNameTheLimit(t *T) {
	const most = 5
	l := t.connectWith(engine.Limits{Channels: most}, engine.Limits{})
	var senders []engine.Sender[note]
	var receivers []engine.Receiver[note]
	for range most {
		s, r := channel[note](t, l.A, l.B)
		senders, receivers = append(senders, s), append(receivers, r)
	}
	_, err := engine.Open[note](t.ctx, l.A, "x")
	t.wantLimit(err, "open channels", "5")
	// One that has ended makes room.
	t.check(senders[0].Close())
	t.eventually("there is room", func() bool {
		s, err := engine.Open[note](t.ctx, l.A, "x")
		if err != nil {
			t.wantLimit(err, "open channels", "5")
			return false
		}
		senders[0] = s
		return true
	})
	for i := range senders[1:] {
		sendNumbers(t, senders[1+i], 0, 1)
		wantNumbers(t, receivers[1+i], 0, 1)
	}
}

func testTooManyChannelsForThePeerNameTheLimit(t *T) {
	const most = 5
	l := t.connectWith(engine.Limits{}, engine.Limits{Channels: most})
	var senders []engine.Sender[note]
	var receivers []engine.Receiver[note]
	for range most {
		s, r := channel[note](t, l.A, l.B)
		senders, receivers = append(senders, s), append(receivers, r)
	}
	t.polled(l.B)
	s, err := engine.Open[note](t.ctx, l.A, "x")
	t.check(err)
	err = sendUntilEnd(t.ctx, s)
	t.wantReason(err, engine.CodeLimit, "open channels")
	t.wantLimit(err, "open channels", "5")
	for i := range senders {
		sendNumbers(t, senders[i], 0, 1)
		wantNumbers(t, receivers[i], 0, 1)
	}
}

func testTooManyUnclaimedChannelsNameTheLimit(t *T) {
	const most = 5
	l := t.connectWith(engine.Limits{}, engine.Limits{Unclaimed: most})
	t.polled(l.B)
	var senders []engine.Sender[note]
	for range most + 1 {
		s, err := engine.Open[note](t.ctx, l.A, "x")
		t.check(err)
		senders = append(senders, s)
	}
	t.wantLimit(sendUntilEnd(t.ctx, senders[most]), "channels that nobody has accepted", "5")
	for i := range uint64(most) { // the others are accepted in their order
		t.check(senders[i].Send(t.ctx, &note{ID: i}))
		r, err := engine.Accept[note](t.ctx, l.B, "x")
		t.check(err)
		wantNumbers(t, r, i, i+1)
	}
}

func testTooManyReferencesNameTheLimit(t *T) {
	const most = 5
	l := t.connectWith(engine.Limits{}, engine.Limits{References: most})
	s, r := channel[parcel](t, l.A, l.B)
	last, seen := channel[note](t, l.A, l.B)
	var replies [most + 2]engine.Receiver[note]
	for i := range replies {
		var reply engine.Sender[note]
		replies[i], reply = engine.Pipe[note]()
		t.check(s.Send(t.ctx, &parcel{ID: uint64(i), Reply: reply}))
	}
	sendNumbers(t, last, 0, 1)
	wantNumbers(t, seen, 0, 1) // so all of them wait in the receiver's inbox
	for i := range replies {
		var got parcel
		err := r.Receive(t.ctx, &got)
		if i < most {
			t.check(err)
			sendNumbers(t, got.Reply, 0, 1)
			wantNumbers(t, replies[i], 0, 1)
			continue
		}
		t.wantLimit(err, "values in messages that nobody has received", "5")
		t.wantLimit(replies[i].Receive(t.ctx, &note{}), "values in messages that nobody has received", "5")
	}
	// The channel goes on, and what was received makes room.
	for range 3 * most {
		r2, reply := engine.Pipe[note]()
		t.check(s.Send(t.ctx, &parcel{Reply: reply}))
		var got parcel
		t.check(r.Receive(t.ctx, &got))
		sendNumbers(t, got.Reply, 0, 1)
		wantNumbers(t, r2, 0, 1)
	}
}

func testTooManyValuesInAMessageNameTheLimit(t *T) {
	l := t.connect()
	s, r := channel[crowd](t, l.A, l.B)
	var c crowd
	for range 1025 {
		_, reply := engine.Pipe[note]()
		c.List = append(c.List, reply)
	}
	t.wantLimit(s.Send(t.ctx, &c), "values carried by a message", "1024")
	c.List = c.List[:1024]
	t.check(s.Send(t.ctx, &c))
	var got crowd
	t.check(r.Receive(t.ctx, &got))
	if len(got.List) != 1024 {
		t.Error(len(got.List))
	}
	if !t.tr.Descriptors {
		return
	}
	f, err := os.Open(os.DevNull)
	t.check(err)
	defer f.Close()
	many, _ := channel[drawer](t, l.A, l.B)
	var d drawer
	for range 254 {
		d.Files = append(d.Files, engine.Carried[*os.File]{V: f})
	}
	t.wantLimit(many.Send(t.ctx, &d), "descriptors a message", "253")
}

// testTooManyNestedChannelsNameTheLimit exceeds the limit of open channels with those in messages.
func testTooManyNestedChannelsNameTheLimit(t *T) {
	const most = 5
	t.sub("ofTheSender", func(t *T) {
		l := t.connectWith(engine.Limits{Channels: most}, engine.Limits{})
		s, r := channel[parcel](t, l.A, l.B)
		var receivers []engine.Receiver[note]
		for range most {
			replies, reply := engine.Pipe[note]()
			receivers = append(receivers, replies)
			t.check(s.Send(t.ctx, &parcel{Reply: reply}))
		}
		replies, reply := engine.Pipe[note]()
		t.wantLimit(s.Send(t.ctx, &parcel{Reply: reply}), "open channels", "5")
		sendNumbers(t, reply, 0, 1) // it was not given away
		wantNumbers(t, replies, 0, 1)
		for i := range receivers {
			var got parcel
			t.check(r.Receive(t.ctx, &got))
			sendNumbers(t, got.Reply, 0, 1)
			wantNumbers(t, receivers[i], 0, 1)
		}
	})
	t.sub("ofTheReceiver", func(t *T) {
		l := t.connectWith(engine.Limits{}, engine.Limits{Channels: most})
		s, r := channel[parcel](t, l.A, l.B)
		for i := range most + 2 {
			replies, reply := engine.Pipe[note]()
			t.check(s.Send(t.ctx, &parcel{Reply: reply}))
			var got parcel
			if err := r.Receive(t.ctx, &got); i >= most {
				t.wantLimit(err, "open channels", "5")
				t.wantLimit(replies.Receive(t.ctx, &note{}), "open channels", "5")
			} else {
				t.check(err)
			}
		}
	})
}

func testTooManyLanesNameTheLimit(t *T) {
	if !t.tr.Lanes {
		l := t.connect()
		_, err := engine.OpenLane[note](t.ctx, l.A, "x", nil)
		t.want(err, errors.ErrUnsupported)
		return
	}
	l := t.connect(engine.Limits{Lanes: 2})
	t.polled(l.B)
	for range 2 {
		_, err := engine.OpenLane[note](t.ctx, l.A, "x", nil)
		t.check(err)
	}
	_, err := engine.OpenLane[note](t.ctx, l.A, "x", nil)
	t.wantLimit(err, "lanes", "2")
}
