package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/corechan/corechan/transports/internal/accept"
	"github.com/corechan/corechan/transports/internal/hello"
	"github.com/corechan/corechan/transports/internal/wire"
)

// maxExpected bounds the connections that a listener expects at a time.
const maxExpected = 1 << 16

// errTicket refuses a connection that nobody expects.
var errTicket = errors.New("no connection is expected by this ticket; it may have come too late")

// expected are the connections that the sessions of a listener expect beside them.
type expected struct {
	mu      sync.Mutex
	waiting map[hello.Ticket]chan net.Conn // has room for the one connection
}

// Expect implements engine.Sides.
func (e *expected) Expect() (ticket []byte, wait func(context.Context) (net.Conn, error), err error) {
	t, c := hello.NewTicket(), make(chan net.Conn, 1)
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiting) == maxExpected {
		return nil, nil, fmt.Errorf("tcp: %d connections are expected, and no more are allowed", maxExpected)
	}
	if e.waiting == nil {
		e.waiting = map[hello.Ticket]chan net.Conn{}
	}
	e.waiting[t] = c
	return t[:], func(ctx context.Context) (net.Conn, error) {
		select {
		case conn := <-c:
			return came(conn)
		case <-ctx.Done():
			if e.take(t) == nil {
				return came(<-c) // it is here, or about to be
			}
			return nil, context.Cause(ctx)
		}
	}, nil
}

func came(conn net.Conn) (net.Conn, error) {
	if conn == nil {
		return nil, errors.New("tcp: the expected connection broke in its handshake; the listener's log says why")
	}
	return conn, nil
}

// take ends a ticket and returns where its connection goes, or nil: there is none.
func (e *expected) take(t hello.Ticket) chan net.Conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.waiting[t]
	delete(e.waiting, t)
	return c
}

// Join implements engine.Sides.
func (e *expected) Join(context.Context, []byte) (net.Conn, error) {
	return nil, fmt.Errorf("tcp: join: %w: the side that dialled does", errors.ErrUnsupported)
}

// joiner joins the listener that a session was dialled at.
type joiner struct {
	addr string
	o    *Options
}

// Expect implements engine.Sides.
func (j *joiner) Expect() ([]byte, func(context.Context) (net.Conn, error), error) {
	return nil, nil, fmt.Errorf("tcp: expect a connection: %w: the side that was dialled does", errors.ErrUnsupported)
}

// Join implements engine.Sides.
func (j *joiner) Join(ctx context.Context, ticket []byte) (net.Conn, error) {
	var t hello.Ticket
	if len(ticket) != len(t) {
		return nil, fmt.Errorf("tcp: join: a ticket of %d bytes, not %d", len(ticket), len(t))
	}
	copy(t[:], ticket)
	conn, err := dial(ctx, j.addr, j.o)
	if err != nil {
		return nil, err
	}
	err = greet(ctx, conn, j.o, func() error { return hello.Join(conn, t) })
	if err == nil {
		err = plain(conn, j.o)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("tcp: join %s: %w", j.addr, err)
	}
	return conn, nil
}

// dial makes a connection.
func dial(ctx context.Context, addr string, o *Options) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: o.KeepAlive, KeepAlive: accept.Off(o.KeepAlive)}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("tcp: %w", err) // it names the address
	}
	return conn, nil
}

// greet runs f, a handshake, within its time.
func greet(ctx context.Context, conn net.Conn, o *Options, f func() error) error {
	return wire.Interruptible(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }, func() error {
		if err := conn.SetDeadline(time.Now().Add(o.HandshakeTimeout)); err != nil {
			return err
		}
		return f()
	})
}

// plain makes a raw connection of one whose handshake is over.
func plain(conn net.Conn, o *Options) error {
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var perr error
	if err := raw.Control(func(sock uintptr) { perr = prepare(int(sock), o) }); err != nil {
		return err
	}
	return perr
}
