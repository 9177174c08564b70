package engine

import (
	"context"
	"strconv"
	"sync/atomic"

	"github.com/valyala/bytebufferpool"

	"github.com/corechan/corechan/internal/atomics"
	"github.com/corechan/corechan/ring"
)

// A recvEnd is the receiving end of a channel.
type recvEnd struct {
	p     *port
	id    atomic.Uint32
	name  string
	codec string
	// window is the credit that the sender has when nothing is unread; 0 without flow control.
	window uint64
	// maxFrame is the size of the largest DATA frame that is taken, in bytes.
	maxFrame int

	// Under the rx token.
	received uint64 // bytes of frames
	messages uint64
	owedHere uint64 // read in place, not granted again yet

	granted atomic.Uint64
	// queued counts the messages in the inbox, and one more once ended is set.
	queued  atomic.Int32
	changed chan struct{}

	// Under port.mu.
	inbox     []keptLetter
	first     int // inbox[:first] is taken
	ended     error
	closed    bool // by this side
	owedInbox uint64
	due       uint64   // credit to be granted
	granting  uint64   // of due, what is being granted
	resetting *control // the RESET that is due
	queuedCtl bool
	// near is its Sender, where both are in this process as one came home; then room and held are its window, once it is joined.
	near    *sendEnd
	room    uint64
	held    uint64
	last    error // how near has ended, before r was joined with it
	joined  atomic.Bool
	handler func(payload []byte, c *Cargo, err error)

	// waiting: on port.backlog. Under the rx token.
	waiting bool
	// arrived is the cargo of the message that was just read in place. Under the rx token.
	arrived *Cargo

	header     Header
	unbuffered bool
	enc        *encoding // nil where nobody decodes: a forwarder's
	pair       *pair     // Pipe's
	// given: it was given away and belongs to a forwarder.
	given atomic.Bool
	key   uint32 // by which messages refer to it
	born  int64  // Unix time in nanoseconds; 0 for an answer's

	// gathered is set once somebody has waited for the channel together with others.
	gathered atomic.Pointer[gathered]

	latency atomic.Pointer[latencyAt] // of messages that say when they were sent

	_ [384 - 344]byte // as in port
}

func newRecvEnd(p *port, id uint32, name, codec string, window, maxMessage uint32) *recvEnd {
	r := &recvEnd{
		p: p, name: name, codec: codec, window: uint64(window), changed: make(chan struct{}, 1), key: newKey(),
		maxFrame: HeaderSize + int(maxMessage),
	}
	r.granted.Store(uint64(window))
	r.id.Store(id)
	return r
}

// inboxes is where messages wait that somebody else's poll has read.
var inboxes bytebufferpool.Pool

// A letter is what a message has beside its bytes in the ring.
type letter struct {
	buf   *bytebufferpool.ByteBuffer // holds it, if it is not in the ring any more
	cargo *Cargo                     // what it carries
	cost  uint64                     // in credit
}

// A keptLetter is one in an inbox.
type keptLetter struct {
	letter
	stamp uint64 // when it was sent; 0: it does not say
}

// held is what a letter costs of the bound within a process.
func (l *letter) held() uint64 { return uint64(l.buf.Len()) + HeaderSize }

// next returns the payload of the next message: in the ring, direct, with the rx token held; or in the letter's buffer. done
// gives either back.
func (r *recvEnd) next(ctx context.Context) (payload []byte, l letter, err error) {
	if err := ctx.Err(); err != nil {
		return nil, l, err
	}
	if payload := r.fast(); payload != nil {
		return payload, l, nil
	}
	return r.nextSlow(ctx, r)
}

// nextSlow is next where fast found nothing. c is the end itself, or a placing of it; or for a forwarder the end as one that was given
// away.
func (r *recvEnd) nextSlow(ctx context.Context, c condition) (payload []byte, l letter, err error) {
	p := r.p
	_, forwarder := c.(*givenEnd)
	for {
		if !forwarder && r.given.Load() {
			r.wake() // it may have been the forwarder's
			return nil, l, errGiven
		}
		if r.queued.Load() != 0 {
			if l, err := r.take(); l.buf != nil || err != nil {
				if err != nil {
					return nil, l, err
				}
				return l.buf.B, l, nil
			}
		}
		if p.rx.try() {
			if r.queued.Load() == 0 {
				payload, err = p.poll(ctx, c, r)
				if payload != nil {
					return payload, r.takeArrived(), nil
				}
			}
			p.giveRx()
		} else {
			var direct bool
			payload, direct, err = p.await(ctx, c, r)
			if direct {
				return payload, r.takeArrived(), nil
			}
		}
		if err != nil && r.queued.Load() == 0 {
			return nil, l, err
		}
		err = nil
	}
}

// takeArrived returns the cargo of the message that was just read in place. Called with the rx token held.
func (r *recvEnd) takeArrived() letter {
	l := letter{cargo: r.arrived}
	r.arrived = nil
	return l
}

// fast is next for the usual case: nobody else polls, nothing needs attention, and the next frame comes soon and is a
// message for this channel. It takes the rx token only if it returns one.
func (r *recvEnd) fast() []byte {
	p := r.p
	if r.queued.Load() != 0 || p.attention.Load() != 0 || !p.rx.try() {
		return nil
	}
	n := p.spin.rounds
	if !p.cons.Waiting() {
		n = p.spin.begin(p.prod)
	}
	for ; ; n-- {
		if p.cons.Ready() {
			frame, err := p.cons.Peek()
			if err != nil || len(frame) < HeaderSize || r.queued.Load() != 0 {
				break
			}
			kind, channel, arg := readHeader(frame)
			if kind != kindData || channel != r.id.Load() || arg != 0 || !r.charge(len(frame)) {
				if !r.chargeStamped(frame, kind, channel, arg) {
					break
				}
				if n != p.spin.rounds || p.spin.lulled {
					p.spin.found(n, len(frame), p.cons.Pending())
				}
				p.cons.Advance(frame)
				return r.tookStamped(frame)
			}
			if n != p.spin.rounds || p.spin.lulled {
				p.spin.found(n, len(frame), p.cons.Pending())
			}
			p.cons.Advance(frame)
			return frame[HeaderSize:]
		}
		if n <= 0 {
			p.spin.lull, p.spin.lulled = 0, false
			break
		}
	}
	p.giveRx()
	return nil
}

// done gives a message back: releases the ring and the token, or the buffer.
func (r *recvEnd) done(l letter) {
	if l.buf != nil {
		inboxes.Put(l.buf)
		return
	}
	r.doneDirect()
}

// doneDirect is done for a message in the ring.
func (r *recvEnd) doneDirect() {
	p := r.p
	p.release()
	owed := r.owed()
	p.giveRx()
	if owed != 0 {
		r.grant(owed)
	}
}

// owed returns the credit that is to be granted for what was read in place: 0 while it is little. Called with the rx
// token held.
func (r *recvEnd) owed() uint64 {
	owed := r.owedHere
	if r.window == 0 || owed < r.window/2 && !r.unbuffered || owed == 0 {
		return 0
	}
	r.owedHere = 0
	return owed
}

// charge is account for a message that is within the limits; else it changes nothing.
func (r *recvEnd) charge(frame int) bool {
	if frame > r.maxFrame || r.window != 0 && r.received >= r.granted.Load() {
		return false
	}
	n := uint64(ring.Stride(frame))
	atomics.Set(&r.received, r.received+n)
	atomics.Set(&r.messages, r.messages+1)
	r.owedHere += n // of no consequence without a window
	return true
}

// account checks a message against the limits. Called with the rx token held, for one that is read in place.
func (r *recvEnd) account(frame int) error {
	if r.maxFrame == 0 {
		return violation("DATA for channel %d, which has come home", r.id.Load())
	}
	if frame > r.maxFrame {
		return &ProtocolError{What: "DATA for channel " + strconv.Itoa(int(r.id.Load())), Err: &LimitError{
			What: "bytes a message", Got: uint64(frame - HeaderSize), Limit: uint64(r.maxFrame - HeaderSize),
		}}
	}
	n := uint64(ring.Stride(frame))
	if r.window != 0 {
		if r.received >= r.granted.Load() {
			return violation("channel %d was sent more than its credit", r.id.Load())
		}
		r.owedHere += n
	}
	atomics.Set(&r.received, r.received+n)
	atomics.Set(&r.messages, r.messages+1)
	return nil
}

// deliver puts a message into its channel's inbox. Called with the rx token held.
func (p *port) deliver(h header, payload []byte, frame int) error {
	p.mu.Lock()
	r := p.recvs[h.channel]
	var handler func([]byte, *Cargo, error)
	codec := ""
	if r != nil {
		handler, codec = r.handler, r.codec
	}
	p.mu.Unlock()

	if r != nil { // before the table, which may say that the channel itself comes home
		if err := r.account(frame); err != nil {
			return err
		}
	}
	stamp := uint64(0)
	if h.flags&flagStamp != 0 {
		var err error
		if stamp, payload, err = p.unstamp(&h, payload); err != nil {
			return err
		}
	}
	cargo, payload, err := p.unpack(h, payload, codec)
	if err != nil {
		return err
	}
	if r == nil {
		cargo.drop()
		return p.unknown(h)
	}
	if handler != nil && p.mayHandle(r) {
		if stamp != 0 {
			r.took(stamp)
		}
		p.handle(r, handler, payload, cargo)
		if h.flags&flagLast != 0 {
			p.finished(r)
			p.addBacklog(r)
		}
		return nil
	}
	if r.window != 0 {
		r.owedHere -= uint64(ring.Stride(frame)) // it is owed when it leaves the inbox
	}
	l := letter{inboxes.Get(), cargo, uint64(ring.Stride(frame))}
	l.buf.Set(payload)

	p.mu.Lock()
	if r.ended != nil || r.closed {
		p.mu.Unlock()
		inboxes.Put(l.buf)
		cargo.drop()
		return nil
	}
	r.inbox = append(r.inbox, keptLetter{l, stamp})
	r.queued.Add(1)
	if r.joined.Load() {
		r.held += l.held()
	}
	if cargo != nil {
		p.keepUnread(cargo)
	}
	if h.flags&flagLast != 0 { // at once: who takes the message may make another channel of the end
		p.finishedLocked(r)
	} else {
		r.wake()
	}
	p.mu.Unlock()
	if handler != nil {
		p.addBacklog(r)
	}
	return nil
}

// closed handles CLOSE: the sender has ended the channel.
func (p *port) closed(h header, payload []byte) error {
	text, ok := readText(payload)
	if h.flags != 0 || h.attachments != 0 || !ok {
		return violation("CLOSE for channel %d is malformed", h.channel)
	}
	p.mu.Lock()
	r := p.recvs[h.channel]
	var handler func([]byte, *Cargo, error)
	if r != nil {
		p.senderEnded(r, endOf(Code(h.arg), text))
		handler = r.handler
	}
	p.mu.Unlock()
	if r == nil {
		return p.unknown(h)
	}
	if handler != nil {
		p.addBacklog(r)
	}
	return nil
}

// end ends the channel with err, after what is in the inbox. Called with port.mu held.
func (r *recvEnd) end(err error) {
	if r.ended == nil {
		r.ended = err
		r.queued.Add(1)
		r.wake()
	}
}

func (r *recvEnd) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
	if g := r.gathered.Load(); g != nil {
		g.notify()
	}
}

// A recvEnd is the condition of its user's Receive, which ends when the end is given away meanwhile.
func (r *recvEnd) met() bool               { return r.queued.Load() != 0 || r.given.Load() }
func (r *recvEnd) signal() <-chan struct{} { return r.changed }

// A givenEnd is an end that was given away: the condition of its forwarder.
type givenEnd recvEnd

func (r *givenEnd) met() bool               { return r.queued.Load() != 0 }
func (r *givenEnd) signal() <-chan struct{} { return r.changed }

// next is recvEnd.next for the forwarder.
func (r *givenEnd) next(ctx context.Context) (payload []byte, l letter, err error) {
	end := (*recvEnd)(r)
	if err := ctx.Err(); err != nil {
		return nil, l, err
	}
	if payload := end.fast(); payload != nil {
		return payload, l, nil
	}
	return end.nextSlow(ctx, r)
}

// giveAway leaves the end to a forwarder: who waits for a message of it hears of that, and takes none any more.
func (r *recvEnd) giveAway() {
	r.given.Store(true)
	r.wake()
	r.p.kick()
}

// take takes the next message out of the inbox, or returns why there will be none, or nothing.
func (r *recvEnd) take() (letter, error) {
	p := r.p
	p.mu.Lock()
	if r.first == len(r.inbox) {
		err := r.ended
		p.mu.Unlock()
		if err != nil {
			r.wake() // for the next one who waits
		}
		return letter{}, err
	}
	l := r.inbox[r.first]
	r.inbox[r.first] = keptLetter{}
	if l.cargo != nil {
		delete(p.unread, l.cargo)
	}
	r.first++
	if r.first == len(r.inbox) {
		r.inbox, r.first = r.inbox[:0], 0
	} else if r.first >= 64 && 2*r.first >= len(r.inbox) {
		n := copy(r.inbox, r.inbox[r.first:])
		clear(r.inbox[n:])
		r.inbox, r.first = r.inbox[:n], 0
	}
	left := r.queued.Add(-1)
	if r.joined.Load() {
		r.held -= l.held()
		if r.near != nil {
			r.near.wake()
		}
	}
	var owed uint64
	if r.window != 0 && r.ended == nil {
		r.owedInbox += l.cost
		if r.unbuffered || r.owedInbox >= r.window/2 || left == 0 && r.owedInbox >= r.window/8 {
			owed, r.owedInbox = r.owedInbox, 0
		}
	}
	p.mu.Unlock()
	if l.stamp != 0 {
		r.took(l.stamp)
	}
	if left > 0 {
		r.wake()
	}
	if owed != 0 {
		r.grant(owed)
	}
	return l.letter, nil
}

// grant gives the sender n more bytes of credit.
func (r *recvEnd) grant(n uint64) {
	p := r.p
	p.mu.Lock()
	r.due += n
	p.mu.Unlock()
	p.sendControl(r, &r.queuedCtl)
}

// isClosed reports whether this side has closed the end.
func (r *recvEnd) isClosed() bool {
	p, _ := r.settled()
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return r.closed
}

// close says that this side wants no more. It does not block. Messages that were not received are lost.
func (r *recvEnd) close(reason error) error {
	p := r.p
	code, text := reasonOf(reason)
	if reason == nil {
		code = CodeCanceled
	}
	p.mu.Lock()
	if r.closed {
		p.mu.Unlock()
		return errClosed
	}
	r.closed = true
	over := r.ended != nil || r.joined.Load()
	if r.near != nil {
		delete(p.homes, r)
		r.near.end(&ChannelError{Code: code, Text: text})
	}
	unread := r.inbox[r.first:]
	for _, l := range unread {
		delete(p.unread, l.cargo)
	}
	r.queued.Add(-int32(len(unread)))
	r.inbox, r.first = nil, 0
	if over {
		if r.ended == nil {
			r.queued.Add(1)
		}
		r.ended = errClosed
	} else {
		r.end(errClosed)
		r.resetting = &control{h: header{typ: frameReset, channel: r.id.Load(), arg: uint32(code)}, payload: text}
	}
	p.removeRecv(r)
	p.mu.Unlock()
	for _, l := range unread {
		inboxes.Put(l.buf)
		l.cargo.drop()
	}
	r.wake()
	if !over {
		p.kick()
		p.sendControl(r, &r.queuedCtl)
	}
	return nil
}

// nextControl and sentControl: see controller.
func (r *recvEnd) nextControl() (control, bool) {
	switch {
	case r.resetting != nil:
		return *r.resetting, true
	case r.due != 0 && r.ended == nil:
		if r.granting == 0 {
			r.granting = min(r.due, 1<<30)
			r.granted.Add(r.granting) // before the sender can know
		}
		return control{h: header{typ: frameCredit, channel: r.id.Load(), arg: uint32(r.granting)}}, true
	}
	r.queuedCtl = false
	return control{}, false
}

func (r *recvEnd) sentControl(c control) {
	if c.h.typ == frameCredit {
		r.due -= r.granting
		r.granting = 0
		return
	}
	r.resetting = nil
	r.p.over()
}
