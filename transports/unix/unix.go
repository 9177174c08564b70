// Package unix connects processes of one machine by a Unix stream socket: for peers that cannot share memory, such as
// containers that do not let memfds pass. Descriptors travel. It costs system calls where package shm costs none.
package unix

import (
	"context"
	"fmt"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/accept"
	"github.com/corechan/corechan/transports/internal/hello"
	"github.com/corechan/corechan/transports/internal/wire"
)

// Transport is the name of this transport: the scheme of its URLs.
const Transport = "unix"

var (
	// ErrHandshake is a handshake that is not corechan's: another protocol on this socket, or a broken peer.
	ErrHandshake = hello.ErrHandshake
	// ErrVersion is a peer that speaks another version.
	ErrVersion = hello.ErrVersion
	// ErrRefused is a listener's refusal; its text says why.
	ErrRefused = hello.ErrRefused
	// ErrForbidden refuses a peer of a user who is not allowed.
	ErrForbidden = accept.ErrForbidden
)

// Options are how sessions are made. The zero value, and nil, is a good choice.
type Options struct {
	// Engine owns the sessions; nil means engine.Default.
	Engine *engine.Engine
	// Ring says how many bytes wait in this process, in each direction: its capacity, 1 MiB if zero, bounds the
	// largest message.
	Ring ring.Options
	// AllowUIDs are the users that a peer may be, beside one's own.
	AllowUIDs []uint32
	// Authorize decides about a peer instead of AllowUIDs: an error refuses it, and its text is told to it.
	Authorize func(engine.Peer) error
	// HandshakeTimeout bounds the handshake. 0 means 5 s.
	HandshakeTimeout time.Duration
}

func (o *Options) withDefaults() Options {
	var r Options
	if o != nil {
		r = *o
	}
	if r.Engine == nil {
		r.Engine = engine.Default()
	}
	if r.HandshakeTimeout == 0 {
		r.HandshakeTimeout = 5 * time.Second
	}
	r.Ring = hello.Ring(r.Ring)
	return r
}

// authorize decides about a peer.
func (o *Options) authorize(p engine.Peer) error { return accept.User(p, o.AllowUIDs, o.Authorize) }

// Dial connects to the listener at an address: a path, or an abstract name after '@'. The session is the caller's to close.
//
// The errors: those of connect(2) with what to do about them; ErrRefused with the listener's text; ErrForbidden for a
// listener of another user; ErrHandshake, ErrVersion; the context's. A full backlog is waited for.
func Dial(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
	c := o.withDefaults()
	sock, err := fd.DialUnix(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("unix: dial %s: %w", addr, err)
	}
	s, err := session(ctx, sock, &c, true, addr)
	if err != nil {
		return nil, fmt.Errorf("unix: dial %s: handshake: %w", addr, err)
	}
	return s, nil
}

// Client makes a session of a connected Unix stream socket in blocking mode, such as one end of a socketpair(2): the side that
// speaks first. Server is for the other end. The socket is the session's from then on; on error it is closed. addr stands in
// Peer.Addr.
func Client(ctx context.Context, sock *fd.FD, addr string, o *Options) (*engine.Session, error) {
	c := o.withDefaults()
	s, err := session(ctx, sock, &c, true, addr)
	if err != nil {
		return nil, fmt.Errorf("unix: handshake: %w", err)
	}
	return s, nil
}

// Server is Client for the side that answers.
func Server(ctx context.Context, sock *fd.FD, addr string, o *Options) (*engine.Session, error) {
	c := o.withDefaults()
	s, err := session(ctx, sock, &c, false, addr)
	if err != nil {
		return nil, fmt.Errorf("unix: %w", err)
	}
	return s, nil
}

// Listen listens at an address: a path, or an abstract name after '@'. The socket file of a dead server is replaced; a
// living one's is refused (fd.ErrInUse). Anybody who may open the path can connect; who is let in, Options says.
func Listen(_ context.Context, addr string, o *Options) (*engine.Listener, error) {
	c := o.withDefaults()
	sock, err := fd.Listen(addr, 1024)
	if err != nil {
		return nil, fmt.Errorf("unix: listen %s: %w", addr, err)
	}
	l, err := accept.Listen(accept.Config[*fd.FD]{
		Engine: c.Engine, URL: Transport + "://" + addr,
		Accept: []func() (*fd.FD, error){sock.Accept}, Close: sock.Close,
		Greet: func(ctx context.Context, conn *fd.FD) (*engine.Session, error) {
			return session(ctx, conn, &c, false, addr)
		},
	})
	if err != nil {
		_ = sock.Close()
		return nil, fmt.Errorf("unix: listen %s: %w", addr, err)
	}
	return l, nil
}

// session does the handshake on a connected socket, which is its own from then on. Its errors at the listener's side name the peer.
func session(ctx context.Context, sock *fd.FD, o *Options, dialer bool, addr string) (*engine.Session, error) {
	s, peer, err := shakeHands(ctx, sock, o, dialer, addr)
	if err != nil && !dialer {
		err = fmt.Errorf("handshake with pid %d of uid %d: %w", peer.Cred.PID, peer.Cred.UID, err)
	}
	return s, err
}

func shakeHands(ctx context.Context, sock *fd.FD, o *Options, dialer bool, addr string) (s *engine.Session, peer engine.Peer, err error) {
	var said hello.Hello
	err = wire.Interruptible(ctx, func() { _ = fd.Shutdown(sock.Int()) }, func() error {
		g := &wire.Greeter{FD: sock, Deadline: time.Now().Add(o.HandshakeTimeout)}
		cred, err := fd.PeerCred(sock.Int())
		if err != nil {
			return err
		}
		peer = engine.Peer{Local: true, Cred: cred, Addr: Transport + "://" + addr}
		if err := o.authorize(peer); err != nil {
			if !dialer {
				_, _ = g.Write(hello.EncodeRefuse(err.Error()))
			}
			return err
		}
		said, err = hello.Greet(g, hello.Ours(o.Engine, &o.Ring), dialer, nil)
		return err
	})
	if err != nil {
		_ = sock.Close()
		return nil, peer, err
	}
	s, err = wire.NewSession(wire.NewPassing(sock), &wire.Options{
		Engine: o.Engine, Ring: o.Ring, Label: "unix session",
		Link: engine.Link{Dialer: dialer, Transport: Transport, Peer: peer, PeerLimits: said.Announced},
	})
	return s, peer, err
}
