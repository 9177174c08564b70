package worker

import (
	"context"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/perf/measure"
)

// longest is the longest round trip that the histogram tells apart, in nanoseconds.
const longest = 60e9

// leader is the near side at work.
type leader struct {
	c       peer.Case
	clock   measure.Clock
	lines   []*line
	samples []int64
}

// line is one connection with what its goroutine needs. One of channel and caller is nil.
type line struct {
	channel peer.Channel
	caller  peer.Caller
	clock   measure.Clock
	size    int
	number  uint64 // of the last message sent
	out, in []byte
}

func newLeader(ctx context.Context, p peer.Peer, c peer.Case, addr string) (*leader, error) {
	clock, err := measure.NewClock()
	if err != nil {
		return nil, err
	}
	l := &leader{c: c, clock: clock}
	for range c.Conns {
		conn, err := p.Dial(ctx, addr)
		if err != nil {
			return nil, err
		}
		one := newLine(c.Size, clock)
		one.channel, _ = conn.(peer.Channel)
		one.caller, _ = conn.(peer.Caller)
		switch {
		case one.channel == nil && one.caller == nil:
			return nil, fmt.Errorf("%T is neither a Channel nor a Caller", conn)
		case one.channel == nil && c.Kind == peer.Stream:
			return nil, peer.Cannot("it has no messages that go one way")
		}
		l.lines = append(l.lines, one)
	}
	return l, nil
}

func newLine(size int, clock measure.Clock) *line {
	return &line{clock: clock, size: size, out: make([]byte, size), in: make([]byte, size)}
}

// slice does the work once, with what comes before and does not count.
func (l *leader) slice(warm, count, pid int) (*Result, error) {
	if err := l.work(warm, nil); err != nil {
		return nil, err
	}
	samples := l.room(count)
	pids := []int{self(), pid}
	used, err := cpuTime(pids...)
	if err != nil {
		return nil, err
	}
	made, begin := allocations(), l.clock.Now()
	if err := l.work(count, samples); err != nil {
		return nil, err
	}
	r := &Result{Count: count, Elapsed: max(l.clock.Now()-begin, 1)}
	r.Allocs = allocations() - made
	after, err := cpuTime(pids...)
	if err != nil {
		return nil, err
	}
	r.CPU = after - used
	r.Percentiles(samples)
	return r, nil
}

// room returns a place for that many samples, touched before.
func (l *leader) room(count int) []int64 {
	if l.c.Kind == peer.Stream {
		return nil
	}
	if cap(l.samples) < count {
		l.samples = make([]int64, count)
	}
	l.samples = l.samples[:count]
	clear(l.samples)
	return l.samples
}

// Percentiles fills in those of round trips, in nanoseconds.
func (r *Result) Percentiles(samples []int64) {
	if len(samples) == 0 {
		return
	}
	h := hdrhistogram.New(1, longest, 3)
	for _, ns := range samples {
		r.Max = max(r.Max, float64(ns))
		_ = h.RecordValue(min(max(ns, 1), longest)) // in range
	}
	r.P50, r.P99 = float64(h.ValueAtQuantile(50)), float64(h.ValueAtQuantile(99))
}

// work does the work n times. samples is nil for what does not count.
func (l *leader) work(n int, samples []int64) error {
	if n == 0 {
		return nil
	}
	one := l.lines[0]
	switch l.c.Kind {
	case peer.Trip:
		return one.trips(n, samples)
	case peer.Stream:
		return one.stream(n)
	case peer.Calls:
		if one.channel != nil {
			return one.pipeline(n, l.c.Inflight, samples)
		}
		return one.calls(n, l.c.Inflight, samples)
	case peer.Crowd:
		return l.crowd(n, samples)
	}
	return fmt.Errorf("there is no kind of work %q", l.c.Kind)
}
