package ws

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/coder/websocket"

	"github.com/corechan/corechan/transports/internal/pump"
	"github.com/corechan/corechan/transports/internal/web"
)

// A stream is a WebSocket connection as a stream of bytes.
type stream struct {
	conn *websocket.Conn
	raw  *web.RawConn
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
			case err != nil && closed(err):
				return 0, io.EOF
			case err != nil:
				return 0, cut(err)
			case typ != websocket.MessageBinary:
				return 0, errText
			}
			s.r = r
		}
		n, err := s.r.Read(p)
		if err == io.EOF { //nolint:errorlint // the message's end comes bare
			s.r, err = nil, nil
		}
		if err != nil { // the library has not unmasked what it read of a frame that was cut: that is noise
			return 0, cut(err)
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
}

// closed says whether the peer has ended the connection in order: a browser whose reader leaves the page says that it goes away.
func closed(err error) bool {
	status := websocket.CloseStatus(err)
	return status == websocket.StatusNormalClosure || status == websocket.StatusGoingAway
}

// cut tells a connection's end without a close frame from one in order.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("connection cut: %v", err) //nolint:errorlint // it must not be taken for an io.EOF
	}
	return err
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
	s.raw.Cut()
	go func() { _ = s.conn.CloseNow() }() // frees what it holds
}

func (s *stream) pump() pump.Stream {
	return pump.Stream{
		Read: s.Read, Yield: true, Write: s.write, Room: s.raw.Room(), CloseWrite: s.closeWrite, Abort: s.abort,
	}
}

// A hijackWriter notes which connection is taken over.
type hijackWriter struct {
	http.ResponseWriter
	rc  *http.ResponseController
	raw *web.RawConn
}

// Hijack implements http.Hijacker.
func (w *hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := w.rc.Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errWriter, err)
	}
	w.raw.Set(c)
	return c, rw, nil
}
