package engine

import (
	"context"
	"math"
)

// An end that comes home.
//
// A sends B a Sender, of which A has the Receiver; later B gives it back to A. Then B would be a proxy for messages from A to A.
// Instead B says in the table that the channel's sending end comes back (kindHome), and forgets the channel; A takes its
// receiving end off the session and makes a Sender that puts messages straight into its inbox. If that one is given away
// again, the receiving end goes back to a session, as if it had never left: a chain of proxies does not grow.

// comesHome reports whether the item is a sending end that is given back to the side that receives on it.
func (it *item) comesHome(p *port) bool {
	s := it.s
	return s != nil && s.p == p && s.into == nil && s.call == nil && !s.once && s.id != 0 && s.opening == nil &&
		s.closing == nil && s.ended.Load() == nil
}

// leave ends the ends that go home. Called with the tx token held, when nothing can fail any more.
func (c *Cargo) leave(p *port) {
	for i := range c.items {
		if it := &c.items[i]; it.kind == kindHome {
			p.mu.Lock()
			p.removeSend(it.s)
			it.s.closed = true
			p.mu.Unlock()
			it.s.end(errGiven)
		}
	}
}

// cameHome makes the Sender of a receiving end whose other end has come home. Called with the rx token held.
func (s *Session) cameHome(p *port, it *item) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.recvs[it.channel]
	if r == nil {
		if p.sends[it.channel] != nil || !s.everOpened(it.channel) {
			return violation("channel %d comes home, and does not belong here", it.channel)
		}
		it.s = newSendEnd(p, it.channel, "", 0) // it ended meanwhile
		it.s.codec, it.s.closed = codecRaw, true
		it.s.end(&ChannelError{Code: CodeCanceled})
		it.err = &ChannelError{Code: CodeCanceled, Text: "the channel ended before its sender came home"}
		return nil
	}
	p.removeRecv(r)
	p.wakeable.Store(true)
	r.room = r.window
	r.window = 0 // no credit for the peer any more
	near := newSendEnd(p, it.channel, r.name, math.MaxInt32)
	near.into, near.codec = r, r.codec
	r.near = near
	it.s = near
	return nil
}

// sendInto puts a message into the inbox of a receiving end in this process.
func (s *sendEnd) sendInto(ctx context.Context, c *Cargo, m Message, encoded []byte, flags uint32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, p := s.into, s.p
	l := letter{buf: inboxes.Get()}
	l.buf.Set(encoded)
	if m != nil {
		b, err := m.MarshalMsg(l.buf.B[:0])
		if err != nil {
			inboxes.Put(l.buf)
			return err
		}
		l.buf.B = b
	}
	for {
		p.mu.Lock()
		err := p.err
		if err == nil {
			err = s.err()
		}
		if err != nil || r.held < max(r.room, 1) {
			if err == nil {
				s.putInto(c, &l, flags)
			} else {
				inboxes.Put(l.buf)
			}
			p.mu.Unlock()
			p.kick()
			return err
		}
		p.mu.Unlock()
		select {
		case <-s.changed:
		case <-p.failed:
		case <-ctx.Done():
			inboxes.Put(l.buf)
			return ctx.Err()
		}
	}
}

// putInto is sendInto's last step. Called with port.mu held.
func (s *sendEnd) putInto(c *Cargo, l *letter, flags uint32) {
	r := s.into
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
	r.inbox = append(r.inbox, *l)
	r.held += uint64(l.buf.Len()) + HeaderSize
	r.queued.Add(1)
	s.messages++
	if flags&flagLast != 0 {
		s.closed = true
		s.end(errClosed)
		r.end(endOf(CodeOK, ""))
		return
	}
	r.wake()
}

// closeInto is close for a Sender that came home.
func (s *sendEnd) closeInto(reason error) error {
	p := s.p
	code, text := reasonOf(reason)
	p.mu.Lock()
	defer p.kick()
	defer p.mu.Unlock()
	if s.closed {
		return errClosed
	}
	s.closed = true
	if s.end(errClosed) {
		s.into.end(endOf(code, text))
	}
	return nil
}

// goesOut puts the receiving end of a Sender that came home back on its session, as that Sender is given away again. Called
// with port.mu held.
func (s *sendEnd) goesOut(p *port) (*recvEnd, bool) {
	if s == nil {
		return nil, false
	}
	r := s.into
	if r == nil || r.p != p || s.ended.Load() != nil {
		return nil, false
	}
	return r, true
}
