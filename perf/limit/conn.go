package limit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/measure"
)

// conn is a connection as Go programs use it: its goroutine waits in the runtime's poller. What is above base, TLS, has
// nothing to release.
type conn struct {
	net.Conn
	base net.Conn
}

// NewConn makes a wire of a connected stream socket, which stays the caller's, by package net. Its goroutine should not be
// locked to a thread, which would cost it more than the rest.
func NewConn(fd int) (Wire, error) {
	base, err := netConn(fd)
	if err != nil {
		return nil, err
	}
	return &conn{base, base}, nil
}

// NewTLS makes a wire of a connected stream socket, which stays the caller's, by crypto/tls: the near side is the server.
// It returns after the handshake.
func NewTLS(ctx context.Context, fd int, side measure.Side, config *tls.Config) (Wire, error) {
	base, err := netConn(fd)
	if err != nil {
		return nil, err
	}
	c := tls.Server(base, config)
	if side == measure.Far {
		c = tls.Client(base, config)
	}
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("TLS handshake of the bare connection: %w", err), hangUp(base))
	}
	return &conn{c, base}, nil
}

// netConn makes a connection of a duplicate of the descriptor.
func netConn(fd int) (net.Conn, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate a socket: %w", err)
	}
	f := os.NewFile(uintptr(own), "socket")
	defer f.Close() // FileConn has a duplicate of its own
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("make a net.Conn of a socket: %w", err)
	}
	return c, nil
}

func (c *conn) Stop() { _ = hangUp(c.base) }

// Close tells the other end nothing but that this one is gone.
func (c *conn) Close() error { return hangUp(c.base) }

// hangUp ends a connection at both ends, although the socket has more descriptors than this one. A second call does
// nothing.
func hangUp(base net.Conn) error {
	if s, ok := base.(interface {
		CloseRead() error
		CloseWrite() error
	}); ok {
		_, _ = s.CloseRead(), s.CloseWrite() // the other end may have been faster
	}
	if err := base.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
