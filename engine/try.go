package engine

import (
	"context"
)

// TryReceive is Receive for who does not wait: it decodes the next message into v and returns true, or false if none has come. It
// reads what has arrived from the session's link, for other channels too, and never sleeps. It is for who has a thread of its own
// that has other things to do meanwhile, such as more sessions to look at, or messages to send at their time; a call that finds
// nothing takes some tens of nanoseconds over shared memory, and a system call over a socket.
//
// Its errors are Receive's, but for the context's.
func (r Receiver[T]) TryReceive(v *T) (bool, error) {
	if r.end == nil {
		return false, errZero
	}
	if r.end.given.Load() {
		return false, errGiven
	}
	if p, given := r.end.settled(); p == nil {
		if given {
			return false, errGiven
		}
		return false, nil
	}
	payload, l, err := r.end.tryNext()
	if payload == nil {
		return false, err
	}
	var h Header
	if l.cargo != nil {
		h = l.cargo.header
	}
	err = decode(r.end, payload, l, v)
	if err == nil && r.end.p.intercepted {
		err = r.end.interceptReceive(context.Background(), any(v), h)
	}
	return err == nil, err
}

// tryNext is next without the wait: nil without an error if there is no message.
func (r *recvEnd) tryNext() (payload []byte, l letter, err error) {
	p, ctx := r.p, context.Background()
	if r.queued.Load() != 0 {
		return r.takeLetter()
	}
	if !p.rx.try() {
		return nil, l, nil // somebody polls, and puts it into the inbox
	}
	if r.queued.Load() == 0 { // else the poller before has put it there
		gone := p.left()
		payload, err = p.nextFor(ctx, r, r)
		if payload == nil && err == nil && !r.met() && p.lookFor(1) {
			payload, err = p.nextFor(ctx, r, r)
		}
		if payload != nil {
			return payload, r.takeArrived(), nil
		}
		switch {
		case err != nil || r.met():
		case gone && p.left(): // and the ring was empty after that was seen
			err = p.broken(p.owner.lastWord(ctx))
		default:
			err = p.pollerDuties()
		}
	}
	p.giveRx()
	if r.queued.Load() != 0 {
		return r.takeLetter()
	}
	return nil, l, err
}

// takeLetter takes a message out of the inbox, as next returns it; it may be gone.
func (r *recvEnd) takeLetter() ([]byte, letter, error) {
	if r.given.Load() {
		r.wake() // it may be the forwarder's
		return nil, letter{}, errGiven
	}
	l, err := r.take()
	if l.buf == nil {
		return nil, letter{}, err
	}
	return l.buf.B, l, nil
}
