package wire

import (
	"errors"
	"io"
	"syscall"

	"github.com/corechan/corechan/engine"
)

// ErrAgain says that a stream has nothing to read, or no room to write, for now.
var ErrAgain error = syscall.EAGAIN

// ErrLater says that a stream cannot write now, and that no event will say when it can.
var ErrLater = errors.New("later")

// A Stream is what carries a link's bytes: a socket, or something over one. One goroutine reads at a time, and one writes.
type Stream interface {
	// Socket is the descriptor that becomes readable and writable as the stream does. It is in blocking mode.
	Socket() int
	// Read reads what has arrived. If that is nothing it returns ErrAgain: at once, or, with wait, after blocking the
	// thread for as long as the socket's receive timeout, or until fd.Rouse. At the peer's end it returns io.EOF. It may
	// return 0 and no error: something came, of which there is nothing to be read yet.
	Read(p []byte, wait bool) (int, error)
	// Write takes what it can of p without waiting; ErrAgain if that is nothing. It may keep some of it, see Flush.
	Write(p []byte) (int, error)
	// Flush writes what Write has kept; ErrAgain if some is still left.
	Flush() error
	// More reports whether a Read may find something though the socket has nothing.
	More() bool
	// CloseWrite ends this side's direction.
	CloseWrite() error
	// Close closes the socket.
	Close() error
}

// A Passer is a stream that also passes descriptors.
type Passer interface {
	// Give has descriptors sent with the byte that so many were written before: the first one of the frame that speaks of
	// them. On success they are the stream's.
	Give(list []engine.Attachment, at uint64) error
	// Take returns the n next descriptors that came, for the caller to own. It does not wait.
	Take(n int) ([]engine.Attachment, error)
}

// isEnd reports whether an error of a stream says that the peer is gone, rather than that something is wrong here.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) ||
		errors.Is(err, syscall.ECONNABORTED)
}
