// Package tcp connects processes by TCP. There is no encryption and no proof of who the peer is: see package tls.
//
// Sessions do not use the goroutines' poller of Go's runtime: whoever waits for a message blocks in the receive, handlers run on the
// engine's epoll loops, one to a core, and each core has a listening socket of its own (SO_REUSEPORT).
package tcp

import (
	"context"
	"fmt"
	"net"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports/internal/accept"
	"github.com/corechan/corechan/transports/internal/hello"
	"github.com/corechan/corechan/transports/internal/wire"
)

// Transport is the name of this transport: the scheme of its URLs.
const Transport = "tcp"

var (
	// ErrHandshake is a handshake that is not corechan's: another protocol at this port, or a broken peer.
	ErrHandshake = hello.ErrHandshake
	// ErrVersion is a peer that speaks another version.
	ErrVersion = hello.ErrVersion
	// ErrRefused is a listener's refusal; its text says why.
	ErrRefused = hello.ErrRefused
)

// Dial connects to the listener at host:port. The session is the caller's to close.
//
// The errors: those of net.Dialer; ErrRefused with the listener's text; ErrHandshake, ErrVersion; os.ErrDeadlineExceeded for
// a handshake that takes too long; the context's.
func Dial(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
	c := o.withDefaults()
	conn, err := dial(ctx, addr, &c)
	if err != nil {
		return nil, err
	}
	s, err := session(ctx, conn, &c, true, 0, &joiner{conn.RemoteAddr().String(), &c})
	if err != nil {
		return nil, fmt.Errorf("tcp: dial %s: %w", addr, err)
	}
	return s, nil
}

// session does the handshake on a connection, which is its own from then on. It returns nil for one that was expected beside a
// session.
func session(ctx context.Context, conn net.Conn, o *Options, dialer bool, core int, sides engine.Sides) (*engine.Session, error) {
	peer := engine.Peer{Addr: Transport + "://" + conn.RemoteAddr().String()}
	var said hello.Hello
	var expects chan net.Conn
	err := greet(ctx, conn, o, func() (err error) {
		ours := hello.Ours(o.Engine, &o.Ring)
		if dialer {
			said, err = hello.Greet(conn, ours, true, nil)
			return err
		}
		said, _, err = hello.Receive(conn, ours, func(hello.Hello) error {
			if o.Authorize != nil {
				return o.Authorize(peer)
			}
			return nil
		}, func(t hello.Ticket) error {
			if expects = sides.(*expected).take(t); expects == nil {
				return errTicket
			}
			return nil
		})
		return err
	})
	if expects != nil {
		if err == nil {
			err = plain(conn, o)
		}
		if err != nil {
			expects <- nil
		} else {
			expects <- conn
			return nil, nil
		}
	}
	if err == nil && dialer && o.Authorize != nil {
		err = o.Authorize(peer)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("handshake with %s: %w", conn.RemoteAddr(), err)
	}
	sock, err := wire.Detach(conn)
	if err == nil {
		if err = prepare(sock.Int(), o); err != nil {
			_ = sock.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("session with %s: %w", conn.RemoteAddr(), err)
	}
	s, err := wire.NewSession(wire.Plain{FD: sock}, &wire.Options{
		Engine: o.Engine, Ring: o.Ring, Label: "tcp session",
		Link: engine.Link{Dialer: dialer, Transport: Transport, Peer: peer, PeerLimits: said.Announced, Core: core, Sides: sides},
	})
	if err != nil {
		return nil, fmt.Errorf("session with %s: %w", conn.RemoteAddr(), err)
	}
	return s, nil
}

// prepare sets what the options say of a socket.
func prepare(sock int, o *Options) error {
	if o.UserTimeout > 0 {
		if err := fd.SetUserTimeout(sock, o.UserTimeout); err != nil {
			return err
		}
	}
	if err := accept.Spread(sock, o.KeepAlive); err != nil {
		return err
	}
	if o.BusyPoll > 0 {
		if err := fd.SetBusyPoll(sock, o.BusyPoll); err != nil {
			return fmt.Errorf("%w (beyond sysctl net.core.busy_read it needs CAP_NET_ADMIN)", err)
		}
	}
	return nil
}

// Listen listens at host:port; port 0 is one that is free, which Addr tells. Anybody who can reach the port can connect.
// An engine with cores gets a listening socket for each of them, so that a connection's handlers run where its packets arrive.
func Listen(ctx context.Context, addr string, o *Options) (*engine.Listener, error) {
	c := o.withDefaults()
	socks, err := accept.TCP(ctx, addr, &net.ListenConfig{KeepAliveConfig: c.KeepAlive, KeepAlive: accept.Off(c.KeepAlive)}, c.Engine.Cores())
	if err != nil {
		return nil, fmt.Errorf("tcp: %w", err)
	}
	sides := new(expected)
	l, err := accept.Listen(accept.Config[accept.Conn]{
		Engine: c.Engine, URL: Transport + "://" + socks.Addr(), Accept: socks.Accept(), Close: socks.Close,
		Greet: func(ctx context.Context, conn accept.Conn) (*engine.Session, error) {
			return session(ctx, conn.Conn, &c, false, conn.Core, sides)
		},
	})
	if err != nil {
		_ = socks.Close()
		return nil, fmt.Errorf("tcp: listen %s: %w", addr, err)
	}
	return l, nil
}
