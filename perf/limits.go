package perf

import (
	"context"

	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/measure"
)

// needs is what a contestant wants of the harness.
type needs struct {
	memory  bool   // a ground
	network string // a connected pair of sockets: unix or tcp
	// Its goroutines wait in Go's own poller. They are not locked to a thread, which would cost them more than all else;
	// instead the whole process is confined to the core while they run.
	roams bool
}

// form is a way to exchange messages without corechan: a limit.
type form struct {
	needs
	name string // in a table
	what string // in a sentence
	open func(ctx context.Context, e *env, side measure.Side) (measure.Half, error)
}

// forms are the limits of a transport when it carries messages. The first is the one that a single ratio is for: what the
// machine allows. The others are what programs use.
func forms(k kind, c *Config) []form {
	switch t := c.Transport; t {
	case Unix, BareUnix, TCP, BareTCP:
		n := t.Network()
		all := []form{blockingForm(n), connForm(n)}
		if !c.limitBlocks() {
			all = append([]form{pollingForm(n)}, all...)
		}
		return all
	case TLS, BareTLS:
		return []form{tlsForm()}
	case H2, BareH2:
		return []form{http2Form()}
	case WS, BareWS:
		return []form{webSocketForm()}
	}
	return []form{memoryForm(k, c)}
}

func blockingForm(network string) form {
	return form{
		needs{network: network},
		"blocking calls", "read(2) and write(2) that block, over " + network,
		overWire(func(_ context.Context, e *env, _ measure.Side) (limit.Wire, error) { return limit.NewBlocking(e.sock) }),
	}
}

func pollingForm(network string) form {
	return form{
		needs{network: network},
		"polling calls", "read(2) and write(2) that poll, over " + network,
		overWire(func(_ context.Context, e *env, _ measure.Side) (limit.Wire, error) { return limit.NewPolling(e.sock) }),
	}
}

func connForm(network string) form {
	return form{
		needs{network: network, roams: true},
		"net.Conn", "net.Conn over " + network,
		overWire(func(_ context.Context, e *env, _ measure.Side) (limit.Wire, error) { return limit.NewConn(e.sock) }),
	}
}

func tlsForm() form {
	return form{
		needs{network: "tcp", roams: true},
		"tls.Conn", "tls.Conn (TLS 1.3)",
		overWire(func(ctx context.Context, e *env, side measure.Side) (limit.Wire, error) {
			config, err := e.tls(side)
			if err != nil {
				return nil, err
			}
			return limit.NewTLS(ctx, e.sock, side, config)
		}),
	}
}

func http2Form() form {
	return form{
		needs{network: "tcp", roams: true},
		"net/http", "one request and its response by net/http, over HTTP/2 and TLS",
		overWire(func(ctx context.Context, e *env, side measure.Side) (limit.Wire, error) {
			config, err := e.tls(side)
			if err != nil {
				return nil, err
			}
			return limit.NewHTTP2(ctx, e.sock, side, config)
		}),
	}
}

func webSocketForm() form {
	return form{
		needs{network: "tcp", roams: true},
		"coder/websocket", "a WebSocket by github.com/coder/websocket",
		overWire(func(ctx context.Context, e *env, side measure.Side) (limit.Wire, error) {
			return limit.NewWebSocket(ctx, e.sock, side)
		}),
	}
}

// overWire makes the halves that use a wire.
func overWire(connect func(context.Context, *env, measure.Side) (limit.Wire, error)) func(
	context.Context, *env, measure.Side) (measure.Half, error) {
	return func(ctx context.Context, e *env, side measure.Side) (measure.Half, error) {
		w, err := connect(ctx, e, side)
		if err != nil {
			return nil, err
		}
		if e.kind == stream {
			return limit.NewWireStream(w, e.config.Size, side, e.clock)
		}
		return limit.NewWirePingpong(w, e.config.Size, side, e.clock)
	}
}

// memoryForm is the limit between threads that share memory.
func memoryForm(k kind, c *Config) form {
	f := form{needs: needs{memory: true}, open: openGround}
	blockInside := c.inProcess() && c.limitBlocks()
	switch {
	case k == pingpong && blockInside:
		f.name, f.what = "Go channels", "Go channel ping-pong"
	case k == pingpong && c.limitBlocks():
		f.name, f.what = "eventfd", "eventfd ping-pong"
	case k == pingpong:
		f.name, f.what = "cache line", "cache-line ping-pong"
	case blockInside:
		f.name, f.what = "Go channels", "Go channel stream"
	default:
		f.name, f.what = "ring", "SPSC ring copy"
	}
	return f
}

// openGround opens one half of the bare exchange through memory that belongs to a configuration.
func openGround(_ context.Context, e *env, side measure.Side) (measure.Half, error) {
	c, g := &e.config, &e.ground
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

// limitBlocks says whether the limit sleeps: where a poller would wait for the other side's time slice, hybrid is held
// against that.
func (c *Config) limitBlocks() bool { return c.Wait == Block || c.oneCore() }

// bare is a form as a contestant: a limit; or, in the place of a system under test, the same over memory or a connection of
// its own: that shows what the harness itself adds, nothing if it is right.
type bare struct{ form }

func newBare(e *env, f form, r role) contestant {
	c := contestant{env: e, system: bare{f}, role: r, needs: f.needs}
	if r == asLimit {
		c.name = f.name
	}
	return c
}

func (bare) prepare(context.Context, *env) error { return nil }

func (b bare) open(ctx context.Context, e *env, side measure.Side) (measure.Half, error) {
	return b.form.open(ctx, e, side)
}

func (bare) close() error { return nil }

// limitName says what newLimits makes first.
func limitName(k kind, c *Config) string {
	switch k {
	case call:
		return "plain round trip of the same size over a session of its own"
	case passing:
		return "sendmsg and recvmsg of one descriptor, there and back"
	case byteStream:
		return "raw messages of 64 KiB over a session of their own"
	}
	return forms(k, c)[0].what
}
