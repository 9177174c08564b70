package engine

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/corechan/corechan/ring"
)

// A condition is what a caller waits for.
type condition interface {
	// met reports whether the wait is over. It takes no locks.
	met() bool
	// signal has a value after something changed that met may depend on.
	signal() <-chan struct{}
}

// An armer is a condition that the peer has to be told of before every sleep: the peer rings once for each arming.
type armer interface{ arm() }

func (p *port) arm(c condition) {
	if a, ok := c.(armer); ok {
		a.arm()
		p.afterArm()
	}
}

// await waits until c is met, a message for want is next in the ring, ctx is done or the port has failed. It polls if
// nobody does, and parks otherwise. If direct is true the caller holds the rx token, and payload is in the ring: it
// must release and give the token back.
func (p *port) await(ctx context.Context, c condition, want *recvEnd) (payload []byte, direct bool, err error) {
	if p.inLoop() { // a handler waits: this thread is the poller already
		if err := p.failure(); err != nil {
			return nil, false, err
		}
		was := p.handling
		p.handling = true
		_, err := p.poll(ctx, c, nil)
		p.handling = was
		return nil, false, err
	}
	for {
		if p.rx.tryOrWait() {
			if !c.met() { // else the poller before has put a message into the inbox, which comes before those in the ring
				payload, err = p.poll(ctx, c, want)
			}
			if payload != nil {
				return payload, true, nil
			}
			p.giveRx()
			return nil, false, err
		}
		p.arm(c)
		if c.met() {
			return nil, false, nil
		}
		select {
		case <-c.signal():
		case <-p.rx.freed:
		case <-p.failed:
			return nil, false, p.failure()
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
		if c.met() {
			// The token may have been offered to this goroutine: see to it that it is offered to the next.
			if p.rx.tryOrWait() {
				p.giveRx()
			}
			return nil, false, nil
		}
	}
}

// poll is the poller: it reads frames until c is met, one for want is there, ctx is done or the port fails. Called
// with the rx token held, which it keeps.
func (p *port) poll(ctx context.Context, c condition, want *recvEnd) (payload []byte, err error) {
	if t, ok := c.(*placing); ok && want != nil {
		return p.pollPlacing(ctx, t, want)
	}
	return p.pollFor(ctx, c, want)
}

// pollFor is poll.
func (p *port) pollFor(ctx context.Context, c condition, want *recvEnd) (payload []byte, err error) {
	for n := 1; ; n++ {
		if n%64 == 0 { // other channels may keep this up for as long as they like
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		gone := p.left()
		payload, err := p.nextFor(ctx, c, want)
		if payload != nil || err != nil {
			return payload, err
		}
		if c.met() {
			return nil, nil
		}
		if gone && p.left() { // and the ring was empty after that was seen
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			why := p.owner.lastWord(ctx)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return nil, p.broken(why)
		}
		if err := p.pollerDuties(); err != nil {
			return nil, err
		}
		ready, err := p.spinFor(ctx, c)
		if err != nil {
			return nil, err
		}
		if !ready {
			if err := p.sleep(ctx, c); err != nil {
				return nil, err
			}
		}
	}
}

// next returns the payload of the next message for want, in the ring. It gives all frames before that to whom they
// belong, and returns nil if the ring is empty. Called with the rx token held.
func (p *port) next(ctx context.Context, want *recvEnd) ([]byte, error) {
	for n := 0; ; n++ {
		frame, err := p.frame()
		if frame == nil {
			return nil, err
		}
		kind, channel, arg := readHeader(frame)
		if want != nil && kind == kindData && channel == want.id.Load() && arg == 0 && want.queued.Load() == 0 {
			if err := want.account(len(frame)); err != nil {
				return nil, p.broken(err)
			}
			return frame[HeaderSize:], nil
		}
		if want != nil && frameType(kind) == frameData && channel == want.id.Load() && want.queued.Load() == 0 {
			payload, err := p.nextWithMore(want, unpackHeader(kind, channel, arg), frame)
			if err != nil {
				return nil, p.broken(err)
			}
			return payload, nil
		}
		if p.placing != nil {
			p.placing.not(frame)
		}
		if err := p.dispatch(unpackHeader(kind, channel, arg), frame); err != nil {
			return nil, p.broken(err)
		}
		p.release()
		if n%256 == 255 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
	}
}

// nextWithMore is next for a message with a table, or one that is its channel's last.
func (p *port) nextWithMore(want *recvEnd, h header, frame []byte) ([]byte, error) {
	if err := want.account(len(frame)); err != nil {
		return nil, err
	}
	payload, stamp := frame[HeaderSize:], uint64(0)
	if h.flags&flagStamp != 0 {
		var err error
		if stamp, payload, err = p.unstamp(&h, payload); err != nil {
			return nil, err
		}
	}
	cargo, payload, err := p.unpack(h, payload, want.codec)
	if err != nil {
		return nil, err
	}
	want.arrived = cargo
	if stamp != 0 {
		want.took(stamp)
	}
	if h.flags&flagLast != 0 {
		p.finished(want)
	}
	return payload, nil
}

// frame returns the next frame in the ring, at least a header; nil if there is none. Called with the rx token held.
func (p *port) frame() ([]byte, error) {
	frame, err := p.cons.Next()
	for err == ring.ErrEmpty { //nolint:errorlint // never wrapped, and this is the hot path
		if p.fill == nil {
			return nil, nil
		}
		if ok, err := p.fill(false); err != nil {
			return nil, p.broken(err)
		} else if !ok {
			return nil, nil
		}
		frame, err = p.cons.Next()
	}
	if err != nil {
		return nil, p.broken(&ProtocolError{What: "ring", Err: err})
	}
	if len(frame) < HeaderSize {
		return nil, p.broken(violation("frame of %d bytes, its header has %d", len(frame), HeaderSize))
	}
	return frame, nil
}

// step reads one frame and gives it to whom it belongs; false if there is none. Called with the rx token held.
func (p *port) step() (bool, error) {
	frame, err := p.frame()
	if frame == nil {
		return false, err
	}
	if err := p.dispatch(unpackHeader(readHeader(frame)), frame); err != nil {
		return false, p.broken(err)
	}
	p.release()
	return true, nil
}

// broken fails the port with err.
func (p *port) broken(err error) error {
	p.fail(err)
	return p.reason() // perhaps somebody else's
}

// dispatch gives a frame to whom it belongs. Called with the rx token held.
func (p *port) dispatch(h header, frame []byte) error {
	payload := frame[HeaderSize:]
	switch h.typ {
	case frameData:
		return p.deliver(h, payload, len(frame))
	case frameCredit:
		return p.credit(h, payload)
	case frameClose:
		return p.closed(h, payload)
	case frameReset:
		return p.reset(h, payload)
	}
	return p.owner.handleFrame(h, payload)
}

// pollerDuties does what only shows while somebody polls, again and again. Called with the rx token held.
func (p *port) pollerDuties() error {
	if p.cons.MustRing() { // the producer waits for what was released
		p.ring()
	}
	p.nudgeSpace()
	a := p.attention.Load()
	if a&attFailed != 0 {
		return p.failure()
	}
	if a&attOver != 0 {
		return p.broken(errClosed)
	}
	if a&attUnpin != 0 {
		p.unpin()
	}
	if a&attControl != 0 {
		p.tryControl(false)
	}
	return nil
}

// spinFor looks at the ring until there is something to read or c is met (true), or for as long as it should (false).
func (p *port) spinFor(ctx context.Context, c condition) (ready bool, err error) {
	s := &p.spin
	if s.rests() || p.fill != nil && s.wait == Hybrid && runtime.GOMAXPROCS(0) == 1 {
		return false, nil // each look is a system call, and there is no other processor for who would go on meanwhile
	}
	if p.lookFor(2 * spinRound) { // without the clock: the usual case of a peer that is about to answer
		s.succeeded()
		return true, nil
	}
	done := ctx.Done()
	start := time.Now()
	counted := false
	defer func() {
		if counted {
			s.all.stop()
		}
	}()
	for yielded := start; ; {
		if p.lookFor(spinRound) {
			s.succeeded()
			return true, nil
		}
		if err := p.pollerDuties(); err != nil {
			return false, err
		}
		if c.met() || p.left() {
			s.succeeded()
			return true, nil
		}
		if done != nil {
			select {
			case <-done:
				return false, ctx.Err()
			default:
			}
		}
		now := time.Now()
		spun := now.Sub(start)
		if s.wait == Hybrid && spun >= s.limit {
			s.failed()
			return false, nil
		}
		if !counted && spun > freeSpin {
			counted = s.all.start()
			if !counted && s.wait == Hybrid {
				return false, nil
			}
		}
		if !counted && now.Sub(yielded) > 20*time.Microsecond {
			runtime.Gosched() // the last P: let others have it
			yielded = time.Now()
		}
	}
}

// lookFor looks at the ring n times, or once at what it is filled from, and reports whether there is something to read.
func (p *port) lookFor(n int) bool {
	if p.fill != nil {
		ok, err := p.fill(true)
		return ok || err != nil || p.cons.Ready() // frame comes by the error too
	}
	for range n {
		if p.cons.Ready() {
			return true
		}
	}
	return false
}

// left reports whether the peer is gone, and all that it has sent is in the ring or was. Where something is read to know that, it is
// to be asked before the ring is looked at and after. Called with the rx token held.
func (p *port) left() bool {
	return p.attention.Load()&attGone != 0 && (p.link.Over == nil || p.link.Over())
}

// sleep sleeps until the peer rings, if there is nothing to see.
func (p *port) sleep(ctx context.Context, c condition) error {
	p.cons.Arm()
	if p.cons.MustRing() { // arming was a full fence behind the last release
		p.ring()
	}
	p.armControl()
	p.afterArm()
	p.arm(c)
	var err error
	quiet := attControl | attTx
	if !p.left() {
		quiet |= attGone // what the peer has sent waits for a lease's release
	}
	if !p.cons.Ready() && p.attention.Load()&^quiet == 0 && !c.met() {
		err = p.bellSleep(ctx, c)
		p.wakeSpace() // the bell may have been rung for the one who waits there
	}
	p.cons.Disarm()
	if errors.Is(err, ErrPeerGone) {
		p.attend(attGone)
		return nil
	}
	if err != nil && ctx.Err() == nil {
		return p.broken(err) // the peer did something to the bell that it must not, or it is out of order
	}
	return err
}

// bellSleep sleeps, and tells the spinner.
func (p *port) bellSleep(ctx context.Context, c condition) (err error) {
	p.slow.sleeps.Add(1)
	interruptible := p.pinned != nil // the lease may be released meanwhile
	if !p.spin.timing() {
		err = p.bell.Sleep(ctx, interruptible || p.wakeable.Load())
		p.spin.slept(0)
		return err
	}
	began := time.Now()
	err = p.bell.Sleep(ctx, interruptible || p.wakeable.Load())
	if p.cons.Ready() || c.met() {
		p.spin.slept(time.Since(began))
	}
	return err
}

// armControl sees to it that the peer rings when it makes space, if control frames wait for that.
func (p *port) armControl() {
	if p.attention.Load()&attControl == 0 || !p.tx.try() {
		return // none, or the holder of the token sees to them
	}
	p.prod.Arm()
	p.afterArm()
	left, err := p.writeControl()
	if !left {
		p.prod.Disarm()
	}
	p.giveTxAfterControl(err)
}

// nudgeSpace wakes the sender that waits for space, if there may be some.
func (p *port) nudgeSpace() {
	if p.spaceWaits.Load() && p.prod.Head() != p.headSeen.Load() {
		p.wakeSpace()
	}
}

// wakeSpace wakes the sender that waits for space: it looks, arms again, and looks once more.
func (p *port) wakeSpace() {
	if p.spaceWaits.Load() {
		select {
		case p.space <- struct{}{}:
		default:
		}
	}
}

// A spaceCondition is met when the peer has released something since the producer looked, or the channel has ended. The
// holder of the tx token waits for it.
type spaceCondition port

func (c *spaceCondition) met() bool {
	return c.prod.Head() != c.headSeen.Load() || c.spaceFor != nil && c.spaceFor.ended.Load() != nil
}
func (c *spaceCondition) signal() <-chan struct{} { return c.space }
func (c *spaceCondition) arm()                    { c.prod.Arm() }

// reserveSlow waits until n bytes can be reserved, or the channel s, which may be nil, has ended. Called with the tx token
// held. The sender becomes the poller if nobody is, so that two processes that only send do not wait for each other's
// reading.
func (p *port) reserveSlow(ctx context.Context, n int, s *sendEnd) ([]byte, error) {
	p.fence()
	if p.prod.MustRing() { // control frames were published since the token was taken, and are what is in the way
		p.ring()
	}
	if p.link.Flush != nil {
		p.link.Flush()
	}
	p.slow.fullRing.Add(1)
	for range 8 * spinRound {
		if p.prod.Head() != p.prod.HeadSeen() {
			if b, err := p.prod.Reserve(n); !errors.Is(err, ring.ErrFull) {
				return b, p.txError(err)
			}
		}
	}
	p.headSeen.Store(p.prod.HeadSeen())
	p.spaceFor = s
	p.spaceWaits.Store(true)
	began := time.Now()
	defer func() {
		p.slow.fullRingNanos.Add(uint64(time.Since(began)))
		p.prod.Disarm()
		p.spaceWaits.Store(false)
		p.spaceFor = nil
	}()
	for {
		p.prod.Arm()
		p.afterArm()
		b, err := p.prod.Reserve(n) // look once more
		if !errors.Is(err, ring.ErrFull) {
			return b, p.txError(err)
		}
		if p.attention.Load()&(attGone|attFailed) != 0 {
			return nil, p.lastWords(ctx)
		}
		p.headSeen.Store(p.prod.HeadSeen())
		if _, _, err := p.await(ctx, (*spaceCondition)(p), nil); err != nil {
			return nil, err
		}
		if s != nil && s.ended.Load() != nil {
			return nil, s.err()
		}
		p.prod.Disarm()
	}
}

// lastWords reads what a peer that is gone has left, and returns why the port has failed then.
func (p *port) lastWords(ctx context.Context) error {
	_, _, err := p.await(ctx, never{}, nil)
	return err
}

// never is the condition of who waits for the end.
type never struct{}

func (never) met() bool               { return false }
func (never) signal() <-chan struct{} { return nil }

// txError turns an error of the producer into the port's.
func (p *port) txError(err error) error {
	if err == nil {
		return nil
	}
	var corrupt *ring.CorruptError
	if errors.As(err, &corrupt) {
		return p.broken(&ProtocolError{What: "ring", Err: err})
	}
	return err
}
