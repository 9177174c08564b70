package engine

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/ring"
)

// LaneOptions are how a lane is made. The zero value, and nil, is a good choice.
type LaneOptions struct {
	// Ring is the lane's ring: its capacity, 256 KiB if zero, prefaulting, huge pages.
	Ring ring.Options
}

// A laneFrame is a control frame of a lane's handshake, with what is given to the peer before it.
type laneFrame struct {
	p      *port
	frame  *control
	give   []Attachment
	queued bool
	offer  *laneOffer // whose OPEN it is, if it is one
}

// nextControl and sentControl: see controller. Called with the tx token held, so that what is given has the order of
// the frames.
func (f *laneFrame) nextControl() (control, bool) {
	if f.frame == nil {
		return control{}, false
	}
	if o := f.offer; o != nil && o.id == 0 {
		o.id = o.s.nextID()
		f.frame.h.channel = o.id
		if o.s.offers == nil {
			o.s.offers = map[uint32]*laneOffer{}
		}
		o.s.offers[o.id] = o
	}
	if len(f.give) != 0 {
		if err := f.p.bell.Give(f.give); err != nil {
			f.drop()                                            // the peer is gone, or takes nothing
			if f.offer != nil && !errors.Is(err, ErrPeerGone) { // if it is, the session's end says why
				f.offer.end(err)
			}
			return control{}, false
		}
		f.give = nil
	}
	return *f.frame, true
}

func (f *laneFrame) sentControl(control) { f.frame = nil }

// drop: see dropper.
func (f *laneFrame) drop() {
	closeAll(f.give)
	f.give, f.frame = nil, nil
	if f.offer != nil && f.p.err != nil {
		f.offer.end(f.p.err)
	}
}

// A laneOffer is a lane that this side has opened and the peer has not answered yet. It is a condition to wait for.
type laneOffer struct {
	laneFrame
	s      *Session
	isOver chan struct{} // closed when over

	// Under port.mu.
	id     uint32 // once the OPEN is being written
	over   bool
	answer []Attachment
	err    error
}

func (o *laneOffer) met() bool {
	select {
	case <-o.isOver:
		return true
	default:
		return false
	}
}
func (o *laneOffer) signal() <-chan struct{} { return o.isOver }

func (o *laneOffer) end(err error) {
	if !o.over {
		o.over = true
		o.err = err
		close(o.isOver)
	}
}

// OpenLane opens a channel with a ring of its own: it shares neither memory nor locks with the session's other
// channels, and its receiver waits for nothing else. It waits for the peer to take the lane, which the peer does as
// soon as it waits for anything on the session; it need not have accepted the channel.
//
// A lane's messages carry nothing but a header: channels, streams and descriptors in them are refused with errors.ErrUnsupported,
// and so is Call, as what they bring would belong to the session. Use Open for these.
//
// The errors are those of Open, the context's, and those of making a ring.
func OpenLane[T any](ctx context.Context, s *Session, name string, o *LaneOptions) (Sender[T], error) {
	enc, err := encodingOf[T]()
	if err != nil {
		return Sender[T]{}, err
	}
	if o == nil {
		o = &LaneOptions{}
	}
	end, err := s.openLane(ctx, name, enc, o)
	if err != nil {
		return Sender[T]{}, err
	}
	return Sender[T]{end: end}, nil
}

func (s *Session) openLane(ctx context.Context, name string, enc *encoding, o *LaneOptions) (*sendEnd, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if s.link.Lanes == nil {
		return nil, fmt.Errorf("engine: %s sessions have no lanes: %w; use Open", s.link.Transport, errors.ErrUnsupported)
	}
	if s.gone.Load() {
		return nil, s.Err()
	}
	p := s.port
	p.mu.Lock()
	count := len(s.lanes) + s.offering
	p.mu.Unlock()
	if count >= s.limits.Lanes {
		return nil, &LimitError{What: "lanes", Limit: uint64(s.limits.Lanes), Hint: "raise Limits.Lanes"}
	}
	head, err := s.openHeader(ctx, name, nil)
	if err != nil {
		return nil, err
	}
	offer, attachments, err := s.link.Lanes.Offer(&o.Ring)
	if err != nil {
		return nil, fmt.Errorf("engine: open lane %q: %w", name, err)
	}
	answer, id, err := s.offerLane(ctx, name, enc, head, attachments)
	if err != nil {
		_ = offer.Close()
		return nil, fmt.Errorf("engine: open lane %q: %w", name, err)
	}
	link, err := offer.Complete(answer)
	if exhausted(err) {
		return nil, fmt.Errorf("engine: open lane %q: %w", name, err)
	}
	if err != nil {
		return nil, p.broken(&ProtocolError{What: "answer to a lane", Err: err})
	}
	lane := s.newLane(link, id, false)
	end := newSendEnd(lane, id, name, s.maxMessage(link.MaxRecord))
	end.setEncoding(enc)
	end.born = time.Now().UnixNano()
	lane.addSend(end)
	if err := s.addLane(lane); err != nil {
		return nil, err
	}
	return end, nil
}

// offerLane gives the peer what it needs for a lane and waits for its answer.
func (s *Session) offerLane(ctx context.Context, name string, enc *encoding, head []byte, attachments []Attachment) ([]Attachment, uint32, error) {
	p := s.port
	o := &laneOffer{laneFrame: laneFrame{p: p, give: attachments}, s: s, isOver: make(chan struct{})}
	p.mu.Lock()
	err := s.mayOpen(len(p.sends))
	if err != nil {
		p.mu.Unlock()
		closeAll(attachments)
		return nil, 0, err
	}
	o.offer = o
	o.frame = newOpening(enc, name, head, flagLane)
	o.frame.h.attachments = uint16(len(attachments))
	s.offering++
	p.queueControl(o, &o.queued)
	p.mu.Unlock()
	p.flushControl()

	for !o.met() && err == nil {
		_, _, err = p.await(ctx, o, nil)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.offering--
	delete(s.offers, o.id)
	if o.over {
		return o.answer, o.id, o.err
	}
	o.over = true
	if len(o.give) != 0 { // the OPEN was not sent, and need not be
		o.drop()
		o.frame = nil
	}
	return nil, 0, err
}

// laneAnswered handles LANE: the peer has taken the lane, and gave what it adds to it. Called with the rx token held.
func (s *Session) laneAnswered(h header, payload []byte) error {
	if h.flags != 0 || h.arg != 0 || len(payload) != 0 || !s.isOwn(h.channel) || !s.everOpened(h.channel) {
		return violation("LANE for channel %d is malformed", h.channel)
	}
	answer, err := s.port.bell.Take(int(h.attachments))
	if err != nil && !exhausted(err) {
		return err
	}
	p := s.port
	p.mu.Lock()
	defer p.mu.Unlock()
	o := s.offers[h.channel]
	if o == nil || o.over {
		// Given up meanwhile: the other half closes with what is closed here.
		closeAll(answer)
		return nil
	}
	o.answer = answer
	o.end(err)
	return nil
}

// laneOffered handles OPEN of a lane. Called with the rx token held.
func (s *Session) laneOffered(h header, codec, name string, header Header) error {
	p := s.port
	offer, err := p.bell.Take(int(h.attachments))
	if exhausted(err) {
		s.refuseLane(h.channel, err)
		return nil
	}
	if err != nil {
		return err
	}
	if s.link.Lanes == nil {
		closeAll(offer)
		return violation("OPEN of a lane on a %s session", s.link.Transport)
	}
	if err := s.mayTakeLane(name); err != nil {
		closeAll(offer) // the peer's OpenLane sees its half hung up
		s.refuseLane(h.channel, err)
		return nil
	}
	link, answer, err := s.link.Lanes.Accept(offer)
	if exhausted(err) {
		s.refuseLane(h.channel, err)
		return nil
	}
	if err != nil {
		return &ProtocolError{What: fmt.Sprintf("lane %q", name), Err: err}
	}
	lane := s.newLane(link, h.channel, true)
	r := newRecvEnd(lane, h.channel, name, codec, 0, s.limits.MaxMessage)
	r.header = header
	r.born = time.Now().UnixNano()
	lane.addRecv(r)
	if err := s.addLane(lane); err != nil {
		closeAll(answer)
		return err
	}
	s.answerLane(h.channel, answer)
	s.offer(r)
	return nil
}

// mayTakeLane returns the limit that a further lane would exceed, if there is one.
func (s *Session) mayTakeLane(name string) error {
	s.port.mu.Lock()
	defer s.port.mu.Unlock()
	if len(s.lanes) >= s.limits.Lanes {
		return &LimitError{What: "lanes", Limit: uint64(s.limits.Lanes)}
	}
	return s.mayOffer(name)
}

func (s *Session) answerLane(id uint32, answer []Attachment) {
	a := &laneFrame{
		p: s.port, give: answer,
		frame: &control{h: header{typ: frameLane, attachments: uint16(len(answer)), channel: id}},
	}
	s.port.sendControl(a, &a.queued)
}

// exhausted reports whether err is this process's lack of descriptors or memory, for which the peer is not to blame.
func exhausted(err error) bool {
	return errors.Is(err, fd.ErrExhausted) || errors.Is(err, syscall.ENOMEM)
}

func (s *Session) refuseLane(id uint32, err error) {
	s.log.Warn("lane refused", "peer", s.link.Peer.Addr, "reason", err)
	a := &laneFrame{p: s.port, frame: &control{
		h:       header{typ: frameReset, channel: id, arg: uint32(CodeLimit)},
		payload: cutText(err.Error()),
	}}
	s.port.sendControl(a, &a.queued)
}

// laneRefused ends an offer by the peer's RESET, and reports whether there was one.
func (s *Session) laneRefused(id uint32, err error) bool {
	s.port.mu.Lock()
	defer s.port.mu.Unlock()
	o := s.offers[id]
	if o == nil {
		return false
	}
	o.end(err)
	return true
}

func (s *Session) newLane(l *Link, id uint32, byPeer bool) *port {
	l.Stamps = s.link.Stamps
	lane := newPort(l, nil, newSpinner(s.eng.cfg.Wait, s.eng.cfg.SpinFor, &s.eng.spinners))
	lane.owner = &laneOwner{s, lane, id, byPeer}
	lane.single = true
	lane.intercepted = s.eng.intercepts()
	s.eng.tally.enter(lane, s)
	lane.setStamps(s.eng.stamping.on.Load())
	return lane
}

// addLane makes the lane one of the session's, so that it ends with it.
func (s *Session) addLane(lane *port) error {
	p := s.port
	p.mu.Lock()
	err := p.err
	if err == nil {
		if s.lanes == nil {
			s.lanes = map[*port]struct{}{}
		}
		s.lanes[lane] = struct{}{}
		p.open.Add(1)
	}
	p.mu.Unlock()
	if err != nil {
		lane.fail(err)
		return err
	}
	if s.gone.Load() {
		lane.peerGone()
	}
	if b, ok := lane.bell.(interface{ OnGone(func()) }); ok { // who spins does not ask the bell
		b.OnGone(lane.peerGone)
	}
	return nil
}

// A laneOwner is the owner of a lane's port.
type laneOwner struct {
	s      *Session
	lane   *port
	id     uint32
	byPeer bool // the peer opened it, and sends
}

func (o *laneOwner) handleFrame(h header, _ []byte) error {
	return violation("%v on a lane", h.typ)
}

func (o *laneOwner) everOpened(id uint32) bool { return id == o.id }

func (o *laneOwner) portFailed(error) {
	o.s.port.mu.Lock()
	if _, ok := o.s.lanes[o.lane]; ok {
		delete(o.s.lanes, o.lane)
		o.s.port.closedOne()
	}
	o.s.port.mu.Unlock()
	o.s.removeIfOver()
}

// lastWord is the session's end, if that is what the peer has ended.
func (o *laneOwner) lastWord(ctx context.Context) error {
	p := o.s.port
	if !o.s.gone.Load() {
		p.peek(ctx) // its GOAWAY may be there already
	}
	if err := p.failure(); err != nil {
		return err
	}
	if !o.s.gone.Load() && !p.bell.Gone() {
		return ErrPeerGone // with the lane only
	}
	return p.lastWords(ctx)
}

func closeAll(list []Attachment) {
	for _, a := range list {
		if a != nil { // else somebody has taken it
			_ = a.Close()
		}
	}
}
