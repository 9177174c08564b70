package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// The peer opens a channel, and somebody here accepts it.

// An acceptor waits for a channel of a name.
type acceptor struct {
	waiting int
	ready   atomic.Int32 // how many are offered
	changed chan struct{}
}

func (a *acceptor) met() bool { return a.ready.Load() > 0 }

func (a *acceptor) signal() <-chan struct{} { return a.changed }

func (a *acceptor) wake() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// opened handles OPEN: the peer will send on a new channel.
func (s *Session) opened(h header, payload []byte) error {
	lane := h.flags&flagLane != 0
	if h.flags&^(flagLane|flagHeader|flagUnbuffered) != 0 || lane && h.flags&flagUnbuffered != 0 || h.arg != 0 || (h.attachments != 0) != lane || len(payload) > 2+MaxNameLen+maxCodecLen+2+maxHeader {
		return violation("OPEN of channel %d is malformed", h.channel)
	}
	codec, name, rest, err := readOpen(append([]byte(nil), payload...))
	var header Header
	if err == nil && h.flags&flagHeader != 0 {
		header, rest, err = readHeaders(rest)
	}
	if err == nil && len(rest) != 0 {
		err = errOpenPayload
	}
	if err != nil {
		return &ProtocolError{What: fmt.Sprintf("OPEN of channel %d", h.channel), Err: err}
	}
	if err := s.checkPeerID(h.channel); err != nil {
		return err
	}
	if lane {
		err = s.laneOffered(h, codec, name, header)
	} else {
		r := newRecvEnd(s.port, h.channel, name, codec, s.limits.Window, s.limits.MaxMessage)
		r.header, r.unbuffered = header, h.flags&flagUnbuffered != 0
		r.born = time.Now().UnixNano()
		s.port.mu.Lock()
		s.port.addRecv(r)
		s.port.mu.Unlock()
		s.offer(r)
	}
	if err != nil {
		return err
	}
	return s.checkDue()
}

// checkDue bounds what is to be said to a peer that does not read: it may open channels without end, and each is
// refused.
func (s *Session) checkDue() error {
	s.port.mu.Lock()
	n := len(s.port.due)
	s.port.mu.Unlock()
	if most := 2*s.limits.Channels + s.limits.Unclaimed + s.limits.Lanes; n > most {
		return &ProtocolError{
			What: "peer opens channels and does not read what is answered",
			Err:  &LimitError{What: "answers", Got: uint64(n), Limit: uint64(most)},
		}
	}
	return nil
}

// checkPeerID checks that an id is the peer's to give, and new. Called with the rx token held.
func (s *Session) checkPeerID(id uint32) error {
	last := s.peerID.Load()
	ahead := id - last // also where ids have come round
	if id == 0 || s.isOwn(id) || ahead == 0 || ahead > 1<<31 || s.port.isOpen(id) {
		return violation("OPEN of channel %d, after %d", id, last)
	}
	if id < last {
		s.peerCameRound = true
	}
	s.peerID.Store(id)
	return nil
}

// offer gives a new receiving end to a handler, or to the next Accept of its name, or refuses it.
func (s *Session) offer(r *recvEnd) {
	p := s.port
	p.mu.Lock()
	h, handled := s.handlers[r.name]
	err := s.mayOffer(r.name)
	if r.p == p && len(p.recvs) > s.limits.Channels {
		err = &LimitError{What: "open channels", Limit: uint64(s.limits.Channels)}
	}
	code := CodeLimit
	if s.draining.Load() {
		err, code = ErrDraining, CodeDrained
	}
	if err != nil {
		p.mu.Unlock()
		s.log.Warn("channel refused", "peer", s.link.Peer.Addr, "channel", r.name, "reason", err)
		_ = r.close(&ChannelError{Code: code, Text: err.Error()})
		return
	}
	if handled {
		p.mu.Unlock()
		h.attach(s, r)
		return
	}
	s.unclaimed++
	s.offered[r.name] = append(s.offered[r.name], r)
	if a := s.acceptors[r.name]; a != nil {
		a.ready.Add(1)
		a.wake()
	}
	p.mu.Unlock()
}

// mayOffer returns the limit that a further channel exceeds, if nobody waits for it. Called with port.mu held.
func (s *Session) mayOffer(name string) error {
	_, handled := s.handlers[name]
	a := s.acceptors[name]
	if handled || a != nil && a.waiting > int(a.ready.Load()) || s.unclaimed < s.limits.Unclaimed {
		return nil
	}
	return &LimitError{What: "channels that nobody has accepted", Limit: uint64(s.limits.Unclaimed)}
}

// accept waits for a channel of a name.
func (s *Session) accept(ctx context.Context, name string) (*recvEnd, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	p := s.port
	p.mu.Lock()
	a := s.acceptors[name]
	if a == nil {
		a = &acceptor{changed: make(chan struct{}, 1)}
		a.ready.Store(int32(len(s.offered[name])))
		s.acceptors[name] = a
	}
	a.waiting++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		if a.waiting--; a.waiting == 0 {
			delete(s.acceptors, name)
		}
		p.mu.Unlock()
	}()
	for {
		if r := s.claim(name, a); r != nil {
			return r, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, _, err := p.await(ctx, a, nil); err != nil {
			if r := s.claim(name, a); r != nil {
				return r, nil // it came before the end
			}
			return nil, err
		}
	}
}

// claim takes the next channel that was offered under a name.
func (s *Session) claim(name string, a *acceptor) *recvEnd {
	s.port.mu.Lock()
	defer s.port.mu.Unlock()
	list := s.offered[name]
	if len(list) == 0 {
		return nil
	}
	r := list[0]
	if list = list[1:]; len(list) == 0 {
		delete(s.offered, name)
	} else {
		s.offered[name] = list
		a.wake()
	}
	s.unclaimed--
	a.ready.Add(-1)
	return r
}

// Accept waits until the peer opens a channel under a name, and returns its receiving end. A lane is accepted like any
// other channel. If the peer's codec is another one, the peer's sender ends with ErrCodec, and so does this call.
func Accept[T any](ctx context.Context, s *Session, name string) (Receiver[T], error) {
	if err := mayDecode[T](s.eng); err != nil {
		return Receiver[T]{}, err
	}
	end, err := s.accept(ctx, name)
	if err != nil {
		return Receiver[T]{}, err
	}
	if err := admit[T](ctx, s, end); err != nil {
		return Receiver[T]{}, err
	}
	return Receiver[T]{end: end}, nil
}

// admit makes an end that a peer has opened one of messages of type T, if its codec fits and no interceptor refuses it;
// else the channel ends.
func admit[T any](ctx context.Context, s *Session, end *recvEnd) error {
	if err := useReceiver[T](end); err != nil {
		return err
	}
	if len(s.eng.cfg.Interceptors) == 0 {
		return nil
	}
	err := s.eng.interceptOpen(ctx, &Opening{Session: s, Name: end.name, Header: end.header, Accepted: true})
	if err != nil {
		_ = end.close(&ChannelError{Code: CodeRefused, Text: err.Error()})
	}
	return err
}
