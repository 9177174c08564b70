package engine_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

// FuzzFrames has a peer write any sequence of frames to a session with live channels, between calls of the session's own
// user. Whatever comes, the session either ends by ErrProtocol, or by the peer's GOAWAY, and leaves nothing behind; or it
// goes on, and delivers a last message. Nothing panics or hangs, and what is buffered keeps within the limits.
//
// The input is a sequence of steps of a few bytes: see step.
func FuzzFrames(f *testing.F) {
	for _, v := range violations {
		var b []byte
		for _, fr := range v.frames {
			b = append(b, encodeStep(fr)...)
		}
		f.Add(b)
	}
	var ordinary []byte
	for _, fr := range []frame{
		{typ: frameData, channel: inID, payload: orderPayload},
		{typ: frameData, channel: lastID, payload: orderPayload},
		{typ: frameCredit, channel: outID, arg: 100},
		{typ: frameClose, channel: inID, arg: 300, payload: "why"},
		{typ: frameReset, channel: outID, arg: 2},
		{typ: frameOpen, channel: 9, payload: openPayload("raw", "x")},
		{typ: frameData, channel: 9, payload: "raw"},
		{typ: frameGoAway, arg: 1, payload: "bye"},
	} {
		for user := byte(0xf0); user != 0xf5; user++ {
			ordinary = append(ordinary, encodeStep(fr)...)
			ordinary = append(ordinary, user)
		}
		f.Add(ordinary)
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzzFrames(t, data) })
}

const (
	fuzzWindow, fuzzMessage = 1000, 2000
	fuzzSteps               = 200
)

// The channels that a step may name by an index, most of them in some use.
var fuzzIDs = []uint32{0, inID, outID, endedID, closedID, resetID, canceledID, lastID, 8, 9, 10, 11, 13, 99, 1<<32 - 2, 1<<32 - 1}

// A step is: a byte with the type and the index of the channel's id; or 0xf0 and more: what the session's user does.
// Else follow flags (the high bits: which payload), attachments, and how the argument is made.
func encodeStep(f frame) []byte {
	id := 0
	for i, v := range fuzzIDs {
		if v == f.channel {
			id = i
		}
	}
	payload := byte(0)
	switch {
	case f.typ == frameOpen && f.payload != "":
		payload = 1
	case len(f.payload) > 1000:
		payload = 3
	case f.payload != "":
		payload = 2
	}
	return []byte{min(f.typ, 14)<<4 | byte(id), payload<<6 | f.flags&3, byte(f.attachments), byte(f.arg)}
}

func fuzzFrames(t *testing.T, data []byte) {
	log := &laneLog{}
	v := newVictim(t, engine.Config{
		Wait:   engine.Block,
		Limits: engine.Limits{Window: fuzzWindow, MaxMessage: fuzzMessage, Channels: 1000, Unclaimed: 10, Lanes: 2},
	}, log)
	last, wentAway, gave := uint32(lastID), false, 0
	for range fuzzSteps {
		if len(data) < 4 || v.bell.Gone() {
			break
		}
		if data[0] >= 0xf0 {
			v.act(data[0])
			data = data[1:]
			continue
		}
		fr := decodeStep(data)
		data = data[4:]
		if fr.typ == frameOpen && fr.channel%2 == 1 {
			last = max(last, fr.channel)
		}
		wentAway = wentAway || fr.typ == frameGoAway
		if gave += fr.give; gave > 500 { // the bell holds so many that nobody has taken
			v.poll()
			gave = fr.give
		}
		if !writeOrGone(v, fr) {
			break
		}
		v.drain()
		if v.link.Producer.Free() < 4096 {
			v.poll()
		}
		if all, most := v.sess.Buffered(); most > fuzzWindow+fuzzMessage || all > 1000*(fuzzWindow+fuzzMessage) {
			t.Fatalf("%d bytes are buffered, of one channel %d", all, most)
		}
	}
	if wentAway || last >= 1<<32-2 {
		v.end(wentAway)
		return
	}
	// A last message, on a channel of its own.
	v.write(open1(last+2, "msgpack", "fin"))
	v.write(frame{typ: frameData, channel: last + 2, payload: orderPayload})
	r, err := engine.Accept[order](v.done, v.sess, "fin")
	var o order
	if err == nil {
		if err = r.Receive(v.done, &o); err == nil && o.ID != 42 {
			t.Fatal(o)
		}
	}
	if err != nil {
		wantErr(t, err, engine.ErrProtocol)
		v.end(false)
		return
	}
	check(t, v.sess.Err())
	check(t, v.sess.Close())
	v.gone()
}

func decodeStep(b []byte) frame {
	f := frame{
		typ: b[0] >> 4, channel: fuzzIDs[b[0]&15], flags: b[1] & 3, attachments: uint16(b[2] & 7), arg: uint32(b[3]),
	}
	if b[2]&8 == 0 {
		f.flags = 0 // most have none
	}
	if b[2]&16 == 0 {
		f.attachments = 0
	}
	if b[2]&32 != 0 {
		f.give = int(f.attachments)
	}
	if b[3]&0x80 != 0 {
		f.arg <<= 24
	}
	switch b[1] >> 6 {
	case 1:
		f.payload, f.arg = openPayload("msgpack", "x"), 0
	case 2:
		f.payload = orderPayload
	case 3:
		if f.typ == frameData && b[1]&32 != 0 { // a table
			f.arg = uint32(b[1] & 3)
			f.payload = many(f.arg)
			if b[1]&16 != 0 {
				f.payload = line(1, b[2]&7, uint16(b[2]>>6), fuzzIDs[b[3]&15], uint32(b[3]>>4)) + many(2)
			}
			return f
		}
		f.payload = strings.Repeat("z", int(b[1]&0x3f)*40)
	}
	if f.typ == frameData && b[3]&0x40 == 0 {
		f.arg = 0
	}
	if b[1] == 0x3f {
		f.length = 4 + int(b[2])%13 // shorter than a header
	}
	return f
}

// act is what the session's user does between the frames.
func (v *victim) act(what byte) {
	switch what {
	case 0xf0:
		_ = v.in.Receive(impatient(v.done), new(order))
	case 0xf1:
		_ = v.out.Send(impatient(v.done), new(order))
	case 0xf2:
		if r, err := engine.Accept[engine.Raw](impatient(v.done), v.sess, "x"); err == nil {
			_ = r.Receive(impatient(v.done), new(engine.Raw))
		}
	case 0xf3:
		_ = v.in.Close()
	case 0xf4:
		_ = v.out.Close()
	case 0xf5:
		if s, err := engine.Open[order](v.done, v.sess, "mine"); err == nil {
			_ = s.Send(impatient(v.done), new(order))
		}
	case 0xf6:
		_, _ = engine.OpenLane[order](impatient(v.done), v.sess, "lane", nil)
	case 0xf7:
		if l, err := v.in.Lease(impatient(v.done)); err == nil {
			v.poll()
			_ = l.Release()
		}
	default:
		v.poll()
	}
	v.drain()
}

// poll has the session read what there is.
func (v *victim) poll() {
	_, _ = engine.Accept[order](impatient(v.done), v.sess, "nothing")
}

// drain reads what the session has sent, which must be in order.
func (v *victim) drain() {
	for {
		b, err := v.link.Consumer.Next()
		if errors.Is(err, ring.ErrEmpty) {
			break
		}
		check(v.t, err)
		typ, arg := b[4], binary.LittleEndian.Uint32(b[12:])
		switch {
		case len(b) < engine.HeaderSize, typ == 0, typ > frameLane, typ == framePing, typ == framePong,
			typ == frameCredit && (arg == 0 || arg >= 1<<31), typ == frameData && arg != 0, len(b) > 8192:
			v.t.Fatalf("the session has sent % x", b[:min(len(b), 32)])
		}
		v.link.Consumer.Release()
	}
	if v.link.Consumer.MustRing() {
		v.bell.Ring()
	}
}

// end checks that the session has ended, once it has read everything.
func (v *victim) end(wentAway bool) {
	for range 3 {
		v.poll()
	}
	err := v.sess.Err()
	if err != nil && !errors.Is(err, engine.ErrProtocol) && (!wentAway || !errors.Is(err, engine.ErrSessionClosed)) {
		v.t.Fatal(err)
	}
	check(v.t, v.sess.Close())
	v.gone()
}

// gone checks that nothing is left.
func (v *victim) gone() {
	get(v.t, v.side.over)
	if n, l, s := v.sess.Ends(), v.sess.LaneCount(), v.eng.SessionCount(); n != 0 || l != 0 || s != 0 {
		v.t.Fatalf("%d ends, %d lanes and %d sessions are left", n, l, s)
	}
	_ = v.bell.Close()
	if v.given != v.closed {
		v.t.Fatalf("%d attachments of %d are closed", v.closed, v.given)
	}
}
