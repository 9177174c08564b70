package wire

import (
	"errors"
	"io"
	"sync"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

// inbound is the direction from the peer. Whoever has the session's rx token uses it.
type inbound struct {
	seg   *ring.Segment
	inlet *ring.Inlet
	total uint64 // grows when something comes
	more  bool   // the socket, or the stream, may have something
	over  bool   // nothing more comes
	err   error  // what ends the session

	placer engine.Placer // of who polls; nil: everything goes into the ring
	placed placed

	// mu is held while something is read into the ring, so that nobody trims it: see trim.go. Who has bell.mu takes it by try only.
	mu            sync.Mutex
	seen, trimmed uint64 // total, at the last two
}

// read moves what has arrived into the ring, until that is at least a frame or nothing is left, and reports whether it was a
// frame. With wait it may block the thread, if there is nothing.
func (b *bell) read(wait bool) (frame bool, err error) {
	in := &b.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.inlet.Offset() > rewindAt {
		in.inlet.Rewind(b.consumer)
	}
	for in.err == nil && !in.over {
		in.place()
		space, elsewhere := in.space()
		if len(space) == 0 { // a lease holds the ring
			in.more = true // who knows: the peer may be gone, and what it has sent before still be there
			return false, nil
		}
		n, err := b.stream.Read(space, wait)
		if err != nil {
			b.readFailed(err)
		} else if n == 0 {
			in.total++
			if in.more = b.stream.More(); in.more {
				b.nudge() // it has taken its time
			}
		}
		if n <= 0 {
			break
		}
		in.more = err == nil && (n == len(space) || b.stream.More())
		in.total += uint64(n)
		b.used()
		b.out.row.Store(0)
		before := in.inlet.Published()
		if elsewhere {
			in.placed.got += n
		}
		if err := in.inlet.Add(n); err != nil {
			in.err = &engine.ProtocolError{What: "frame", Err: err}
			break
		}
		if in.inlet.Published() != before {
			return true, nil
		}
		if !in.more {
			in.place()        // what has come is copied meanwhile
			return false, nil // the rest of the frame is under way
		}
		wait = false
	}
	return false, in.err
}

// readFailed sees to an error of the stream.
func (b *bell) readFailed(err error) {
	in := &b.in
	in.more = false
	switch {
	case err == ErrAgain: //nolint:errorlint // documented to be bare, and this is the blocking path
	case isEnd(err):
		in.over = true
		if errors.Is(err, io.EOF) {
			err = nil
		}
		b.peerGone(err)
	default:
		in.err = err
	}
}

// over: see engine.Link. A read that found no room has set more.
func (b *bell) over() bool { return b.in.over || b.gone.Load() && !b.in.more }

// fill: see engine.Link.
func (b *bell) fill(look bool) (bool, error) {
	if look {
		b.flush()
	} else if !b.in.more && !b.gone.Load() && b.in.err == nil {
		return false, nil
	}
	return b.read(false)
}
