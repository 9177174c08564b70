package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/corechan/corechan/engine/codec"
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
	opening   int // channels whose OPEN is not written yet
	offering  int // lanes that the peer has not answered yet
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

	running sync.Mutex // while a loop is chosen; before all others
	locals  sync.Map
}

// An acceptor waits for a channel of a name.
type acceptor struct {
	waiting int
	ready   atomic.Int32 // how many are offered
	changed chan struct{}
}

func (a *acceptor) met() bool               { return a.ready.Load() > 0 }
func (a *acceptor) signal() <-chan struct{} { return a.changed }

func (a *acceptor) wake() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// NewSession makes a session of a link. Transports call it; the link is the session's from then on. It fails if the
// engine is shutting down; then the link is freed.
func NewSession(eng *Engine, l *Link) (*Session, error) {
	s := &Session{
		eng: eng, link: l, log: eng.log, limits: eng.cfg.Limits,
		offered: map[string][]*recvEnd{}, acceptors: map[string]*acceptor{}, done: make(chan struct{}),
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
	if err := eng.add(s); err != nil {
		l.Bell.Shutdown()
		_ = l.Bell.Close()
		_ = l.Close()
		return nil, err
	}
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
// are lost if the process dies meanwhile. Close flushes in the background. It returns ctx's error, or why the session ended.
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

// nextID returns the id for a channel that this side opens: odd ones are the dialer's, even ones the listener's. The
// peer must hear of them in this order, so an id is given when the frame that speaks of it is written: called with the
// tx token and port.mu held.
//
// Ids come round after 2³¹ channels, and leave out those that are still open.
func (s *Session) nextID() uint32 {
	p := s.port
	last := s.lastID.Load()
	for id := last; ; {
		switch id += 2; {
		case id == 0: // come round
			id = 2
		case id == 2 && last == 0 && s.link.Dialer:
			id = 1
		}
		if p.sends[id] == nil && p.recvs[id] == nil && s.offers[id] == nil {
			if id < last {
				s.cameRound.Store(true)
			}
			s.lastID.Store(id)
			return id
		}
	}
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

// open opens a channel in the session's ring.
func (s *Session) open(name string, enc *encoding, header []byte, unbuffered bool) (*sendEnd, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if s.gone.Load() {
		return nil, s.Err()
	}
	p := s.port
	end := newSendEnd(p, 0, name, s.maxMessage(s.link.MaxRecord))
	end.setEncoding(enc)
	end.born = time.Now().UnixNano()
	end.flow = true
	end.granted.Store(uint64(s.link.PeerLimits.Window))

	p.mu.Lock()
	if err := s.mayOpen(len(p.sends) + s.opening); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	s.opening++
	p.open.Add(1)
	flags := uint8(0)
	if unbuffered {
		flags = flagUnbuffered
		end.meet = &rendezvous{turn: make(chan struct{}, 1), window: uint64(s.link.PeerLimits.Window)}
		end.plain = false
	}
	end.opening = newOpening(enc, name, header, flags)
	p.queueControl(end, &end.queued)
	p.mu.Unlock()
	p.flushControl()
	return end, nil
}

// newOpening returns the OPEN of a channel that has no id yet.
func newOpening(enc *encoding, name string, head []byte, flags uint8) *control {
	if len(head) != 0 {
		flags |= flagHeader
	}
	return &control{h: header{typ: frameOpen, flags: flags}, codec: enc.codec, name: name, header: string(head)}
}

// mayOpen returns why no channel can be opened beside count others, or nil. Called with port.mu held.
func (s *Session) mayOpen(count int) error {
	switch {
	case s.port.err != nil:
		return s.port.err
	case s.gone.Load():
		return ErrPeerGone
	case s.draining.Load():
		return ErrDraining
	case count >= s.limits.Channels:
		return &LimitError{What: "open channels", Limit: uint64(s.limits.Channels), Hint: "raise Limits.Channels"}
	}
	return nil
}

// maxMessage returns the largest payload of a message in a ring whose records hold maxRecord bytes.
func (s *Session) maxMessage(maxRecord int) int {
	return min(maxRecord-HeaderSize, int(min(s.link.PeerLimits.MaxMessage, math.MaxInt32)))
}

func checkName(name string) error {
	if name == "" || len(name) > MaxNameLen {
		return fmt.Errorf("engine: channel name of %d bytes: it takes 1 to %d", len(name), MaxNameLen)
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("engine: channel name %q is not UTF-8", name)
	}
	return nil
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

// Open opens a channel to the peer under a name and returns its sending end. It does not wait for the peer to Accept: messages
// may be sent at once, as many as the receiver's window takes. Several channels may have one name.
//
// The errors: ErrNoCodec for a T without generated methods; *LimitError for too many channels; the session's end.
func Open[T any](ctx context.Context, s *Session, name string) (Sender[T], error) {
	return OpenWith[T](ctx, s, name, nil)
}

// OpenOptions say how a channel is opened. The zero value, and nil, is what Open does.
type OpenOptions struct {
	// Codec encodes the messages. The receiver's engine must know it: see Config.Codecs. nil: Config.Codec.
	Codec codec.Codec
	// Unbuffered makes Send wait until the message was received, as on an unbuffered channel of Go, and one Send after the
	// other. If its context ends while it waits, the message may be received or not. Reserve is not for such a channel.
	// An end of it that is given away is that of a channel with a window again.
	Unbuffered bool
	// Header travels with the opening: see Receiver.Header.
	Header Header
}

// openHeader returns the encoded header that a channel is opened with.
func (s *Session) openHeader(ctx context.Context, name string, o *OpenOptions) ([]byte, error) {
	var h Header
	if o != nil {
		h = o.Header
	}
	if len(s.eng.cfg.Interceptors) != 0 {
		op := Opening{Session: s, Name: name, Header: maps.Clone(h)}
		if op.Header == nil {
			op.Header = Header{}
		}
		if err := s.eng.interceptOpen(ctx, &op); err != nil {
			return nil, err
		}
		h = op.Header
	}
	return h.appendTo(nil)
}

// OpenWith is Open with options.
func OpenWith[T any](ctx context.Context, s *Session, name string, o *OpenOptions) (Sender[T], error) {
	by := s.eng.cfg.Codec
	if o != nil && o.Codec != nil {
		by = o.Codec
	}
	if reflect.TypeFor[T]() == reflect.TypeFor[Raw]() {
		by = nil
	}
	enc, err := encodingBy[T](by)
	if err != nil {
		return Sender[T]{}, err
	}
	if err := ctx.Err(); err != nil {
		return Sender[T]{}, err
	}
	head, err := s.openHeader(ctx, name, o)
	if err != nil {
		return Sender[T]{}, err
	}
	end, err := s.open(name, enc, head, o != nil && o.Unbuffered)
	if err != nil {
		return Sender[T]{}, err
	}
	return Sender[T]{end: end}, nil
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
