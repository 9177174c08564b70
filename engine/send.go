package engine

import (
	"context"
	"errors"
	"io"
	"math"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/internal/atomics"
	"github.com/corechan/corechan/ring"
)

// A sendEnd is the sending end of a channel.
type sendEnd struct {
	p    *port
	id   uint32
	name string
	// flow: the receiver grants credit. Without it, on a lane and a Pipe, the ring is the bound.
	flow bool
	// maxMessage is the size of the largest payload, in bytes.
	maxMessage int
	codec      string
	enc        *encoding // nil where nobody encodes: a forwarder's
	// plain: messages are encoded by methods and carry nothing, and nothing else needs to be looked at.
	plain bool
	// tailed: plain, and a large message's last bytes are best sent from where they are.
	tailed bool
	once   bool        // the next message is the last
	pair   *pair       // Pipe's
	call   *recvEnd    // Call's: where the answer goes to
	key    uint32      // by which messages refer to it
	born   int64       // as recvEnd's
	meet   *rendezvous // of an unbuffered channel
	// into is where its messages go within this process, once one of the ends came home: see home.go.
	into atomic.Pointer[recvEnd]
	// from is what a forwarder sends on it. Constant.
	from *recvEnd
	// given: it was given away and belongs to a forwarder.
	given atomic.Bool
	// by is when the answer is wanted, in Unix nanoseconds; 0: whenever. A call's has here how many microseconds there are.
	by int64

	// Under the tx token.
	sent     uint64
	messages uint64
	slot     *byte    // the slot that is held
	slotOf   *sendEnd // this is no end, but the slot of one that came home: see slotInto

	granted atomic.Uint64
	wanting atomic.Uint64             // a sender waits until more than this is granted
	ended   atomic.Pointer[error]     // why nothing can be sent any more
	changed waker                     // granted or ended changed
	atEnd   atomic.Pointer[[]*func()] // copied on writing

	// Under port.mu.
	queued  bool
	closed  bool       // by this side
	closing *control   // the CLOSE that is due
	leaving *laneFrame // the CLOSE of the channel that it was, if it is due
	opening *control   // the OPEN that is due; the end has no id, and is not in port.sends, until it is written
}

func newSendEnd(p *port, id uint32, name string, maxMessage int) *sendEnd {
	s := &sendEnd{p: p, id: id, name: name, maxMessage: maxMessage, key: newKey()}
	s.granted.Store(math.MaxUint64)
	return s
}

// end ends the channel with err; the first call counts. It reports whether this was it.
func (s *sendEnd) end(err error) bool {
	why := &errClosed     // an answer ends its channel: nothing is allocated for that
	if err != errClosed { //nolint:errorlint // itself, not what wraps it
		other := err
		why = &other
	}
	if !s.ended.CompareAndSwap(nil, why) {
		return false
	}
	if list := s.atEnd.Swap(nil); list != nil {
		go s.callAtEnd(list)
	}
	s.wake()
	if s.p != nil {
		s.p.wakeSpace()
	}
	return true
}

func (s *sendEnd) wake() { s.changed.wake() }

// A waker is the signal of conditions that hardly anybody waits for: it has a channel only once somebody does. The zero value is
// ready.
type waker struct{ c atomic.Pointer[chan struct{}] }

// wake lets one who waits look again.
func (w *waker) wake() {
	if c := w.c.Load(); c != nil {
		signalTo(*c)
	}
}

// signal returns the channel. What came before there was one is in it.
func (w *waker) signal() <-chan struct{} {
	if c := w.c.Load(); c != nil {
		return *c
	}
	c := make(chan struct{}, 1)
	c <- struct{}{}
	w.c.CompareAndSwap(nil, &c)
	return *w.c.Load()
}

// because returns why the channel has ended, if that is why a call failed with err, which may be its port's later end.
func (s *sendEnd) because(ctx context.Context, err error) error {
	if ended := s.err(); ended != nil && ctx.Err() == nil {
		return ended
	}
	return err
}

func (s *sendEnd) err() error {
	if e := s.ended.Load(); e != nil {
		return *e
	}
	return nil
}

// reserve takes the tx token and returns room for a payload of n bytes in the ring. It waits for the token, credit and
// space. After it, commit or abort gives the token back.
func (s *sendEnd) reserve(ctx context.Context, n int) ([]byte, error) {
	p := s.p
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !p.tx.try() {
		if err := p.takeTx(ctx); err != nil {
			return nil, s.because(ctx, err)
		}
	}
	if s.messages%peekEvery == peekEvery-1 {
		p.peek(ctx)
	}
	stamp := p.stampRoom()
	if s.ended.Load() == nil && n <= s.maxMessage-stamp && s.sent < s.granted.Load() && p.attention.Load() == 0 {
		if frame, err := p.prod.Reserve(HeaderSize + stamp + n); err == nil {
			return frame[HeaderSize+stamp:], nil
		}
	}
	return s.reserveSlow(ctx, n)
}

// peekEvery is how many messages a sender sends between two looks at what the peer has sent.
const peekEvery = 32

// peek reads the frames that are there, if nobody else does: a process that only sends learns so that a receiver has
// ended a channel, before it has used up its credit.
func (p *port) peek(ctx context.Context) {
	if p.cons.Unread() && p.loop.Load() == nil && p.rx.try() {
		_, _ = p.next(ctx, nil)
		p.giveRx()
	}
}

// reserveSlow is reserve where something is in the way. Called with the tx token held; it gives it back on error.
func (s *sendEnd) reserveSlow(ctx context.Context, n int) ([]byte, error) {
	p := s.p
	if n > s.maxMessage {
		p.giveTx()
		return nil, s.tooLarge(n)
	}
	for {
		if s.into.Load() != nil {
			p.giveTx()
			return nil, errCameHome
		}
		if p.attention.Load()&(attGone|attFailed|attControl) != 0 {
			if err := s.lookAround(ctx); err != nil {
				p.giveTx()
				return nil, err
			}
		}
		if err := s.err(); err != nil {
			p.giveTx()
			return nil, err
		}
		s.wanting.Store(s.sent)
		if s.sent < s.granted.Load() {
			break
		}
		p.giveTx() // others may send while this channel waits for credit
		began := time.Now()
		_, _, err := p.await(ctx, (*creditCondition)(s), nil)
		p.slow.noCredit.Add(1)
		p.slow.noCreditNanos.Add(uint64(time.Since(began)))
		if err != nil {
			return nil, s.because(ctx, err)
		}
		s.wake() // for the next one who waits: there may be credit for both
		if err := p.takeTx(ctx); err != nil {
			return nil, s.because(ctx, err)
		}
	}
	stamp := s.stampRoomFor(n)
	frame, err := p.prod.Reserve(HeaderSize + stamp + n)
	if errors.Is(err, ring.ErrFull) {
		frame, err = p.reserveSlow(ctx, HeaderSize+stamp+n, s)
	} else {
		err = p.txError(err)
	}
	if ended := s.err(); ended != nil && ctx.Err() == nil { // meanwhile
		p.prod.Abort()
		err = ended
	}
	if err != nil {
		p.stampNext()
		p.giveTx()
		return nil, err
	}
	return frame[HeaderSize+stamp:], nil
}

// lookAround sees what attention is about before something is sent: a peer that is gone gets nothing more, and control
// frames that were due, an OPEN among them, go first.
func (s *sendEnd) lookAround(ctx context.Context) error {
	p := s.p
	if p.attention.Load()&(attFailed|attGone) != 0 {
		return s.because(ctx, p.lastWords(ctx))
	}
	for p.attention.Load()&attControl != 0 {
		left, err := p.writeControl()
		if err != nil {
			return p.broken(err)
		}
		if !left {
			break
		}
		if _, err := p.reserveSlow(ctx, 2*maxTextLen, s); err != nil {
			return err
		}
		p.prod.Abort()
	}
	return nil
}

func (s *sendEnd) tooLarge(n int) error { return tooLarge(n, s.maxMessage) }

func tooLarge(n, most int) error {
	return &LimitError{
		What: "bytes a message", Got: uint64(n), Limit: uint64(most),
		Hint: "raise MaxMessage at the receiver and Ring at both ends, or send it in parts",
	}
}

// commit sends the first n bytes of what was reserved.
func (s *sendEnd) commit(n int) {
	p := s.p
	size := HeaderSize + n
	if p.stamps == stampsOff {
		p.prod.CommitFrame(size, kindData, uint64(s.id))
	} else {
		size = p.commitStamped(n, kindData, uint64(s.id))
	}
	p.prod.Publish()
	atomics.Set(&s.sent, s.sent+uint64(ring.Stride(size)))
	atomics.Set(&s.messages, s.messages+1)
	p.giveTx()
}

// commitTail is commit for a payload of n bytes of which the last are still in tail: where the link can, they are sent from there.
func (s *sendEnd) commitTail(n int, tail []byte) {
	p := s.p
	size := HeaderSize + n
	if p.stamps == stampsOff {
		p.prod.CommitFrame(size, kindData, uint64(s.id))
	} else {
		size = p.commitStamped(n, kindData, uint64(s.id))
	}
	record := p.prod.Unpublished()
	at := len(record) - ring.Stride(size) + size - len(tail)
	if p.link.Gather != nil {
		p.link.Gather(record, at, tail)
	} else {
		copy(record[at:], tail)
		p.prod.Publish()
	}
	atomics.Set(&s.sent, s.sent+uint64(ring.Stride(size)))
	atomics.Set(&s.messages, s.messages+1)
	p.giveTx()
}

// commitAs sends what was reserved with a header of its own: the first n bytes. If it is the channel's last message, the
// channel ends with it.
func (s *sendEnd) commitAs(n int, kind, arg uint32) {
	p := s.p
	size := HeaderSize + n
	if p.stamps == stampsOff {
		p.prod.CommitFrame(size, kind, uint64(s.id)|uint64(arg)<<32)
	} else {
		size = p.commitStamped(n, kind, uint64(s.id)|uint64(arg)<<32)
	}
	p.prod.Publish()
	atomics.Set(&s.sent, s.sent+uint64(ring.Stride(size)))
	atomics.Set(&s.messages, s.messages+1)
	if kind>>8&flagLast != 0 {
		p.mu.Lock()
		home := s.into.Load() != nil
		if !home {
			s.closed = true
			s.end(errClosed)
			p.removeSend(s)
			p.over()
		}
		p.mu.Unlock()
		if home {
			s.endedInto()
		}
	}
	p.giveTx()
}

// abort forgets what was reserved.
func (s *sendEnd) abort() {
	s.p.prod.Abort()
	s.p.stampNext()
	s.p.giveTx()
}

// close ends the channel for a reason, after everything sent before. It does not block.
func (s *sendEnd) close(reason error) error {
	p := s.p
	p.mu.Lock()
	if s.into.Load() != nil {
		p.mu.Unlock()
		return s.closeInto(reason)
	}
	if s.closed {
		p.mu.Unlock()
		return errClosed
	}
	s.closed = true
	if !s.end(errClosed) {
		p.mu.Unlock()
		return nil // the channel ended already; nothing is left to say
	}
	code, text := reasonOf(reason)
	s.closing = &control{h: header{typ: frameClose, channel: s.id, arg: uint32(code)}, payload: text}
	p.mu.Unlock()
	p.kick()
	p.sendControl(s, &s.queued)
	return nil
}

// nextControl and sentControl: see controller.
func (s *sendEnd) nextControl() (control, bool) {
	switch {
	case s.opening != nil:
		if o := s.p.owner.(*Session); s.id == 0 {
			o.opening--
			s.id = o.nextID()
			s.opening.h.channel = s.id
			s.p.addSend(s)
			s.p.open.Add(-1) // counted by open already
		}
		return *s.opening, true
	case s.closing != nil:
		s.closing.h.channel = s.id
		return *s.closing, true
	}
	s.queued = false
	return control{}, false
}

// drop: see dropper. An end whose OPEN was not written is not in port.sends.
func (s *sendEnd) drop() {
	if s.opening != nil {
		s.end(s.p.err)
	}
}

func (s *sendEnd) sentControl(c control) {
	if c.h.typ == frameOpen {
		s.opening = nil
		return
	}
	s.closing = nil
	s.p.removeSend(s)
	s.p.over()
}

// A creditCondition is met when the channel has credit, or has ended, or is one within this process.
type creditCondition sendEnd

func (c *creditCondition) met() bool {
	s := (*sendEnd)(c)
	return s.ended.Load() != nil || s.granted.Load() > s.wanting.Load() || s.into.Load() != nil
}
func (c *creditCondition) signal() <-chan struct{} { return c.changed.signal() }

// credit handles CREDIT: arg more bytes.
func (p *port) credit(h header, payload []byte) error {
	if h.flags != 0 || h.attachments != 0 || len(payload) != 0 || h.arg == 0 {
		return violation("CREDIT for channel %d is malformed", h.channel)
	}
	p.mu.Lock()
	s := p.sends[h.channel]
	p.mu.Unlock()
	if s == nil {
		return p.unknown(h)
	}
	old := s.granted.Load()
	if !s.flow || old > math.MaxUint64-uint64(h.arg) || uint64(h.arg) > math.MaxInt32 {
		return violation("CREDIT of %d for channel %d overflows", h.arg, h.channel)
	}
	s.granted.Store(old + uint64(h.arg))
	s.wake()
	return nil
}

// reset handles RESET: the receiver wants no more.
func (p *port) reset(h header, payload []byte) error {
	text, ok := readText(payload)
	if h.flags != 0 || h.attachments != 0 || !ok {
		return violation("RESET for channel %d is malformed", h.channel)
	}
	p.mu.Lock()
	s := p.sends[h.channel]
	if s != nil {
		s.closing = nil // nobody would read it
		p.removeSend(s)
		p.over()
	}
	p.mu.Unlock()
	reason := &ChannelError{Code: Code(h.arg), Text: text}
	if s != nil {
		s.end(reason)
		return nil
	}
	if o, ok := p.owner.(*Session); ok && o.laneRefused(h.channel, reason) {
		return nil
	}
	return p.unknown(h)
}

// unknown is about a frame for a channel that is not open: one that was is fine, for the frame may have crossed its
// end; one that never was is a violation.
func (p *port) unknown(h header) error {
	switch {
	case p.isOpen(h.channel):
		return violation("%v for channel %d, from its other end", h.typ, h.channel)
	case p.owner.everOpened(h.channel):
		return nil
	}
	return violation("%v for channel %d, which was never opened", h.typ, h.channel)
}

// endOf turns the reason of a CLOSE into what the receiver gets.
func endOf(code Code, text string) error {
	if code == CodeOK {
		return io.EOF
	}
	return &ChannelError{Code: code, Text: text}
}
