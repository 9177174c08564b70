package perf

import (
	"context"
	"encoding/binary"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/measure"
)

// The hot loops of the raw mode: every message is written in the ring and read there, and both with the functions that
// the limit uses. See the typed mode for contexts.

// raw is what both loops have.
type raw struct {
	*conversation
	tx       engine.Sender[engine.Raw]
	rx       engine.Receiver[engine.Raw]
	seq      uint64 // of the last message sent, or to be expected
	src, dst []byte

	_ [lines - 96]byte // as in typed
}

// send writes the next message in place.
func (h *raw) send(ctx context.Context) error {
	h.seq++
	slot, err := h.tx.Reserve(ctx, len(h.src))
	if err != nil {
		return err
	}
	measure.Fill(slot.Bytes(), h.src, h.seq)
	return slot.Commit(len(h.src))
}

// receive reads the next message in place.
func (h *raw) receive(ctx context.Context) error {
	lease, err := h.rx.Lease(ctx)
	if err != nil {
		return err
	}
	measure.Drain(h.dst, lease.Bytes())
	return lease.Release()
}

// check compares the last message received. One of fewer than eight bytes carries no number.
func (h *raw) check() error {
	if len(h.dst) < 8 {
		return nil
	}
	return check(binary.LittleEndian.Uint64(h.dst), h.seq)
}

type rawPingpong struct{ raw }

func (h *rawPingpong) Run(s *measure.Slice) error {
	if h.side == measure.Far {
		return h.ended(h.answer(s.Warm + s.Count + 1))
	}
	return h.ended(h.lead(s))
}

// lead makes the round trips. The time of one runs from one message sent to the next, as it does in the limit.
func (h *rawPingpong) lead(s *measure.Slice) error {
	ctx := context.Background()
	if err := h.send(ctx); err != nil {
		return err
	}
	last := h.clock.Now()
	for i := range s.Warm + s.Count {
		if i == s.Warm {
			s.Begin = last
		}
		if err := h.receive(ctx); err != nil {
			return err
		}
		if s.Pause != 0 {
			last += h.clock.Think(s.Pause)
		}
		if err := h.send(ctx); err != nil {
			return err
		}
		now := h.clock.Now()
		if i >= s.Warm {
			s.Samples[i-s.Warm] = now - last
		}
		last = now
	}
	s.End = last
	if err := h.receive(ctx); err != nil {
		return err
	}
	return h.check()
}

func (h *rawPingpong) answer(n int) error {
	ctx := context.Background()
	for range n {
		if err := h.receive(ctx); err != nil {
			return err
		}
		if err := h.send(ctx); err != nil {
			return err
		}
	}
	return h.check()
}

type rawStream struct{ raw }

func (h *rawStream) Run(s *measure.Slice) error {
	if h.side == measure.Far {
		return h.ended(h.pull(s))
	}
	return h.ended(h.push(s))
}

func (h *rawStream) push(s *measure.Slice) error {
	ctx := context.Background()
	s.Begin = h.clock.Now()
	for range s.Count {
		if err := h.send(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (h *rawStream) pull(s *measure.Slice) error {
	ctx := context.Background()
	for range s.Count {
		if err := h.receive(ctx); err != nil {
			return err
		}
	}
	s.End = h.clock.Now()
	h.seq += uint64(s.Count)
	return h.check()
}
