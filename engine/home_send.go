package engine

import (
	"context"
	"fmt"
	"unsafe"
)

// What a Sender does that came home, or whose Receiver did: its messages go into the inbox of s.into. That end's port.mu guards
// it; who has it looks at s.into once more, as it may be another end by then.

// sendInto puts a message into the inbox of a receiving end in this process.
func (s *sendEnd) sendInto(ctx context.Context, c *Cargo, m Message, encoded []byte, flags uint32) error {
	for i := range c.items {
		if it := &c.items[i]; it.kind == kindSender && it.s == nil && it.value == nil {
			return errCameHome // Call's own channel, which is of use on a session only
		}
	}
	l := letter{buf: inboxes.Get()}
	l.buf.Set(encoded)
	if m != nil {
		b, err := m.MarshalMsg(l.buf.B[:0])
		if err != nil {
			inboxes.Put(l.buf)
			return fmt.Errorf("engine: encode %T: %w", m, err)
		}
		l.buf.B = b
	}
	err := error(nil)
	if l.buf.Len() > s.maxMessage {
		err = s.tooLarge(l.buf.Len())
	} else {
		err = s.withRoom(ctx, func(r *recvEnd) { s.putInto(r, c, &l, flags) })
	}
	if err != nil {
		inboxes.Put(l.buf)
	}
	return err
}

// withRoom waits until the receiving end has room, and calls put with that end's port.mu held.
func (s *sendEnd) withRoom(ctx context.Context, put func(r *recvEnd)) error {
	defer s.wake() // for the next one who waits
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := s.into.Load()
		p := r.p
		p.mu.Lock()
		err, joined := s.err(), r.joined.Load()
		if err == nil {
			err = p.err
		}
		room := err == nil && joined && s.into.Load() == r && r.held < max(r.room, 1)
		if room {
			put(r)
		}
		p.mu.Unlock()
		switch {
		case err != nil:
			return err
		case room:
			p.kick()
			return nil
		case !joined: // the peer has yet to say that it has sent what it had
			if _, _, err := p.await(ctx, &joinedCondition{s, r}, nil); err != nil {
				return s.because(ctx, err)
			}
			continue
		}
		select {
		case <-s.changed.signal():
		case <-p.failed:
		case <-ctx.Done():
		}
	}
}

// A joinedCondition is met when a Sender need not wait for its Receiver to be joined with it any more.
type joinedCondition struct {
	s *sendEnd
	r *recvEnd
}

func (c *joinedCondition) met() bool {
	return c.r.joined.Load() || c.s.ended.Load() != nil || c.s.into.Load() != c.r
}
func (c *joinedCondition) signal() <-chan struct{} { return c.s.changed.signal() }

// putInto is sendInto's last step. Called with r's port.mu held.
func (s *sendEnd) putInto(r *recvEnd, c *Cargo, l *letter, flags uint32) {
	if len(c.items) != 0 || len(c.head) != 0 {
		came := &Cargo{in: true, carrying: s.codec, items: make([]item, len(c.items))}
		for i := range c.items {
			it := &c.items[i]
			came.items[i] = *it
			*it = item{entry: entry{ref: it.ref, kind: kindLocal}}
		}
		if len(c.head) != 0 {
			came.header, _, _ = readHeaders(c.head)
		}
		l.cargo = came
	}
	r.inbox = append(r.inbox, keptLetter{letter: *l})
	r.held += l.held()
	r.queued.Add(1)
	if flags&flagLast != 0 {
		s.closed = true
		s.end(errClosed)
		r.nearEnded(endOf(CodeOK, ""))
		return
	}
	r.wake()
	r.handleLater()
}

// handleLater has a handler called with what is in the inbox, if there is one: nobody reads it out of the ring. Called with
// port.mu held.
func (r *recvEnd) handleLater() {
	p := r.p
	loop := p.loop.Load()
	if r.handler == nil || loop == nil {
		return
	}
	_ = loop.Post(func() {
		if p.failure() == nil {
			p.addBacklog(r)
		} else {
			r.drain()
		}
	})
}

// slotInto is Reserve for a Sender that puts its messages into an inbox: the slot is memory of its own, and holds up nobody.
func (s *sendEnd) slotInto(ctx context.Context, n int) (Slot, error) {
	if n > s.maxMessage {
		return Slot{}, s.tooLarge(n)
	}
	if err := s.withRoom(ctx, func(*recvEnd) {}); err != nil {
		return Slot{}, err
	}
	b := make([]byte, n, n+1) // +1: it has an address
	return Slot{&sendEnd{slotOf: s, slot: unsafe.SliceData(b)}, b[:n:n]}, nil
}

// closeInto is close for a Sender that puts its messages into an inbox.
func (s *sendEnd) closeInto(reason error) error {
	code, text := reasonOf(reason)
	for {
		r := s.into.Load()
		p := r.p
		p.mu.Lock()
		if s.into.Load() != r {
			p.mu.Unlock()
			continue
		}
		if s.closed {
			p.mu.Unlock()
			return errClosed
		}
		s.closed = true
		if s.end(errClosed) {
			r.nearEnded(endOf(code, text))
		}
		p.mu.Unlock()
		p.kick()
		return nil
	}
}

// endedInto ends a channel whose last message went into the ring although its Receiver came home meanwhile: the message comes
// back, as what was sent before, and the end behind it. Called with the tx token held.
func (s *sendEnd) endedInto() {
	p := s.p
	p.mu.Lock()
	if s.leaving != nil {
		s.leaving.frame = nil // the last message says it
	}
	p.mu.Unlock()
	_ = s.closeInto(nil)
}
