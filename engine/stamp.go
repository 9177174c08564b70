package engine

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/internal/mark"
	"github.com/corechan/corechan/internal/monotime"
)

// Messages are stamped while their latency is of interest: who sends puts the time of sending in front, who receives takes the
// difference. It is only done between processes that read one clock, and know what a stamp is: see Link.Stamps and
// PROTOCOL.md. Otherwise nothing is in a frame, and what remains is a branch for each message sent.
//
//	sender                                            receiver
//	  Engine.StampMessages: port.stamps is 1            flag 4 of DATA: not the fast path
//	  commit: stamp, flag 4 of DATA      ─────────>     unstamp, took: engine.latencies, by channel and core
//
// A sample of them is marked at both ends, for probes of the kernel: see package internal/mark.
const (
	// stampSize is what a stamp takes in front of a payload: CLOCK_MONOTONIC in nanoseconds, a u64.
	stampSize = 8
	// flagStamp on DATA says that there is one.
	flagStamp = 4
	// kindStamped is kindData with a stamp.
	kindStamped = kindData | flagStamp<<8
)

// What port.stamps is. Under the tx token.
const (
	stampsOff uint32 = iota
	stampsOn
	stampsNotThis // the message that room was reserved for has no room for one
)

// stamping says whether an engine's ports stamp what they send.
type stamping struct {
	on    atomic.Bool
	mu    sync.Mutex // before tally.mu
	until time.Time
	timer *time.Timer
}

// stampRetry is when a port is tried again whose sender was in the middle of something.
const stampRetry = 10 * time.Millisecond

// StampMessages has what the engine's sessions send carry the time of sending for as long as d from now on, so that the receivers'
// Snapshot.Latencies show how long messages take. It is over by itself unless it is called again, at once with 0. It is for links within
// this machine whose other side knows of it; others go on as they are. A stamp takes 8 bytes of the message's room, and at each side a
// clock read; a message that fills the limit has none.
func (e *Engine) StampMessages(d time.Duration) {
	s := &e.stamping
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Now().Add(max(d, 0))
	e.applyStamps()
}

// StampLease is for how long an engine stamps after another process has asked it to: see package watch.
const StampLease = 15 * time.Second

// stampAtLeast is StampMessages that shortens nothing.
func (e *Engine) stampAtLeast(d time.Duration) {
	s := &e.stamping
	s.mu.Lock()
	defer s.mu.Unlock()
	if until := time.Now().Add(d); until.After(s.until) {
		s.until = until
		e.applyStamps()
	}
}

// applyStamps tells all ports, and sees to it that what could not be done now, or is to be undone later, will be. Called with stamping.mu
// held.
func (e *Engine) applyStamps() {
	s := &e.stamping
	left := time.Until(s.until)
	on := left > 0
	s.on.Store(on)
	again := left
	for _, p := range e.tally.all() {
		if !p.setStamps(on) {
			again = stampRetry
		}
	}
	if again <= 0 {
		return
	}
	if s.timer == nil {
		s.timer = time.AfterFunc(again, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			e.applyStamps()
		})
		return
	}
	s.timer.Reset(again)
}

// all returns the ports that there are.
func (t *tally) all() []*port {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*port, 0, len(t.ports))
	for p := range t.ports {
		list = append(list, p)
	}
	return list
}

// setStamps begins or ends stamping, and reports whether that is done: who holds the tx token may be waiting, for a message's bytes for
// instance.
func (p *port) setStamps(on bool) bool {
	if !p.link.Stamps || p.stamped.Load() == on || p.attention.Load()&attFailed != 0 {
		return true
	}
	if !p.tx.try() {
		return false
	}
	p.stamps = stampsOff
	if on {
		p.stamps = stampsOn
	}
	p.stamped.Store(on)
	p.giveTx()
	return true
}

// stampRoom is what a stamp takes in front of the next payload. Called with the tx token held, as those that follow.
func (p *port) stampRoom() int { return int(p.stamps) * stampSize }

// stampRoomFor is stampRoom for a payload of n bytes where there may not be as much.
func (s *sendEnd) stampRoomFor(n int) int {
	p := s.p
	if p.stamps == stampsOff {
		return 0
	}
	if n > s.maxMessage-stampSize {
		p.stamps = stampsNotThis
		return 0
	}
	return stampSize
}

// stampNext ends stampsNotThis.
func (p *port) stampNext() {
	if p.stamps != stampsOff {
		p.stamps = stampsOn
	}
}

// commitStamped commits n bytes of payload, with the stamp that room was reserved for, and returns the frame's size.
func (p *port) commitStamped(n int, kind uint32, channelAndArg uint64) int {
	if p.stamps == stampsNotThis {
		p.stamps = stampsOn
		p.prod.CommitFrame(HeaderSize+n, kind, channelAndArg)
		return HeaderSize + n
	}
	n += stampSize
	stamp := uint64(monotime.Now())
	if mark.Due(stamp) {
		mark.Sent(stamp)
	}
	p.prod.SetWord16(stamp)
	p.prod.CommitFrame(HeaderSize+n, kind|flagStamp<<8, channelAndArg)
	return HeaderSize + n
}

// unstamp takes the stamp off a payload whose header says that there is one, and that off the header.
func (p *port) unstamp(h *header, payload []byte) (stamp uint64, rest []byte, err error) {
	if !p.link.Stamps || len(payload) < stampSize {
		return 0, nil, violation("DATA for channel %d has flags %#x, of which 4 is a stamp, in %d bytes; stamps were agreed on: %v",
			h.channel, h.flags, len(payload), p.link.Stamps)
	}
	h.flags &^= flagStamp
	return binary.LittleEndian.Uint64(payload), payload[stampSize:], nil
}

// chargeStamped is recvEnd.charge for a message with a stamp and nothing else; false for any other frame.
func (r *recvEnd) chargeStamped(frame []byte, kind, channel, arg uint32) bool {
	return kind == kindStamped && channel == r.id.Load() && arg == 0 && len(frame) >= HeaderSize+stampSize && r.p.link.Stamps &&
		r.charge(len(frame))
}

// tookStamped counts it, and returns the message.
func (r *recvEnd) tookStamped(frame []byte) []byte {
	r.took(binary.LittleEndian.Uint64(frame[HeaderSize:]))
	return frame[HeaderSize+stampSize:]
}
