package shm

import (
	"errors"
	"fmt"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/ring"
)

// lanes implements engine.Lanes. A lane has a bell of its own, so that a sleeper on it is woken by nothing else:
//
//	opener ── segment with records, one end of a socketpair ──> acceptor
//	opener <──────── segment with a small ring, for RESET ───── acceptor
type lanes struct {
	o       *Options
	barrier func() // the session's
}

func (l *lanes) Offer(o *ring.Options) (engine.LaneOffer, []engine.Attachment, error) {
	own, ownFD, err := ring.Create("corechan-lane", o)
	if err != nil {
		return nil, nil, err
	}
	a, b, err := fd.Socketpair()
	if err != nil {
		_ = ownFD.Close()
		_ = own.Close()
		return nil, nil, err
	}
	return &offer{l.o, l.barrier, own, a}, []engine.Attachment{ownFD, b}, nil
}

func (l *lanes) Accept(list []engine.Attachment) (*engine.Link, []engine.Attachment, error) {
	link, answer, err := l.accept(list)
	if err != nil {
		for _, a := range list {
			_ = a.Close()
		}
	}
	return link, answer, err
}

func (l *lanes) accept(list []engine.Attachment) (_ *engine.Link, _ []engine.Attachment, err error) {
	segment, sock, err := laneFDs(list)
	if err != nil {
		return nil, nil, err
	}
	if err := fd.CheckStream(sock); err != nil {
		return nil, nil, err
	}
	theirs, err := ring.Open(segment, l.o.MaxRing, l.o.Ring.Prefault)
	if err != nil {
		return nil, nil, err
	}
	if theirs.Capacity() == 0 {
		_ = theirs.Close()
		return nil, nil, fmt.Errorf("%w: lane's segment without records", ErrHandshake)
	}
	own, ownFD, err := ring.Create("corechan-lane", &ring.Options{Capacity: ring.MinCapacity})
	if err != nil {
		_ = theirs.Close()
		return nil, nil, err
	}
	b, err := newBell(sock, l.o.Engine)
	if err != nil {
		_ = theirs.Close()
		_ = ownFD.Close()
		_ = own.Close()
		return nil, nil, err
	}
	_ = segment.Close()
	return newLink(own, theirs, b, l.o, l.barrier), []engine.Attachment{ownFD}, nil
}

func laneFDs(list []engine.Attachment) (segment, sock *fd.FD, err error) {
	if len(list) != 2 {
		return nil, nil, fmt.Errorf("shm: lane of %d descriptors, not 2: %w", len(list), ErrHandshake)
	}
	segment, ok1 := list[0].(*fd.FD)
	sock, ok2 := list[1].(*fd.FD)
	if !ok1 || !ok2 {
		return nil, nil, errors.ErrUnsupported
	}
	return segment, sock, nil
}

// An offer implements engine.LaneOffer.
type offer struct {
	o       *Options
	barrier func()
	own     *ring.Segment
	sock    *fd.FD
}

func (f *offer) Complete(list []engine.Attachment) (_ *engine.Link, err error) {
	defer func() {
		for _, a := range list {
			_ = a.Close()
		}
		if err != nil {
			_ = f.Close()
		}
	}()
	if len(list) != 1 {
		return nil, fmt.Errorf("shm: lane answered with %d descriptors, not 1: %w", len(list), ErrHandshake)
	}
	segment, ok := list[0].(*fd.FD)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	theirs, err := ring.Open(segment, f.o.MaxRing, false)
	if err != nil {
		return nil, err
	}
	b, err := newBell(f.sock, f.o.Engine)
	if err != nil {
		_ = theirs.Close()
		return nil, err
	}
	return newLink(f.own, theirs, b, f.o, f.barrier), nil
}

func (f *offer) Close() error { return errors.Join(f.sock.Close(), f.own.Close()) }
