package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A Session is a link to one peer with its channels. It is made by a transport's Dial or Listen. Its methods may be used by
// several goroutines at once.
//
//	        Dial, Accept
//	             │
//	             v      Close, or the peer breaks the protocol
//	           open ───────────────────────────────┐
//	             │                                 │
//	             │ peer gone, or GOAWAY            │
//	             v                                 v
//	what it sent is still delivered ──────────> failed: every call returns why
//
// Nothing runs in the background for it: whoever waits for a message polls, and gives other channels theirs.
type Session struct {
	port *port
	eng  *Engine
	link *Link
	log  *slog.Logger
	id   uint64 // of the engine's, from 1
	born int64  // Unix time in nanoseconds
	// shown: the peer is another process, as far as is known.
	shown bool

	limits    Limits
	lastID    atomic.Uint32 // the last channel id given by this side
	cameRound atomic.Bool   // ids have
	// peerID is the last id that the peer used. Written with the rx token held.
	peerID        atomic.Uint32
	peerCameRound bool // under the rx token

	// Under port.mu.
	offered   map[string][]*recvEnd // opened by the peer, not accepted yet
	unclaimed int
	acceptors map[string]*acceptor
	handlers  map[string]handler
	opening   int    // channels whose OPEN is not written yet
	opens     uint32 // how many; see look
	offering  int    // lanes that the peer has not answered yet
	lanes     map[*port]struct{}
	offers    map[uint32]*laneOffer

	references atomic.Int64 // ends that came in messages which nobody has received yet

	// ctx is done when the session is: handlers get it.
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{} // closed when the peer is gone or the session failed
	isDone  atomic.Bool
	gone    atomic.Bool
	goneFor atomic.Pointer[error] // what the transport says of it
	// draining: see Drain.
	draining atomic.Bool

	past *Counters // of its links that are gone, nil if none is; under Engine.tally.mu

	running sync.Mutex // while a loop is chosen; before all others
	locals  sync.Map
}

// NewSession makes a session of a link. Transports call it; the link is the session's from then on. It fails if the
// engine is shutting down; then the link is freed.
func NewSession(eng *Engine, l *Link) (*Session, error) {
	s := &Session{
		eng: eng, link: l, log: eng.log, limits: eng.cfg.Limits,
		offered: map[string][]*recvEnd{}, acceptors: map[string]*acceptor{}, done: make(chan struct{}), born: time.Now().UnixNano(),
	}
	if l.Window != 0 {
		s.limits.Window = l.Window
	}
	values := l.Context
	if values == nil {
		values = context.Background()
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(values))
	wait := eng.cfg.Wait
	if l.NoSpin && wait == Hybrid {
		wait = Block
	}
	s.port = newPort(l, s, newSpinner(wait, eng.cfg.SpinFor, &eng.spinners))
	s.port.intercepted = eng.intercepts()
	s.shown = !s.port.spin.within || l.NoSpin
	eng.tally.enter(s.port, s)
	if err := eng.add(s); err != nil {
		eng.tally.refuse(s.port, s)
		l.Bell.Shutdown()
		_ = l.Bell.Close()
		_ = l.Close()
		return nil, err
	}
	s.port.setStamps(eng.stamping.on.Load())
	eng.offer.update(eng)
	return s, nil
}

// Peer returns who is at the other side.
func (s *Session) Peer() Peer { return s.link.Peer }

// Transport returns the name of the session's transport: "shm", "inmem".
func (s *Session) Transport() string { return s.link.Transport }

// Logger returns the logger of the session's engine; never nil.
func (s *Session) Logger() *slog.Logger { return s.log }

// Local returns what a package keeps with the session under a key, of a type of its own: what the first call has made, of
// which there may be several at once and one counts. It lives as long as the session's memory.
func (s *Session) Local(key any, first func() any) any {
	if v, ok := s.locals.Load(key); ok {
		return v
	}
	v, _ := s.locals.LoadOrStore(key, first())
	return v
}

// Descriptors reports whether what has a descriptor is handed over as one: the peer is on this machine, and the transport can.
func (s *Session) Descriptors() bool { return s.link.Descriptors }

// Context is done when the session is. It has the values that the transport gave: those of the HTTP request's context, where
// there is one. Handlers get it.
func (s *Session) Context() context.Context { return s.ctx }

// Done is closed when the peer is gone or the session has failed or was closed. Messages that arrived before may still be received.
func (s *Session) Done() <-chan struct{} { return s.done }

// Flush waits until what was sent before is out of this process's hands, as it is at once where memory is shared. Over a
// socket, messages that come in quick succession are gathered for up to 100 µs, and wait here while the socket is full; they
// are lost if the process dies meanwhile. Close flushes in the background. Who has sent a burst and does something else now
// calls it too: else the last messages may leave 100 µs later. It returns ctx's error, or why the session ended.
func (s *Session) Flush(ctx context.Context) error {
	if s.link.Flush == nil {
		return nil
	}
	if err := s.drain(ctx); err != nil {
		return err
	}
	return s.port.reason()
}

// Err returns why the session ended, or nil while it goes on.
func (s *Session) Err() error {
	p := s.port
	if s.gone.Load() && p.failure() == nil && p.rx.try() { // nobody reads what the peer said last
		_, _ = p.poll(context.Background(), never{}, nil)
		p.giveRx()
	}
	if err := p.reason(); err != nil {
		return err
	}
	if s.gone.Load() {
		return s.errGone()
	}
	return nil
}

// Close ends the session and its channels at once: everything waiting on them returns os.ErrClosed, and the peer's
// channels end with ErrSessionClosed after what was sent before; with ErrPeerGone if the ring is full. It does not block.
// A second call does nothing and returns nil.
func (s *Session) Close() error { return s.CloseWith(nil) }

// CloseWith is Close with a reason that the peer's channels end with.
func (s *Session) CloseWith(reason error) error {
	p := s.port
	code, text := reasonOf(reason)
	bye := &control{h: header{typ: frameGoAway, arg: uint32(code)}, payload: text}
	switch {
	case p.failure() != nil:
	case p.tx.try():
		_, err := p.writeControl()
		// It is sent by fail, once everything here has ended: a peer that hangs up at once must not be the reason. Best
		// effort: the peer that does not get it sees the socket close.
		if err == nil {
			p.bye.Store(bye)
		}
		p.giveTxAfterControl(err)
	default: // who has the token sends it
		p.bye.Store(bye)
	}
	p.fail(errClosed)
	for _, l := range s.allLanes() { // those that the session's end had left to be read
		l.fail(errClosed)
	}
	return nil
}

func (s *Session) allLanes() []*port {
	s.port.mu.Lock()
	defer s.port.mu.Unlock()
	lanes := make([]*port, 0, len(s.lanes))
	for p := range s.lanes {
		lanes = append(lanes, p)
	}
	return lanes
}

// PeerGoneBecause is PeerGone with the reason, if the transport knows one: it becomes a part of what channels end with.
func (s *Session) PeerGoneBecause(reason error) {
	s.goneFor.CompareAndSwap(nil, &reason)
	s.PeerGone()
}

// Space tells the session that there is space in its producer's ring. Transports whose own process makes it call it.
func (s *Session) Space() { s.port.wakeSpace() }

// PeerGone tells the session that its peer has died or hung up. Transports call it.
func (s *Session) PeerGone() {
	s.gone.Store(true)
	s.port.peerGone()
	for _, p := range s.allLanes() {
		p.peerGone()
	}
	s.endDone()
}

func (s *Session) endDone() {
	s.gone.Store(true)
	if !s.isDone.Swap(true) {
		close(s.done)
		s.cancel()
	}
}

// portFailed: see frameHandler.
func (s *Session) portFailed(err error) {
	s.log.Debug("session ended", "peer", s.link.Peer.Addr, "transport", s.link.Transport, "reason", err)
	s.endDone()
	p := s.port
	p.mu.Lock()
	for _, a := range s.acceptors {
		a.wake()
	}
	for _, o := range s.offers {
		o.end(err)
	}
	s.offers = nil
	p.mu.Unlock()
	// What the peer sent on lanes before it ended the session is still to be delivered.
	read := errors.Is(err, ErrSessionClosed) || errors.Is(err, ErrPeerGone)
	for _, l := range s.allLanes() {
		if read && l.owner.(*laneOwner).byPeer {
			l.peerGone()
		} else {
			l.fail(err)
		}
	}
	s.removeIfOver()
}

// removeIfOver has the engine forget the session, if it and all its lanes have failed.
func (s *Session) removeIfOver() {
	s.port.mu.Lock()
	over := s.port.err != nil && len(s.lanes) == 0
	s.port.mu.Unlock()
	if over {
		s.eng.remove(s)
	}
}

// lastWord: see frameHandler.
func (s *Session) lastWord(context.Context) error { return s.errGone() }

// errGone returns why the peer is gone.
func (s *Session) errGone() error {
	if why := s.goneFor.Load(); why != nil {
		return fmt.Errorf("%w: %w", ErrPeerGone, *why)
	}
	return ErrPeerGone
}

// isOwn reports whether an id is this side's to give.
func (s *Session) isOwn(id uint32) bool { return (id%2 == 1) == s.link.Dialer }

// everOpened: see frameHandler.
func (s *Session) everOpened(id uint32) bool {
	last, round := s.lastID.Load(), s.cameRound.Load()
	if !s.isOwn(id) {
		last, round = s.peerID.Load(), s.peerCameRound
	}
	return id != 0 && (round || id <= last)
}

// handleFrame sees to the frames that concern the session. Called with the rx token held.
func (s *Session) handleFrame(h header, payload []byte) error {
	switch h.typ {
	case frameOpen:
		return s.opened(h, payload)
	case frameLane:
		return s.laneAnswered(h, payload)
	case frameGoAway:
		text, ok := readText(payload)
		if h.flags != 0 || h.attachments != 0 || h.channel != 0 || !ok {
			return violation("GOAWAY is malformed")
		}
		err := error(ErrSessionClosed)
		if h.arg != 0 {
			err = fmt.Errorf("%w: %w", ErrSessionClosed, &ChannelError{Code: Code(h.arg), Text: text})
		}
		s.port.fail(err)
		return err
	}
	return violation("frame of unknown %v", h.typ)
}
