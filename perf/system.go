package perf

import (
	"context"
	"fmt"

	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/measure"
)

// kind is what is measured.
type kind string

const (
	pingpong kind = "pingpong" // round trips
	stream   kind = "stream"   // messages one way
)

// system is a system under test. One is made for each run, in each process; if both sides are in one process they share
// it.
//
// The near side's prepare comes first. Then open is called for both sides at once, each on the hot thread that will run
// the half; it may block until the other side is there. close comes after both halves are closed.
type system interface {
	prepare(ctx context.Context, e *env) error
	open(ctx context.Context, e *env, side measure.Side) (measure.Half, error)
	close() error
}

// env is what the two sides of a run have in common.
type env struct {
	kind    kind
	config  Config
	address string // unused so far by anyone on this machine; begins with @
	clock   measure.Clock
	limit   ground
	bare    ground // for the bare transports
}

// ground is what the two halves of a bare exchange share: memory and eventfds between processes; within one, memory or
// Go channels.
type ground struct {
	mem      []byte
	bells    [2]int
	channels *limit.Channels
}

// groundBytes is how much memory a ground has.
func groundBytes(k kind, c *Config) int {
	if k == pingpong {
		return limit.PingBytes(c.Size)
	}
	return limit.StreamBytes(c.Ring)
}

// newSystem makes the system that carries this transport.
func newSystem(t Transport) (system, error) {
	switch t {
	case Bare, BareInmem:
		return bare{}, nil
	default:
		return nil, fmt.Errorf("%w: transport %s is not built yet", ErrConfig, t)
	}
}

// limitName says what openLimit opens.
func limitName(k kind, c *Config) string {
	blockInside := c.inProcess() && c.Wait == Block
	switch {
	case k == pingpong && blockInside:
		return "Go channel ping-pong"
	case k == pingpong && c.Wait == Block:
		return "eventfd ping-pong"
	case k == pingpong:
		return "cache-line ping-pong"
	case blockInside:
		return "Go channel stream"
	default:
		return "SPSC ring copy"
	}
}

// openLimit opens one half of the limit that belongs to a configuration.
func openLimit(e *env, g *ground, side measure.Side) (measure.Half, error) {
	c := &e.config
	switch {
	case g.channels != nil:
		return g.channels.Half(side, e.clock)
	case e.kind == stream:
		return limit.NewStream(g.mem, c.Size, c.Ring, side, e.clock)
	case c.Wait == Block:
		return limit.NewEventfd(g.mem, g.bells, c.Size, side, e.clock)
	default:
		return limit.NewPingpong(g.mem, c.Size, side, e.clock)
	}
}

// bare is the limit in the place of a system under test, on memory of its own. It shows what the harness itself adds:
// nothing, if it is right.
type bare struct{}

func (bare) prepare(context.Context, *env) error { return nil }

func (bare) open(_ context.Context, e *env, side measure.Side) (measure.Half, error) {
	return openLimit(e, &e.bare, side)
}

func (bare) close() error { return nil }
