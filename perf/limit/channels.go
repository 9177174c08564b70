package limit

import (
	"fmt"

	"github.com/corechan/corechan/perf/measure"
)

// Channels is what the halves of a blocking exchange within one process share: memory and Go channels. It is made once
// for both.
type Channels struct {
	mem      []byte
	size     int
	capacity int
	there    chan struct{}
	back     chan struct{}
}

// NewChannels makes the shared part for a ping-pong (capacity 0), or a stream over a ring of this capacity.
func NewChannels(size, capacity int) (*Channels, error) {
	if size < 1 || capacity != 0 && size > MaxStreamSize(capacity) {
		return nil, fmt.Errorf("%w: %d bytes by Go channels, ring of %d", ErrSize, size, capacity)
	}
	c := &Channels{size: size, capacity: capacity}
	if capacity == 0 {
		c.mem = make([]byte, PingBytes(size))
		c.there, c.back = make(chan struct{}, 1), make(chan struct{}, 1)
		return c, nil
	}
	c.mem = make([]byte, capacity)
	// The producer holds one record, the consumer another: so many less may wait between them.
	c.there, c.back = make(chan struct{}, capacity/recordBytes(size)-2), make(chan struct{}, 1)
	return c, nil
}

// Half makes one of the two halves.
func (c *Channels) Half(side measure.Side, clock measure.Clock) (measure.Half, error) {
	if c.capacity != 0 {
		return &channelStream{shared: c, side: side, clock: clock, buf: make([]byte, c.size)}, nil
	}
	all, err := spots(c.mem, c.size, side)
	if err != nil {
		return nil, err
	}
	h := &channelPingpong{
		spot: all[0], mine: c.back, theirs: c.there, side: side, clock: clock,
		src: make([]byte, c.size), dst: make([]byte, c.size),
	}
	if side == measure.Far {
		h.mine, h.theirs = h.theirs, h.mine
	}
	return h, nil
}

// channelPingpong is one half of the ping-pong by Go channels. Both halves are in one process and cannot fail, so there is
// nothing for Stop to end.
type channelPingpong struct {
	spot         spot
	mine, theirs chan struct{}
	side         measure.Side
	clock        measure.Clock
	src, dst     []byte
}

func (h *channelPingpong) Run(s *measure.Slice) error {
	n := s.Warm + s.Count
	if h.side == measure.Far {
		for seq := range uint64(n + 1) {
			<-h.mine
			measure.Drain(h.dst, h.spot.in)
			measure.Fill(h.spot.out, h.src, seq)
			h.theirs <- struct{}{}
		}
		return nil
	}
	measure.Fill(h.spot.out, h.src, 0)
	h.theirs <- struct{}{}
	last := h.clock.Now()
	for i := range n {
		if i == s.Warm {
			s.Begin = last
		}
		<-h.mine
		measure.Drain(h.dst, h.spot.in)
		if s.Pause != 0 {
			last += h.clock.Think(s.Pause)
		}
		measure.Fill(h.spot.out, h.src, uint64(i))
		h.theirs <- struct{}{}
		now := h.clock.Now()
		if i >= s.Warm {
			s.Samples[i-s.Warm] = now - last
		}
		last = now
	}
	s.End = last
	<-h.mine
	return nil
}

func (h *channelPingpong) Stop() {}

func (h *channelPingpong) Close() error { return nil }

// channelStream is one half of the stream by a buffered Go channel.
type channelStream struct {
	shared *Channels
	side   measure.Side
	clock  measure.Clock
	buf    []byte
}

func (h *channelStream) Run(s *measure.Slice) error {
	mem, size, each := h.shared.mem, h.shared.size, recordBytes(h.shared.size)
	at, end := 0, h.shared.capacity/each*each
	if h.side == measure.Near {
		s.Begin = h.clock.Now()
		for seq := range uint64(s.Count) {
			measure.Fill(mem[at:at+size], h.buf, seq)
			h.shared.there <- struct{}{}
			if at += each; at == end {
				at = 0
			}
		}
		<-h.shared.back
		return nil
	}
	for range s.Count {
		<-h.shared.there
		measure.Drain(h.buf, mem[at:at+size])
		if at += each; at == end {
			at = 0
		}
	}
	s.End = h.clock.Now()
	h.shared.back <- struct{}{}
	return nil
}

func (h *channelStream) Stop() {}

func (h *channelStream) Close() error { return nil }
