// Package auto connects processes of one machine at one address by the fastest way that both can use: shared memory, or the
// socket itself where that is refused, as in a container that may not create or map memfds.
package auto

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports/internal/accept"
	"github.com/corechan/corechan/transports/internal/wire"
	"github.com/corechan/corechan/transports/shm"
	"github.com/corechan/corechan/transports/unix"
)

// Transport is the scheme of this transport's URLs. Its sessions' Transport is "shm" or "unix".
const Transport = "auto"

// Options are those of the two ways.
type Options struct {
	Shm  shm.Options
	Unix unix.Options
}

func (o *Options) withDefaults() Options {
	var r Options
	if o != nil {
		r = *o
	}
	if r.Shm.Engine == nil {
		r.Shm.Engine = r.Unix.Engine
	}
	if r.Unix.Engine == nil {
		r.Unix.Engine = r.Shm.Engine
	}
	if r.Shm.Engine == nil {
		r.Shm.Engine, r.Unix.Engine = engine.Default(), engine.Default()
	}
	if r.Unix.HandshakeTimeout == 0 {
		r.Unix.HandshakeTimeout = 5 * time.Second
	}
	return r
}

// Dial connects to the listener at an address: a path, or an abstract name after '@'. If the handshake of shared memory fails it
// says so to the engine's logger, and connects once more, by the socket. A refusal of who this is, and another version, are final.
//
// It also connects to listeners of package shm and of package unix.
func Dial(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
	c := o.withDefaults()
	sock, err := fd.DialUnix(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("auto: dial %s: %w", addr, err)
	}
	s, shmErr := shm.Client(ctx, sock, addr, &c.Shm)
	switch {
	case shmErr == nil:
		return s, nil
	case ctx.Err() != nil, errors.Is(shmErr, shm.ErrForbidden), errors.Is(shmErr, shm.ErrVersion):
		return nil, fmt.Errorf("auto: dial %s: %w", addr, shmErr)
	}
	c.Shm.Engine.Logger().Info("no shared memory, so the socket carries the session", "peer", addr, "reason", shmErr)
	s, err = unix.Dial(ctx, addr, &c.Unix)
	if err != nil {
		return nil, fmt.Errorf("auto: dial %s: %w; by the socket: %w", addr, shmErr, err)
	}
	return s, nil
}

// Listen listens at an address: a path, or an abstract name after '@'. Each peer says how it connects: one that brings a
// memfd gets shared memory. Otherwise it is as in package shm.
func Listen(_ context.Context, addr string, o *Options) (*engine.Listener, error) {
	c := o.withDefaults()
	sock, err := fd.Listen(addr, 1024)
	if err != nil {
		return nil, fmt.Errorf("auto: listen %s: %w", addr, err)
	}
	l, err := accept.Listen(accept.Config[*fd.FD]{
		Engine: c.Shm.Engine, URL: Transport + "://" + addr,
		Accept: []func() (*fd.FD, error){sock.Accept}, Close: sock.Close,
		Greet: func(ctx context.Context, conn *fd.FD) (*engine.Session, error) {
			brings, err := bringsMemory(ctx, conn, c.Unix.HandshakeTimeout)
			switch {
			case err != nil:
				if cred, cerr := fd.PeerCred(conn.Int()); cerr == nil {
					err = fmt.Errorf("handshake with pid %d of uid %d: %w", cred.PID, cred.UID, err)
				}
				_ = conn.Close()
				return nil, err
			case brings:
				return shm.Server(ctx, conn, addr, &c.Shm)
			}
			return unix.Server(ctx, conn, addr, &c.Unix)
		},
	})
	if err != nil {
		_ = sock.Close()
		return nil, fmt.Errorf("auto: listen %s: %w", addr, err)
	}
	return l, nil
}

// bringsMemory waits for what a peer says first, which stays to be read, and reports whether a descriptor comes with it.
func bringsMemory(ctx context.Context, sock *fd.FD, d time.Duration) (brings bool, err error) {
	err = wire.Interruptible(ctx, func() { _ = fd.Shutdown(sock.Int()) }, func() error {
		deadline := time.Now().Add(d)
		for {
			left := time.Until(deadline)
			if left <= 0 {
				return os.ErrDeadlineExceeded
			}
			if err := fd.SetReceiveTimeout(sock.Int(), max(left, time.Millisecond)); err != nil {
				return err
			}
			var first [1]byte
			var r fd.Receiver
			_, fds, err := r.Recv(sock.Int(), first[:], fd.Peek)
			for _, f := range fds { // duplicates of those that stay
				_ = f.Close()
			}
			if errors.Is(err, syscall.EAGAIN) {
				continue
			}
			brings = len(fds) != 0
			return err
		}
	})
	return brings, err
}
