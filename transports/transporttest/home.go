package transporttest

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"

	"github.com/corechan/corechan/engine"
)

// testAnEndComesHome gives ends away, and gets them back over the same session.
func testAnEndComesHome(t *T) {
	l := t.connect()
	r, s := engine.Pipe[note]()
	feed, out := engine.Pipe[note]()
	home := pass(t, l.B, l.A, pass(t, l.A, l.B, &parcel{Reply: s, Feed: feed}))
	sendNumbers(t, home.Reply, 0, 100)
	t.check(home.Reply.Close())
	wantNumbers(t, r, 0, 100)
	t.want(r.Receive(t.ctx, &note{}), io.EOF)
	sendNumbers(t, out, 0, 100)
	t.check(out.CloseWith(errors.New("enough")))
	wantNumbers(t, home.Feed, 0, 100)
	t.wantReason(home.Feed.Receive(t.ctx, &note{}), engine.CodeError, "enough")
	t.nothingOpen(l)
}

// nothingOpen checks that no channel is open, once those that are ending have ended.
func (t *T) nothingOpen(l Link) {
	t.Helper()
	t.open(l, 0)
}

// open checks that so many ends are open at both sides together, once those that are ending have ended.
func (t *T) open(l Link, ends int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.ctx)
	var over []<-chan error
	for _, s := range []*engine.Session{l.A, l.B} { // what the peers say is seen
		over = append(over, result(func() error { _, err := engine.Accept[note](ctx, s, "never"); return err }))
	}
	t.eventually("the channels have ended", func() bool { return l.A.Stats().Channels+l.B.Stats().Channels <= ends })
	if n := l.A.Stats().Channels + l.B.Stats().Channels; n != ends {
		t.Errorf("%d ends are open, not %d", n, ends)
	}
	cancel()
	for _, c := range over {
		get(t, c)
	}
}

// A trip takes ends from A to B and back, over two channels that stay.
type trip struct {
	t                 *T
	out, back         engine.Sender[parcel]
	arrives, comeHome engine.Receiver[parcel]
}

func newTrip(t *T, l Link) *trip {
	t.Helper()
	w := &trip{t: t}
	w.out, w.arrives = channel[parcel](t, l.A, l.B)
	w.back, w.comeHome = channel[parcel](t, l.B, l.A)
	return w
}

func (w *trip) there(p *parcel) *parcel { return move(w.t, w.out, w.arrives, p) }
func (w *trip) home(p *parcel) *parcel  { return move(w.t, w.back, w.comeHome, p) }

func move(t *T, s engine.Sender[parcel], r engine.Receiver[parcel], p *parcel) *parcel {
	t.Helper()
	t.check(s.Send(t.ctx, p))
	var got parcel
	t.check(r.Receive(t.ctx, &got))
	return &got
}

// testAnEndThatComesAndGoesLeavesNobodyInBetween has ends bounced a thousand times: no more channels are open in the end than
// after the first time.
func testAnEndThatComesAndGoesLeavesNobodyInBetween(t *T) {
	for _, what := range []string{"receiver", "sender", "both"} {
		t.sub(what, func(t *T) {
			l := t.connect()
			w := newTrip(t, l)
			r, s := engine.Pipe[note]()
			n, got := uint64(0), uint64(0)
			random := rand.New(rand.NewPCG(1, 2))
			send := func() { sendNumbers(t, s, n, n+1); n++ }
			receive := func() {
				if n != got {
					wantNumbers(t, r, got, got+1)
					got++
				}
			}
			for i := range 1000 {
				if what == "receiver" || what == "both" && i%2 == 0 {
					far := w.there(&parcel{Feed: r})
					t.want(r.Receive(t.ctx, &note{}), engine.ErrGiven)
					r = far.Feed
					send()
					for range random.IntN(3) {
						receive()
					}
					r = w.home(&parcel{Feed: r}).Feed
				} else {
					s = w.there(&parcel{Reply: s}).Reply
					send()
					s = w.home(&parcel{Reply: s}).Reply
				}
				if random.IntN(2) == 0 {
					send()
				}
				for range random.IntN(4) {
					receive()
				}
			}
			for n != got {
				receive()
			}
			t.open(l, 4)
			send()
			t.check(s.Close())
			receive()
			t.want(r.Receive(t.ctx, &note{}), io.EOF)
			t.open(l, 4)
		})
	}
}

// testAReceiverComesHomeWithAllItsMessages has a sender send without a pause while its receiver travels.
func testAReceiverComesHomeWithAllItsMessages(t *T) {
	for _, limits := range []engine.Limits{{}, {Window: 4096}} {
		l := t.connect(limits)
		w := newTrip(t, l)
		r, s := engine.Pipe[note]()
		r = w.there(&parcel{Feed: r}).Feed
		const most = 20_000
		sent := result(func() error {
			for i := range uint64(most) {
				if err := s.Send(t.ctx, &note{ID: i}); err != nil {
					return err
				}
			}
			return s.CloseWith(errors.New("that is all"))
		})
		random := rand.New(rand.NewPCG(1, 2))
		for got := uint64(0); got != most; {
			n := min(uint64(random.IntN(500)), most-got)
			wantNumbers(t, r, got, got+n)
			got += n
			r = w.home(&parcel{Feed: r}).Feed
			n = min(uint64(random.IntN(500)), most-got)
			wantNumbers(t, r, got, got+n)
			got += n
			if got != most {
				r = w.there(&parcel{Feed: r}).Feed
			}
		}
		t.wantReason(r.Receive(t.ctx, &note{}), engine.CodeError, "that is all")
		t.check(get(t, sent))
		t.open(l, 4)
	}
}

// testHowAReceiverEndedIsSeenAtHome ends the channel of a receiver that comes home in every way, before it has left the other side, on
// its way, and at home.
func testHowAReceiverEndedIsSeenAtHome(t *T) {
	reason := &engine.ChannelError{Code: 311, Text: "over"}
	wantEnd := func(t *T, r engine.Receiver[note], err error) {
		t.Helper()
		for range 2 {
			if err == nil {
				t.want(r.Receive(t.ctx, &note{}), io.EOF)
			} else {
				t.wantReason(r.Receive(t.ctx, &note{}), reason.Code, reason.Text)
			}
		}
	}
	for _, c := range []struct {
		name string
		end  error
	}{{"cleanly", nil}, {"withAnError", reason}} {
		for when, name := range []string{"away", "onTheWay", "atHome", "afterAMessage"} {
			t.sub(c.name+"/"+name, func(t *T) {
				l := t.connect()
				w := newTrip(t, l)
				r, s := engine.Pipe[note]()
				far := w.there(&parcel{Feed: r}).Feed
				sendNumbers(t, s, 0, 10)
				if when == 0 {
					t.check(s.CloseWith(c.end))
					wantNumbers(t, far, 0, 5)
				}
				t.check(w.back.Send(t.ctx, &parcel{Feed: far}))
				if when == 1 {
					t.check(s.CloseWith(c.end))
				}
				var home parcel
				t.check(w.comeHome.Receive(t.ctx, &home))
				n := uint64(10)
				if when == 3 {
					sendNumbers(t, s, 10, 11)
					n++
				}
				if when >= 2 {
					t.check(s.CloseWith(c.end))
				}
				first := uint64(0)
				if when == 0 {
					first = 5
				}
				wantNumbers(t, home.Feed, first, n)
				wantEnd(t, home.Feed, c.end)
				t.open(l, 4)
			})
		}
	}
	for _, joined := range []bool{false, true} {
		t.sub("cancelled/joined="+map[bool]string{false: "no", true: "yes"}[joined], func(t *T) {
			l := t.connect()
			w := newTrip(t, l)
			r, s := engine.Pipe[note]()
			far := w.there(&parcel{Feed: r}).Feed
			sendNumbers(t, s, 0, 10)
			home := w.home(&parcel{Feed: far}).Feed
			if joined {
				sendNumbers(t, s, 10, 11)
			}
			t.check(home.CloseWith(reason))
			t.wantReason(sendUntilEnd(t.ctx, s), reason.Code, reason.Text)
			t.open(l, 4)
		})
		t.sub("cut/joined="+map[bool]string{false: "no", true: "yes"}[joined], func(t *T) {
			l := t.connect()
			w := newTrip(t, l)
			r, s := engine.Pipe[note]()
			far := w.there(&parcel{Feed: r}).Feed
			home := w.home(&parcel{Feed: far}).Feed
			n := 0
			if joined {
				sendNumbers(t, s, 0, 10)
				n = 10
			}
			work, stop := s.Context(t.ctx)
			defer stop()
			l.Cut()
			got, err := receiveUntilEnd(t.ctx, home)
			t.want(err, engine.ErrPeerGone)
			if got != n {
				t.Errorf("%d messages of %d", got, n)
			}
			t.want(sendUntilEnd(t.ctx, s), engine.ErrPeerGone)
			get(t, work.Done())
		})
	}
}

// testACrossingIsJoinedUp gives the two ends of a channel to each other's side at the same time.
func testACrossingIsJoinedUp(t *T) {
	l := t.connect()
	w := newTrip(t, l)
	for range 50 {
		r, s := engine.Pipe[note]()
		far := w.there(&parcel{Feed: r}).Feed
		sendNumbers(t, s, 0, 10)
		t.check(w.out.Send(t.ctx, &parcel{Reply: s}))
		t.check(w.back.Send(t.ctx, &parcel{Feed: far}))
		var home, away parcel
		t.check(w.comeHome.Receive(t.ctx, &home))
		t.check(w.arrives.Receive(t.ctx, &away))
		sendNumbers(t, away.Reply, 10, 20)
		t.check(away.Reply.Close())
		wantNumbers(t, home.Feed, 0, 20)
		t.want(home.Feed.Receive(t.ctx, &note{}), io.EOF)
	}
	t.open(l, 4)
}

type rawEnds struct {
	S engine.Sender[engine.Raw]
	R engine.Receiver[engine.Raw]
}

// testASenderThatWasCancelledComesHome cancels while the sender is on its way: what comes with it arrives all the same.
func testASenderThatWasCancelledComesHome(t *T) {
	l := t.connect()
	w := newTrip(t, l)
	r, s := engine.Pipe[note]()
	read, write := engine.Stream()
	far := w.there(&parcel{Reply: s, Sink: engine.Carried[io.WriteCloser]{V: write}})
	t.check(r.Close())
	t.check(read.Close())
	home := w.home(&parcel{ID: 7, Reply: far.Reply, Sink: far.Sink})
	if home.ID != 7 {
		t.Error(home.ID)
	}
	t.want(sendUntilEnd(t.ctx, home.Reply), engine.ErrCanceled)
	t.want(writeUntilEnd(home.Sink.V), engine.ErrCanceled)
	t.check(home.Reply.Close())
	t.open(l, 4)
}

// testASenderGivesItselfAway sends senders on their own channels.
func testASenderGivesItselfAway(t *T) {
	for _, c := range []struct {
		name string
		make func(l Link) (engine.Sender[parcel], engine.Receiver[parcel])
	}{
		{"opened", func(l Link) (engine.Sender[parcel], engine.Receiver[parcel]) { return channel[parcel](t, l.A, l.B) }},
		{"receiverGiven", func(l Link) (engine.Sender[parcel], engine.Receiver[parcel]) {
			r, s := engine.Pipe[parcel]()
			return s, pass(t, l.A, l.B, &parcel{Parcels: r}).Parcels
		}},
		{"senderGiven", func(l Link) (engine.Sender[parcel], engine.Receiver[parcel]) {
			r, s := engine.Pipe[parcel]()
			return pass(t, l.A, l.B, &parcel{Deeper: s}).Deeper, r
		}},
		{"cameHome", func(l Link) (engine.Sender[parcel], engine.Receiver[parcel]) {
			r, s := engine.Pipe[parcel]()
			return pass(t, l.B, l.A, pass(t, l.A, l.B, &parcel{Deeper: s})).Deeper, r
		}},
	} {
		for _, waits := range []bool{false, true} {
			t.sub(c.name+"/waits="+map[bool]string{false: "no", true: "yes"}[waits], func(t *T) {
				l := t.connect()
				s, r := c.make(l)
				receive := func() (*parcel, error) {
					p := new(parcel)
					return p, r.Receive(t.ctx, p)
				}
				t.check(s.Send(t.ctx, &parcel{ID: 1}))
				_, err := receive()
				t.check(err)
				var got *parcel
				if waits {
					came := result(func() *parcel {
						p, err := receive()
						if err != nil {
							t.Error(err)
						}
						return p
					})
					t.check(s.Send(t.ctx, &parcel{ID: 2, Deeper: s}))
					got = get(t, came)
				} else {
					t.check(s.Send(t.ctx, &parcel{ID: 2, Deeper: s}))
					got, err = receive()
					t.check(err)
				}
				for i := range uint64(10) {
					t.check(got.Deeper.Send(t.ctx, &parcel{ID: i}))
					p, err := receive()
					t.check(err)
					if p.ID != i {
						t.Fatalf("parcel %d where %d was due", p.ID, i)
					}
				}
				t.check(got.Deeper.Close())
				_, err = receive()
				t.want(err, io.EOF)
			})
		}
	}
}

// testWhatCameHomeIsStillAChannel uses ends that came home for all that ends are for.
func testWhatCameHomeIsStillAChannel(t *T) {
	for _, what := range []string{"receiver", "sender"} {
		t.sub(what, func(t *T) {
			l := t.connect()
			w := newTrip(t, l)
			parcels, s := engine.Pipe[parcel]()
			if what == "receiver" {
				parcels = w.home(w.there(&parcel{Parcels: parcels})).Parcels
			} else {
				s = w.home(w.there(&parcel{Deeper: s})).Deeper
			}
			served := result(func() error { return answering(t.ctx, parcels) })
			for i := range uint64(20) {
				n, err := call(t.ctx, s, i)
				t.check(err)
				if n != i+1 {
					t.Fatalf("%d was answered with %d", i, n)
				}
			}
			t.check(s.Close())
			t.check(get(t, served))

			r, raw := engine.Pipe[engine.Raw]()
			if what == "receiver" {
				r = pass(t, l.B, l.A, pass(t, l.A, l.B, &rawEnds{R: r})).R
			} else {
				raw = pass(t, l.B, l.A, pass(t, l.A, l.B, &rawEnds{S: raw})).S
			}
			slot, err := raw.Reserve(t.ctx, 100)
			t.check(err)
			t.check(slot.Commit(copy(slot.Bytes(), "in place")))
			t.want(slot.Commit(1), engine.ErrSlot)
			t.want(slot.Abort(), engine.ErrSlot)
			lease, err := r.Lease(t.ctx)
			t.check(err)
			if string(lease.Bytes()) != "in place" {
				t.Errorf("%q", lease.Bytes())
			}
			t.check(lease.Release())
			msg := engine.Raw("the last")
			t.check(raw.SendWith(t.ctx, &msg, &engine.SendOptions{Last: true}))
			t.check(r.Receive(t.ctx, &msg))
			t.want(r.Receive(t.ctx, &msg), io.EOF)
		})
	}
}
