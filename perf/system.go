package perf

import (
	"context"
	"errors"

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

// newSystem makes the system that carries this transport, one of those that a Config may name.
func newSystem(t Transport) system {
	switch t {
	case Shm:
		return &channels{carrier: overShm{}}
	case Inmem:
		return &channels{carrier: overInmem{}}
	default:
		return bare{}
	}
}

// contestant is a system under test with what it is told: the one that was asked for, or a rival that waits otherwise.
type contestant struct {
	env    *env
	system system
}

// contestants makes the system that was asked for and its rivals, in the order of their subjects. Both processes of a
// run make the same.
func contestants(e *env) []contestant {
	all := []contestant{{e, newSystem(e.config.Transport)}}
	for _, w := range e.config.rivals() {
		other := *e
		other.config.Wait = w
		other.address += "-" + string(w)
		all = append(all, contestant{&other, newSystem(e.config.Transport)})
	}
	return all
}

func closeAll(all []contestant) error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.system.close())
	}
	return errors.Join(errs...)
}

// limitName says what openLimit opens.
func limitName(k kind, c *Config) string {
	blockInside := c.inProcess() && c.limitBlocks()
	switch {
	case k == pingpong && blockInside:
		return "Go channel ping-pong"
	case k == pingpong && c.limitBlocks():
		return "eventfd ping-pong"
	case k == pingpong:
		return "cache-line ping-pong"
	case blockInside:
		return "Go channel stream"
	default:
		return "SPSC ring copy"
	}
}

// limitBlocks says whether the limit sleeps: where a poller would wait for the other side's time slice, hybrid is held
// against that.
func (c *Config) limitBlocks() bool { return c.Wait == Block || c.oneCore() }

// openLimit opens one half of the limit that belongs to a configuration.
func openLimit(e *env, g *ground, side measure.Side) (measure.Half, error) {
	c := &e.config
	switch {
	case g.channels != nil:
		return g.channels.Half(side, e.clock)
	case e.kind == stream:
		return limit.NewStream(g.mem, c.Size, c.Ring, side, e.clock)
	case c.limitBlocks():
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
