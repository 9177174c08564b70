package perf

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/measure"
)

// The loops that pass descriptors. Each half gives away the same file with every message, and closes what it receives, as
// the limit's halves do.

// passer is one half.
type passer struct {
	*conversation
	tx      engine.Sender[parcel]
	rx      engine.Receiver[parcel]
	gift    *os.File
	out, in parcel
}

func newPassing(ctx context.Context, e *env, c *conversation) (measure.Half, error) {
	tx, rx, err := openEnds[parcel](ctx, e, c.side, c.session)
	if err != nil {
		return nil, err
	}
	h := &passer{conversation: c, tx: tx, rx: rx}
	if h.out.Message, h.in.Message, err = newAsk(e.config.Size); err != nil {
		return nil, err
	}
	gift, err := newGift()
	if err != nil {
		return nil, err
	}
	h.gift = os.NewFile(uintptr(gift), "gift")
	h.out.File.V = h.gift
	return h, nil
}

// newGift makes a file to give away.
func newGift() (int, error) {
	n, err := unix.MemfdCreate("corechan-perf-gift", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("memfd_create: %w", err)
	}
	return n, nil
}

func (h *passer) Run(s *measure.Slice) error {
	if h.side == measure.Far {
		return h.ended(h.answer(s.Warm + s.Count + 1))
	}
	return h.ended(h.lead(s))
}

// lead makes the round trips. The time of one runs from one message sent to the next, as it does in the limit.
func (h *passer) lead(s *measure.Slice) error {
	last := h.clock.Now()
	if err := h.send(h.out.Seq+1, last); err != nil {
		return err
	}
	last = h.clock.Now()
	for i := range s.Warm + s.Count {
		if i == s.Warm {
			s.Begin = last
		}
		if err := h.receive(); err != nil {
			return err
		}
		if err := h.send(h.out.Seq+1, last); err != nil {
			return err
		}
		now := h.clock.Now()
		if i >= s.Warm {
			s.Samples[i-s.Warm] = now - last
		}
		last = now
	}
	s.End = last
	if err := h.receive(); err != nil {
		return err
	}
	return check(h.in.Seq, h.out.Seq)
}

func (h *passer) answer(n int) error {
	for range n {
		if err := h.receive(); err != nil {
			return err
		}
		if err := h.send(h.in.Seq, h.clock.Now()); err != nil {
			return err
		}
	}
	return nil
}

func (h *passer) send(seq uint64, now int64) error {
	h.out.Seq, h.out.Sent = seq, h.clock.Unix(now)
	return h.tx.Send(context.Background(), &h.out)
}

// receive takes a message and closes the file that it brings.
func (h *passer) receive() error {
	if err := h.rx.Receive(context.Background(), &h.in); err != nil {
		return err
	}
	if h.in.File.V == nil {
		return fmt.Errorf("%w: one without its file", errMismatch)
	}
	return h.in.File.V.Close()
}

func (h *passer) Close() error { return errors.Join(h.conversation.Close(), h.gift.Close()) }

// rights is the limit of those: the system that makes limit.NewRights.
type rights struct {
	gift int
}

func (*rights) prepare(context.Context, *env) error { return nil }

func (r *rights) open(_ context.Context, e *env, side measure.Side) (_ measure.Half, err error) {
	if r.gift, err = newGift(); err != nil {
		return nil, err
	}
	return limit.NewRights(e.sock, r.gift, e.config.Size, side, e.clock)
}

func (r *rights) close() error {
	if r.gift < 0 {
		return nil
	}
	return unix.Close(r.gift)
}
