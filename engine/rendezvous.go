package engine

import (
	"context"
	"sync/atomic"
)

// A rendezvous is the sending end's part of an unbuffered channel: one message at a time, and a Send that returns when the
// receiver has taken it. The receiver grants credit for each message as soon as it is taken, so what was granted beyond the
// window says how much that is.
type rendezvous struct {
	turn   chan struct{} // whose Send it is
	window uint64        // what was granted at first
}

// take waits for the turn of this Send.
func (v *rendezvous) take(ctx context.Context) error {
	select {
	case v.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *rendezvous) give() { <-v.turn }

// met waits until the receiver has taken everything that was sent.
func (s *sendEnd) met(ctx context.Context) error {
	c := (*metCondition)(s)
	for !c.met() {
		if _, _, err := s.p.await(ctx, c, nil); err != nil {
			return s.because(ctx, err)
		}
	}
	if s.taken() {
		return nil
	}
	return s.err()
}

func (s *sendEnd) taken() bool {
	return s.granted.Load()-s.meet.window >= atomic.LoadUint64(&s.sent)
}

// A metCondition is met when the receiver has taken everything, or the channel has ended.
type metCondition sendEnd

func (c *metCondition) met() bool {
	s := (*sendEnd)(c)
	return s.taken() || s.ended.Load() != nil
}
func (c *metCondition) signal() <-chan struct{} { return c.changed.signal() }
