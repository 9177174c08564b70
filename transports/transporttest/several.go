package transporttest

import (
	"errors"
	"io"
	"slices"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/codec/json"
)

func testHeadersTravel(t *T) {
	l := t.connect()
	s, err := engine.OpenWith[note](t.ctx, l.A, "x", &engine.OpenOptions{Header: engine.Header{"tenant": "blue"}})
	t.check(err)
	r, err := engine.Accept[note](t.ctx, l.B, "x")
	t.check(err)
	if h := r.Header(); h["tenant"] != "blue" {
		t.Error(h)
	}
	t.check(s.SendWith(t.ctx, &note{ID: 1}, &engine.SendOptions{Header: engine.Header{"trace": "abc"}}))
	t.check(s.SendWith(t.ctx, &note{ID: 2}, &engine.SendOptions{Last: true}))
	var n note
	var m engine.Meta
	t.check(r.ReceiveWith(t.ctx, &n, &m))
	if n.ID != 1 || m.Header["trace"] != "abc" {
		t.Error(n, m)
	}
	t.check(r.ReceiveWith(t.ctx, &n, &m))
	if n.ID != 2 || m.Header != nil {
		t.Error(n, m)
	}
	t.want(r.Receive(t.ctx, &n), io.EOF)
}

// A form is a message that is encoded by reflection.
type form struct {
	Name  string
	Reply engine.Sender[note]
	More  any
}

func testAChannelHasTheCodecOfItsOpening(t *T) {
	l := t.connect()
	s, err := engine.OpenWith[form](t.ctx, l.A, "x", &engine.OpenOptions{Codec: json.Codec{}})
	t.check(err)
	_, err = engine.Accept[form](t.ctx, l.B, "x") // an engine that does not know it
	t.want(err, engine.ErrCodec)
	for err = nil; err == nil; {
		err = s.Send(t.ctx, &form{})
	}
	t.want(err, engine.ErrCodec)
}

func testReflectionCarriesValues(t *T) {
	l := t.connect()
	s, r := channel[form](t, l.A, l.B)
	replies, reply := engine.Pipe[note]()
	others, other := engine.Pipe[any]()
	t.check(s.Send(t.ctx, &form{Name: "x", Reply: reply, More: map[string]any{"deep": []any{other}}}))
	var got form
	t.check(r.Receive(t.ctx, &got))
	sendNumbers(t, got.Reply, 0, 10)
	wantNumbers(t, replies, 0, 10)
	deep, ok := got.More.(map[string]any)["deep"].([]any)[0].(engine.Sender[any])
	if !ok {
		t.Fatalf("%#v", got.More)
	}
	word := any("word")
	t.check(deep.Send(t.ctx, &word))
	var back any
	t.check(others.Receive(t.ctx, &back))
	if back != word {
		t.Error(back)
	}
}

func testAnUnbufferedSendWaitsForItsReceive(t *T) {
	l := t.connect()
	s, err := engine.OpenWith[note](t.ctx, l.A, "x", &engine.OpenOptions{Unbuffered: true})
	t.check(err)
	r, err := engine.Accept[note](t.ctx, l.B, "x")
	t.check(err)
	for i := range uint64(20) {
		w, cancel := t.watch()
		sent := result(func() error { return s.Send(w, &note{ID: i}) })
		get(t, w.waiting)
		select {
		case err := <-sent:
			t.Fatal("nobody has received it: ", err)
		default:
		}
		wantNumbers(t, r, i, i+1)
		t.check(get(t, sent))
		cancel()
	}
}

func testSelectReceivesFromWhicheverHasOne(t *T) {
	l, m := t.connect(), t.connect()
	s1, r1 := channel[note](t, l.A, l.B)
	s2, r2 := channel[note](t, m.A, m.B)
	sendNumbers(t, s1, 0, 5)
	sendNumbers(t, s2, 0, 5)
	t.check(s1.Close())
	t.check(s2.Close())
	var got, ended [2]int
	for ended != [2]int{1, 1} {
		var a, b note
		i, err := engine.Select(t.ctx, engine.Case(r1, &a), engine.Case(r2, &b))
		switch {
		case err == nil:
			got[i]++
		case errors.Is(err, io.EOF):
			ended[i]++
			if i == 0 {
				r1 = engine.Receiver[note]{}
			} else {
				r2 = engine.Receiver[note]{}
			}
		default:
			t.Fatal(i, err)
		}
	}
	if got != [2]int{5, 5} {
		t.Error(got)
	}
}

func testAMergeReceivesFromAll(t *T) {
	l := t.connect()
	m := engine.NewMerge[note]()
	defer m.Close()
	const channels, each = 5, 20
	for range channels {
		s, r := channel[note](t, l.A, l.B)
		t.check(m.Add(r))
		sendNumbers(t, s, 0, each)
		t.check(s.Close())
	}
	var sum uint64
	for range channels * each {
		var n note
		t.check(m.Receive(t.ctx, &n))
		sum += n.ID
	}
	if sum != channels*each*(each-1)/2 {
		t.Error(sum)
	}
}

func testCopyMovesMessagesWithWhatTheyCarry(t *T) {
	l, m := t.connect(), t.connect()
	s, from := channel[parcel](t, l.A, l.B)
	to, r := channel[parcel](t, m.A, m.B)
	replies, reply := engine.Pipe[note]()
	t.check(s.Send(t.ctx, &parcel{Reply: reply}))
	t.check(s.Close())
	t.polled(m.B)
	n, err := engine.Copy(t.ctx, to, from)
	t.check(err)
	if n != 1 {
		t.Error(n)
	}
	var got parcel
	t.check(r.Receive(t.ctx, &got))
	t.polled(l.A)
	sendNumbers(t, got.Reply, 0, 10)
	wantNumbers(t, replies, 0, 10)
}

func testASessionListsItsChannels(t *T) {
	l := t.connect()
	s, r := channel[note](t, l.A, l.B)
	sendNumbers(t, s, 0, 3)
	wantNumbers(t, r, 0, 3)
	list := slices.Collect(l.B.Channels())
	if len(list) != 1 || list[0].Messages != 3 || list[0].Direction != engine.Receives || list[0].Codec != "msgpack" {
		t.Errorf("%+v", list)
	}
}

func testValuesThatNobodyReceivesExpire(t *T) {
	l := t.connect(engine.Limits{ReferenceExpiry: time.Millisecond})
	s, r := channel[parcel](t, l.A, l.B)
	replies, reply := engine.Pipe[note]()
	t.check(s.Send(t.ctx, &parcel{Reply: reply}))
	t.polled(l.B)
	t.want(replies.Receive(t.ctx, &note{}), engine.ErrRefused)
	t.want(r.Receive(t.ctx, &parcel{}), engine.ErrExpired)
}
