package engine_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

// laneLog counts what the lanes of a test hold.
type laneLog struct {
	given, closed atomic.Int32 // attachments
	links, freed  atomic.Int32
	offers        atomic.Int32 // given up
	refuse        error        // Accept fails with it
}

// A half is what one side gives of a lane, as in package inmem.
type half struct {
	log     *laneLog
	segment *ring.Segment
	bell    *engine.ProcessBell
	over    atomic.Bool
}

func (h *half) Close() error {
	if h.over.Swap(true) {
		panic("closed twice")
	}
	h.log.closed.Add(1)
	if h.bell != nil {
		h.bell.Shutdown()
	}
	return nil
}

// taken takes over what an attachment holds.
func (h *half) taken() *half {
	if h.over.Swap(true) {
		panic("taken after Close")
	}
	h.log.closed.Add(1)
	return h
}

var errNotALane = errors.New("not a lane")

func (l *laneLog) half(s *ring.Segment, b *engine.ProcessBell) *half {
	l.given.Add(1)
	return &half{log: l, segment: s, bell: b}
}

func (l *laneLog) link(own, peer *ring.Segment, bell *engine.ProcessBell) *engine.Link {
	l.links.Add(1)
	return &engine.Link{
		Producer: ring.NewProducer(own, peer), Consumer: ring.NewConsumer(own, peer), Bell: bell,
		MaxRecord: own.MaxRecord(), Close: func() error { l.freed.Add(1); return nil },
	}
}

// Offer, Accept, Complete and Close implement engine.Lanes and LaneOffer.
func (l *laneLog) Offer(o *ring.Options) (engine.LaneOffer, []engine.Attachment, error) {
	own := must(ring.NewHeap(o))
	bell, peer := engine.NewBells()
	return &laneOffer{l, own, bell}, []engine.Attachment{l.half(own, peer)}, nil
}

func (l *laneLog) Accept(list []engine.Attachment) (*engine.Link, []engine.Attachment, error) {
	h, err := oneHalf(list)
	if err == nil {
		err = l.refuse
	}
	if err != nil {
		for _, a := range list {
			_ = a.Close()
		}
		return nil, nil, err
	}
	h.taken()
	own := must(ring.NewHeap(&ring.Options{Capacity: ring.MinCapacity}))
	return l.link(own, h.segment, h.bell), []engine.Attachment{l.half(own, nil)}, nil
}

type laneOffer struct {
	log  *laneLog
	own  *ring.Segment
	bell *engine.ProcessBell
}

func (o *laneOffer) Complete(list []engine.Attachment) (*engine.Link, error) {
	h, err := oneHalf(list)
	if err != nil {
		for _, a := range list {
			_ = a.Close()
		}
		_ = o.Close()
		return nil, err
	}
	return o.log.link(o.own, h.taken().segment, o.bell), nil
}

func (o *laneOffer) Close() error {
	o.log.offers.Add(1)
	o.bell.Shutdown()
	return nil
}

func oneHalf(list []engine.Attachment) (*half, error) {
	if len(list) == 1 {
		if h, ok := list[0].(*half); ok && h.segment != nil {
			return h, nil
		}
	}
	return nil, errNotALane
}

// nothingLeft checks that everything that was made is closed or freed.
func (l *laneLog) nothingLeft(t testing.TB) {
	t.Helper()
	if g, c := l.given.Load(), l.closed.Load(); g != c {
		t.Errorf("%d attachments of %d are closed", c, g)
	}
	if n, f := l.links.Load(), l.freed.Load(); n != f {
		t.Errorf("%d links of %d are freed", f, n)
	}
}

// offer opens a lane from the hostile side, and returns the hostile end of its ring.
func (v *victim) offer(log *laneLog, id uint32, name string) *hostile {
	v.t.Helper()
	own := must(ring.NewHeap(&ring.Options{Capacity: 1 << 14}))
	bell, peer := engine.NewBells()
	check(v.t, v.bell.Give([]engine.Attachment{log.half(own, peer)}))
	v.write(frame{typ: frameOpen, flags: 1, attachments: 1, channel: id, payload: openPayload("msgpack", name)})
	polled(v.t, v.sess, func() {
		for {
			if f := v.read(); f.typ == frameLane && f.channel == id {
				return
			}
		}
	})
	answer := must(v.bell.Take(1))[0].(*half).taken()
	return &hostile{t: v.t, side: &side{bell: bell, link: &engine.Link{
		Producer: ring.NewProducer(own, answer.segment), Consumer: ring.NewConsumer(own, answer.segment),
	}}}
}

func TestAViolationOnALaneEndsTheLaneOnly(t *testing.T) {
	const id = 9
	for _, c := range []struct {
		name  string
		frame frame
		what  string
	}{
		{"shorter than a header", frame{length: 8}, "8 bytes"},
		{"unknown type", frame{typ: 77, channel: id}, "type 77"},
		{"OPEN", open1(11, "raw", "x"), "OPEN"},
		{"GOAWAY", frame{typ: frameGoAway}, "GOAWAY"},
		{"LANE", frame{typ: frameLane, channel: id}, "LANE"},
		{"CREDIT", frame{typ: frameCredit, channel: id, arg: 1}, "CREDIT"},
		{"RESET", frame{typ: frameReset, channel: id}, "RESET"},
		{"DATA with a flag", frame{typ: frameData, channel: id, flags: 2}, "DATA"},
		{"DATA for a channel of the session", frame{typ: frameData, channel: inID}, "channel 1"},
		{"DATA for nothing", frame{typ: frameData, channel: 1000}, "channel 1000"},
		{"DATA larger than MaxMessage", frame{typ: frameData, channel: id, payload: string(make([]byte, 10_001))}, "10001"},
		{"CLOSE with a flag", frame{typ: frameClose, channel: id, flags: 1}, "CLOSE"},
		{"CLOSE for another", frame{typ: frameClose, channel: inID}, "channel 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := &laneLog{}
			v := newVictim(t, engine.Config{Limits: engine.Limits{MaxMessage: 10_000}}, log)
			l := v.offer(log, id, "l")
			r := must(engine.Accept[order](v.done, v.sess, "l"))
			l.write(frame{typ: frameData, channel: id, payload: orderPayload})
			check(t, r.Receive(v.done, new(order)))
			l.write(c.frame)
			err := r.Receive(v.done, new(order))
			wantErr(t, err, engine.ErrProtocol)
			if got := as[*engine.ProtocolError](t, err).Error(); !strings.Contains(got, c.what) {
				t.Errorf("%q does not name %q", got, c.what)
			}
			if !l.bell.Gone() || v.sess.LaneCount() != 0 {
				t.Error("the lane is left")
			}
			v.works()
			check(t, v.sess.Close())
			log.nothingLeft(t)
		})
	}
}

func TestALaneWhoseOtherHalfIsGone(t *testing.T) {
	for _, w := range waits {
		t.Run(w.String(), func(t *testing.T) {
			log := &laneLog{}
			v := newVictim(t, engine.Config{Wait: w}, log)
			l := v.offer(log, 9, "l")
			r := must(engine.Accept[order](v.done, v.sess, "l"))
			l.write(frame{typ: frameData, channel: 9, payload: orderPayload})
			waiting, _ := watch(t)
			check(t, r.Receive(waiting, new(order)))
			received := result(func() error { return r.Receive(waiting, new(order)) })
			get(t, waiting.waiting)
			l.bell.Shutdown()
			wantErr(t, get(t, received), engine.ErrPeerGone)
			v.works()
			check(t, v.sess.Close())
			log.nothingLeft(t)
		})
	}
}

func TestOffersOfLanesThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		list   func(log *laneLog) []engine.Attachment
		refuse error
	}{
		"another attachment": {list: func(log *laneLog) []engine.Attachment { return []engine.Attachment{log.half(nil, nil)} }},
		"two": {list: func(log *laneLog) []engine.Attachment {
			return []engine.Attachment{log.half(nil, nil), log.half(nil, nil)}
		}},
		"refused": {
			list: func(log *laneLog) []engine.Attachment {
				return []engine.Attachment{log.half(must(ring.NewHeap(nil)), nil)}
			},
			refuse: os.ErrInvalid,
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := &laneLog{refuse: c.refuse}
			v := newVictim(t, engine.Config{}, log)
			list := c.list(log)
			check(t, v.bell.Give(list))
			v.write(frame{
				typ: frameOpen, flags: 1, attachments: uint16(len(list)), channel: 9, payload: openPayload("raw", "its name"),
			})
			v.broken(v.in.Receive(v.done, new(order)), "its name")
			log.nothingLeft(t)
		})
	}
}

// Answers that a victim gets that opens a lane itself.
func TestAnswersToALane(t *testing.T) {
	const id = 8 // the next one of the victim's
	for name, c := range map[string]struct {
		answer func(v *victim, log *laneLog)
		want   error
		broken string
	}{
		"refused": {
			answer: func(v *victim, _ *laneLog) { v.write(frame{typ: frameReset, channel: id, arg: 5, payload: "no more"}) },
			want:   engine.ErrLimit,
		},
		"without attachments": {
			answer: func(v *victim, _ *laneLog) { v.write(frame{typ: frameLane, channel: id}) },
			want:   engine.ErrProtocol, broken: "lane",
		},
		"with another attachment": {
			answer: func(v *victim, log *laneLog) {
				check(v.t, v.bell.Give([]engine.Attachment{log.half(nil, nil)}))
				v.write(frame{typ: frameLane, channel: id, attachments: 1})
			},
			want: engine.ErrProtocol, broken: "lane",
		},
		"CREDIT": {
			answer: func(v *victim, _ *laneLog) { v.write(frame{typ: frameCredit, channel: id, arg: 1}); v.bell.Shutdown() },
			want:   engine.ErrPeerGone,
		},
		"gone": {
			answer: func(v *victim, _ *laneLog) { v.bell.Shutdown() },
			want:   engine.ErrPeerGone,
		},
		"GOAWAY": {
			answer: func(v *victim, _ *laneLog) { v.write(frame{typ: frameGoAway}) },
			want:   engine.ErrSessionClosed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := &laneLog{}
			v := newVictim(t, engine.Config{}, log)
			opened := result(func() error { _, err := engine.OpenLane[order](v.done, v.sess, "l", nil); return err })
			for f := (frame{}); f.typ != frameOpen || f.channel != id; {
				f = v.read()
			}
			must(v.bell.Take(1))[0].(*half).taken()
			c.answer(v, log)
			err := get(t, opened)
			wantErr(t, err, c.want)
			if log.offers.Load() != 1 {
				t.Errorf("%d offers were given up", log.offers.Load())
			}
			if c.broken != "" {
				v.broken(err, c.broken)
			} else if name == "refused" {
				v.works()
			}
			check(t, v.sess.Close())
			log.nothingLeft(t)
		})
	}
}

// An OPEN that found no space has given its attachments, which must not be lost: neither if who opens gives up, nor with
// the session.
func TestALaneWhoseOpenFoundNoSpaceLosesNothing(t *testing.T) {
	for _, end := range []string{"cancelled", "session closed", "peer gone"} {
		t.Run(end, func(t *testing.T) {
			log := &laneLog{}
			v := newVictim(t, engine.Config{Limits: engine.Limits{Window: 1 << 20}}, log)
			v.write(frame{typ: frameCredit, channel: outID, arg: 1 << 20})
			for { // until the ring is full
				waiting, cancel := watch(t)
				sent := result(func() error { return v.out.Send(waiting, &order{}) })
				select {
				case err := <-sent:
					cancel()
					check(t, err)
					continue
				case <-waiting.waiting:
				}
				cancel()
				wantErr(t, get(t, sent), context.Canceled)
				break
			}
			waiting, cancel := watch(t)
			opened := result(func() error { _, err := engine.OpenLane[order](waiting, v.sess, "l", nil); return err })
			get(t, waiting.waiting)
			want := context.Canceled
			switch end {
			case "cancelled":
				cancel()
			case "session closed":
				check(t, v.sess.Close())
				want = os.ErrClosed
			default:
				v.bell.Shutdown()
				want = engine.ErrPeerGone
			}
			wantErr(t, get(t, opened), want)
			if end == "cancelled" { // it is sent all the same, for its attachments are under way
				for f := (frame{}); f.typ != frameOpen || f.flags != 1; {
					f = v.read()
				}
				check(t, must(v.bell.Take(1))[0].Close())
				v.works()
				check(t, v.sess.Close())
			}
			check(t, v.bell.Close())
			log.nothingLeft(t)
		})
	}
}
