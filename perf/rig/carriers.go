package rig

import (
	"context"
	"crypto/tls"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/inmem"
	"github.com/corechan/corechan/transports/shm"
	"github.com/corechan/corechan/transports/tcp"
	tlstransport "github.com/corechan/corechan/transports/tls"
	"github.com/corechan/corechan/transports/unix"
	"github.com/corechan/corechan/transports/ws"
)

// Place is where the sides of a session meet, and how.
type Place struct {
	Address string       // begins with @; what has a port of its own chooses that when it listens, and is dialled there
	Ring    ring.Options // of every ring
	TLS     *tls.Config  // of this side, where there is TLS
}

// Carrier is what a measurement needs of a transport's package: both sides of a session.
type Carrier interface {
	Listen(ctx context.Context, at Place, eng *engine.Engine) (*engine.Listener, error)
	Dial(ctx context.Context, at Place, eng *engine.Engine) (*engine.Session, error)
}

// CarrierOf returns nil for what is not a transport of corechan.
func CarrierOf(t Transport) Carrier {
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

func (overShm) Listen(ctx context.Context, at Place, eng *engine.Engine) (*engine.Listener, error) {
	return shm.Listen(ctx, at.Address, &shm.Options{Engine: eng, Ring: at.Ring})
}

func (overShm) Dial(ctx context.Context, at Place, eng *engine.Engine) (*engine.Session, error) {
	return shm.Dial(ctx, at.Address, &shm.Options{Engine: eng, Ring: at.Ring})
}

type overInmem struct{}

func (overInmem) Listen(ctx context.Context, at Place, eng *engine.Engine) (*engine.Listener, error) {
	return inmem.Listen(ctx, at.Address, &inmem.Options{Engine: eng, Ring: at.Ring})
}

func (overInmem) Dial(ctx context.Context, at Place, eng *engine.Engine) (*engine.Session, error) {
	return inmem.Dial(ctx, at.Address, &inmem.Options{Engine: eng, Ring: at.Ring})
}

type overUnix struct{}

func (overUnix) Listen(ctx context.Context, at Place, eng *engine.Engine) (*engine.Listener, error) {
	return unix.Listen(ctx, at.Address, &unix.Options{Engine: eng, Ring: at.Ring})
}

func (overUnix) Dial(ctx context.Context, at Place, eng *engine.Engine) (*engine.Session, error) {
	return unix.Dial(ctx, at.Address, &unix.Options{Engine: eng, Ring: at.Ring})
}

// AnyPort is where those listen that have no name to listen at.
const AnyPort = "127.0.0.1:0"

type overTCP struct{}

func (overTCP) Listen(ctx context.Context, at Place, eng *engine.Engine) (*engine.Listener, error) {
	return tcp.Listen(ctx, AnyPort, &tcp.Options{Engine: eng, Ring: at.Ring})
}

func (overTCP) Dial(ctx context.Context, at Place, eng *engine.Engine) (*engine.Session, error) {
	return tcp.Dial(ctx, at.Address, &tcp.Options{Engine: eng, Ring: at.Ring})
}

type overTLS struct{}

func (overTLS) Listen(ctx context.Context, at Place, eng *engine.Engine) (*engine.Listener, error) {
	return tlstransport.Listen(ctx, AnyPort, &tlstransport.Options{Engine: eng, Ring: at.Ring, Config: at.TLS})
}

func (overTLS) Dial(ctx context.Context, at Place, eng *engine.Engine) (*engine.Session, error) {
	return tlstransport.Dial(ctx, at.Address, &tlstransport.Options{Engine: eng, Ring: at.Ring, Config: at.TLS})
}

type overH2 struct{}

func (overH2) Listen(ctx context.Context, at Place, eng *engine.Engine) (*engine.Listener, error) {
	return h2.Listen(ctx, "https://"+AnyPort, &h2.Options{Engine: eng, Ring: at.Ring, TLS: at.TLS})
}

func (overH2) Dial(ctx context.Context, at Place, eng *engine.Engine) (*engine.Session, error) {
	return h2.Dial(ctx, "https://"+at.Address, &h2.Options{Engine: eng, Ring: at.Ring, TLS: at.TLS})
}

type overWS struct{}

func (overWS) Listen(ctx context.Context, at Place, eng *engine.Engine) (*engine.Listener, error) {
	return ws.Listen(ctx, "ws://"+AnyPort, &ws.Options{Engine: eng, Ring: at.Ring})
}

func (overWS) Dial(ctx context.Context, at Place, eng *engine.Engine) (*engine.Session, error) {
	return ws.Dial(ctx, "ws://"+at.Address, &ws.Options{Engine: eng, Ring: at.Ring})
}
