package limit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/coder/websocket"

	"github.com/corechan/corechan/perf/measure"
)

// NewWebSocket makes a wire of a connected stream socket, which stays the caller's, by github.com/coder/websocket: one
// binary message a Write. The near side is the server. It returns after the handshake.
func NewWebSocket(ctx context.Context, fd int, side measure.Side) (Wire, error) {
	base, err := netConn(fd)
	if err != nil {
		return nil, err
	}
	if side == measure.Near {
		s := serve(base, acceptWebSocket)
		return s.wire(ctx, func() error { return s.http.Serve(s) })
	}
	lasting, cancel := context.WithCancel(context.Background())
	defer context.AfterFunc(ctx, cancel)() // ctx is for the handshake only
	t := client(base)
	c, _, err := websocket.Dial(lasting, "ws"+bareURL, &websocket.DialOptions{HTTPClient: &http.Client{Transport: t}})
	if err != nil {
		cancel()
		t.CloseIdleConnections()
		return nil, errors.Join(fmt.Errorf("dial a bare WebSocket: %w", err), hangUp(base))
	}
	return newMessages(c, base, func() error {
		cancel()
		return nil
	}), nil
}

func acceptWebSocket(w http.ResponseWriter, r *http.Request, s *server) (Wire, error) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return nil, err
	}
	return newMessages(c, s.base, s.close), nil
}

// messages is a wire of WebSocket messages.
type messages struct {
	conn  *websocket.Conn
	base  net.Conn
	rest  io.Reader // of the message that is being read
	after func() error
}

func newMessages(c *websocket.Conn, base net.Conn, after func() error) *messages {
	c.SetReadLimit(-1)
	return &messages{conn: c, base: base, after: after}
}

func (m *messages) Read(b []byte) (int, error) {
	for {
		if m.rest == nil {
			_, r, err := m.conn.Reader(context.Background())
			if err != nil {
				return 0, err
			}
			m.rest = r
		}
		n, err := m.rest.Read(b)
		if errors.Is(err, io.EOF) {
			m.rest, err = nil, nil // the end of a message, not of the stream
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (m *messages) Write(b []byte) (int, error) {
	if err := m.conn.Write(context.Background(), websocket.MessageBinary, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (m *messages) Stop() { _ = hangUp(m.base) }

// Close ends the connection without the closing handshake: the other side ends at the same time.
func (m *messages) Close() error {
	_ = m.conn.CloseNow() // says that the connection was closed
	return errors.Join(hangUp(m.base), m.after())
}
