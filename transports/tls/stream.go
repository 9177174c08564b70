package tls

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"

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
	// failed: a Read has met an error, which the next one returns.
	failed bool
}

// Socket implements wire.Stream.
func (s *stream) Socket() int { return s.sock.fd.Int() }

// Read implements wire.Stream: it returns all records that have come, as far as they fit.
func (s *stream) Read(p []byte, wait bool) (n int, err error) {
	s.sock.wait, s.sock.dry, s.sock.reads = wait, false, 0
	for n < len(p) {
		m, err := s.conn.Read(p[n:])
		n += m
		switch {
		case errors.Is(err, errAgain) && n == 0 && s.sock.reads == 0:
			return 0, wire.ErrAgain
		case errors.Is(err, errAgain):
			return n, nil
		case err != nil:
			s.failed = true
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
func (s *stream) More() bool { return !s.sock.short || s.failed }

// Write implements wire.Stream.
func (s *stream) Write(p []byte) (int, error) {
	if err := s.Flush(); err != nil {
		return 0, err
	}
	p = p[:min(len(p), chunk)]
	return s.conn.Write(p)
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
	reads int  // since the stream's Read began, that brought something

	mu   sync.Mutex
	kept []byte // what the socket has not taken
	room []byte // kept's memory
}

// maxKept bounds what a peer can make crypto/tls answer while the socket is full.
const maxKept = 4 * chunk

// maxReads bounds what one Read of the stream takes from the socket: a peer can send records without end that bring nothing, and
// crypto/tls would go on for as long as they come.
const maxReads = 64

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
	case s.dry, s.reads >= maxReads:
		return 0, errAgain
	}
	flags := fd.DontWait
	if s.wait {
		flags = fd.UntilSignal
	}
	n, err := fd.RecvBytes(s.fd.Int(), p, flags)
	s.short = n < len(p)
	if n > 0 { // the rest of the record may take a peer as long as it likes
		s.reads, s.wait = s.reads+1, false
	}
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
	if len(s.kept) != 0 {
		s.kept = append(s.kept, p...)
		return len(p), nil
	}
	n, err := fd.SendBytes(s.fd.Int(), p)
	if err != nil && err != wire.ErrAgain { //nolint:errorlint // documented to be bare, and this is the hot path
		return 0, err
	}
	if n < len(p) {
		s.kept = append(s.room[:0], p[n:]...)
		s.room = s.kept[:0]
	}
	return len(p), nil
}

// flush writes what is kept; wire.ErrAgain if the socket does not take all.
func (s *socket) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.kept) != 0 {
		n, err := fd.SendBytes(s.fd.Int(), s.kept)
		if err != nil {
			return err
		}
		s.kept = s.kept[n:]
	}
	return nil
}
