package perf

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/inmem"
	"github.com/corechan/corechan/transports/shm"
	"github.com/corechan/corechan/transports/tcp"
	"github.com/corechan/corechan/transports/tls"
	"github.com/corechan/corechan/transports/unix"
	"github.com/corechan/corechan/transports/ws"
)

// Transport is what carries the messages.
type Transport string

// The transports. The bare ones run the first limit of the transport as the system under test: the ratio must be 1, give or
// take noise.
const (
	Shm   Transport = "shm"
	Inmem Transport = "inmem"
	Unix  Transport = "unix"
	TCP   Transport = "tcp"
	TLS   Transport = "tls"
	H2    Transport = "h2"
	WS    Transport = "ws"

	Bare      Transport = "bare" // shared memory
	BareInmem Transport = "bare-inmem"
	BareUnix  Transport = "bare-unix"
	BareTCP   Transport = "bare-tcp"
	BareTLS   Transport = "bare-tls"
	BareH2    Transport = "bare-h2"
	BareWS    Transport = "bare-ws"
)

// Transports are those of corechan that can be measured.
func Transports() []Transport {
	return slices.DeleteFunc([]Transport{Shm, Inmem, Unix, TCP, TLS, H2, WS}, func(t Transport) bool { return carrierOf(t) == nil })
}

// known says whether there is such a transport.
func (t Transport) known() bool {
	return oneOf(t, Bare, BareInmem, BareUnix, BareTCP, BareTLS, BareH2, BareWS) || carrierOf(t) != nil
}

// bare says whether this is a limit and not a transport of corechan.
func (t Transport) bare() bool { return strings.HasPrefix(string(t), string(Bare)) }

// inProcess says whether both sides are in one process.
func (t Transport) inProcess() bool { return t == Inmem || t == BareInmem }

// network is what carries the bytes of a transport that goes over a socket.
func (t Transport) network() string {
	switch t {
	case Unix, BareUnix:
		return "unix"
	case TCP, BareTCP, TLS, BareTLS, H2, BareH2, WS, BareWS:
		return "tcp"
	}
	return ""
}

// secure says whether there is TLS in it.
func (t Transport) secure() bool { return oneOf(t, TLS, BareTLS, H2, BareH2) }

// roams says whether the transport waits in Go's own poller; see needs.
func (t Transport) roams() bool { return oneOf(t, H2, WS) }

// passes says whether descriptors travel as such.
func (t Transport) passes() bool { return oneOf(t, Shm, Unix) }

// lanes says whether a channel can have a ring of its own.
func (t Transport) lanes() bool { return oneOf(t, Shm, Inmem) || t.bare() }

// listed writes transports for a message.
func listed(all []Transport) string {
	words := make([]string, len(all))
	for i, t := range all {
		words[i] = string(t)
	}
	if len(words) == 1 {
		return words[0]
	}
	return fmt.Sprintf("%s or %s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
}

// carrier is what a run needs of a transport's package: both sides of a session.
type carrier interface {
	listen(ctx context.Context, e *env, eng *engine.Engine) (*engine.Listener, error)
	dial(ctx context.Context, e *env, eng *engine.Engine) (*engine.Session, error)
}

// carrierOf returns nil for what is not a transport of corechan.
func carrierOf(t Transport) carrier {
	switch t {
	case Shm:
		return overShm{}
	case Inmem:
		return overInmem{}
	case Unix:
		return overUnix{}
	case TCP:
		return overTCP{}
	case TLS:
		return overTLS{}
	case H2:
		return overH2{}
	case WS:
		return overWS{}
	}
	return nil
}

type overShm struct{}

func (overShm) listen(ctx context.Context, e *env, eng *engine.Engine) (*engine.Listener, error) {
	return shm.Listen(ctx, e.address, &shm.Options{Engine: eng, Ring: ringOptions(e)})
}

func (overShm) dial(ctx context.Context, e *env, eng *engine.Engine) (*engine.Session, error) {
	return shm.Dial(ctx, e.address, &shm.Options{Engine: eng, Ring: ringOptions(e)})
}

type overInmem struct{}

func (overInmem) listen(ctx context.Context, e *env, eng *engine.Engine) (*engine.Listener, error) {
	return inmem.Listen(ctx, e.address, &inmem.Options{Engine: eng, Ring: ringOptions(e)})
}

func (overInmem) dial(ctx context.Context, e *env, eng *engine.Engine) (*engine.Session, error) {
	return inmem.Dial(ctx, e.address, &inmem.Options{Engine: eng, Ring: ringOptions(e)})
}

type overUnix struct{}

func (overUnix) listen(ctx context.Context, e *env, eng *engine.Engine) (*engine.Listener, error) {
	return unix.Listen(ctx, e.address, &unix.Options{Engine: eng, Ring: ringOptions(e)})
}

func (overUnix) dial(ctx context.Context, e *env, eng *engine.Engine) (*engine.Session, error) {
	return unix.Dial(ctx, e.address, &unix.Options{Engine: eng, Ring: ringOptions(e)})
}

// anyPort is where those listen that have no name to listen at.
const anyPort = "127.0.0.1:0"

type overTCP struct{}

func (overTCP) listen(ctx context.Context, e *env, eng *engine.Engine) (*engine.Listener, error) {
	return tcp.Listen(ctx, anyPort, &tcp.Options{Engine: eng, Ring: ringOptions(e)})
}

func (overTCP) dial(ctx context.Context, e *env, eng *engine.Engine) (*engine.Session, error) {
	return tcp.Dial(ctx, e.address, &tcp.Options{Engine: eng, Ring: ringOptions(e)})
}

type overTLS struct{}

func (overTLS) listen(ctx context.Context, e *env, eng *engine.Engine) (*engine.Listener, error) {
	config, err := e.tls(measure.Near)
	if err != nil {
		return nil, err
	}
	return tls.Listen(ctx, anyPort, &tls.Options{Engine: eng, Ring: ringOptions(e), Config: config})
}

func (overTLS) dial(ctx context.Context, e *env, eng *engine.Engine) (*engine.Session, error) {
	config, err := e.tls(measure.Far)
	if err != nil {
		return nil, err
	}
	return tls.Dial(ctx, e.address, &tls.Options{Engine: eng, Ring: ringOptions(e), Config: config})
}

type overH2 struct{}

func (overH2) listen(ctx context.Context, e *env, eng *engine.Engine) (*engine.Listener, error) {
	config, err := e.tls(measure.Near)
	if err != nil {
		return nil, err
	}
	return h2.Listen(ctx, "https://"+anyPort, &h2.Options{Engine: eng, Ring: ringOptions(e), TLS: config})
}

func (overH2) dial(ctx context.Context, e *env, eng *engine.Engine) (*engine.Session, error) {
	config, err := e.tls(measure.Far)
	if err != nil {
		return nil, err
	}
	return h2.Dial(ctx, "https://"+e.address, &h2.Options{Engine: eng, Ring: ringOptions(e), TLS: config})
}

type overWS struct{}

func (overWS) listen(ctx context.Context, e *env, eng *engine.Engine) (*engine.Listener, error) {
	return ws.Listen(ctx, "ws://"+anyPort, &ws.Options{Engine: eng, Ring: ringOptions(e)})
}

func (overWS) dial(ctx context.Context, e *env, eng *engine.Engine) (*engine.Session, error) {
	return ws.Dial(ctx, "ws://"+e.address, &ws.Options{Engine: eng, Ring: ringOptions(e)})
}
