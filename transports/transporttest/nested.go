package transporttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/corechan/corechan/engine"
)

func testAnEchoReturnsThroughANestedChannel(t *T) {
	l := t.connect()
	for _, d := range []struct{ from, to *engine.Session }{{l.A, l.B}, {l.B, l.A}} {
		s, r := channel[parcel](t, d.from, d.to)
		echo := result(func() error {
			for p, err := range r.All(t.ctx) {
				if err != nil {
					return err
				}
				for m, err := range p.Feed.All(t.ctx) {
					if err == nil {
						err = p.Reply.Send(t.ctx, m)
					}
					if err != nil {
						return err
					}
				}
				if err := p.Reply.Close(); err != nil {
					return err
				}
			}
			return nil
		})
		for range 20 {
			replies, reply := engine.Pipe[note]()
			feed, out := engine.Pipe[note]()
			t.check(s.Send(t.ctx, &parcel{Reply: reply, Feed: feed}))
			for i := range uint64(5) {
				t.check(out.Send(t.ctx, &note{ID: i}))
				wantNumbers(t, replies, i, i+1)
			}
			t.check(out.Close())
			t.want(replies.Receive(t.ctx, &note{}), io.EOF)
		}
		t.check(s.Close())
		t.check(get(t, echo))
	}
}

// testChannelsNestBothWaysAndDeep has each message bring the channel for the next one, which goes the other way or the
// same, and the last one bring a channel of notes.
func testChannelsNestBothWaysAndDeep(t *T) {
	const depth = 16
	t.sub("toAndFro", func(t *T) {
		l := t.connect()
		s, r := channel[parcel](t, l.A, l.B)
		for i := range uint64(depth) {
			next, deeper := engine.Pipe[parcel]()
			t.check(s.Send(t.ctx, &parcel{ID: i, Deeper: deeper}))
			t.check(s.Close())
			var got parcel
			t.check(r.Receive(t.ctx, &got))
			if got.ID != i {
				t.Fatal(got.ID)
			}
			t.want(r.Receive(t.ctx, &parcel{}), io.EOF)
			s, r = got.Deeper, next // who received sends
		}
		replies, reply := engine.Pipe[note]()
		t.check(s.Send(t.ctx, &parcel{Reply: reply}))
		var got parcel
		t.check(r.Receive(t.ctx, &got))
		sendNumbers(t, got.Reply, 0, 10)
		wantNumbers(t, replies, 0, 10)
	})
	t.sub("oneWay", func(t *T) {
		l := t.connect()
		s, r := channel[parcel](t, l.A, l.B)
		for i := range uint64(depth) {
			parcels, next := engine.Pipe[parcel]()
			t.check(s.Send(t.ctx, &parcel{ID: i, Parcels: parcels}))
			var got parcel
			t.check(r.Receive(t.ctx, &got))
			s, r = next, got.Parcels
		}
		feed, out := engine.Pipe[note]()
		t.check(s.Send(t.ctx, &parcel{Feed: feed}))
		var got parcel
		t.check(r.Receive(t.ctx, &got))
		sendNumbers(t, out, 0, 10)
		wantNumbers(t, got.Feed, 0, 10)
	})
	t.sub("allSentBeforeAnyIsReceived", func(t *T) {
		l := t.connect()
		s, r := channel[parcel](t, l.A, l.B)
		for range depth {
			parcels, next := engine.Pipe[parcel]()
			t.check(s.Send(t.ctx, &parcel{Parcels: parcels}))
			t.check(s.Close())
			s = next
		}
		feed, out := engine.Pipe[note]()
		t.check(s.Send(t.ctx, &parcel{Feed: feed}))
		sendNumbers(t, out, 0, 10)
		for range depth {
			var got parcel
			t.check(r.Receive(t.ctx, &got))
			t.want(r.Receive(t.ctx, &parcel{}), io.EOF)
			r = got.Parcels
		}
		var got parcel
		t.check(r.Receive(t.ctx, &got))
		wantNumbers(t, got.Feed, 0, 10)
	})
}

func testAMessageCarriesASenderAReceiverAndAStream(t *T) {
	l := t.connect()
	replies, reply := engine.Pipe[note]()
	feed, out := engine.Pipe[note]()
	body, write := engine.Stream()
	read, sink := engine.Stream()
	got := pass(t, l.A, l.B, &parcel{
		ID: 7, Reply: reply, Feed: feed, Body: engine.Carried[io.Reader]{V: body}, Sink: engine.Carried[io.WriteCloser]{V: sink},
	})
	if got.ID != 7 {
		t.Error(got.ID)
	}
	copied := result(func() error {
		_, err := io.Copy(got.Sink.V, got.Body.V)
		return errors.Join(err, got.Sink.V.Close())
	})
	written := result(func() error {
		_, err := io.Copy(write, strings.NewReader("some text"))
		return errors.Join(err, write.Close())
	})
	text, err := io.ReadAll(read)
	t.check(err)
	if string(text) != "some text" {
		t.Errorf("%q", text)
	}
	t.check(get(t, copied))
	t.check(get(t, written))
	sendNumbers(t, out, 0, 10)
	wantNumbers(t, got.Feed, 0, 10)
	sendNumbers(t, got.Reply, 0, 10)
	wantNumbers(t, replies, 0, 10)
}

func testSlicesAndMapsOfEndsAreCarried(t *T) {
	const n = 50
	l := t.connect()
	c := crowd{Map: map[string]engine.Receiver[note]{}}
	var receivers [n]engine.Receiver[note]
	var senders [n]engine.Sender[note]
	for i := range n {
		var s engine.Sender[note]
		receivers[i], s = engine.Pipe[note]()
		c.List = append(c.List, s)
		c.Map[fmt.Sprint(i)], senders[i] = engine.Pipe[note]()
	}
	got := pass(t, l.A, l.B, &c)
	if len(got.List) != n || len(got.Map) != n {
		t.Fatal(len(got.List), len(got.Map))
	}
	for i := range n {
		sendNumbers(t, got.List[i], uint64(i), uint64(i)+2)
		sendNumbers(t, senders[i], uint64(i), uint64(i)+2)
	}
	for i := range n {
		wantNumbers(t, receivers[i], uint64(i), uint64(i)+2)
		wantNumbers(t, got.Map[fmt.Sprint(i)], uint64(i), uint64(i)+2)
	}
}

// testWhatIsSentBeforeTheReferenceArrivesIsKept sends on a nested channel before the message that brings it is received.
func testWhatIsSentBeforeTheReferenceArrivesIsKept(t *T) {
	l := t.connect()
	s, err := engine.Open[parcel](t.ctx, l.A, "x")
	t.check(err)
	feed, out := engine.Pipe[note]()
	body, write := engine.Stream()
	t.check(s.Send(t.ctx, &parcel{Feed: feed, Body: engine.Carried[io.Reader]{V: body}}))
	sendNumbers(t, out, 0, 100)
	t.check(out.Close())
	_, err = write.Write([]byte("early"))
	t.check(err)
	t.check(write.Close())
	r, err := engine.Accept[parcel](t.ctx, l.B, "x")
	t.check(err)
	var got parcel
	t.check(r.Receive(t.ctx, &got))
	wantNumbers(t, got.Feed, 0, 100)
	t.want(got.Feed.Receive(t.ctx, &note{}), io.EOF)
	text, err := io.ReadAll(got.Body.V)
	t.check(err)
	if string(text) != "early" {
		t.Errorf("%q", text)
	}
}

// testWhatIsSentBeforeTheReferenceIsTakenIsKept is the same, with a receiver that has everything in its inbox already.
func testWhatIsSentBeforeTheReferenceIsTakenIsKept(t *T) {
	l := t.connect()
	s, r := channel[parcel](t, l.A, l.B)
	last, seen := channel[note](t, l.A, l.B)
	feed, out := engine.Pipe[note]()
	t.check(s.Send(t.ctx, &parcel{Feed: feed}))
	sendNumbers(t, out, 0, 100)
	t.check(out.CloseWith(errors.New("that was all")))
	sendNumbers(t, last, 0, 1)
	wantNumbers(t, seen, 0, 1) // so all that was sent before has been read
	var got parcel
	t.check(r.Receive(t.ctx, &got))
	wantNumbers(t, got.Feed, 0, 100)
	t.wantReason(got.Feed.Receive(t.ctx, &note{}), engine.CodeError, "that was all")
}

func testAnEndIsGivenAwayOnce(t *T) {
	l := t.connect()
	s, r := channel[parcel](t, l.A, l.B)
	replies, reply := engine.Pipe[note]()
	feed, out := engine.Pipe[note]()
	t.check(s.Send(t.ctx, &parcel{Reply: reply, Feed: feed}))
	t.want(reply.Send(t.ctx, &note{}), engine.ErrGiven)
	t.want(reply.Close(), engine.ErrGiven)
	t.want(feed.Receive(t.ctx, &note{}), engine.ErrGiven)
	t.want(feed.Close(), engine.ErrGiven)
	t.want(s.Send(t.ctx, &parcel{Reply: reply}), engine.ErrGiven)
	t.want(s.Send(t.ctx, &parcel{Feed: feed}), engine.ErrGiven)
	var got parcel
	t.check(r.Receive(t.ctx, &got))
	sendNumbers(t, got.Reply, 0, 5) // the failures did it no harm
	wantNumbers(t, replies, 0, 5)
	sendNumbers(t, out, 0, 5)
	wantNumbers(t, got.Feed, 0, 5)

	more, twice := engine.Pipe[note]()
	crowds, _ := channel[crowd](t, l.A, l.B)
	if err := crowds.Send(t.ctx, &crowd{List: []engine.Sender[note]{twice, twice}}); err == nil {
		t.Error("an end was sent twice in one message")
	}
	sendNumbers(t, twice, 0, 5)
	wantNumbers(t, more, 0, 5)
}

// testWhoWaitsForAnEndThatIsGivenAwayTakesNothing gives ends away that others use at that time: what comes is the new owner's.
func testWhoWaitsForAnEndThatIsGivenAwayTakesNothing(t *T) {
	for _, how := range []string{"Receive", "Lease", "Select", "Read"} {
		t.sub(how, func(t *T) {
			l := t.connect()
			s, r := channel[engine.Raw](t, l.B, l.A)
			m := engine.Raw("x")
			body, write := engine.Stream()
			ctx, _ := t.watch()
			waiting := result(func() (err error) {
				switch how {
				case "Receive":
					err = r.Receive(ctx, new(engine.Raw))
				case "Lease":
					_, err = r.Lease(ctx)
				case "Select":
					_, err = engine.Select(ctx, engine.Case(r, new(engine.Raw)))
				case "Read":
					close(ctx.waiting)
					_, err = body.Read(make([]byte, 10))
				}
				return err
			})
			get(t, ctx.waiting)
			if how == "Read" {
				_, err := io.WriteString(write, "y") // the stream is in use
				t.check(err)
				t.check(get(t, waiting))
				got := pass(t, l.A, l.B, &parcel{Body: engine.Carried[io.Reader]{V: body}}).Body.V
				_, err = io.WriteString(write, "text")
				t.check(err)
				_, err = body.Read(make([]byte, 10))
				t.want(err, engine.ErrGiven)
				t.want(body.Close(), engine.ErrGiven)
				t.check(write.Close())
				b, err := io.ReadAll(got)
				t.check(err)
				if string(b) != "text" {
					t.Errorf("%q", b)
				}
				return
			}
			got := pass(t, l.A, l.B, &rawEnds{R: r}).R
			t.check(s.Send(t.ctx, &m))
			t.check(got.Receive(t.ctx, &m))
			t.want(get(t, waiting), engine.ErrGiven)
			t.check(s.Close())
			t.want(got.Receive(t.ctx, &m), io.EOF)
		})
	}
	t.sub("Write", func(t *T) {
		l := t.connect()
		read, write := engine.Stream()
		got := result(func() string { b, _ := io.ReadAll(read); return string(b) })
		_, err := io.WriteString(write, "begin, ")
		t.check(err)
		far := pass(t, l.A, l.B, &parcel{Sink: engine.Carried[io.WriteCloser]{V: write}}).Sink.V
		_, err = io.WriteString(write, "nobody's")
		t.want(err, engine.ErrGiven)
		_, err = io.WriteString(far, "end")
		t.check(err)
		t.check(far.Close())
		if text := get(t, got); text != "begin, end" {
			t.Errorf("%q", text)
		}
	})
}

// testAClosedEndIsNotGivenAway closes ends, of a Pipe, of a channel and of a stream, and then puts them into a message.
func testAClosedEndIsNotGivenAway(t *T) {
	l := t.connect()
	s, r := channel[parcel](t, l.A, l.B)
	local, localS := engine.Pipe[parcel]()
	replies, reply := engine.Pipe[note]()
	feed, out := engine.Pipe[note]()
	opened, accepted := channel[note](t, l.A, l.B)
	read, write := engine.Stream()
	t.check(reply.Close())
	t.check(feed.Close())
	t.check(opened.Close())
	t.check(accepted.Close())
	t.check(read.Close())
	for _, s := range []engine.Sender[parcel]{s, localS} {
		t.want(s.Send(t.ctx, &parcel{Reply: reply}), os.ErrClosed)
		t.want(s.Send(t.ctx, &parcel{Feed: feed}), os.ErrClosed)
		t.want(s.Send(t.ctx, &parcel{Reply: opened}), os.ErrClosed)
		t.want(s.Send(t.ctx, &parcel{Body: engine.Carried[io.Reader]{V: read}}), os.ErrClosed)
		t.check(s.Send(t.ctx, &parcel{ID: 5})) // it goes on
	}
	back, _ := channel[parcel](t, l.B, l.A)
	t.want(back.Send(t.ctx, &parcel{Feed: accepted}), os.ErrClosed)
	wantParcel(t, r, 5)
	wantParcel(t, local, 5)
	t.want(replies.Receive(t.ctx, &note{}), io.EOF)
	t.want(sendUntilEnd(t.ctx, out), engine.ErrCanceled)
	t.want(writeUntilEnd(write), engine.ErrCanceled)
}

func wantParcel(t *T, r engine.Receiver[parcel], id uint64) {
	t.Helper()
	var p parcel
	t.check(r.Receive(t.ctx, &p))
	if p.ID != id {
		t.Errorf("parcel %d where %d was due", p.ID, id)
	}
}

// testAnEndThatItsOtherSideHasEndedCanBeGivenAway sends ends that have ended, which its owner cannot know: they arrive as that.
func testAnEndThatItsOtherSideHasEndedCanBeGivenAway(t *T) {
	reason := &engine.ChannelError{Code: 320, Text: "no more"}
	for _, w := range []string{"opened", "given"} {
		t.sub(w, func(t *T) {
			l := t.connect()
			s, r := channel[note](t, l.A, l.B)
			if w == "given" {
				p, q := engine.Pipe[note]()
				r, s = p, pass(t, l.B, l.A, &parcel{Reply: q}).Reply
			}
			t.check(r.CloseWith(reason))
			t.wantReason(sendUntilEnd(t.ctx, s), reason.Code, reason.Text)
			got := pass(t, l.A, l.B, &parcel{Reply: s}).Reply
			t.wantReason(sendUntilEnd(t.ctx, got), reason.Code, reason.Text)
		})
	}
	l := t.connect()
	r, s := engine.Pipe[note]()
	t.check(s.CloseWith(reason))
	t.wantReason(r.Receive(t.ctx, &note{}), reason.Code, reason.Text)
	got := pass(t, l.A, l.B, &parcel{Feed: r}).Feed
	t.wantReason(got.Receive(t.ctx, &note{}), reason.Code, reason.Text)
}

func testAnEndThatIsNotSetArrivesNotSet(t *T) {
	l := t.connect()
	got := pass(t, l.A, l.B, &parcel{ID: 3})
	if *got != (parcel{ID: 3}) {
		t.Errorf("%+v", *got)
	}
	if err := got.Reply.Send(t.ctx, &note{}); err == nil {
		t.Error("a zero Sender sends")
	}
	if err := got.Feed.Receive(t.ctx, &note{}); err == nil {
		t.Error("a zero Receiver receives")
	}
}

// testAnEndThatWasUsedCanBeGivenAway gives away the ends of pipes with messages in them.
func testAnEndThatWasUsedCanBeGivenAway(t *T) {
	t.sub("receiver", func(t *T) {
		l := t.connect()
		r, s := engine.Pipe[note]()
		sendNumbers(t, s, 0, 10)
		wantNumbers(t, r, 0, 5)
		got := pass(t, l.A, l.B, &parcel{Feed: r})
		sendNumbers(t, s, 10, 20)
		t.check(s.CloseWith(errors.New("enough")))
		wantNumbers(t, got.Feed, 5, 20)
		t.wantReason(got.Feed.Receive(t.ctx, &note{}), engine.CodeError, "enough")
	})
	t.sub("sender", func(t *T) {
		l := t.connect()
		r, s := engine.Pipe[note]()
		sendNumbers(t, s, 0, 10)
		got := pass(t, l.A, l.B, &parcel{Reply: s})
		sendNumbers(t, got.Reply, 10, 20)
		t.check(got.Reply.Close())
		wantNumbers(t, r, 0, 20)
		t.want(r.Receive(t.ctx, &note{}), io.EOF)
	})
}

// testAnOpenedChannelCanBeGivenAway gives an end of a channel of one session away on another.
func testAnOpenedChannelCanBeGivenAway(t *T) {
	l1, l2 := t.connect(), t.connect()
	s, r := channel[note](t, l1.A, l1.B)
	last, seen := channel[note](t, l1.A, l1.B)
	sendNumbers(t, s, 0, 50)
	sendNumbers(t, last, 0, 1)
	wantNumbers(t, seen, 0, 1) // so there are messages in the inbox
	sendNumbers(t, s, 50, 60)  // and in the ring
	wantNumbers(t, r, 0, 25)
	got := pass(t, l2.A, l2.B, &parcel{Feed: r, Reply: s})
	sendNumbers(t, got.Reply, 60, 100)
	t.check(got.Reply.Close())
	wantNumbers(t, got.Feed, 25, 100)
	t.want(got.Feed.Receive(t.ctx, &note{}), io.EOF)
}

// testBothEndsOfAPipeCanBeGivenAway gives both ends to the peer, which then has a channel to itself.
func testBothEndsOfAPipeCanBeGivenAway(t *T) {
	t.sub("oneAfterTheOther", func(t *T) {
		l := t.connect()
		r, s := engine.Pipe[note]()
		feed := pass(t, l.A, l.B, &parcel{Feed: r}).Feed
		reply := pass(t, l.A, l.B, &parcel{Reply: s}).Reply
		sendNumbers(t, reply, 0, 100)
		t.check(reply.Close())
		wantNumbers(t, feed, 0, 100)
		t.want(feed.Receive(t.ctx, &note{}), io.EOF)
	})
	t.sub("toTwoPeers", func(t *T) {
		l1, l2 := t.connect(), t.connect()
		r, s := engine.Pipe[note]()
		reply := pass(t, l1.A, l1.B, &parcel{Reply: s}).Reply
		feed := pass(t, l2.A, l2.B, &parcel{Feed: r}).Feed
		sendNumbers(t, reply, 0, 100)
		t.check(reply.Close())
		wantNumbers(t, feed, 0, 100)
		t.want(feed.Receive(t.ctx, &note{}), io.EOF)
	})
	t.sub("inOneMessage", func(t *T) {
		l := t.connect()
		r, s := engine.Pipe[note]()
		sent := result(func() *parcel { return pass(t, l.A, l.B, &parcel{Reply: s, Feed: r}) })
		got := get(t, sent)
		sendNumbers(t, got.Reply, 0, 100)
		t.check(got.Reply.Close())
		wantNumbers(t, got.Feed, 0, 100)
		t.want(got.Feed.Receive(t.ctx, &note{}), io.EOF)
	})
}

// testOneOfManyGiversWins gives one end away in several messages at the same time, over several sessions.
func testOneOfManyGiversWins(t *T) {
	const givers = 4
	var senders [givers]engine.Sender[parcel]
	var receivers [givers]engine.Receiver[parcel]
	for i := range givers {
		l := t.connect()
		senders[i], receivers[i] = channel[parcel](t, l.A, l.B)
	}
	for round := range 50 {
		replies, reply := engine.Pipe[note]()
		var errs [givers]<-chan error
		for i := range givers {
			errs[i] = result(func() error { return senders[i].Send(t.ctx, &parcel{Reply: reply}) })
		}
		winner := -1
		for i := range givers {
			switch err := get(t, errs[i]); {
			case err != nil:
				t.want(err, engine.ErrGiven)
			case winner >= 0:
				t.Fatalf("round %d: %d and %d have given it away", round, winner, i)
			default:
				winner = i
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody has given it away", round)
		}
		var got parcel
		t.check(receivers[winner].Receive(t.ctx, &got))
		sendNumbers(t, got.Reply, 0, 2)
		t.check(got.Reply.Close())
		wantNumbers(t, replies, 0, 2)
		t.want(replies.Receive(t.ctx, &note{}), io.EOF)
	}
}

// testAnOpenedEndIsGivenAwayOnce is the same for ends of opened channels, and of received ones.
func testAnOpenedEndIsGivenAwayOnce(t *T) {
	t.sub("sender", func(t *T) {
		t.onLinks(func(t *T, w way) {
			l := t.connect()
			got := pass(t, l.A, l.B, &parcel{Reply: w.s})
			t.want(w.s.Send(t.ctx, &note{}), engine.ErrGiven)
			t.want(w.s.Close(), engine.ErrGiven)
			s, _ := channel[parcel](t, l.A, l.B)
			t.want(s.Send(t.ctx, &parcel{Reply: w.s}), engine.ErrGiven)
			sendNumbers(t, got.Reply, 0, 10)
			wantNumbers(t, w.r, 0, 10)
		})
	})
	t.sub("receiver", func(t *T) {
		t.onLinks(func(t *T, w way) {
			l := t.connect()
			got := pass(t, l.A, l.B, &parcel{Feed: w.r})
			t.want(w.r.Receive(t.ctx, &note{}), engine.ErrGiven)
			t.want(w.r.Close(), engine.ErrGiven)
			s, _ := channel[parcel](t, l.A, l.B)
			t.want(s.Send(t.ctx, &parcel{Feed: w.r}), engine.ErrGiven)
			sendNumbers(t, w.s, 0, 10)
			wantNumbers(t, got.Feed, 0, 10)
		})
	})
}

// testALaneCarriesNothing sends a parcel on a lane: that is refused, and nothing is given away.
func testALaneCarriesNothing(t *T) {
	if !t.tr.Lanes {
		return
	}
	l := t.connect()
	t.polled(l.B)
	opened, accepted := channel[note](t, l.A, l.B) // before the lane, which has its name
	s, err := engine.OpenLane[parcel](t.ctx, l.A, "x", nil)
	t.check(err)
	replies, reply := engine.Pipe[note]()
	feed, out := engine.Pipe[note]()
	body, write := engine.Stream()
	read, sink := engine.Stream()
	_, path := contents(t, 100)
	file, err := os.Open(path)
	t.check(err)
	defer file.Close()
	refused := func(what string, err error) {
		t.Helper()
		t.want(err, errors.ErrUnsupported)
		if text := err.Error(); !strings.Contains(text, "lane") || !strings.Contains(text, "use Open") {
			t.Errorf("%s: %q does not say what to do", what, text)
		}
	}
	for what, p := range map[string]*parcel{
		"sender": {Reply: reply}, "receiver": {Feed: feed}, "opened": {Reply: opened},
		"reader": {Body: engine.Carried[io.Reader]{V: body}}, "writer": {Sink: engine.Carried[io.WriteCloser]{V: sink}},
		"foreign": {Body: engine.Carried[io.Reader]{V: strings.NewReader("x")}}, "file": {Body: engine.Carried[io.Reader]{V: file}},
	} {
		refused(what, s.Send(t.ctx, p))
		refused(what+", with a header", s.SendWith(t.ctx, p, &engine.SendOptions{Header: engine.Header{"k": "v"}}))
		refused(what+", the last", s.SendWith(t.ctx, p, &engine.SendOptions{Last: true}))
	}
	_, err = call(t.ctx, s, 1)
	refused("call", err)
	sendNumbers(t, reply, 0, 5)
	wantNumbers(t, replies, 0, 5)
	sendNumbers(t, out, 0, 5)
	wantNumbers(t, feed, 0, 5)
	sendNumbers(t, opened, 0, 5)
	wantNumbers(t, accepted, 0, 5)
	for w, r := range map[io.WriteCloser]io.Reader{write: body, sink: read} {
		go func() { _, _ = io.WriteString(w, "text"); _ = w.Close() }()
		b, err := io.ReadAll(r)
		t.check(err)
		if string(b) != "text" {
			t.Errorf("%q", b)
		}
	}
	t.check(s.Send(t.ctx, &parcel{ID: 1}))
	r, err := engine.Accept[parcel](t.ctx, l.B, "x")
	t.check(err)
	var got parcel
	t.check(r.Receive(t.ctx, &got))
	if got.ID != 1 {
		t.Error(got.ID)
	}
}

func testWhatAMessageDoesNotTakeIsRefused(t *T) {
	l := t.connect()
	s, r := channelAs[parcel, forgetful](t, l.A, l.B)
	replies, reply := engine.Pipe[note]()
	feed, out := engine.Pipe[note]()
	body, write := engine.Stream()
	read, sink := engine.Stream()
	t.check(s.Send(t.ctx, &parcel{
		Reply: reply, Feed: feed, Body: engine.Carried[io.Reader]{V: body}, Sink: engine.Carried[io.WriteCloser]{V: sink},
	}))
	t.check(r.Receive(t.ctx, &forgetful{}))
	t.want(replies.Receive(t.ctx, &note{}), engine.ErrRefused)
	t.want(sendUntilEnd(t.ctx, out), engine.ErrRefused)
	_, err := read.Read(make([]byte, 1))
	t.want(err, engine.ErrRefused)
	t.want(writeUntilEnd(write), engine.ErrRefused)
}

// testWhatNobodyReceivesIsRefused closes a channel with messages in it that carry ends.
func testWhatNobodyReceivesIsRefused(t *T) {
	for _, read := range []bool{false, true} {
		t.sub(fmt.Sprintf("inbox=%t", read), func(t *T) {
			l := t.connect()
			s, r := channel[parcel](t, l.A, l.B)
			last, seen := channel[note](t, l.A, l.B)
			replies, reply := engine.Pipe[note]()
			feed, out := engine.Pipe[note]()
			t.check(s.Send(t.ctx, &parcel{Reply: reply, Feed: feed}))
			sendNumbers(t, last, 0, 1)
			if read {
				wantNumbers(t, seen, 0, 1)
				t.check(r.Close())
			} else {
				t.check(r.Close())
				wantNumbers(t, seen, 0, 1)
			}
			t.want(replies.Receive(t.ctx, &note{}), engine.ErrRefused)
			t.want(sendUntilEnd(t.ctx, out), engine.ErrRefused)
		})
	}
}

func testAnEndInTheWrongFieldIsMalformed(t *T) {
	l := t.connect()
	s, r := channelAs[parcel, crossed](t, l.A, l.B)
	replies, reply := engine.Pipe[note]()
	t.check(s.Send(t.ctx, &parcel{Reply: reply}))
	t.want(r.Receive(t.ctx, &crossed{}), engine.ErrMalformed)
	t.want(replies.Receive(t.ctx, &note{}), engine.ErrRefused)
	// The channel goes on.
	t.check(s.Send(t.ctx, &parcel{ID: 5}))
	var got crossed
	t.check(r.Receive(t.ctx, &got))
	if got.rest.ID != 5 {
		t.Error(got.rest.ID)
	}
}

// testWhatCannotBeSentIsStillTheSenders fails to send messages that carry ends, and uses those.
func testWhatCannotBeSentIsStillTheSenders(t *T) {
	for _, c := range []struct {
		name string
		fail func(t *T, l Link, s engine.Sender[parcel], r engine.Receiver[parcel], p *parcel)
	}{
		{"context", func(t *T, l Link, s engine.Sender[parcel], r engine.Receiver[parcel], p *parcel) {
			done, cancel := context.WithCancel(t.ctx)
			cancel()
			t.want(s.Send(done, p), context.Canceled)
		}},
		{"window", func(t *T, l Link, s engine.Sender[parcel], r engine.Receiver[parcel], p *parcel) {
			for {
				if err := s.Send(t.impatient(), &parcel{}); err != nil {
					t.want(err, context.Canceled)
					break
				}
			}
			t.want(s.Send(t.impatient(), p), context.Canceled)
		}},
		{"cancelled", func(t *T, l Link, s engine.Sender[parcel], r engine.Receiver[parcel], p *parcel) {
			t.check(r.Close())
			for {
				if err := s.Send(t.ctx, &parcel{}); err != nil {
					break
				}
			}
			t.want(s.Send(t.ctx, p), engine.ErrCanceled)
		}},
		{"peerGone", func(t *T, l Link, s engine.Sender[parcel], r engine.Receiver[parcel], p *parcel) {
			l.Cut()
			get(t, l.A.Done())
			t.want(s.Send(t.ctx, p), engine.ErrPeerGone)
		}},
	} {
		t.sub(c.name, func(t *T) {
			l := t.connect(engine.Limits{Window: 4096})
			s, r := channel[parcel](t, l.A, l.B)
			replies, reply := engine.Pipe[note]()
			body, write := engine.Stream()
			c.fail(t, l, s, r, &parcel{Reply: reply, Body: engine.Carried[io.Reader]{V: body}})
			sendNumbers(t, reply, 0, 10)
			wantNumbers(t, replies, 0, 10)
			_, err := write.Write([]byte("x"))
			t.check(err)
			b := make([]byte, 1)
			_, err = io.ReadFull(body, b)
			t.check(err)
			t.check(write.Close())
		})
	}
}

func testCarryingWithinTheProcess(t *T) {
	r, s := engine.Pipe[parcel]()
	replies, reply := engine.Pipe[note]()
	feed, out := engine.Pipe[note]()
	body, write := engine.Stream()
	t.check(s.Send(t.ctx, &parcel{Reply: reply, Feed: feed, Body: engine.Carried[io.Reader]{V: body}}))
	var got parcel
	t.check(r.Receive(t.ctx, &got))
	sendNumbers(t, got.Reply, 0, 10)
	wantNumbers(t, replies, 0, 10)
	sendNumbers(t, out, 0, 10)
	wantNumbers(t, got.Feed, 0, 10)
	_, err := write.Write([]byte("text"))
	t.check(err)
	t.check(write.Close())
	text, err := io.ReadAll(got.Body.V)
	t.check(err)
	if string(text) != "text" {
		t.Errorf("%q", text)
	}
}

// testManyNestedChannelsLeaveNothingOpen opens and ends more channels, of each kind and in each way, than may be open.
func testManyNestedChannelsLeaveNothingOpen(t *T) {
	l := t.connect(engine.Limits{Channels: 8, References: 4, Unclaimed: 4})
	s, r := channel[parcel](t, l.A, l.B)
	for i := range 100 {
		replies, reply := engine.Pipe[note]()
		feed, out := engine.Pipe[note]()
		t.check(s.Send(t.ctx, &parcel{Reply: reply, Feed: feed}))
		var got parcel
		t.check(r.Receive(t.ctx, &got))
		switch i % 4 {
		case 0:
			t.check(got.Reply.Close())
			t.check(out.Close())
			t.want(replies.Receive(t.ctx, &note{}), io.EOF)
			t.want(got.Feed.Receive(t.ctx, &note{}), io.EOF)
		case 1:
			t.check(replies.Close())
			t.check(got.Feed.Close())
			t.want(sendUntilEnd(t.ctx, got.Reply), engine.ErrCanceled)
			t.want(sendUntilEnd(t.ctx, out), engine.ErrCanceled)
		case 2: // both ends at once
			_, _, _, _ = got.Reply.Close(), replies.Close(), out.Close(), got.Feed.Close()
		case 3:
			sendNumbers(t, got.Reply, 0, 3)
			sendNumbers(t, out, 0, 3)
			t.check(got.Reply.CloseWith(errors.New("over")))
			t.check(out.CloseWith(errors.New("over")))
			wantNumbers(t, replies, 0, 1)
			wantNumbers(t, got.Feed, 0, 1)
			t.check(replies.Close())
			t.check(got.Feed.Close())
		}
		// Until each side has seen the other's ends.
		ping, pong := channel[note](t, l.A, l.B)
		t.check(ping.Close())
		t.want(pong.Receive(t.ctx, &note{}), io.EOF)
		ping, pong = channel[note](t, l.B, l.A)
		t.check(ping.Close())
		t.want(pong.Receive(t.ctx, &note{}), io.EOF)
	}
}
