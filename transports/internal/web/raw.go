package web

import (
	"context"
	"crypto/tls"
	"net"
	"sync"

	"github.com/corechan/corechan/fd"
)

// A RawConn is the connection below HTTP: it alone can be cut at any time.
type RawConn struct {
	mu   sync.Mutex
	conn net.Conn
	over bool
}

// Set says which connection it is. If it is cut already, so is that.
func (r *RawConn) Set(c net.Conn) {
	r.mu.Lock()
	r.conn = c
	over := r.over
	r.mu.Unlock()
	if over {
		_ = c.Close()
	}
}

// Cut closes it.
func (r *RawConn) Cut() {
	r.mu.Lock()
	r.over = true
	c := r.conn
	r.mu.Unlock()
	if c != nil {
		_ = c.Close()
	}
}

// Room returns a function that reports whether the socket has nothing to send: then it takes a small write at once. nil if
// it cannot be asked.
func (r *RawConn) Room() func() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	conn := r.conn
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	s, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	none := false
	ask := func(sock uintptr) {
		n, err := fd.Unacknowledged(int(sock))
		none = err == nil && n == 0
	}
	return func() bool { return raw.Control(ask) == nil && none }
}

// dial is an http.Transport's DialContext.
func (r *RawConn) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil {
		r.Set(c)
	}
	return c, err
}
