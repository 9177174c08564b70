package perf

import (
	"context"
	"crypto/tls"
	"errors"

	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/perf/rig"
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
// The near side's prepare comes first; it may change the address, which the far side is then told. Then open is called for
// both sides at once, each on the thread or goroutine that will run the half; it may block until the other side is there. close
// comes after both halves are closed.
type system interface {
	prepare(ctx context.Context, e *env) error
	open(ctx context.Context, e *env, side measure.Side) (measure.Half, error)
	close() error
}

// env is what one contestant of a run is told. The two sides have the same but for what is said to be one side's.
type env struct {
	kind    kind
	config  Config
	address string // unused so far by anyone on this machine; begins with @
	clock   measure.Clock
	ground  ground // of those that go through memory
	lazy    bool   // touch no memory before it is used
	stamped bool   // messages say when they were sent
	sock    int    // of those that go over a bare connection: this side's end

	identity    *tls.Certificate // the near side's, where there is TLS
	certificate []byte           // its certificate in DER, which the far side trusts
}

// as returns a copy for a contestant, with an address of its own.
func (e *env) as(k kind, name string) *env {
	other := *e
	other.kind = k
	other.address += "-" + name
	return &other
}

// tls is how this side speaks TLS.
func (e *env) tls(side measure.Side) (*tls.Config, error) {
	if side == measure.Near {
		return limit.ServerTLS(*e.identity), nil
	}
	return limit.ClientTLS(e.certificate)
}

// role is what a contestant is for.
type role string

const (
	asLimit  role = "limit"
	asSystem role = "system"
	asRival  role = "rival"
)

// contestant is one of those that take turns, with what it is told: a limit, the system that was asked for, or a rival.
type contestant struct {
	env    *env
	system system
	role   role
	name   string // of a limit: its name in a report
	needs
}

func (c *contestant) String() string {
	if c.name == "" {
		return string(c.role)
	}
	return string(c.role) + " (" + c.name + ")"
}

// contestants makes all that take turns, in the order of their subjects. Both processes of a run make the same.
func contestants(e *env) []contestant {
	limits := newLimits(e)
	all := []contestant{limits[0], newSystem(e, e.kind, "system", asSystem)}
	all = append(all, limits[1:]...)
	return append(all, newRivals(e)...)
}

// newSystem makes what carries the transport of a configuration, to do this kind of thing.
func newSystem(e *env, k kind, name string, r role) contestant {
	e = e.as(k, name)
	t := e.config.Transport
	if t.Bare() {
		return newBare(e, forms(k, &e.config)[0], r)
	}
	return contestant{env: e, system: &channels{carrier: rig.CarrierOf(t)}, role: r, needs: needs{roams: t.Roams()}}
}

// newLimits makes what the system is held against, one at least: where the machine's own limit is not at issue, it is corechan
// itself, doing something plainer on a session of its own.
func newLimits(e *env) (all []contestant) {
	switch e.kind {
	case call:
		return []contestant{newSystem(e, pingpong, "limit", asLimit)}
	case passing:
		return []contestant{{env: e, system: &rights{gift: -1}, role: asLimit, needs: needs{network: "unix"}}}
	case byteStream:
		return []contestant{newSystem(e, stream, "limit", asLimit)}
	}
	for _, f := range forms(e.kind, &e.config) {
		all = append(all, newBare(e.as(e.kind, "limit"), f, asLimit))
	}
	return all
}

// newRivals makes what is measured beside the system, in the order in which it is reported.
func newRivals(e *env) (all []contestant) {
	switch {
	case e.kind == byteStream:
		return []contestant{newBare(e.as(stream, "bare"), forms(stream, &e.config)[0], asRival)}
	case e.config.Inflight > 1:
		one := *e
		one.config.Inflight = 1
		return []contestant{newSystem(&one, call, "single", asRival)}
	}
	for _, w := range e.config.rivals() {
		other := *e
		other.config.Wait = w
		all = append(all, newSystem(&other, e.kind, string(w), asRival))
	}
	if e.config.Stamps {
		other := *e
		other.stamped = true
		all = append(all, newSystem(&other, e.kind, "stamped", asRival))
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
