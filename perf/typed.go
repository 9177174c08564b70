package perf

import (
	"context"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/measure"
)

// The hot loops of the typed mode. Their contexts cannot be cancelled, so that waiting costs what it must and no more;
// Stop ends the session instead. The time in a message is the last one that the loop has read anyway.

// typed is what both loops have.
type typed struct {
	*conversation
	tx      engine.Sender[Message]
	rx      engine.Receiver[Message]
	out, in Message

	_ [lines - 120]byte // whole lines: the two sides may be in one process
}

type typedPingpong struct{ typed }

func (h *typedPingpong) Run(s *measure.Slice) error {
	if h.side == measure.Far {
		return h.ended(h.answer(s.Warm + s.Count + 1))
	}
	return h.ended(h.lead(s))
}

// lead makes the round trips. The time of one runs from one message sent to the next, as it does in the limit.
func (h *typedPingpong) lead(s *measure.Slice) error {
	ctx := context.Background()
	last := h.clock.Now()
	h.out.Seq++
	h.out.Sent = h.clock.Unix(last)
	if err := h.tx.Send(ctx, &h.out); err != nil {
		return err
	}
	last = h.clock.Now()
	for i := range s.Warm + s.Count {
		if i == s.Warm {
			s.Begin = last
		}
		if err := h.rx.Receive(ctx, &h.in); err != nil {
			return err
		}
		if s.Pause != 0 {
			last += h.clock.Think(s.Pause)
		}
		h.out.Seq++
		h.out.Sent = h.clock.Unix(last)
		if err := h.tx.Send(ctx, &h.out); err != nil {
			return err
		}
		now := h.clock.Now()
		if i >= s.Warm {
			s.Samples[i-s.Warm] = now - last
		}
		last = now
	}
	s.End = last
	if err := h.rx.Receive(ctx, &h.in); err != nil {
		return err
	}
	return check(h.in.Seq, h.out.Seq)
}

// answer sends back what it receives, decoded and encoded again.
func (h *typedPingpong) answer(n int) error {
	ctx := context.Background()
	for range n {
		if err := h.rx.Receive(ctx, &h.in); err != nil {
			return err
		}
		if err := h.tx.Send(ctx, &h.in); err != nil {
			return err
		}
	}
	return nil
}

type typedStream struct{ typed }

func (h *typedStream) Run(s *measure.Slice) error {
	if h.side == measure.Far {
		return h.ended(h.pull(s))
	}
	return h.ended(h.push(s))
}

func (h *typedStream) push(s *measure.Slice) error {
	ctx := context.Background()
	s.Begin = h.clock.Now()
	h.out.Sent = h.clock.Unix(s.Begin)
	for range s.Count {
		h.out.Seq++
		if err := h.tx.Send(ctx, &h.out); err != nil {
			return err
		}
	}
	return nil
}

func (h *typedStream) pull(s *measure.Slice) error {
	ctx := context.Background()
	for range s.Count {
		if err := h.rx.Receive(ctx, &h.in); err != nil {
			return err
		}
	}
	s.End = h.clock.Now()
	h.out.Seq += uint64(s.Count)
	return check(h.in.Seq, h.out.Seq)
}
