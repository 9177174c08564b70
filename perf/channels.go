package perf

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/perf/rig"
	"github.com/corechan/corechan/ring"
)

// channels is corechan itself as the system under test: a session, and on it a channel each way that messages go.
//
// The near side listens, the far side dials. Each process has an engine of its own; within one, both sides share it.
type channels struct {
	carrier  rig.Carrier
	engine   *engine.Engine
	listener *engine.Listener
}

func (s *channels) prepare(ctx context.Context, e *env) (err error) {
	if err = s.start(e); err != nil {
		return err
	}
	at, err := e.place(measure.Near)
	if err != nil {
		return err
	}
	if s.listener, err = s.carrier.Listen(ctx, at, s.engine); err != nil {
		return err
	}
	e.address = addressOf(s.listener)
	return nil
}

// addressOf is where to dial, with the port that the system chose, if it chose one.
func addressOf(l *engine.Listener) string {
	_, addr, _ := strings.Cut(l.Addr(), "://")
	return addr
}

func (s *channels) start(e *env) (err error) {
	s.engine, err = engine.New(engine.Config{
		Wait:   engineWait(e.config.Wait),
		Limits: engine.Limits{Window: uint32(e.config.Ring)}, // so that the ring is the bound, as it is for the limit
	})
	if err == nil && e.stamped {
		s.engine.StampMessages(stampedFor)
	}
	return err
}

func engineWait(w Wait) engine.Wait {
	switch w {
	case Spin:
		return engine.Spin
	case Block:
		return engine.Block
	default:
		return engine.Hybrid
	}
}

// ringOptions are those of every ring. Unless memory is what is measured, the pages are touched beforehand, so that no fault falls
// into a slice.
func ringOptions(e *env) ring.Options {
	return ring.Options{Capacity: e.config.Ring, Prefault: !e.lazy}
}

func (s *channels) open(ctx context.Context, e *env, side measure.Side) (measure.Half, error) {
	session, err := s.connect(ctx, e, side)
	if err != nil {
		return nil, err
	}
	half, err := newHalf(ctx, e, side, session)
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return half, nil
}

func (s *channels) connect(ctx context.Context, e *env, side measure.Side) (*engine.Session, error) {
	if side == measure.Near {
		return s.listener.Accept(ctx)
	}
	if s.engine == nil { // in a process of its own
		if err := s.start(e); err != nil {
			return nil, err
		}
	}
	at, err := e.place(measure.Far)
	if err != nil {
		return nil, err
	}
	return s.carrier.Dial(ctx, at, s.engine)
}

func (s *channels) close() error {
	if s.engine == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	return s.engine.Shutdown(ctx) // closes the listener too
}

func newHalf(ctx context.Context, e *env, side measure.Side, session *engine.Session) (measure.Half, error) {
	c := &conversation{session: session, side: side, clock: e.clock}
	switch e.kind {
	case call:
		return newCall(ctx, e, c)
	case passing:
		return newPassing(ctx, e, c)
	case byteStream:
		return newBytes(ctx, e, c)
	}
	if e.config.Mode == Raw {
		tx, rx, err := openEnds[engine.Raw](ctx, e, side, session)
		if err != nil {
			return nil, err
		}
		r := raw{conversation: c, tx: tx, rx: rx, src: own(e.config.Size), dst: own(e.config.Size)}
		if e.kind == pingpong {
			return &rawPingpong{r}, nil
		}
		return &rawStream{r}, nil
	}
	tx, rx, err := openEnds[Message](ctx, e, side, session)
	if err != nil {
		return nil, err
	}
	t := typed{conversation: c, tx: tx, rx: rx}
	if t.out, err = NewMessage(e.config.Size); err != nil {
		return nil, err
	}
	t.out.Pad, t.in.Pad = own(len(t.out.Pad)), own(len(t.out.Pad)) // decoding uses the latter again
	if e.kind == pingpong {
		return &typedPingpong{t}, nil
	}
	return &typedStream{t}, nil
}

// own returns n bytes in cache lines of their own: the two sides may be in one process.
func own(n int) []byte { return make([]byte, n, max(n, lines)) }

// lines is a pair of cache lines, and a size by which the heap aligns.
const lines = 128

// The channels' names, as the near side sees them.
const (
	there = "there"
	back  = "back"
)

// openEnds opens this side's ends of the channels: there, and of a ping-pong back. An end that is not used is zero.
func openEnds[T any](ctx context.Context, e *env, side measure.Side, session *engine.Session) (
	tx engine.Sender[T], rx engine.Receiver[T], err error,
) {
	near := side == measure.Near
	if near {
		tx, err = openSender[T](ctx, e, session, there)
	} else {
		rx, err = engine.Accept[T](ctx, session, there)
	}
	switch {
	case err != nil || e.kind == stream:
	case near:
		rx, err = engine.Accept[T](ctx, session, back)
	default:
		tx, err = openSender[T](ctx, e, session, back)
	}
	return tx, rx, err
}

func openSender[T any](ctx context.Context, e *env, session *engine.Session, name string) (tx engine.Sender[T], err error) {
	if e.config.Lane {
		tx, err = engine.OpenLane[T](ctx, session, name, &engine.LaneOptions{Ring: ringOptions(e)})
	} else {
		tx, err = engine.Open[T](ctx, session, name)
	}
	if err == nil && e.config.Size > tx.MaxMessage() {
		err = tooLarge(&e.config, tx.MaxMessage())
	}
	return tx, err
}

// conversation is what every half over a session has.
type conversation struct {
	session *engine.Session
	side    measure.Side
	clock   measure.Clock
	stop    measure.Stop
}

// Stop ends the session: everything that waits on it returns.
func (c *conversation) Stop() {
	c.stop.Set()
	_ = c.session.Close() // always nil
}

func (c *conversation) Close() error { return c.session.Close() }

// ended tells a slice that was stopped from one that failed.
func (c *conversation) ended(err error) error {
	if err != nil && c.stop.IsSet() {
		return measure.ErrStopped
	}
	return err
}

// errMismatch reports that the last message received in a slice is not the last one sent. Channels keep order and each
// slice has its count, so one look at its end finds any message lost, doubled or changed in place of another.
var errMismatch = errors.New("corechan delivered another message than was sent last")

func check(got, sent uint64) error {
	if got != sent {
		return fmt.Errorf("%w: number %d instead of %d", errMismatch, got, sent)
	}
	return nil
}
