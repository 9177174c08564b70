package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Stream returns the two ends of a byte stream: as Pipe, for bytes. Each end can be used within the process or given away in
// a message, in a field of type io.Reader, io.ReadCloser, io.Writer or io.WriteCloser, and is then a channel of that
// message's session, without a goroutine in between.
//
// The writer's Close gives the reader io.EOF after all bytes; its CloseWithError another error; the reader's Close ends the
// writer's Writes with ErrCanceled.
func Stream() (*StreamReader, *StreamWriter) {
	r, s := Pipe[Raw]()
	return newStreamReader(r.end), newStreamWriter(s.end)
}

// streamPiece is how many bytes one message of a stream carries at most: large enough that its cost is the copy, small
// enough that other channels get their turn.
const streamPiece = 64 << 10

// A StreamReader is the reading end of a byte stream. Its methods may be called concurrently; a Read that is waiting is
// ended by Close and by a deadline.
type StreamReader struct {
	end      *recvEnd
	deadline deadline

	mu   sync.Mutex
	rest []byte // read and not asked for yet
	buf  []byte // rest's memory

	// given: it was given away with what is in rest, and its successor reads on.
	given atomic.Bool
}

// succeed returns a reader of what s has yet to read, and leaves s as one that was given away; s itself if a Read waits.
func (s *StreamReader) succeed() *StreamReader {
	if !s.mu.TryLock() {
		return s
	}
	defer s.mu.Unlock()
	next := newStreamReader(s.end)
	next.rest = s.rest
	s.rest, s.buf = nil, nil
	s.given.Store(true)
	return next
}

func newStreamReader(end *recvEnd) *StreamReader { return &StreamReader{end: end} }

// Read implements io.Reader. It returns io.EOF at a clean end, os.ErrDeadlineExceeded after the deadline, os.ErrClosed after
// Close, and else what Receiver.Receive returns at the end of a channel.
func (s *StreamReader) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(b) == 0 {
		return 0, nil
	}
	if s.given.Load() {
		return 0, errGiven
	}
	if len(s.rest) == 0 {
		n, err := s.fill(b)
		if n != 0 || err != nil {
			return n, err
		}
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// fill reads the next piece: into b, and what it does not hold into rest.
func (s *StreamReader) fill(b []byte) (n int, err error) {
	for n == 0 && len(s.rest) == 0 && err == nil {
		err = s.deadline.do(func(ctx context.Context) error {
			if q := s.end.pair; q != nil {
				if err := q.receiver(ctx); err != nil {
					return err
				}
			}
			if s.end.given.Load() {
				return errGiven
			}
			payload, l, err := s.end.next(ctx)
			if err != nil {
				return err
			}
			n = copy(b, payload)
			s.buf = append(s.buf[:0], payload[n:]...)
			s.rest = s.buf
			s.end.done(l)
			l.cargo.drop()
			return nil
		})
	}
	return n, err
}

// WriteTo implements io.WriterTo: it is what io.Copy uses.
func (s *StreamReader) WriteTo(w io.Writer) (total int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.given.Load() {
		return 0, errGiven
	}
	for {
		for len(s.rest) != 0 {
			n, err := w.Write(s.rest)
			total += int64(n)
			s.rest = s.rest[min(n, len(s.rest)):]
			if err != nil {
				return total, err
			}
		}
		if _, err := s.fill(nil); errors.Is(err, io.EOF) {
			return total, nil
		} else if err != nil {
			return total, err
		}
	}
}

// Close says that no more is wanted. What was not read is lost. A second call returns os.ErrClosed.
func (s *StreamReader) Close() error { return s.CloseWithError(nil) }

// CloseWithError is Close with a reason for the writer.
func (s *StreamReader) CloseWithError(err error) error {
	if s.given.Load() {
		return errGiven
	}
	return Receiver[Raw]{end: s.end}.CloseWith(err)
}

// SetReadDeadline bounds the Reads, also one that is waiting; the zero time ends that.
func (s *StreamReader) SetReadDeadline(t time.Time) error { s.deadline.set(t); return nil }

// A StreamWriter is the writing end of a byte stream. Its methods may be called concurrently; a Write that is waiting is
// ended by Close and by a deadline.
type StreamWriter struct {
	end      *sendEnd
	deadline deadline
	mu       sync.Mutex
}

func newStreamWriter(end *sendEnd) *StreamWriter { return &StreamWriter{end: end} }

// Write implements io.Writer. It returns when the bytes are where the reader will find them. It returns ErrCanceled if the
// reader wants no more, os.ErrDeadlineExceeded, os.ErrClosed, or what Sender.Send returns at the end of a channel.
func (s *StreamWriter) Write(b []byte) (total int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.deadline.do(func(ctx context.Context) error {
		if q := s.end.pair; q != nil {
			if err := q.sender(); err != nil {
				return err
			}
		}
		if s.end.given.Load() {
			return errGiven
		}
		for len(b) != 0 {
			n := min(len(b), streamPiece, s.end.maxMessage)
			if err := s.end.sendBytes(ctx, b[:n]); err != nil {
				return err
			}
			b = b[n:]
			total += n
		}
		return nil
	})
	return total, err
}

// ReadFrom implements io.ReaderFrom: it is what io.Copy uses.
func (s *StreamWriter) ReadFrom(r io.Reader) (total int64, err error) {
	buf := make([]byte, streamPiece)
	for {
		n, rerr := r.Read(buf)
		if n != 0 {
			w, err := s.Write(buf[:n])
			total += int64(w)
			if err != nil {
				return total, err
			}
		}
		if errors.Is(rerr, io.EOF) {
			return total, nil
		}
		if rerr != nil {
			return total, rerr
		}
	}
}

// Close ends the stream: the reader gets io.EOF after what was written. It does not wait. A second call returns os.ErrClosed.
func (s *StreamWriter) Close() error { return Sender[Raw]{end: s.end}.Close() }

// CloseWithError is Close with an error for the reader.
func (s *StreamWriter) CloseWithError(err error) error { return Sender[Raw]{end: s.end}.CloseWith(err) }

// Context is that of Sender.Context: it is done when the reader wants no more, or is gone. The stream must have been given away.
func (s *StreamWriter) Context(parent context.Context) (ctx context.Context, cancel context.CancelFunc) {
	return Sender[Raw]{end: s.end}.Context(parent)
}

// SetWriteDeadline bounds the Writes, also one that is waiting; the zero time ends that.
func (s *StreamWriter) SetWriteDeadline(t time.Time) error { s.deadline.set(t); return nil }

// A StreamConn is a byte stream both ways: what a connection becomes that cannot be handed over as a descriptor.
type StreamConn struct {
	*StreamReader
	*StreamWriter
	peer string
}

var _ net.Conn = (*StreamConn)(nil)

// Close ends both directions. What was written is still delivered.
func (c *StreamConn) Close() error {
	return errors.Join(ignoreClosed(c.StreamWriter.Close()), ignoreClosed(c.StreamReader.Close()))
}

// CloseWrite ends the direction to the peer: it reads io.EOF after what was written.
func (c *StreamConn) CloseWrite() error { return c.StreamWriter.Close() }

// CloseRead says that nothing more is wanted of the peer.
func (c *StreamConn) CloseRead() error { return c.StreamReader.Close() }

// CloseWithError ends both directions with an error.
func (c *StreamConn) CloseWithError(err error) error {
	return errors.Join(ignoreClosed(c.StreamWriter.CloseWithError(err)), ignoreClosed(c.StreamReader.CloseWithError(err)))
}

// SetDeadline bounds Reads and Writes.
func (c *StreamConn) SetDeadline(t time.Time) error {
	c.StreamReader.deadline.set(t)
	c.StreamWriter.deadline.set(t)
	return nil
}

// LocalAddr and RemoteAddr are those of the session, for want of better ones.
func (c *StreamConn) LocalAddr() net.Addr { return streamAddr("") }

// RemoteAddr is the session's peer.
func (c *StreamConn) RemoteAddr() net.Addr { return streamAddr(c.peer) }

type streamAddr string

func (streamAddr) Network() string  { return "corechan" }
func (a streamAddr) String() string { return string(a) }

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// A deadline turns deadlines, which may be set while a call waits, into contexts. The zero value is none.
type deadline struct {
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
	}
	if t.IsZero() {
		d.ctx, d.cancel = context.WithCancel(context.Background())
	} else {
		d.ctx, d.cancel = context.WithDeadline(context.Background(), t)
	}
}

func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx == nil {
		return context.Background()
	}
	return d.ctx
}

// do calls f, again if the deadline was changed while it waited.
func (d *deadline) do(f func(ctx context.Context) error) error {
	for {
		ctx := d.context()
		err := f(ctx)
		if err == nil || ctx.Err() == nil {
			return err
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return os.ErrDeadlineExceeded
		}
		if !errors.Is(err, context.Canceled) || d.context() == ctx {
			return err
		}
	}
}
