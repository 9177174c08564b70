package wire

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
)

// A Plain is a stream socket that passes no descriptors.
type Plain struct{ FD *fd.FD }

// Socket implements Stream.
func (s Plain) Socket() int { return s.FD.Int() }

// Read implements Stream.
func (s Plain) Read(p []byte, wait bool) (int, error) {
	flags := fd.DontWait
	if wait {
		flags = fd.UntilSignal
	}
	return fd.RecvBytes(s.FD.Int(), p, flags)
}

// Write implements Stream.
func (s Plain) Write(p []byte) (int, error) { return fd.SendBytes(s.FD.Int(), p) }

// Gather implements Gatherer.
func (s Plain) Gather(parts *[3][]byte, wait bool) (int, error) {
	return fd.SendParts(s.FD.Int(), parts, wait)
}

// Flush implements Stream: nothing is kept.
func (s Plain) Flush() error { return nil }

// More implements Stream: nothing is kept.
func (s Plain) More() bool { return false }

// CloseWrite implements Stream.
func (s Plain) CloseWrite() error { return fd.ShutdownWrite(s.FD.Int()) }

// Close implements Stream.
func (s Plain) Close() error { return s.FD.Close() }

// A Passing is a Unix stream socket that passes descriptors: with the first byte of the frame that speaks of them, those of each
// frame in a message of their own, so that what a receiver has no room for is missed by the right frame.
type Passing struct {
	Plain

	written uint64 // of who writes
	mu      sync.Mutex
	out     []group      // given, not sent yet
	count   int          // of descriptors in out
	next    atomic.Int32 // len(out)

	// Of who reads.
	recv  fd.Receiver
	given []*fd.FD // came, not taken yet; nil: those of one message, which were lost
}

// A group is the descriptors of one frame.
type group struct {
	at  uint64 // where the frame begins
	fds []*fd.FD
}

// NewPassing makes a stream of a connected Unix socket, which it owns.
func NewPassing(f *fd.FD) *Passing { return &Passing{Plain: Plain{f}} }

// Give implements Passer.
func (s *Passing) Give(list []engine.Attachment, at uint64) error {
	fds := make([]*fd.FD, len(list))
	for i, a := range list {
		f, ok := a.(*fd.FD)
		if !ok {
			return fmt.Errorf("wire: give a %T: %w", a, errors.ErrUnsupported)
		}
		fds[i] = f
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count+len(fds) > engine.MaxAttachments {
		return fmt.Errorf("%w: %w", engine.ErrBellFull, &engine.LimitError{What: "descriptors that wait to be sent", Limit: engine.MaxAttachments})
	}
	s.count += len(fds)
	s.out = append(s.out, group{at, fds})
	s.next.Store(int32(len(s.out)))
	return nil
}

// Write implements Stream.
func (s *Passing) Write(p []byte) (n int, err error) {
	if s.next.Load() == 0 {
		n, err = s.Plain.Write(p)
	} else {
		n, err = s.writeWith(p)
	}
	s.written += uint64(n)
	return n, err
}

// Gather implements Gatherer: not while descriptors wait, which are sent by Write.
func (s *Passing) Gather(parts *[3][]byte, wait bool) (int, error) {
	if s.next.Load() != 0 {
		return 0, ErrAgain
	}
	n, err := s.Plain.Gather(parts, wait)
	s.written += uint64(n)
	return n, err
}

// writeWith is Write while descriptors wait: it writes up to the first frame that has some, or from there up to the second.
func (s *Passing) writeWith(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	upTo := func(at uint64) { p = p[:min(uint64(len(p)), at-s.written)] }
	if first := s.out[0]; first.at != s.written {
		upTo(first.at)
		return s.Plain.Write(p)
	}
	if len(s.out) > 1 {
		upTo(s.out[1].at)
	}
	first := s.out[0].fds
	var numbers [fd.MaxFDs]int
	for i, f := range first {
		numbers[i] = f.Int()
	}
	n, err := fd.SendMsg(s.FD.Int(), p, numbers[:len(first)], fd.DontWait)
	switch {
	case errors.Is(err, syscall.ETOOMANYREFS):
		return 0, ErrLater // until the peer, or another, receives some
	case err != nil:
		return 0, err
	}
	closeAll(first)
	s.count -= len(first)
	s.out[0] = group{}
	if s.out = s.out[1:]; len(s.out) == 0 {
		s.out = nil
	}
	s.next.Store(int32(len(s.out)))
	return n, nil
}

// Read implements Stream.
func (s *Passing) Read(p []byte, wait bool) (int, error) {
	flags := fd.DontWait
	if wait {
		flags = fd.UntilSignal
	}
	n, fds, err := s.recv.Recv(s.FD.Int(), p, flags)
	if fds != nil {
		s.given = append(s.given, fds...)
	} else if errors.Is(err, fd.ErrTruncated) {
		// This process is out of descriptors, for which the peer is not to blame: Take says so.
		s.given = append(s.given, nil)
		err = nil
	}
	if len(s.given) > engine.MaxAttachments+fd.MaxFDs {
		return n, &engine.ProtocolError{What: fmt.Sprintf("%d descriptors that no frame speaks of", len(s.given))}
	}
	return n, err
}

// Take implements Passer.
func (s *Passing) Take(n int) ([]engine.Attachment, error) {
	if len(s.given) != 0 && s.given[0] == nil {
		s.given = s.given[1:]
		return nil, fmt.Errorf("wire: %d descriptors of a frame did not arrive: %w", n, fd.ErrExhausted)
	}
	list := make([]engine.Attachment, n)
	for i := range list {
		if i >= len(s.given) || s.given[i] == nil {
			return nil, &engine.ProtocolError{What: fmt.Sprintf("a frame has %d descriptors, %d came", n, i)}
		}
		list[i] = s.given[i]
	}
	s.given = append(s.given[:0], s.given[n:]...)
	return list, nil
}

// Close implements Stream.
func (s *Passing) Close() error {
	s.mu.Lock()
	for _, g := range s.out {
		closeAll(g.fds)
	}
	s.out = nil
	s.mu.Unlock()
	closeAll(s.given)
	s.given = nil
	return s.Plain.Close()
}

func closeAll(list []*fd.FD) {
	for _, f := range list {
		if f != nil {
			_ = f.Close()
		}
	}
}
