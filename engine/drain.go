package engine

import "context"

// Drain ends the session in order: from now on no channel is opened, by either side, which answers ErrDraining; those that are
// open go on until they end; then the session is closed. If ctx ends first, it is closed at once, and ctx's error is
// returned; ErrPeerGone and the like if the session ended meanwhile.
//
// Whoever calls it sees to it that the channels' users come to an end.
func (s *Session) Drain(ctx context.Context) error {
	p := s.port
	s.draining.Store(true)
	c := &drainCondition{p: p, changed: make(chan struct{}, 1)}
	p.drained.Store(c)
	var err error
	for !c.met() && err == nil {
		_, _, err = p.await(ctx, c, nil)
	}
	if err == nil {
		err = s.drain(ctx)
	}
	_ = s.Close()
	return err
}

// Draining reports whether Drain was called.
func (s *Session) Draining() bool { return s.draining.Load() }

// A drainCondition is met when no channel is open.
type drainCondition struct {
	p       *port
	changed chan struct{}
}

func (c *drainCondition) met() bool { return c.p.open.Load() == 0 }

func (c *drainCondition) signal() <-chan struct{} { return c.changed }

func (c *drainCondition) wake() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
	c.p.kick()
}
