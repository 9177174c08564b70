package ws

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/coder/websocket"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports/internal/pump"
)

// A stream is a WebSocket connection as a stream of bytes.
type stream struct {
	conn *websocket.Conn
	raw  *rawConn
	r    io.Reader // the message that is being read; nil between two
	keep *keepalive
}

// errText is a peer that sends text.
var errText = errors.New("peer sent a text message: corechan's are binary")

// Read implements io.Reader. The peer's close frame is io.EOF.
func (s *stream) Read(p []byte) (int, error) {
	for {
		if s.r == nil {
			typ, r, err := s.conn.Reader(context.Background())
			switch {
			case err != nil && websocket.CloseStatus(err) == websocket.StatusNormalClosure:
				return 0, io.EOF
			case err != nil:
				return 0, err
			case typ != websocket.MessageBinary:
				return 0, errText
			}
			s.r = r
		}
		n, err := s.r.Read(p)
		if errors.Is(err, io.EOF) {
			s.r, err = nil, nil
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (int, error) {
	if err := s.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *stream) write(p []byte) error {
	return s.conn.Write(context.Background(), websocket.MessageBinary, p)
}

// closeWrite sends the close frame, and waits for the peer's.
func (s *stream) closeWrite() { _ = s.conn.Close(websocket.StatusNormalClosure, "") }

// abort cuts the connection. It does not block.
func (s *stream) abort() {
	s.keep.stop()
	s.raw.cut()
	go func() { _ = s.conn.CloseNow() }() // frees what it holds
}

func (s *stream) pump() pump.Stream {
	return pump.Stream{
		Read: s.Read, Yield: true, Write: s.write, Room: s.raw.room(), CloseWrite: s.closeWrite, Abort: s.abort,
	}
}

// A rawConn gets hold of the connection under a WebSocket's, which alone can be cut at any time.
type rawConn struct {
	mu   sync.Mutex
	conn net.Conn
	over bool
}

func (r *rawConn) set(c net.Conn) {
	r.mu.Lock()
	r.conn = c
	over := r.over
	r.mu.Unlock()
	if over {
		_ = c.Close()
	}
}

func (r *rawConn) cut() {
	r.mu.Lock()
	r.over = true
	c := r.conn
	r.mu.Unlock()
	if c != nil {
		_ = c.Close()
	}
}

// room returns a function that reports whether the socket has nothing to send: then it takes a small write at once. nil if
// it cannot be asked.
func (r *rawConn) room() func() bool {
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

// A hijackWriter notes which connection is taken over.
type hijackWriter struct {
	http.ResponseWriter
	rc  *http.ResponseController
	raw *rawConn
}

// Hijack implements http.Hijacker.
func (w *hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := w.rc.Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errWriter, err)
	}
	w.raw.set(c)
	return c, rw, nil
}
