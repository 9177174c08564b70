package shm

import (
	"context"
	"fmt"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports/internal/accept"
)

// Dial connects to the listener at an address: a path, or an abstract name after '@'. The session is the caller's to close.
//
// The errors: those of connect(2) with what to do about them; ErrRefused with the listener's text; ErrForbidden for a
// listener of another user; ErrHandshake, ErrVersion; the context's. A full backlog is waited for.
func Dial(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
	c := o.withDefaults()
	sock, err := fd.DialUnix(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("shm: dial %s: %w", addr, err)
	}
	s, err := session(ctx, sock, &c, true, addr)
	if err != nil {
		return nil, fmt.Errorf("shm: dial %s: handshake: %w", addr, err)
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
		return nil, fmt.Errorf("shm: handshake: %w", err)
	}
	return s, nil
}

// Server is Client for the side that answers.
func Server(ctx context.Context, sock *fd.FD, addr string, o *Options) (*engine.Session, error) {
	c := o.withDefaults()
	s, err := session(ctx, sock, &c, false, addr)
	if err != nil {
		return nil, fmt.Errorf("shm: handshake: %w", err)
	}
	return s, nil
}

// Listen listens at an address: a path, or an abstract name after '@'. The socket file of a dead server is replaced; a
// living one's is refused (fd.ErrInUse). Anybody who may open the path can connect; who is let in, Options says.
func Listen(_ context.Context, addr string, o *Options) (*engine.Listener, error) {
	c := o.withDefaults()
	sock, err := fd.Listen(addr, 1024)
	if err != nil {
		return nil, fmt.Errorf("shm: listen %s: %w", addr, err)
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
		return nil, fmt.Errorf("shm: listen %s: %w", addr, err)
	}
	return l, nil
}
