package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// A Choice is a channel that Select may receive from, and where its message goes. Case makes one.
type Choice struct {
	end *recvEnd
	v   any // *T
}

// Case is a channel for Select, whose next message is decoded into v, which must not be nil. A zero Receiver is never chosen:
// put one in the place of a channel that has ended.
func Case[T any](r Receiver[T], v *T) Choice { return Choice{r.end, v} }

// Select receives one message, from whichever channel has one, and returns which it was. It waits until one of them has:
//
//	for {
//		switch i, err := engine.Select(ctx, engine.Case(orders, &o), engine.Case(quotes, &q)); {
//		case errors.Is(err, io.EOF) && i == 0:
//			orders = engine.Receiver[Order]{}
//		...
//
// The channels may be of any sessions, lanes and Pipes. Of those that have a message the one is chosen that was chosen least
// recently, so that none waits while another is chosen twice. Channels of one session share its ring, and what stands there is
// read in the order in which it was sent.
//
// A channel that has ended is chosen too, as soon as what was sent before its end is received: the error is then what
// Receive returns, io.EOF at a clean end. So is one whose message is malformed. Index -1 comes with the context's error,
// and with io.EOF if no channel is left: all of them are zero.
//
// Several Selects and Receives may wait for one channel; each message goes to one of them, and a Select that returns an
// error has taken none. While it waits, a goroutine polls each further session, lane and Pipe that is not the first;
// they have ended when it returns. For many channels, or some that come and go, Merge is the better choice.
func Select(ctx context.Context, from ...Choice) (int, error) {
	if err := ctx.Err(); err != nil {
		return -1, err
	}
	for {
		sources, left := sourcesOf(from)
		for i := range sources {
			sources[i].look(ctx)
		}
		i, l, err := pick(from)
		if i >= 0 {
			if err == nil {
				err = decodeLetter(ctx, from[i].end, l, from[i].v)
			}
			return i, err
		}
		if !left {
			return -1, io.EOF
		}
		werr := waitForAny(ctx, sources)
		if i, l, err := pick(from); i >= 0 {
			if err == nil {
				err = decodeLetter(ctx, from[i].end, l, from[i].v)
			}
			return i, err
		}
		if err := ctx.Err(); err != nil {
			return -1, err
		}
		if werr != nil {
			return -1, werr
		}
	}
}

// decodeLetter decodes a message that was in an inbox into v, a pointer to the channel's type, and gives it back. As decode.
func decodeLetter(ctx context.Context, r *recvEnd, l letter, v any) (err error) {
	done := false
	defer func() {
		r.done(l)
		if !done {
			l.cargo.drop()
			err = fmt.Errorf("%w: decoding %T panicked: %v", ErrMalformed, v, recover())
		}
	}()
	var h Header
	if l.cargo != nil {
		h = l.cargo.header
	}
	err = decodeOther(r.enc, l.buf.B, l.cargo, v)
	done = true
	if err == nil && r.p.intercepted {
		err = r.interceptReceive(ctx, v, h)
	}
	return err
}

// settled returns the port of an end; nil while it has none, and if it was given away: then given is true.
func (r *recvEnd) settled() (p *port, given bool) {
	if q := r.pair; q != nil {
		if q.state.Load() != pairSettled {
			return nil, false
		}
		if q.rGiven {
			return nil, true
		}
	}
	return r.p, false
}

// pick takes a message, or an end, of the channel that has one and was chosen least recently; -1 if none has.
func pick(from []Choice) (int, letter, error) {
	for {
		best, last := -1, uint64(0)
		at := uint64(0)
		for i := range from {
			r := from[i].end
			if r == nil {
				continue
			}
			served := r.lastServed()
			last = max(last, served)
			p, given := r.settled()
			if !given && (p == nil || !r.met()) {
				continue
			}
			if best < 0 || served < at {
				best, at = i, served
			}
		}
		if best < 0 {
			return -1, letter{}, nil
		}
		r := from[best].end
		if len(from) > 1 {
			r.gather().served.Store(last + 1)
		}
		l, err := r.takeSettled()
		if l.buf != nil || err != nil {
			return best, l, err
		}
		// Somebody else was faster.
	}
}

// takeSettled is take for an end that is settled.
func (r *recvEnd) takeSettled() (letter, error) {
	if _, given := r.settled(); given || r.given.Load() {
		return letter{}, errGiven
	}
	return r.take()
}

// A gathered is what an end has that somebody waits for together with others.
type gathered struct {
	// served is larger the later the end was chosen.
	served   atomic.Uint64
	watchers atomic.Pointer[[]watcher] // copied on writing
}

// A watcher is told when an end may have something.
type watcher interface {
	// notify is called with and without port.mu held. It does not block, and takes no lock of a port.
	notify()
}

func (r *recvEnd) gather() *gathered {
	if g := r.gathered.Load(); g != nil {
		return g
	}
	r.gathered.CompareAndSwap(nil, &gathered{})
	return r.gathered.Load()
}

func (r *recvEnd) lastServed() uint64 {
	if g := r.gathered.Load(); g != nil {
		return g.served.Load()
	}
	return 0
}

func (g *gathered) notify() {
	if list := g.watchers.Load(); list != nil {
		for _, w := range *list {
			w.notify()
		}
	}
}

func (g *gathered) add(w watcher) {
	g.change(func(list []watcher) []watcher { return append(list, w) })
}

func (g *gathered) remove(w watcher) {
	g.change(func(list []watcher) []watcher {
		if i := slices.Index(list, w); i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
		return list
	})
}

func (g *gathered) change(f func([]watcher) []watcher) {
	for {
		old := g.watchers.Load()
		var list []watcher
		if old != nil {
			list = slices.Clone(*old)
		}
		changed := &list
		if list = f(list); len(list) == 0 {
			changed = nil
		}
		if g.watchers.CompareAndSwap(old, changed) {
			return
		}
	}
}

// A source is a port with channels that a Select waits for, or a pair that is not settled. It is the condition that one of
// them has something.
type source struct {
	p    *port // nil for a pair
	pair *pair
	from []Choice

	watching bool
	changed  chan struct{} // once watching
}

// sourcesOf returns where the messages of channels come from, and whether there are any channels.
func sourcesOf(from []Choice) (sources []*source, left bool) {
	for i := range from {
		r := from[i].end
		if r == nil {
			continue
		}
		left = true
		p, given := r.settled()
		if given {
			continue
		}
		s := &source{p: p, from: from}
		if p == nil {
			s.pair = r.pair
		}
		if !slices.ContainsFunc(sources, func(o *source) bool { return o.p == s.p && o.pair == s.pair }) {
			sources = append(sources, s)
		}
	}
	return sources, left
}

// each calls f with the ends of this port, until it returns false.
func (s *source) each(f func(r *recvEnd) bool) {
	for i := range s.from {
		if r := s.from[i].end; r != nil {
			if p, _ := r.settled(); p == s.p && !f(r) {
				return
			}
		}
	}
}

func (s *source) met() (met bool) {
	s.each(func(r *recvEnd) bool {
		met = r.met()
		return !met
	})
	return met
}

// signal is asked for by who parks: only that one has to be told.
func (s *source) signal() <-chan struct{} {
	if !s.watching {
		s.watching = true
		s.changed = make(chan struct{}, 1)
		s.each(func(r *recvEnd) bool { r.gather().add(s); return true })
		if s.met() { // before it was watched
			s.notify()
		}
	}
	return s.changed
}

// notify: see watcher.
func (s *source) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// look reads what is in the ring, if that is of use and nobody else does.
func (s *source) look(ctx context.Context) {
	p := s.p
	if p == nil || s.met() || !p.rx.try() {
		return
	}
	gone := p.left()
	if err := p.sip(ctx, s); err == nil && gone && p.left() && !s.met() && ctx.Err() == nil {
		if why := p.owner.lastWord(ctx); ctx.Err() == nil {
			_ = p.broken(why)
		}
	}
	p.giveRx()
}

// wait waits until one of the channels has something.
func (s *source) wait(ctx context.Context) error {
	if s.p == nil {
		select {
		case <-s.pair.settled:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	_, _, err := s.p.await(ctx, s, nil)
	if s.watching {
		s.each(func(r *recvEnd) bool { r.gather().remove(s); return true })
	}
	return err
}

// waitForAny waits until a channel of one of the sources has something: for one source here, for each of the others in a
// goroutine, which has ended when it returns. The error is a port's that ended without its channels, or the context's.
func waitForAny(ctx context.Context, sources []*source) error {
	if len(sources) == 1 {
		return sources[0].wait(ctx)
	}
	for i, s := range sources { // a handler, which waits here, is its port's poller
		if s.p != nil && s.p.inLoop() {
			sources[0], sources[i] = s, sources[0]
			break
		}
	}
	inner, cancel := context.WithCancel(ctx)
	var others sync.WaitGroup
	errs := make([]error, len(sources))
	for i, s := range sources[1:] {
		others.Go(func() {
			errs[i+1] = s.wait(inner)
			cancel()
		})
	}
	errs[0] = sources[0].wait(inner)
	cancel()
	others.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}

// sipMost is how many bytes a poller reads at least before it stops for a message that it has read, when it takes from
// inboxes. It is what the inbox of a channel without credit, a lane's or a Pipe's, can hold, and one message more.
const sipMost = 16 << 10

// sip is next for who takes from inboxes: it leaves in the ring what it has no use for yet, as nothing else may bound the
// inbox. Called with the rx token held.
func (p *port) sip(ctx context.Context, c condition) error {
	for n, read := 0, 0; ; n++ {
		frame, err := p.frame()
		if frame == nil {
			return err
		}
		read += len(frame)
		if err := p.dispatch(unpackHeader(readHeader(frame)), frame); err != nil {
			return p.broken(err)
		}
		p.release()
		if read >= sipMost && c.met() {
			return nil
		}
		if n%256 == 255 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
}

// nextFor is next for the condition that a poller waits for.
func (p *port) nextFor(ctx context.Context, c condition, want *recvEnd) ([]byte, error) {
	switch c := c.(type) {
	case *source, *mergePort:
		return nil, p.sip(ctx, c)
	case *recvEnd:
		if c.given.Load() {
			want = nil // it is the forwarder's
		}
	case *placing:
		if c.r.given.Load() {
			want = nil
		}
	}
	return p.next(ctx, want)
}
