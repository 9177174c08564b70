package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/corechan/corechan/fd"
)

// A Greeter is a blocking socket during the handshake: an io.ReadWriter with a deadline.
type Greeter struct {
	FD       *fd.FD
	Deadline time.Time
}

// Read reads what comes before the deadline.
func (g *Greeter) Read(p []byte) (int, error) {
	for {
		left := time.Until(g.Deadline)
		if left <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		// In the blocking call: a handshake has a thread for its short life. At least 1 ms, for 0 means for ever.
		if err := fd.SetReceiveTimeout(g.FD.Int(), max(left, time.Millisecond)); err != nil {
			return 0, err
		}
		n, err := fd.RecvBytes(g.FD.Int(), p, 0)
		if !errors.Is(err, syscall.EAGAIN) { // the deadline, or nearly
			return n, err
		}
	}
}

// Write writes a message of the handshake, for which an empty socket has room.
func (g *Greeter) Write(p []byte) (int, error) {
	n, err := fd.SendBytes(g.FD.Int(), p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

// Interruptible runs f, a handshake; if ctx is done meanwhile, cut is called, which has to make f fail, and ctx's error returned.
// When it returns, cut neither runs nor will.
func Interruptible(ctx context.Context, cut func(), f func() error) error {
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		cut()
		close(over)
	})
	err := f()
	if !stop() {
		<-over
		return ctx.Err()
	}
	return err
}

// Detach takes the socket out of a connection of package net, which it closes: a blocking descriptor, the caller's to close.
func Detach(c net.Conn) (*fd.FD, error) {
	f, err := fd.Of(c)
	_ = c.Close()
	if err != nil {
		return nil, err
	}
	if err := fd.SetBlocking(f.Int(), true); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
