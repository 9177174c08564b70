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
	pingpong   kind = "pingpong" // round trips
	stream     kind = "stream"   // messages one way
	call       kind = "call"     // round trips through a channel for each answer
	passing    kind = "fd"       // round trips with a descriptor each way
	byteStream kind = "bytes"    // a byte stream one way, in pieces
)

// trips says whether each exchange is a round trip whose time is a sample, or else goes one way.
func (k kind) trips() bool { return k != stream && k != byteStream }

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
	sock    int    // of the limit that passes descriptors: this side's end of a socketpair
}

// as returns a copy for another contestant of the same run, by an address of its own.
func (e *env) as(k kind, name string) *env {
	other := *e
	other.kind = k
	other.address += "-" + name
	return &other
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
	if k.trips() {
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

// newLimit makes what the system is held against: where the machine's own limit is not at issue, it is corechan itself, doing
// something plainer on a session of its own.
func newLimit(e *env) contestant {
	switch e.kind {
	case call:
		return contestant{e.as(pingpong, "limit"), newSystem(e.config.Transport)}
	case passing:
		return contestant{e, &rights{gift: -1}}
	case byteStream:
		return contestant{e.as(stream, "limit"), newSystem(e.config.Transport)}
	default:
		return contestant{e, bare{limit: true}}
	}
}

// newRivals makes what is measured beside the system, in the order in which it is reported.
func newRivals(e *env) (all []contestant) {
	switch {
	case e.kind == byteStream:
		return []contestant{{e.as(stream, "bare"), bare{limit: true}}}
	case e.config.Inflight > 1:
		one := e.as(call, "single")
		one.config.Inflight = 1
		return []contestant{{one, newSystem(e.config.Transport)}}
	}
	for _, w := range e.config.rivals() {
		other := e.as(e.kind, string(w))
		other.config.Wait = w
		all = append(all, contestant{other, newSystem(e.config.Transport)})
	}
	return all
}

// contestant is one of those that take turns, with what it is told: the limit, the system that was asked for, or a rival.
type contestant struct {
	env    *env
	system system
}

// contestants makes all that take turns, in the order of their subjects. Both processes of a run make the same.
func contestants(e *env) []contestant {
	all := []contestant{newLimit(e), {e, newSystem(e.config.Transport)}}
	return append(all, newRivals(e)...)
}

func closeAll(all []contestant) error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.system.close())
	}
	return errors.Join(errs...)
}

// limitName says what newLimit makes.
func limitName(k kind, c *Config) string {
	blockInside := c.inProcess() && c.limitBlocks()
	switch {
	case k == call:
		return "plain round trip of the same size over a session of its own"
	case k == passing:
		return "sendmsg and recvmsg of one descriptor, there and back"
	case k == byteStream:
		return "raw messages of 64 KiB over a session of their own"
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

// openLimit opens one half of the bare limit that belongs to a configuration.
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

// bare is the machine's own limit; or, in the place of a system under test, the same on memory of its own: that shows what
// the harness itself adds, nothing if it is right.
type bare struct{ limit bool }

func (bare) prepare(context.Context, *env) error { return nil }

func (b bare) open(_ context.Context, e *env, side measure.Side) (measure.Half, error) {
	if b.limit {
		return openLimit(e, &e.limit, side)
	}
	return openLimit(e, &e.bare, side)
}

func (bare) close() error { return nil }
