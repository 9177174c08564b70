package engine

import (
	"context"
	"errors"
	"fmt"
	"unsafe"
)

// Slot and Lease have four words, no more: the compiler keeps such a struct in registers. A larger one is copied through
// memory in words of 16 bytes right after it was written in words of 8, and such a load waits until every store
// before it has reached the cache, a message on its way to another core among them. It doubled the time of a round trip.

// A Slot is memory that the peer will read: room for one message, written in place.
//
// Between Reserve and Commit or Abort it holds the sending side of its ring: every other Send on the session, or on
// the lane if the channel is one, waits. So fill it and commit it.
type Slot struct {
	end *sendEnd
	b   []byte
}

// Reserve waits for room for a message of up to n bytes. Its errors are those of Send.
func (s Sender[T]) Reserve(ctx context.Context, n int) (Slot, error) {
	if s.end == nil {
		return Slot{}, errZero
	}
	if n < 0 {
		panic("engine: Reserve of a negative size")
	}
	if s.end.meet != nil {
		return Slot{}, fmt.Errorf("engine: Reserve on an unbuffered channel: %w: use Send", errors.ErrUnsupported)
	}
	if s.end.given.Load() {
		return Slot{}, errGiven
	}
	if s.end.pair != nil {
		if err := s.end.pair.sender(); err != nil {
			return Slot{}, err
		}
	}
	b, err := s.end.reserve(ctx, n)
	if err == errCameHome { //nolint:errorlint // never wrapped
		return s.end.slotInto(ctx, n)
	}
	if err != nil {
		return Slot{}, err
	}
	s.end.slot = unsafe.SliceData(b)
	return Slot{s.end, b}, nil
}

// Bytes returns the room for the message: as many bytes as were reserved, with unspecified content. They must not be
// touched after Commit or Abort.
func (s Slot) Bytes() []byte { return s.b }

// Commit sends the first n bytes. It returns ErrSlot if the slot was committed or aborted before. n outside of the
// slot panics.
func (s Slot) Commit(n int) error {
	_ = s.b[:n:len(s.b)]
	if s.end == nil || s.end.slot != unsafe.SliceData(s.b) {
		return ErrSlot
	}
	s.end.slot = nil
	if s.end.slotOf != nil {
		return s.end.slotOf.sendInto(context.Background(), &Cargo{}, nil, s.b[:n], 0)
	}
	if s.end.once {
		s.end.commitAs(n, kindData|flagLast<<8, 0)
		return nil
	}
	s.end.commit(n)
	return nil
}

// Abort gives the room back; nothing is sent. It returns ErrSlot if the slot was committed or aborted before.
func (s Slot) Abort() error {
	if s.end == nil || s.end.slot != unsafe.SliceData(s.b) {
		return ErrSlot
	}
	s.end.slot = nil
	if s.end.slotOf == nil {
		s.end.abort()
	}
	return nil
}

// A Lease is a message in the sender's memory, read-only. The sender cannot use that memory again before Release.
//
// The sender can still change the bytes, if it is hostile: read each once, or copy what is decided on. Writing to them is a
// fault (SIGSEGV).
type Lease struct {
	end *recvEnd // nil: a private copy
	b   []byte
}

// Lease waits for the next message and returns it in place. Its errors are those of Receive. On a session's ring one
// lease is in place at a time; a second one, and a message that somebody else's Receive has read, is a private copy.
func (r Receiver[T]) Lease(ctx context.Context) (Lease, error) {
	end := r.end
	if end == nil {
		return Lease{}, errZero
	}
	if end.given.Load() {
		return Lease{}, errGiven
	}
	if end.pair != nil {
		if err := end.pair.receiver(ctx); err != nil {
			return Lease{}, err
		}
	}
	payload, l, err := end.next(ctx)
	if err != nil {
		return Lease{}, err
	}
	if l.cargo != nil { // a lease is of bytes only
		defer l.cargo.drop()
	}
	if l.buf != nil || end.p.pinned != nil {
		b := append(make([]byte, 0, len(payload)), payload...)
		end.done(l)
		return Lease{b: b}, nil
	}
	end.p.pinned = unsafe.SliceData(payload)
	owed := end.owed() // the memory is bounded by the ring, so the credit need not wait for Release
	end.p.giveRx()
	if owed != 0 {
		end.grant(owed)
	}
	return Lease{end, payload}, nil
}

// Bytes returns the message. It must not be touched after Release.
func (l Lease) Bytes() []byte { return l.b }

// Release gives the memory back to the sender. It returns ErrSlot if that was done before; a private copy may be
// released again and again.
func (l Lease) Release() error {
	if l.end == nil {
		if l.b == nil {
			return ErrSlot
		}
		return nil
	}
	p := l.end.p
	at := unsafe.SliceData(l.b)
	if p.rx.try() {
		if p.pinned != at {
			p.giveRx()
			return ErrSlot
		}
		p.pinned = nil
		p.cons.Release()
		p.giveRx()
		return nil
	}
	p.mu.Lock()
	freed := p.tornDown
	p.mu.Unlock()
	if freed || p.unpinned.Swap(at) == at {
		return ErrSlot
	}
	p.attend(attUnpin)
	p.bell.Interrupt()
	p.attendTo()
	return nil
}
