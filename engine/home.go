package engine

import (
	"errors"
	"io"
)

// Ends that come home.
//
// A gives B an end of a channel whose other end stays with A; later B gives it back. B would be a proxy for messages from A
// to A then, and a chain of proxies would grow with every time. Instead A joins the two ends up: the Sender puts messages
// straight into the receiving end's inbox (home_send.go), under the same bound.
//
// A Sender: B says in the table that the channel's sending end comes back (kindHome), and forgets the channel; A takes its
// receiving end off the session and makes a Sender for it. If that one is given away again, the receiving end goes back to a
// session, as if it had never left.
//
// A Receiver: messages are on their way to B then, or wait there. So B gives it away as it gives away any end, as a new
// channel, and passes on what comes on the old one; but the entry says which that is:
//
//	A                                          B
//	sender ── X ─────────────────────────────> receiver
//	sender ── X ─────────────────────────────> receiver ─┐   given back: an entry for Y that names X
//	receiver <────────────────────────────── Y ──────────┘
//	sender ── CLOSE X ───────────────────────>               A has read the entry, and nothing more follows on X
//	receiver <─────────────────── CLOSE Y ───                B has passed on what there was
//	sender ─> receiver                                       joined: within A
//
// In between the Sender waits. Order is kept, as Y has ended before it goes on, and so is the bound, as the window of Y is. If Y
// ends for any other reason, the Sender ends with it. Where A cannot join them, as on an unbuffered channel, it leaves things
// as they are: B passes the messages on until they end.
//
// If that Receiver is given away again, what was joined stays, and a forwarder takes its messages on to channel Z. When Z's
// receiving end comes home, the Sender leaves the end that feeds the forwarder, which sends what is left there and ends.

// A recvEnd is at home, joined with near, once its joined is set; before, while near is set, messages of a peer come first.

// errCameHome says that the Sender came home meanwhile: its messages go into an inbox. Never seen by users.
var errCameHome = errors.New("engine: the sender came home")

// comesHome reports whether the item is a sending end that is given back to the side that receives on it.
func (it *item) comesHome(p *port) bool {
	s := it.s
	return s != nil && s.p == p && s.into.Load() == nil && s.call == nil && !s.once && s.id != 0 && s.opening == nil &&
		s.closing == nil && s.ended.Load() == nil
}

// leave ends the ends that go home. Called with the tx token held, when nothing can fail any more.
func (c *Cargo) leave(p *port) {
	for i := range c.items {
		if it := &c.items[i]; it.kind == kindHome {
			it.s.given.Store(true)
			p.mu.Lock()
			p.removeSend(it.s)
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
		// It ended meanwhile, and arrives as that: a Sender of whatever type.
		it.s = newSendEnd(p, it.channel, "", 0)
		it.s.end(&ChannelError{Code: CodeCanceled, Text: "the channel ended before its sender came home"})
		return nil
	}
	p.removeRecv(r)
	near := newSendEnd(p, it.channel, r.name, s.maxMessage(s.link.MaxRecord))
	near.codec = r.codec
	near.granted.Store(0) // nothing goes into the ring
	near.into.Store(r)
	r.near = near
	r.owedHere = 0
	p.join(r)
	it.s = near
	if len(p.homes) > s.limits.Channels { // they are bounded as those that are open
		it.err = &LimitError{What: "channels that came home", Limit: uint64(s.limits.Channels), Hint: "raise Limits.Channels"}
	}
	return nil
}

// receiverCameHome joins r, which has just come, with the Sender of channel old, whose messages r's are. Called with the rx token
// held.
func (s *Session) receiverCameHome(p *port, r *recvEnd, old uint32) error {
	p.mu.Lock()
	z := p.sends[old]
	var err error
	switch {
	case z == nil && (p.recvs[old] != nil || !s.everOpened(old)):
		err = violation("the receiver of channel %d comes home, and does not belong here", old)
	case z != nil && z.codec != r.codec:
		err = violation("the receiver of channel %d comes home, and its codec is %q instead of %q", old, r.codec, z.codec)
	}
	p.mu.Unlock()
	if err != nil || z == nil { // or it ended meanwhile: what is left of it comes
		return err
	}
	if f := z.from; f != nil {
		if near := f.letGo(r); near != nil {
			p.mu.Lock()
			r.near = near
			if r.ended != nil {
				near.end(r.ended)
			}
			p.mu.Unlock()
			near.wake()
			f.p.kick()
			return nil
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sends[old] != z || len(p.homes) >= s.limits.Channels || z.closed || z.once || z.meet != nil || z.ended.Load() != nil {
		return nil
	}
	p.removeSend(z)
	z.leaving = &laneFrame{p: p, frame: &control{h: header{typ: frameClose, channel: old}}}
	p.queueControl(z.leaving, &z.leaving.queued)
	p.wakeable.Store(true)
	r.near = z
	z.granted.Store(0)
	z.into.Store(r)
	z.wake()
	return nil
}

// letGo has the Sender that is joined with r, or waits to be, put its messages into another end instead: r ends behind what it has. It
// returns nil, and changes nothing, if there is none, or it has ended.
func (r *recvEnd) letGo(to *recvEnd) *sendEnd {
	p := r.p
	p.mu.Lock()
	defer p.mu.Unlock()
	s := r.near
	if s == nil || r.last != nil || r.ended != nil || s.ended.Load() != nil {
		return nil
	}
	r.near = nil
	s.into.Store(to)
	if r.joined.Load() {
		delete(p.homes, r)
		r.end(io.EOF)
	}
	return s
}

// join makes r one that only near sends to: nothing of it is on the session any more. Called with port.mu held.
func (p *port) join(r *recvEnd) {
	p.wakeable.Store(true)
	r.room, r.window, r.maxFrame = r.window, 0, 0 // no credit for the peer, and no message of it
	r.due, r.granting, r.owedInbox, r.held = 0, 0, 0, 0
	for _, l := range r.inbox[r.first:] {
		r.held += l.held()
	}
	if p.homes == nil {
		p.homes = map[*recvEnd]struct{}{}
	}
	p.homes[r] = struct{}{}
	r.joined.Store(true)
	r.near.wake()
}

// senderEnded ends a channel as its sender has ended it. Called with the rx token and port.mu held.
func (p *port) senderEnded(r *recvEnd, err error) {
	p.removeRecv(r)
	near := r.near
	switch {
	case near == nil:
		r.end(err)
	case err != io.EOF: //nolint:errorlint // never wrapped
		r.end(err)
		near.end(err) // what it would send belongs behind what is lost
	case near.ended.Load() == nil:
		r.owedHere = 0
		p.join(r)
	case r.last != nil: // it was closed while it waited
		r.end(r.last)
	default:
		r.end(near.err())
	}
	p.over()
}

// nearEnded ends r as its Sender in this process has ended it. Called with port.mu held.
func (r *recvEnd) nearEnded(err error) {
	if !r.joined.Load() {
		r.last = err
		return
	}
	delete(r.p.homes, r)
	r.end(err)
	r.handleLater()
}

// goesOut returns the receiving end of a Sender that came home, if it can go back on the session, as that Sender is given away
// again. Called with port.mu held.
func (s *sendEnd) goesOut(p *port) *recvEnd {
	if s == nil || s.ended.Load() != nil {
		return nil
	}
	if r := s.into.Load(); r != nil && r.p == p && r.near == s && r.joined.Load() {
		return r
	}
	return nil
}

// goOut puts the end back on its session, as channel id. Called with port.mu and the tx token held.
func (r *recvEnd) goOut(id, maxMessage uint32) {
	p := r.p
	delete(p.homes, r)
	r.near = nil
	r.joined.Store(false)
	for i := range r.inbox[r.first:] {
		r.inbox[r.first+i].cost = 0 // the peer has not paid for it
	}
	r.window, r.maxFrame = r.room, HeaderSize+int(maxMessage)
	r.granted.Store(r.received + r.room)
	r.id.Store(id) // last: whoever polls compares it
	p.addRecv(r)
}

// stayHome undoes goOut.
func (r *recvEnd) stayHome(near *sendEnd) {
	r.p.removeRecv(r)
	r.near = near
	r.p.join(r)
}
