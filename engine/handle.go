package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/corechan/corechan/netpoll"
)

// A Handlers is what Handle registers with: a Listener, for all its sessions, or one Session.
type Handlers interface {
	addHandler(name string, h handler) error
	engine() *Engine
}

func (s *Session) engine() *Engine  { return s.eng }
func (l *Listener) engine() *Engine { return l.eng }

// A handler gets the channels of its name.
type handler interface {
	attach(s *Session, r *recvEnd)
}

// Handle has f called for every message on every channel named name that a peer opens: on the thread of one of the
// engine's loops, pinned to its core, one message after the other, without a change of goroutine. The message is good until f
// returns.
//
// f must not block: its loop serves other sessions too. It may Send; while that waits, the loop goes on to read that
// session, and messages for handlers wait in turn. But who is to make room must not be a handler of the same loop, as with
// both ends of an inmem session on one core. ctx is done when the session ends. An error of f ends the channel with it,
// and so does a message that is not a T. A panic is not caught: it ends the process.
//
// With a Listener, register before peers come: sessions that it has then are not handed out by Accept. With a
// Session, register before anybody receives on it: Handle waits for the Receive or Accept that polls. Afterwards its other
// channels get their messages through the loop.
func Handle[T any](to Handlers, name string, f func(ctx context.Context, v *T) error) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := mayDecode[T](to.engine()); err != nil {
		return err
	}
	return to.addHandler(name, &typedHandler[T]{f: f})
}

type typedHandler[T any] struct {
	f func(ctx context.Context, v *T) error
}

func (h *typedHandler[T]) attach(s *Session, r *recvEnd) {
	if admit[T](s.ctx, s, r) != nil {
		return
	}
	v := new(T)
	var zero T
	r.p.mu.Lock()
	r.handler = func(payload []byte, c *Cargo, err error) {
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.log.Info("channel ended", "peer", s.link.Peer.Addr, "channel", r.name, "reason", err)
			}
			return
		}
		*v = zero
		ctx := s.ctx
		var head Header
		if c != nil && c.header != nil {
			head = c.header
			ctx = context.WithValue(ctx, headerKey{}, head)
		}
		err = decodeInto(r.enc, payload, c, v)
		if err == nil && r.p.intercepted {
			err = r.interceptReceive(ctx, v, head)
		}
		if err == nil {
			err = h.f(ctx, v)
		}
		if err != nil {
			_ = r.close(err)
		}
	}
	r.p.mu.Unlock()
	s.runLane(r)
}

// runLane gives the port of a channel that is a lane the session's loop.
func (s *Session) runLane(r *recvEnd) {
	if r.p == s.port {
		return
	}
	if err := r.p.runOn(s.port.loop.Load(), s.eng); err != nil {
		r.p.fail(err)
	}
}

// mayHandle reports whether r's handler may be called now: on its loop, not within another handler, and not before
// what came earlier. Called with the rx token held.
func (p *port) mayHandle(r *recvEnd) bool {
	return !p.handling && r.queued.Load() == 0 && p.loop.Load() != nil
}

// handle has a handler called with a message in the ring. Called with the rx token held.
func (p *port) handle(r *recvEnd, handler func([]byte, *Cargo, error), payload []byte, c *Cargo) {
	p.handling = true
	handler(payload, c, nil)
	p.handling = false
	if owed := r.owed(); owed != 0 {
		r.grant(owed)
	}
	p.runBacklog()
}

// addBacklog notes that messages for a handler wait in r's inbox, or its end. Called with the rx token held.
func (p *port) addBacklog(r *recvEnd) {
	if !r.waiting {
		r.waiting = true
		p.backlog = append(p.backlog, r)
	}
	p.runBacklog()
}

// runBacklog has the handlers called with what waits for them, if that may be now. Called with the rx token held.
func (p *port) runBacklog() {
	for len(p.backlog) != 0 && !p.handling && p.loop.Load() != nil {
		r := p.backlog[0]
		p.backlog[0] = nil
		p.backlog = p.backlog[1:]
		r.waiting = false
		p.handling = true
		r.drain()
		p.handling = false
	}
}

// drain has the handler called with what is in the inbox, and with the end.
func (r *recvEnd) drain() {
	r.p.mu.Lock()
	handler := r.handler
	r.p.mu.Unlock()
	for {
		l, err := r.take()
		switch {
		case l.buf != nil:
			handler(l.buf.B, l.cargo, nil)
			inboxes.Put(l.buf)
			continue
		case err != nil && !errors.Is(err, errClosed):
			handler(nil, nil, err)
		}
		return
	}
}

// addHandler implements Handlers.
func (s *Session) addHandler(name string, h handler) error {
	p := s.port
	loop, err := s.run()
	if err != nil {
		return err
	}
	p.mu.Lock()
	if _, taken := s.handlers[name]; taken {
		p.mu.Unlock()
		return fmt.Errorf("engine: channel %q has a handler: %w", name, os.ErrExist)
	}
	if s.handlers == nil {
		s.handlers = map[string]handler{}
	}
	s.handlers[name] = h
	offered := s.offered[name]
	delete(s.offered, name)
	s.unclaimed -= len(offered)
	p.mu.Unlock()
	for _, r := range offered {
		h.attach(s, r)
		if r.p == p { // it may have messages already
			_ = loop.Post(func() {
				if p.failure() == nil {
					p.addBacklog(r)
				} else {
					r.drain()
				}
			})
		}
	}
	return nil
}

// run gives the session a loop, if it has none.
func (s *Session) run() (*netpoll.Loop, error) {
	s.running.Lock()
	defer s.running.Unlock()
	if loop := s.port.loop.Load(); loop != nil {
		return loop, s.port.failure()
	}
	loop, err := s.eng.loop(s.link.Core - 1)
	if err != nil {
		return nil, err
	}
	defer s.eng.leaveLoop() // runOn has a use of its own
	return loop, s.port.runOn(loop, s.eng)
}

// runOn makes a loop of eng's the poller of the port, for good. It waits for the poller that there is.
func (p *port) runOn(loop *netpoll.Loop, eng *Engine) error {
	for !p.rx.tryOrWait() {
		select {
		case <-p.rx.freed:
		case <-p.failed:
			return p.failure()
		}
	}
	lp := &loopPoller{p: p, eng: eng}
	eng.enterLoop()
	p.loop.Store(loop)
	if p.fill != nil {
		return p.readOn(loop, eng)
	}
	p.bell.Notify(loop.Wake)
	lp.mu.Lock() // until the registration is known
	defer lp.mu.Unlock()
	var err error
	if d := p.bell.Descriptor(); d >= 0 {
		lp.reg, err = loop.AddPollerDoorbell(lp, d)
	} else {
		lp.reg, err = loop.AddPoller(lp)
	}
	if err != nil {
		p.loop.Store(nil)
		p.giveRx()
		eng.leaveLoop()
		return fmt.Errorf("engine: %w", err)
	}
	return nil
}

// A loopPoller polls a port on a loop. It holds the rx token until the port has failed.
type loopPoller struct {
	p    *port
	eng  *Engine
	over bool

	mu  sync.Mutex
	reg *netpoll.PollerRegistration
}

// Poll implements netpoll.Poller.
func (l *loopPoller) Poll(budget int) int {
	p := l.p
	if l.over {
		return 0
	}
	gone := p.attention.Load()&attGone != 0
	p.runBacklog()
	n, err := p.turn(budget)
	if err == nil {
		err = p.pollerDuties()
	}
	if err == nil && gone && n == 0 {
		err = p.broken(p.owner.lastWord(context.Background()))
	}
	if err != nil {
		l.over = true
		l.mu.Lock()
		_ = l.reg.Close()
		l.mu.Unlock()
		p.giveRx()
		l.eng.leaveLoop()
	}
	return n
}

// turn reads up to budget frames. Called with the rx token held.
func (p *port) turn(budget int) (n int, err error) {
	for ; n < budget; n++ {
		ok, err := p.step()
		if err != nil || !ok {
			return n, err
		}
	}
	return n, nil
}

// Arm implements netpoll.Poller.
func (l *loopPoller) Arm() bool {
	p := l.p
	if l.over {
		return false
	}
	p.cons.Arm()
	if p.cons.MustRing() {
		p.ring()
	}
	p.armControl()
	p.afterArm()
	return p.cons.Ready() || len(p.backlog) != 0 || p.attention.Load()&^attControl != 0
}

// Disarm implements netpoll.Poller.
func (l *loopPoller) Disarm() {
	if l.over {
		return
	}
	l.p.cons.Disarm()
	switch err := l.p.bell.Drain(); {
	case errors.Is(err, ErrPeerGone):
		l.p.attend(attGone)
	case err != nil:
		l.p.fail(err)
	}
	l.p.wakeSpace()
}
