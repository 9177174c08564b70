package engine

import (
	"context"

	"github.com/valyala/bytebufferpool"
)

// A Slot is memory that the peer will read: room for one message, written in place.
//
// Between Reserve and Commit or Abort it holds the sending side of its ring: every other Send on the session, or on
// the lane if the channel is one, waits. So fill it and commit it.
type Slot struct {
	end *sendEnd
	b   []byte
	n   uint64
}

// Reserve waits for room for a message of up to n bytes. Its errors are those of Send.
func (s Sender[T]) Reserve(ctx context.Context, n int) (Slot, error) {
	if s.end == nil {
		return Slot{}, errZero
	}
	b, err := s.end.reserve(ctx, n)
	if err != nil {
		return Slot{}, err
	}
	s.end.open = true
	s.end.slot++
	return Slot{s.end, b, s.end.slot}, nil
}

// Bytes returns the room for the message: as many bytes as were reserved, with unspecified content. They must not be
// touched after Commit or Abort.
func (s Slot) Bytes() []byte { return s.b }

// Commit sends the first n bytes. It returns ErrSlot if the slot was committed or aborted before. n outside of the
// slot panics.
func (s Slot) Commit(n int) error {
	_ = s.b[:n]
	if !s.held() {
		return ErrSlot
	}
	s.end.open = false
	s.end.commit(n)
	return nil
}

// Abort gives the room back; nothing is sent. It returns ErrSlot if the slot was committed or aborted before.
func (s Slot) Abort() error {
	if !s.held() {
		return ErrSlot
	}
	s.end.open = false
	s.end.abort()
	return nil
}

// held reports whether the slot is the one that holds its end. Only its holder may ask; somebody who used it up and
// asks again is told so, unless others use the end at the same time.
func (s Slot) held() bool { return s.end != nil && s.end.open && s.end.slot == s.n }

// A Lease is a message in the sender's memory, read-only. The sender cannot use that memory again before Release.
//
// The sender can still change the bytes, if it is hostile: read each once, or copy what is decided on. Writing to them is a
// fault (SIGSEGV).
type Lease struct {
	end *recvEnd
	b   []byte
	buf *bytebufferpool.ByteBuffer
	pin bool
	n   uint64
}

// Lease waits for the next message and returns it in place. Its errors are those of Receive. On a session's ring one
// lease is in place at a time; a second one, and a message that somebody else's Receive has read, is a private copy.
func (r Receiver[T]) Lease(ctx context.Context) (Lease, error) {
	if r.end == nil {
		return Lease{}, errZero
	}
	end := r.end
	payload, buf, err := end.next(ctx)
	if err != nil {
		return Lease{}, err
	}
	if buf != nil {
		return Lease{end: end, b: payload, buf: buf}, nil
	}
	p := end.p
	if p.pinned {
		buf := inboxes.Get()
		buf.Set(payload)
		end.done(nil)
		return Lease{end: end, b: buf.B, buf: buf}, nil
	}
	p.pinned, p.leased = true, true
	p.leases++
	l := Lease{end: end, b: payload, pin: true, n: p.leases}
	p.rx.give()
	return l, nil
}

// Bytes returns the message. It must not be touched after Release.
func (l Lease) Bytes() []byte { return l.b }

// Release gives the memory back to the sender. It returns ErrSlot if that was done before.
func (l Lease) Release() error {
	switch {
	case l.end == nil:
		return ErrSlot
	case l.buf != nil:
		// A second Release of a copy cannot be told from the first one; it must not be called.
		inboxes.Put(l.buf)
		return nil
	}
	p := l.end.p
	if p.rx.try() {
		if !p.pinned || p.leases != l.n {
			p.giveRx()
			return ErrSlot
		}
		p.pinned = false
		l.end.done(nil)
		return nil
	}
	if p.unpinned.Swap(l.n) == l.n {
		return ErrSlot
	}
	p.attend(attUnpin)
	p.bell.Interrupt()
	p.attendTo()
	return nil
}
