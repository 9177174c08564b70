package limit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/corechan/corechan/perf/measure"
)

// ErrMismatch reports that the last message of a slice is not the one that was sent last.
var ErrMismatch = errors.New("a bare connection delivered another message than was sent last")

// A Wire is one end of a connection that carries bytes in order. All methods but Stop are called by one goroutine, Stop
// by any.
type Wire interface {
	// Read returns at least one byte, or an error.
	Read(b []byte) (int, error)

	// Write sends all of b, as one message, before it returns.
	Write(b []byte) (int, error)

	// Stop makes a Read or Write in progress, and later ones, return an error soon.
	Stop()

	// Close releases what the wire holds.
	Close() error
}

// wired is what both halves over a wire have.
type wired struct {
	wire  Wire
	side  measure.Side
	clock measure.Clock
	stop  measure.Stop
	buf   []byte // one message; of the far half of a stream, room for many
	seq   uint64 // of the last message sent, or to be expected
}

// send writes the next message.
func (w *wired) send() error {
	w.seq++
	if len(w.buf) >= 8 {
		binary.LittleEndian.PutUint64(w.buf, w.seq)
	}
	_, err := w.wire.Write(w.buf)
	return err
}

// receive reads a whole message.
func (w *wired) receive() error {
	_, err := io.ReadFull(w.wire, w.buf)
	return err
}

// check compares the number that the last message brought.
func (w *wired) check(got uint64) error {
	if got != w.seq {
		return fmt.Errorf("%w: number %d instead of %d", ErrMismatch, got, w.seq)
	}
	return nil
}

// ended tells a slice that was stopped from one that failed.
func (w *wired) ended(err error) error {
	switch {
	case err == nil:
		return nil
	case w.stop.IsSet():
		return measure.ErrStopped
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF // the other half is gone
	}
	return err
}

// Stop ends the connection.
func (w *wired) Stop() {
	w.stop.Set()
	w.wire.Stop()
}

// Close closes the wire.
func (w *wired) Close() error { return w.wire.Close() }

// wirePingpong is one half of a ping-pong over a wire.
type wirePingpong struct{ wired }

// NewWirePingpong makes one half of a ping-pong with messages of size bytes: one Write each way, and as many Reads as it
// takes. The half owns the wire.
func NewWirePingpong(w Wire, size int, side measure.Side, clock measure.Clock) (measure.Half, error) {
	if size < 1 {
		return nil, fmt.Errorf("%w: ping-pong of %d bytes", ErrSize, size)
	}
	return &wirePingpong{wired{wire: w, side: side, clock: clock, buf: make([]byte, size)}}, nil
}

func (p *wirePingpong) Run(s *measure.Slice) error {
	if p.side == measure.Far {
		return p.ended(p.answer(s.Warm + s.Count + 1))
	}
	return p.ended(p.lead(s))
}

// lead makes the round trips. The clock is read as in the other ping-pongs: after each message sent.
func (p *wirePingpong) lead(s *measure.Slice) error {
	if err := p.send(); err != nil {
		return err
	}
	last := p.clock.Now()
	for i := range s.Warm + s.Count {
		if i == s.Warm {
			s.Begin = last
		}
		if err := p.receive(); err != nil {
			return err
		}
		if s.Pause != 0 {
			last += p.clock.Think(s.Pause)
		}
		if err := p.send(); err != nil {
			return err
		}
		now := p.clock.Now()
		if i >= s.Warm {
			s.Samples[i-s.Warm] = now - last
		}
		last = now
	}
	s.End = last
	if err := p.receive(); err != nil {
		return err
	}
	if len(p.buf) < 8 {
		return nil
	}
	return p.check(binary.LittleEndian.Uint64(p.buf))
}

// answer sends back what it receives.
func (p *wirePingpong) answer(n int) error {
	for range n {
		if err := p.receive(); err != nil {
			return err
		}
		if _, err := p.wire.Write(p.buf); err != nil {
			return err
		}
	}
	return nil
}

// wireStream is one half of a stream over a wire.
type wireStream struct {
	wired
	size int
}

// wireRoom is the least that the far half of a stream offers to a Read.
const wireRoom = 64 << 10

// NewWireStream makes one half of a stream of messages of size bytes: the near half sends each by a Write of its own, the
// far half reads as many bytes at once as it gets. The half owns the wire.
func NewWireStream(w Wire, size int, side measure.Side, clock measure.Clock) (measure.Half, error) {
	if size < 1 {
		return nil, fmt.Errorf("%w: stream of %d bytes", ErrSize, size)
	}
	room := size
	if side == measure.Far {
		room = max(size, wireRoom)
	}
	return &wireStream{wired{wire: w, side: side, clock: clock, buf: make([]byte, room)}, size}, nil
}

func (h *wireStream) Run(s *measure.Slice) error {
	if h.side == measure.Far {
		return h.ended(h.pull(s))
	}
	s.Begin = h.clock.Now()
	for range s.Count {
		if err := h.send(); err != nil {
			return h.ended(err)
		}
	}
	return nil
}

// pull reads as many bytes as the messages have. What it looks at is the number of the last one, which may come in pieces.
func (h *wireStream) pull(s *measure.Slice) error {
	var number [8]byte
	total := int64(s.Count) * int64(h.size)
	last := total - int64(h.size) // where the last message begins
	for at := int64(0); at < total; {
		n, err := h.wire.Read(h.buf[:min(int64(len(h.buf)), total-at)])
		if err != nil {
			return err
		}
		if end := at + int64(n); end > last {
			from := max(at, last)
			if skip := from - last; skip < int64(len(number)) {
				copy(number[skip:], h.buf[from-at:n])
			}
		}
		at += int64(n)
	}
	s.End = h.clock.Now()
	h.seq += uint64(s.Count)
	if h.size < 8 || s.Count == 0 {
		return nil
	}
	return h.check(binary.LittleEndian.Uint64(number[:]))
}
