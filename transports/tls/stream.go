package tls

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports/internal/wire"
)

// chunk is how much is encrypted at a time, and so about how much a full socket leaves to be written.
const chunk = 64 << 10

// A stream is a *tls.Conn as a link needs it: it reads and writes without waiting.
//
// crypto/tls reads until it has a whole record and writes all that it was given. So what is under it, the socket type below,
// says "nothing now" by an error that is temporary, after which crypto/tls goes on where it was; and keeps what a full socket does
// not take, while the stream takes no more.
type stream struct {
	conn *tls.Conn
	sock *socket
}

// Socket implements wire.Stream.
func (s *stream) Socket() int { return s.sock.fd.Int() }

// Read implements wire.Stream: it returns all records that have come, as far as they fit.
func (s *stream) Read(p []byte, wait bool) (n int, err error) {
	s.sock.wait, s.sock.dry = wait, false
	for n < len(p) {
		m, err := s.conn.Read(p[n:])
		n += m
		switch {
		case errors.Is(err, errAgain):
			err = wire.ErrAgain
			fallthrough
		case err != nil:
			if n > 0 {
				return n, nil // an error that is not temporary comes again
			}
			return 0, err
		}
		s.sock.wait = false
		s.sock.dry = s.sock.short // what is left in crypto/tls only: no further system call
	}
	return n, nil
}

// More implements wire.Stream.
func (s *stream) More() bool { return !s.sock.short }

// Write implements wire.Stream.
func (s *stream) Write(p []byte) (int, error) {
	if err := s.Flush(); err != nil {
		return 0, err
	}
	p = p[:min(len(p), chunk)]
	s.sock.gather.Store(true)
	n, err := s.conn.Write(p)
	s.sock.gather.Store(false)
	if err != nil {
		return n, err
	}
	if err := s.Flush(); err != nil && err != wire.ErrAgain { //nolint:errorlint // documented to be bare
		return n, err
	}
	return n, nil
}

// Flush implements wire.Stream.
func (s *stream) Flush() error { return s.sock.flush() }

// CloseWrite implements wire.Stream.
func (s *stream) CloseWrite() error {
	err := s.conn.CloseWrite()
	_ = s.Flush()
	return errors.Join(err, fd.ShutdownWrite(s.sock.fd.Int()))
}

// Close implements wire.Stream.
func (s *stream) Close() error { return s.sock.fd.Close() }

// A socket is the connection under crypto/tls: that of package net during the handshake, the bare descriptor afterwards.
type socket struct {
	net.Conn        // closed once fd is set
	fd       *fd.FD // nil during the handshake

	// Of who reads.
	wait  bool // a read may block
	dry   bool // nothing is there
	short bool // the last read emptied the socket

	gather atomic.Bool // writes are kept until flush

	mu   sync.Mutex
	kept []byte // what the socket has not taken
	room []byte // kept's memory
}

// maxKept bounds what a peer can make crypto/tls answer while the socket is full.
const maxKept = 4 * chunk

// errAgain tells crypto/tls that there is nothing now.
var errAgain error = again{}

type again struct{}

func (again) Error() string   { return "nothing to read now" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }

// detach replaces the connection by its bare descriptor.
func (s *socket) detach() (err error) {
	s.fd, err = wire.Detach(s.Conn)
	return err
}

// Read implements net.Conn.
func (s *socket) Read(p []byte) (int, error) {
	switch {
	case s.fd == nil:
		return s.Conn.Read(p)
	case s.dry:
		return 0, errAgain
	}
	flags := fd.DontWait
	if s.wait {
		flags = 0
	}
	n, err := fd.RecvBytes(s.fd.Int(), p, flags)
	s.short = n < len(p)
	if err == wire.ErrAgain { //nolint:errorlint // documented to be bare, and this is the blocking path
		err = errAgain
	}
	return n, err
}

// Write implements net.Conn: it takes all.
func (s *socket) Write(p []byte) (int, error) {
	if s.fd == nil {
		return s.Conn.Write(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept)+len(p) > maxKept {
		return 0, fmt.Errorf("tls: peer takes nothing and asks for more: %d bytes are kept", len(s.kept))
	}
	if len(s.kept) == 0 {
		s.kept = append(s.room[:0], p...)
		s.room = s.kept[:0]
	} else {
		s.kept = append(s.kept, p...)
	}
	if s.gather.Load() {
		return len(p), nil
	}
	if err := s.flushLocked(); err != nil && err != wire.ErrAgain { //nolint:errorlint // as above
		return 0, err
	}
	return len(p), nil
}

// flush writes what is kept; wire.ErrAgain if the socket does not take all.
func (s *socket) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flushLocked()
}

func (s *socket) flushLocked() error {
	for len(s.kept) != 0 {
		n, err := fd.SendBytes(s.fd.Int(), s.kept)
		if err != nil {
			return err
		}
		s.kept = s.kept[n:]
	}
	return nil
}
