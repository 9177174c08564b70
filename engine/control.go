package engine

import (
	"context"
	"errors"

	"github.com/corechan/corechan/ring"
)

// Frames other than DATA: who has some to send, and how they leave.

// A controller has control frames to send: it is on port.due at most once.
type controller interface {
	// nextControl returns the next frame that is due, and false if none is. Called with port.mu held.
	nextControl() (control, bool)
	// sentControl is called after the frame was written, with port.mu held.
	sentControl(control)
}

// A dropper is a controller that holds something to be freed if its frames are not sent.
type dropper interface {
	// drop is called once the port has failed, with port.mu held.
	drop()
}

// A control is a frame other than DATA.
type control struct {
	h       header
	payload string
	// open, if set, is OPEN's payload.
	codec, name, header string
}

func (c *control) size() int {
	if c.h.typ == frameOpen {
		return HeaderSize + openSize(c.codec, c.name, c.header)
	}
	return HeaderSize + len(c.payload)
}

// sendControl puts c on the list of those with control frames to send, and sends what can be sent now. It never blocks:
// the frames of each end are few and coalesce, so the list is bounded by the number of ends.
func (p *port) sendControl(c controller, queued *bool) {
	p.mu.Lock()
	p.queueControl(c, queued)
	p.mu.Unlock()
	p.flushControl()
}

// queueControl is sendControl without the sending. Called with mu held.
func (p *port) queueControl(c controller, queued *bool) {
	if d, ok := c.(dropper); ok && p.err != nil {
		d.drop()
	}
	if !*queued && p.err == nil {
		*queued = true
		p.due = append(p.due, c)
	}
	p.attend(attControl)
}

// flushControl sends control frames until none is due, the ring is full, or somebody else has the tx token: who will
// come here when it gives the token back. If the ring is full, the poller goes on when there is space; one is made if
// nobody polls, or what was said last would not arrive.
func (p *port) flushControl() {
	if p.tryControl(true) && p.rx.try() {
		go p.flushLater()
	}
}

// tryControl is flushControl for the poller. It reports whether frames are left for want of space; with wake, the bell
// rings when there is some.
func (p *port) tryControl(wake bool) (left bool) {
	for !left && p.attention.Load()&(attControl|attFailed) == attControl && p.tx.try() {
		var err error
		left, err = p.writeControl()
		if left && wake {
			p.prod.Arm()
			p.afterArm()
			if left, err = p.writeControl(); !left {
				p.prod.Disarm()
			}
		}
		p.giveTxAfterControl(err)
	}
	return left
}

// flushLater polls until all control frames are sent. Called with the rx token held, which it gives back.
func (p *port) flushLater() {
	wait := p.spin.wait
	p.spin.wait = Block // nobody waits for this
	_, _ = p.poll(context.Background(), (*controlCondition)(p), nil)
	p.spin.wait = wait
	p.giveRx()
}

// A controlCondition is met when no control frames are due. Only the poller waits for it.
type controlCondition port

func (c *controlCondition) met() bool { return c.attention.Load()&attControl == 0 }

func (c *controlCondition) signal() <-chan struct{} { return nil }

// giveTxAfterControl gives the tx token back after writeControl.
func (p *port) giveTxAfterControl(err error) {
	p.fence()
	if p.prod.MustRing() {
		p.ring()
	}
	p.tx.give() // as in giveTx
	switch a := p.attention.Load(); {
	case err != nil:
		p.fail(err)
	case a&attFailed != 0:
		p.sayBye()
	case a&attOver != 0:
		p.fail(errClosed)
	}
	if p.attention.Load()&attFailed != 0 {
		p.tearDown()
	}
}

// writeControl writes the control frames that are due, and reports whether any are left for want of space. Called with the tx
// token held.
func (p *port) writeControl() (left bool, err error) {
	p.attention.And(^attControl)
	p.mu.Lock()
	defer p.mu.Unlock()
	done := 0
	defer func() { // the list's memory is used again
		n := copy(p.due, p.due[done:])
		clear(p.due[n:])
		p.due = p.due[:n]
	}()
	for done < len(p.due) {
		c := p.due[done]
		frame, ok := c.nextControl()
		if !ok {
			done++
			continue
		}
		if err := p.writeFrame(&frame); err != nil {
			if errors.Is(err, ring.ErrFull) {
				p.attend(attControl)
				return true, nil
			}
			return false, &ProtocolError{What: "ring", Err: err}
		}
		c.sentControl(frame)
	}
	return false, nil
}

// writeFrame writes and publishes one control frame. Called with the tx token held.
func (p *port) writeFrame(c *control) error {
	n := c.size()
	b, err := p.prod.Reserve(n)
	if err != nil {
		return err
	}
	putHeader(b, c.h.kind(), c.h.channel, c.h.arg)
	if c.h.typ == frameOpen {
		putOpen(b[HeaderSize:], c.codec, c.name, c.header)
	} else {
		copy(b[HeaderSize:], c.payload)
	}
	p.prod.Commit(n)
	p.prod.Publish()
	return nil
}
