package limit

import (
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/internal/atomics"
	"github.com/corechan/corechan/perf/measure"
)

// pingpong is one half of the cache-line ping-pong.
//
// A half owns its word and its payload of each spot until it stores the word (1); what it wrote is the peer's to read
// when the peer sees that value (2), until the peer stores its own.
type pingpong struct {
	spots    []spot
	side     measure.Side
	clock    measure.Clock
	stop     measure.Stop
	src, dst []byte
}

// NewPingpong makes one half of a cache-line ping-pong with a payload of size bytes over mem, of PingBytes(size) zero
// bytes, which both halves share.
func NewPingpong(mem []byte, size int, side measure.Side, clock measure.Clock) (measure.Half, error) {
	all, err := spots(mem, size, side)
	if err != nil {
		return nil, err
	}
	return &pingpong{spots: all, side: side, clock: clock, src: make([]byte, size), dst: make([]byte, size)}, nil
}

func (p *pingpong) Run(s *measure.Slice) error {
	if p.side == measure.Far {
		return p.answer(s)
	}
	for i := range p.spots {
		if !p.lead(&p.spots[i], share(s.Warm, i, len(p.spots)), s.Pause, nil) {
			return measure.ErrStopped
		}
	}
	done := 0
	s.Begin = p.clock.Now()
	for i := range p.spots {
		n := share(s.Count, i, len(p.spots))
		if !p.lead(&p.spots[i], n, s.Pause, s.Samples[done:done+n]) {
			return measure.ErrStopped
		}
		done += n
	}
	s.End = p.clock.Now()
	return nil
}

// lead makes n round trips at one spot. The time of a round trip runs from one publish to the next, so that the clock is
// read while the line is on its way and its cost, which would be a good part of the whole, falls on neither.
func (p *pingpong) lead(at *spot, n int, pause time.Duration, samples []int64) bool {
	if n == 0 {
		return true
	}
	seq := atomic.LoadUint64(at.mine) + 1
	measure.Fill(at.out, p.src, seq)
	atomics.StoreRelease(at.mine, seq) // (1)
	last := p.clock.Now()
	for i := range n {
		if !await(at.theirs, seq, &p.stop) { // (2)
			return false
		}
		measure.Drain(p.dst, at.in)
		if pause != 0 {
			last += p.clock.Think(pause)
		}
		seq++
		measure.Fill(at.out, p.src, seq)
		atomics.StoreRelease(at.mine, seq) // (1)
		now := p.clock.Now()
		if samples != nil {
			samples[i] = now - last
		}
		last = now
	}
	// The publish that ended the last round trip has an answer to come.
	return await(at.theirs, seq, &p.stop)
}

func (p *pingpong) answer(s *measure.Slice) error {
	for _, n := range [2]int{s.Warm, s.Count} {
		for i := range p.spots {
			if !p.follow(&p.spots[i], share(n, i, len(p.spots))) {
				return measure.ErrStopped
			}
		}
	}
	return nil
}

func (p *pingpong) follow(at *spot, n int) bool {
	if n == 0 {
		return true
	}
	seq := atomic.LoadUint64(at.mine)
	for range n + 1 {
		seq++
		if !await(at.theirs, seq, &p.stop) { // (2)
			return false
		}
		measure.Drain(p.dst, at.in)
		measure.Fill(at.out, p.src, seq)
		atomics.StoreRelease(at.mine, seq) // (1)
	}
	return true
}

func (p *pingpong) Stop() { p.stop.Set() }

func (p *pingpong) Close() error { return nil }
