package engine_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/ring"
)

// The types of frames, as PROTOCOL.md numbers them.
const (
	frameOpen   = 1
	frameData   = 2
	frameCredit = 3
	frameClose  = 4
	frameReset  = 5
	framePing   = 6
	framePong   = 7
	frameGoAway = 8
	frameLane   = 9
)

// A frame is one that a test writes by hand.
type frame struct {
	typ, flags   byte
	attachments  uint16
	channel, arg uint32
	payload      string
	length       int  // of the record, if it is not what the rest takes
	give         int  // how many attachments are given with it
	times        int  // how often it is written; 0: once
	quiet        bool // do not ring
}

func (f frame) String() string {
	payload := f.payload
	if len(payload) > 40 {
		payload = payload[:40] + "…"
	}
	return fmt.Sprintf("type %d flags %d attachments %d channel %d arg %d payload %q", f.typ, f.flags, f.attachments,
		f.channel, f.arg, payload)
}

func open1(channel uint32, codec, name string) frame {
	return frame{typ: frameOpen, channel: channel, payload: openPayload(codec, name)}
}

func openPayload(codec, name string) string {
	return string(rune(len(codec))) + codec + string([]byte{byte(len(name))}) + name
}

// An attachment counts how often it is closed.
type attachment struct{ closed *int }

func (a attachment) Close() error { *a.closed++; return nil }

// A hostile side writes whatever it is told to.
type hostile struct {
	*side
	t      testing.TB
	given  int
	closed int // attachments
}

// write writes a frame, and reads what the other side has sent if it has to, to get space.
func (h *hostile) write(f frame) {
	h.t.Helper()
	if f.give != 0 {
		var list []engine.Attachment
		for range f.give {
			list = append(list, attachment{&h.closed})
		}
		h.given += f.give
		check(h.t, h.bell.Give(list))
	}
	for range max(1, f.times) {
		n := engine.HeaderSize + len(f.payload)
		if f.length != 0 {
			n = f.length
		}
		var b []byte
		for {
			var err error
			if b, err = h.link.Producer.Reserve(n); err == nil {
				break
			} else if !errors.Is(err, ring.ErrFull) {
				h.t.Fatal(err)
			}
			h.link.Producer.Arm()
			if b, err = h.link.Producer.Reserve(n); err == nil {
				break
			}
			check(h.t, h.bell.Sleep(watchdog(h.t), true))
		}
		var header [engine.HeaderSize]byte
		header[4], header[5] = f.typ, f.flags
		binary.LittleEndian.PutUint16(header[6:], f.attachments)
		binary.LittleEndian.PutUint32(header[8:], f.channel)
		binary.LittleEndian.PutUint32(header[12:], f.arg)
		copy(b, header[:min(n, len(header))])
		if n > engine.HeaderSize {
			copy(b[engine.HeaderSize:], f.payload)
		}
		h.link.Producer.Commit(n)
		h.link.Producer.Publish()
	}
	if !f.quiet {
		h.bell.Ring()
	}
}

// read returns the next frame that the other side has sent.
func (h *hostile) read() frame {
	h.t.Helper()
	for {
		b, err := h.link.Consumer.Next()
		if err == nil {
			f := frame{
				typ: b[4], flags: b[5], attachments: binary.LittleEndian.Uint16(b[6:]),
				channel: binary.LittleEndian.Uint32(b[8:]), arg: binary.LittleEndian.Uint32(b[12:]),
				payload: string(b[engine.HeaderSize:]),
			}
			h.link.Consumer.Release()
			if h.link.Consumer.MustRing() {
				h.bell.Ring()
			}
			return f
		}
		if !errors.Is(err, ring.ErrEmpty) {
			h.t.Fatal(err)
		}
		h.link.Consumer.Arm()
		if !h.link.Consumer.Ready() {
			check(h.t, h.bell.Sleep(watchdog(h.t), true))
		}
		h.link.Consumer.Disarm()
	}
}

// A victim is a session whose other side is hostile, with channels in all states. The peer has the odd ids if it dials.
type victim struct {
	*hostile
	side *side
	eng  *engine.Engine
	sess *engine.Session

	in   engine.Receiver[order] // id 1: open, to be received from
	out  engine.Sender[order]   // id 2: open, to be sent on
	done context.Context
}

// Ids of the channels of a victim that listens.
const (
	inID       = 1 // the peer sends on it
	outID      = 2 // the victim sends on it
	endedID    = 3 // the peer has closed it
	resetID    = 5 // the victim wants no more of it
	closedID   = 4 // the victim has closed it
	canceledID = 6 // the peer wanted no more of it
	lastID     = 7 // the last one that the peer has opened; nobody has accepted it
	mineID     = 6 // the last one that the victim has opened
)

var orderPayload = string(must((&order{ID: 42}).MarshalMsg(nil)))

func newVictim(t testing.TB, cfg engine.Config, lanes engine.Lanes) *victim {
	t.Helper()
	ctx := watchdog(t)
	a, b := newLinks(t, 1<<14, lanes)
	v := &victim{hostile: &hostile{side: a, t: t}, side: b, eng: newEngine(t, cfg), done: ctx}
	v.sess = b.session(t, v.eng)
	for _, id := range []uint32{inID, endedID, resetID, lastID} {
		v.write(open1(id, "msgpack", fmt.Sprint("c", id)))
	}
	v.write(frame{typ: frameClose, channel: endedID})
	v.in = must(engine.Accept[order](ctx, v.sess, "c1"))
	_ = must(engine.Accept[order](ctx, v.sess, "c5")).Close()
	v.out = must(engine.Open[order](ctx, v.sess, "out"))
	_ = must(engine.Open[order](ctx, v.sess, "closed")).Close()
	canceled := must(engine.Open[order](ctx, v.sess, "canceled"))
	v.write(frame{typ: frameReset, channel: canceledID, arg: 2})
	for canceled.Send(ctx, new(order)) == nil {
	}
	return v
}

// works checks that the session goes on: messages go both ways.
func (v *victim) works() {
	v.t.Helper()
	v.write(frame{typ: frameData, channel: inID, payload: orderPayload})
	var o order
	if err := v.in.Receive(v.done, &o); err != nil || o.ID != 42 {
		v.t.Fatal(o, err)
	}
	check(v.t, v.out.Send(v.done, &order{ID: 43}))
	for {
		if f := v.read(); f.typ == frameData && f.channel == outID {
			return
		}
	}
}

// broken checks that the session has ended by a violation that is named, and left nothing behind.
func (v *victim) broken(err error, what string) {
	t := v.t
	t.Helper()
	wantErr(t, err, engine.ErrProtocol)
	as[*engine.ProtocolError](t, err)
	if !strings.Contains(err.Error(), what) {
		t.Errorf("%q does not name %q", err, what)
	}
	for range 2 {
		wantErr(t, v.in.Receive(v.done, new(order)), engine.ErrProtocol)
		wantErr(t, v.out.Send(v.done, new(order)), engine.ErrProtocol)
		_, err = engine.Accept[order](v.done, v.sess, "other")
		wantErr(t, err, engine.ErrProtocol)
		_, err = engine.Open[order](v.done, v.sess, "other")
		wantErr(t, err, engine.ErrProtocol)
		wantErr(t, v.sess.Err(), engine.ErrProtocol)
	}
	get(t, v.sess.Done())
	get(t, v.side.over)
	check(t, v.sess.Close())
	if n := v.sess.Ends(); n != 0 {
		t.Errorf("%d ends are left", n)
	}
	if n := v.sess.LaneCount(); n != 0 {
		t.Errorf("%d lanes are left", n)
	}
	if n := v.eng.SessionCount(); n != 0 {
		t.Errorf("the engine has %d sessions", n)
	}
	if len(v.side.over) != 0 {
		t.Error("the link was closed twice")
	}
	if !v.bell.Gone() {
		t.Error("the peer was not told")
	}
	if v.given != v.closed {
		t.Errorf("%d attachments of %d are closed", v.closed, v.given)
	}
}

// violations are frames that no correct peer writes; the last one of each ends the session.
var violations = []struct {
	name   string
	frames []frame
	what   string // the error names it
}{
	{"shorter than a header", []frame{{length: 4}}, "4 bytes"},
	{"one byte short of a header", []frame{{length: 15}}, "15 bytes"},
	{"type 0", []frame{{typ: 0}}, "type 0"},
	{"type 10", []frame{{typ: 10}}, "type 10"},
	{"type 255", []frame{{typ: 255, channel: inID}}, "type 255"},
	{"PING", []frame{{typ: framePing, arg: 1}}, "PING"},
	{"PONG", []frame{{typ: framePong, arg: 1}}, "PONG"},

	{"OPEN of channel 0", []frame{open1(0, "raw", "x")}, "channel 0"},
	{"OPEN of an open channel", []frame{open1(inID, "raw", "x")}, "channel 1"},
	{"OPEN of an ended channel", []frame{open1(endedID, "raw", "x")}, "channel 3"},
	{"OPEN twice", []frame{open1(99, "raw", "x"), open1(99, "raw", "x")}, "channel 99"},
	{"OPEN with ids that decrease", []frame{open1(99, "raw", "x"), open1(97, "raw", "x")}, "channel 97"},
	{"OPEN with the victim's id", []frame{open1(outID, "raw", "x")}, "channel 2"},
	{"OPEN with an even id", []frame{open1(100, "raw", "x")}, "channel 100"},
	{"OPEN with the highest even id", []frame{open1(1<<32-2, "raw", "x")}, "4294967294"},
	{"OPEN after one far ahead", []frame{open1(1<<31+5, "raw", "x"), open1(9, "raw", "x")}, "channel 9"},
	{"OPEN with an argument", []frame{{typ: frameOpen, channel: 9, arg: 1, payload: openPayload("raw", "x")}}, "OPEN"},
	{"OPEN with flag 2", []frame{{typ: frameOpen, channel: 9, flags: 2, payload: openPayload("raw", "x")}}, "OPEN"},
	{"OPEN with flag 128", []frame{{typ: frameOpen, channel: 9, flags: 128, payload: openPayload("raw", "x")}}, "OPEN"},
	{"OPEN without a payload", []frame{{typ: frameOpen, channel: 9}}, "OPEN"},
	{"OPEN with a codec only", []frame{{typ: frameOpen, channel: 9, payload: "\x03raw"}}, "OPEN"},
	{"OPEN with a codec cut", []frame{{typ: frameOpen, channel: 9, payload: "\x05raw\x01x"}}, "OPEN"},
	{"OPEN with a codec too long", []frame{{
		typ: frameOpen, channel: 9, payload: "\x20" + strings.Repeat("c", 32) + "\x01x",
	}}, "OPEN"},
	{"OPEN with a codec that is no text", []frame{open1(9, "\xff", "x")}, "OPEN"},
	{"OPEN with an empty name", []frame{open1(9, "raw", "")}, "OPEN"},
	{"OPEN with a name cut", []frame{{typ: frameOpen, channel: 9, payload: "\x03raw\x05x"}}, "OPEN"},
	{"OPEN with more than a name", []frame{{typ: frameOpen, channel: 9, payload: "\x03raw\x01xy"}}, "OPEN"},
	{"OPEN with a name that is no text", []frame{open1(9, "raw", "a\xffb")}, "OPEN"},
	{"OPEN with a payload too long", []frame{{typ: frameOpen, channel: 9, payload: strings.Repeat("\x01", 5000)}}, "OPEN"},
	{"OPEN with attachments", []frame{{
		typ: frameOpen, channel: 9, attachments: 1, give: 1, payload: openPayload("raw", "x"),
	}}, "OPEN"},
	{"OPEN with attachments that are not there", []frame{{
		typ: frameOpen, channel: 9, attachments: 1, payload: openPayload("raw", "x"),
	}}, "OPEN"},
	{"OPEN of a lane without attachments", []frame{{
		typ: frameOpen, channel: 9, flags: 1, payload: openPayload("raw", "x"),
	}}, "OPEN"},
	{"OPEN of a lane with attachments that are not there", []frame{{
		typ: frameOpen, channel: 9, flags: 1, attachments: 2, give: 1, payload: openPayload("raw", "x"),
	}}, "2 attachments, 1 came"},
	{"OPEN of a lane with 65535 attachments", []frame{{
		typ: frameOpen, channel: 9, flags: 1, attachments: 65535, payload: openPayload("raw", "x"),
	}}, "65535 attachments"},
	{"OPEN of a lane where there are none", []frame{{
		typ: frameOpen, channel: 9, flags: 1, attachments: 2, give: 2, payload: openPayload("raw", "x"),
	}}, "lane"},

	{"DATA for channel 0", []frame{{typ: frameData, payload: orderPayload}}, "channel 0"},
	{"DATA for a channel never opened", []frame{{typ: frameData, channel: 9}}, "channel 9"},
	{"DATA for the highest id", []frame{{typ: frameData, channel: 1<<32 - 1}}, "4294967295"},
	{"DATA for a channel of the victim's", []frame{{typ: frameData, channel: outID}}, "channel 2"},
	{"DATA for one the victim never opened", []frame{{typ: frameData, channel: 100}}, "channel 100"},
	{"DATA with a flag", []frame{{typ: frameData, flags: 4, channel: inID, payload: orderPayload}}, "flags"},
	{"DATA with a header that ends early", []frame{{typ: frameData, flags: 2, channel: inID, payload: "\x09\x00\x01k\x01\x00"}}, "header"},
	{"DATA with an empty header", []frame{{typ: frameData, flags: 2, channel: inID, payload: "\x00\x00"}}, "header"},
	{"DATA with a key twice", []frame{{typ: frameData, flags: 2, channel: inID, payload: "\x08\x00\x01k\x00\x00\x01k\x00\x00"}}, "header"},
	{"a table that is longer than its frame", []frame{tabled(2, line(1, 1, 0, 9, 0))}, "table"},
	{"a table of 4 Gi entries", []frame{tabled(1<<32-1, line(1, 1, 0, 9, 0))}, "table"},
	{"an entry of an unknown kind", []frame{tabled(1, line(1, 99, 0, 9, 0))}, "kind 99"},
	{"an entry of kind 0", []frame{tabled(1, line(1, 0, 0, 9, 0))}, "kind 0"},
	{"reference 0", []frame{tabled(1, line(0, 1, 0, 9, 0))}, "malformed"},
	{"a reference twice", []frame{tabled(2, line(1, 1, 0, 9, 0)+line(1, 2, 0, 11, 0))}, "twice"},
	{"a reference twice in a long table", []frame{tabled(9, many(8)+line(3, 2, 0, 99, 0))}, "twice"},
	{"an entry with flags", []frame{tabled(1, line(1, 1, 128, 9, 0))}, "malformed"},
	{"an entry of channel 0", []frame{tabled(1, line(1, 2, 0, 0, 0))}, "malformed"},
	{"an entry of the victim's channel", []frame{tabled(1, line(1, 2, 0, 8, 0))}, "channel 8"},
	{"an entry of a channel that was opened", []frame{tabled(1, line(1, 2, 0, inID, 0))}, "OPEN of channel 1"},
	{"a channel twice in a table", []frame{tabled(2, line(1, 1, 0, 9, 0)+line(2, 2, 0, 9, 0))}, "channel 9"},
	{"a duplex of one channel", []frame{tabled(1, line(1, 3, 2, 9, 9))}, "channel 9"},
	{"a descriptor without one", []frame{tabled(1, line(1, 4, 0, 0, 0))}, "attachments"},
	{"a descriptor that does not come", []frame{with1(tabled(1, line(1, 4, 0, 0, 0)), 1, 0)}, "attachments"},
	{"a descriptor without an entry", []frame{with1(tabled(1, line(1, 1, 0, 9, 0)), 1, 1)}, "attachments"},
	{"a duplex of messages", []frame{tabled(1, "\x01\x00\x00\x00\x03\x02"+line(1, 3, 2, 9, 11)[6:])}, "malformed"},
	{"a duplex that is no stream", []frame{tabled(1, "\x01\x00\x00\x00\x03\x01"+line(1, 3, 0, 9, 11)[6:])}, "malformed"},
	{"a stream of messages", []frame{tabled(1, "\x01\x00\x00\x00\x02\x02"+line(1, 2, 2, 9, 0)[6:])}, "malformed"},
	{"a descriptor with a codec", []frame{with1(tabled(1, "\x01\x00\x00\x00\x04\x01"+line(1, 4, 0, 0, 0)[6:]), 1, 1)}, "malformed"},
	{"a receiver of a channel that never was comes home", []frame{tabled(1, line(1, 2, 0, 9, 100))}, "channel 100"},
	{"a receiver of the peer's own channel comes home", []frame{tabled(1, line(1, 2, 0, 9, inID))}, "channel 1"},
	{"a receiver of another codec comes home", []frame{tabled(1, "\x01\x00\x00\x00\x02\x01"+line(1, 2, 0, 9, outID)[6:])}, "codec"},
	{"a sender of a channel that never was comes home", []frame{tabled(1, line(1, 5, 0, 99, 0))}, "channel 99"},
	{"a sender of the victim's channel comes home", []frame{tabled(1, line(1, 5, 0, outID, 0))}, "channel 2"},
	{"a local value from elsewhere", []frame{with1(tabled(1, line(1, 6, 0, 0, 0)), 1, 1)}, "local value"},
	{"DATA with an attachment", []frame{{
		typ: frameData, attachments: 1, give: 1, channel: inID, payload: orderPayload,
	}}, "1 attachments"},
	{"DATA with an argument", []frame{{typ: frameData, channel: inID, arg: 1, payload: orderPayload}}, "DATA"},
	{"DATA beyond the credit", []frame{{
		typ: frameData, channel: lastID, payload: strings.Repeat("x", 1000), times: 3000,
	}}, "credit"},
	{"DATA beyond the credit in small messages", []frame{{typ: frameData, channel: lastID, times: 20_000}}, "credit"},
	{"DATA larger than MaxMessage", []frame{{typ: frameData, channel: inID, payload: strings.Repeat("x", 10_001)}}, "10001"},
	{"DATA larger than MaxMessage for the inbox", []frame{{
		typ: frameData, channel: lastID, payload: strings.Repeat("x", 10_001),
	}}, "10001"},

	{"CREDIT of 0", []frame{{typ: frameCredit, channel: outID}}, "CREDIT"},
	{"CREDIT of 2^31", []frame{{typ: frameCredit, channel: outID, arg: 1 << 31}}, "CREDIT"},
	{"CREDIT of 2^32-1", []frame{{typ: frameCredit, channel: outID, arg: 1<<32 - 1}}, "CREDIT"},
	{"CREDIT of 0 for a closed channel", []frame{{typ: frameCredit, channel: closedID}}, "CREDIT"},
	{"CREDIT with a payload", []frame{{typ: frameCredit, channel: outID, arg: 1, payload: "x"}}, "CREDIT"},
	{"CREDIT with a flag", []frame{{typ: frameCredit, channel: outID, arg: 1, flags: 1}}, "CREDIT"},
	{"CREDIT with an attachment", []frame{{typ: frameCredit, channel: outID, arg: 1, attachments: 1, give: 1}}, "CREDIT"},
	{"CREDIT for a channel never opened", []frame{{typ: frameCredit, channel: 100, arg: 1}}, "channel 100"},
	{"CREDIT for a channel of the peer's", []frame{{typ: frameCredit, channel: inID, arg: 1}}, "channel 1"},
	{"CREDIT for channel 0", []frame{{typ: frameCredit, arg: 1}}, "channel 0"},

	{"CLOSE for a channel never opened", []frame{{typ: frameClose, channel: 9}}, "channel 9"},
	{"CLOSE for channel 0", []frame{{typ: frameClose}}, "channel 0"},
	{"CLOSE for a channel of the victim's", []frame{{typ: frameClose, channel: outID}}, "channel 2"},
	{"CLOSE with a flag", []frame{{typ: frameClose, channel: inID, flags: 4}}, "CLOSE"},
	{"CLOSE with an attachment", []frame{{typ: frameClose, channel: inID, attachments: 3, give: 3}}, "CLOSE"},
	{"CLOSE with a text too long", []frame{{typ: frameClose, channel: inID, payload: strings.Repeat("x", 1025)}}, "CLOSE"},

	{"RESET for a channel never opened", []frame{{typ: frameReset, channel: 100}}, "channel 100"},
	{"RESET for channel 0", []frame{{typ: frameReset}}, "channel 0"},
	{"RESET for a channel of the peer's", []frame{{typ: frameReset, channel: inID}}, "channel 1"},
	{"RESET with a flag", []frame{{typ: frameReset, channel: outID, flags: 4}}, "RESET"},
	{"RESET with an attachment", []frame{{typ: frameReset, channel: outID, attachments: 1}}, "RESET"},
	{"RESET with a text too long", []frame{{typ: frameReset, channel: outID, payload: strings.Repeat("x", 1025)}}, "RESET"},

	{"GOAWAY with a channel", []frame{{typ: frameGoAway, channel: 1}}, "GOAWAY"},
	{"GOAWAY with a flag", []frame{{typ: frameGoAway, flags: 1}}, "GOAWAY"},
	{"GOAWAY with an attachment", []frame{{typ: frameGoAway, attachments: 1}}, "GOAWAY"},
	{"GOAWAY with a text too long", []frame{{typ: frameGoAway, payload: strings.Repeat("x", 1025)}}, "GOAWAY"},

	{"LANE for a channel never opened", []frame{{typ: frameLane, channel: 100}}, "LANE"},
	{"LANE for a channel of the peer's", []frame{{typ: frameLane, channel: inID}}, "LANE"},
	{"LANE with an argument", []frame{{typ: frameLane, channel: outID, arg: 1}}, "LANE"},
	{"LANE with a flag", []frame{{typ: frameLane, channel: outID, flags: 1}}, "LANE"},
	{"LANE with a payload", []frame{{typ: frameLane, channel: outID, payload: "x"}}, "LANE"},
	{"LANE with attachments that are not there", []frame{{typ: frameLane, channel: outID, attachments: 1}}, "1 attachments, 0 came"},
}

func TestAViolationOfTheProtocolEndsTheSessionByName(t *testing.T) {
	cfg := engine.Config{Limits: engine.Limits{MaxMessage: 10_000}}
	neighbour := newVictim(t, cfg, nil)
	neighbour.works()
	for _, w := range []engine.Wait{engine.Hybrid, engine.Block} {
		cfg.Wait = w
		for _, c := range violations {
			t.Run(fmt.Sprint(w, "/", c.name), func(t *testing.T) {
				v := newVictim(t, cfg, nil)
				go func() {
					for _, f := range c.frames {
						if !writeOrGone(v, f) {
							return
						}
					}
				}()
				var err error
				for err == nil || errors.Is(err, engine.ErrMalformed) {
					err = v.in.Receive(v.done, new(order))
				}
				v.broken(err, c.what)
			})
		}
	}
	neighbour.done = watchdog(t)
	neighbour.works()
}

// writeOrGone is write until the victim has gone, which it may before it has read everything.
func writeOrGone(v *victim, f frame) bool {
	times := max(1, f.times)
	f.times = 1
	for range times {
		if v.bell.Gone() {
			return false
		}
		for v.link.Producer.Free() < 2*ring.Stride(engine.HeaderSize+len(f.payload)) {
			if _, err := v.link.Producer.Reserve(ring.Stride(engine.HeaderSize + len(f.payload))); err == nil {
				break
			}
			v.link.Producer.Arm()
			if _, err := v.link.Producer.Reserve(ring.Stride(engine.HeaderSize + len(f.payload))); err == nil {
				break
			}
			if v.bell.Sleep(v.done, true) != nil {
				return false
			}
		}
		v.write(f)
	}
	return true
}

// The same found by who sends, who accepts, who opens a lane, and by a handler's loop.
func TestAViolationIsFoundByWhoeverPolls(t *testing.T) {
	bad := frame{typ: 99}
	for name, poll := range map[string]func(v *victim) error{
		"accept": func(v *victim) error { _, err := engine.Accept[order](v.done, v.sess, "other"); return err },
		"send": func(v *victim) error {
			for {
				if err := v.out.Send(v.done, new(order)); err != nil {
					return err
				}
			}
		},
		"open": func(v *victim) error {
			for {
				if _, err := engine.Open[order](v.done, v.sess, "x"); err != nil {
					return err
				}
				_ = v.in.Receive(v.done, new(order))
			}
		},
		"handler": func(v *victim) error {
			err := engine.Handle(v.sess, "h", func(context.Context, *order) error { return nil })
			get(v.t, v.sess.Done())
			if err == nil {
				err = v.sess.Err()
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, engine.Config{}, nil)
			v.write(bad)
			v.broken(poll(v), "type 99")
		})
	}
}

// Frames that crossed the end of their channel, and others that are in order.
func TestFramesThatATolerantReceiverTakes(t *testing.T) {
	v := newVictim(t, engine.Config{}, nil)
	for _, f := range []frame{
		{typ: frameData, channel: endedID, payload: orderPayload},
		{typ: frameData, channel: resetID, payload: orderPayload, times: 3},
		{typ: frameData, channel: closedID, payload: orderPayload},
		{typ: frameClose, channel: endedID, arg: 300, payload: "again"},
		{typ: frameClose, channel: resetID},
		{typ: frameClose, channel: resetID},
		{typ: frameCredit, channel: closedID, arg: 5},
		{typ: frameCredit, channel: canceledID, arg: 1<<31 - 1},
		{typ: frameReset, channel: closedID, arg: 2},
		{typ: frameReset, channel: canceledID, arg: 2},
		{typ: frameCredit, channel: outID, arg: 1<<31 - 1, times: 3},
		open1(99, "no such codec", strings.Repeat("n", 255)),
		open1(1<<31+1, "", "x"),
		{typ: frameClose, channel: 99, arg: 1<<32 - 1, payload: strings.Repeat("x", 1024)},
		{typ: frameLane, channel: outID},
		{typ: frameLane, channel: closedID, attachments: 1, give: 1},
	} {
		v.write(f)
		v.works()
	}
	if v.closed != v.given {
		t.Errorf("%d attachments of %d are closed", v.closed, v.given)
	}
	_, err := engine.Accept[order](v.done, v.sess, strings.Repeat("n", 255))
	wantErr(t, err, engine.ErrCodec)
	v.works()
}

// What is no text becomes one: nobody prints what a peer made up.
func TestTextsOfReasonsMayBeAnyBytes(t *testing.T) {
	v := newVictim(t, engine.Config{}, nil)
	v.write(frame{typ: frameClose, channel: inID, arg: 7, payload: "\xff\x00"})
	if ce := as[*engine.ChannelError](t, v.in.Receive(v.done, new(order))); ce.Code != 7 || ce.Text != "\ufffd\x00" {
		t.Errorf("%+v", ce)
	}
}

// The peer announces a window of which a message is larger, and takes no more until it has granted again.
func TestTheCreditOfAPeerIsKept(t *testing.T) {
	a, b := newLinks(t, 1<<14, nil)
	b.link.PeerLimits = engine.Announced{Window: 100, MaxMessage: 1 << 20}
	h := &hostile{side: a, t: t}
	sess := b.session(t, newEngine(t, engine.Config{}))
	s := must(engine.Open[engine.Raw](watchdog(t), sess, "x"))
	if n := fill(t, s, 60); n != 2 { // 80 bytes each: one within, one beyond
		t.Errorf("%d messages", n)
	}
	waiting, _ := watch(t)
	msg := make(engine.Raw, 60)
	sent := result(func() error { return s.Send(waiting, &msg) })
	get(t, waiting.waiting)
	h.write(frame{typ: frameCredit, channel: 2, arg: 60}) // 160 sent, 160 granted: not enough
	h.write(open1(1, "raw", "marker"))
	must(engine.Accept[engine.Raw](watchdog(t), sess, "marker"))
	select {
	case err := <-sent:
		t.Fatal("sent without credit:", err)
	default:
	}
	h.write(frame{typ: frameCredit, channel: 2, arg: 1})
	check(t, get(t, sent))
}

// A peer that opens channel after channel, and does not read that they are refused, is given up at last.
func TestAPeerThatDoesNotReadIsNotRememberedWithoutEnd(t *testing.T) {
	v := newVictim(t, engine.Config{Limits: engine.Limits{Channels: 8, Unclaimed: 4, Lanes: 2}}, nil)
	received := result(func() error { return v.in.Receive(v.done, new(order)) })
	for i := range 100_000 {
		if !writeOrGone(v, open1(uint32(101+2*i), "raw", "x")) {
			break
		}
	}
	err := get(t, received)
	v.broken(err, "answers")
	wantErr(t, err, engine.ErrLimit)
}

// The peer is gone without a word, in the midst of everything.
func TestAPeerThatIsGone(t *testing.T) {
	for _, w := range waits {
		for _, who := range []string{"receiver", "sender", "acceptor", "nobody"} {
			t.Run(fmt.Sprint(w, "/", who), func(t *testing.T) {
				v := newVictim(t, engine.Config{Wait: w}, nil)
				for range 3 {
					v.write(frame{typ: frameData, channel: inID, payload: orderPayload})
				}
				v.write(frame{typ: frameData, channel: lastID, payload: orderPayload})
				switch who {
				case "receiver":
					for range 3 {
						check(t, v.in.Receive(v.done, new(order)))
					}
					waiting, _ := watch(t)
					received := result(func() error { return v.in.Receive(waiting, new(order)) })
					get(t, waiting.waiting)
					v.bell.Shutdown()
					wantErr(t, get(t, received), engine.ErrPeerGone)
				case "sender":
					for full := false; !full; {
						waiting, _ := watch(t)
						sent := result(func() error { return v.out.Send(waiting, &order{Note: strings.Repeat("x", 1000)}) })
						select {
						case err := <-sent:
							check(t, err)
						case <-waiting.waiting:
							v.bell.Shutdown()
							wantErr(t, get(t, sent), engine.ErrPeerGone)
							full = true
						}
					}
				case "acceptor":
					waiting, _ := watch(t)
					accepted := result(func() error { _, err := engine.Accept[order](waiting, v.sess, "x"); return err })
					get(t, waiting.waiting)
					v.bell.Shutdown()
					wantErr(t, get(t, accepted), engine.ErrPeerGone)
				default:
					v.bell.Shutdown()
				}
				get(t, v.sess.Done())
				wantErr(t, v.sess.Err(), engine.ErrPeerGone)
				wantErr(t, v.out.Send(v.done, new(order)), engine.ErrPeerGone)
				// What it had sent before is delivered, also on a channel that nobody had accepted.
				if who != "receiver" {
					for range 3 {
						check(t, v.in.Receive(v.done, new(order)))
					}
				}
				wantErr(t, v.in.Receive(v.done, new(order)), engine.ErrPeerGone)
				last := must(engine.Accept[order](v.done, v.sess, "c7"))
				check(t, last.Receive(v.done, new(order)))
				wantErr(t, last.Receive(v.done, new(order)), engine.ErrPeerGone)
				get(t, v.side.over) // nobody has to Close for its memory
				if n := v.sess.Ends(); n != 0 {
					t.Errorf("%d ends are left", n)
				}
			})
		}
	}
}

// What the peer's positions say is checked by package ring; the session ends by that error.
func TestACorruptRingEndsTheSessionByName(t *testing.T) {
	own, peer := must(ring.NewHeap(nil)), must(ring.NewHeap(nil))
	bell, theirs := engine.NewBells()
	over := make(chan struct{}, 2)
	sess := must(engine.NewSession(newEngine(t, engine.Config{}), &engine.Link{
		Producer: ring.NewProducer(own, peer), Consumer: ring.NewConsumer(own, peer), Bell: bell,
		MaxRecord: own.MaxRecord(), Close: func() error { over <- struct{}{}; return nil },
	}))
	defer sess.Close()
	// A record without a length: the producer of another ring has moved the tail.
	liar := ring.NewProducer(peer, must(ring.NewHeap(nil)))
	must(liar.Reserve(64))
	liar.Commit(64)
	must(liar.Reserve(4096))
	liar.Commit(4096)
	liar.Publish()
	second := ring.NewProducer(peer, must(ring.NewHeap(nil)))
	b := must(second.Reserve(64))
	clear(b)
	second.Commit(60) // a frame of zeros: type 0
	theirs.Ring()
	_, err := engine.Accept[order](watchdog(t), sess, "x")
	wantErr(t, err, engine.ErrProtocol)
	get(t, over)
}

// tabled is a message for the victim with a table of n entries.
func tabled(n uint32, table string) frame {
	return frame{typ: frameData, channel: inID, arg: n, payload: table}
}

// with1 adds attachments to a frame, of which some are given.
func with1(f frame, attachments uint16, give int) frame {
	f.attachments, f.give = attachments, give
	return f
}

// line is an entry of a table.
func line(ref uint32, kind byte, flags uint16, channel, second uint32) string {
	b := binary.LittleEndian.AppendUint32(nil, ref)
	codec := byte(0)
	if kind == 3 || flags&2 != 0 && kind != 5 {
		codec = 1 // a byte stream
	}
	b = append(b, kind, codec)
	b = binary.LittleEndian.AppendUint16(b, flags)
	b = binary.LittleEndian.AppendUint32(b, channel)
	return string(binary.LittleEndian.AppendUint32(b, second))
}

// many is a table of n entries, of receivers that begin with channel 9.
func many(n uint32) (table string) {
	for i := range n {
		table += line(i+1, 2, 0, 9+2*i, 0)
	}
	return table
}

// A tiredBell is one whose process is out of descriptors.
type tiredBell struct{ *engine.ProcessBell }

func (b tiredBell) Take(n int) ([]engine.Attachment, error) {
	list, err := b.ProcessBell.Take(n)
	for _, a := range list {
		_ = a.Close()
	}
	return nil, errors.Join(err, fd.ErrExhausted)
}

// What a message brings is refused with code 5 where there are no descriptors left for it.
func TestAMessageWithoutItsDescriptorsIsRefusedWithTheLimitsCode(t *testing.T) {
	a, b := newLinks(t, 1<<14, nil)
	b.link.Bell = tiredBell{b.bell}
	h := &hostile{side: a, t: t}
	sess := b.session(t, newEngine(t, engine.Config{}))
	h.write(open1(1, "msgpack", "asks"))
	r := must(engine.Accept[ask](watchdog(t), sess, "asks"))
	h.write(with1(frame{
		typ: frameData, channel: 1, arg: 2, payload: line(1, 4, 0, 0, 0) + line(2, 1, 0, 3, 0) + "\x00\xd6\x07\x00\x00\x00\x02\xc0\xc0\xd6\x07\x00\x00\x00\x01\xc0",
	}, 1, 1))
	wantErr(t, r.Receive(watchdog(t), new(ask)), fd.ErrExhausted)
	if f := h.read(); f.typ != frameClose || f.channel != 3 || f.arg != 5 {
		t.Errorf("%v", f)
	}
	check(t, sess.Err())
}
