package engine

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"time"
)

// Call sends a request that carries a fresh channel for its answer, and waits for the answer:
//
//	err := engine.Call(ctx, orders, &order, &order.Reply, &fill)
//
// reply is the field of req that carries the channel; it is zero again when Call returns. Who receives the request sends one
// message on it, which ends the channel, or closes it with an error, which is then Call's. If ctx ends first, the
// channel is cancelled: the other side's Sender answers ErrCanceled, and its Context is done. io.ErrUnexpectedEOF says that
// it was closed without an answer.
//
// Calls may run at the same time on one Sender; their answers come in any order.
func Call[Req, Resp any](ctx context.Context, to Sender[Req], req *Req, reply *Sender[Resp], resp *Resp) error {
	return CallWith(ctx, to, req, reply, resp, nil)
}

// CallWith is Call with options for the request.
func CallWith[Req, Resp any](ctx context.Context, to Sender[Req], req *Req, reply *Sender[Resp], resp *Resp, o *SendOptions) error {
	if to.end == nil {
		return errZero
	}
	enc, err := encodingOf[Resp]()
	if err != nil {
		return err
	}
	if to.end.pair != nil {
		if err := to.end.pair.sender(); err != nil {
			return err
		}
	}
	if _, ok := to.end.p.owner.(*Session); !ok || to.end.into.Load() != nil {
		return callWithin(ctx, to, req, reply, resp, o)
	}
	c := newCall(enc)
	if by, ok := ctx.Deadline(); ok {
		if c.s.by = max(int64(time.Until(by)/time.Microsecond), 1); c.s.by > math.MaxUint32 {
			c.s.by = 0 // more than an hour: as good as none
		}
	}
	*reply = Sender[Resp]{end: &c.s}
	err = sendWith(ctx, to, req, o)
	*reply = Sender[Resp]{}
	if err == nil {
		err = c.wait(ctx, func(payload []byte, l letter) error { return decodeAnswer(ctx, &c.r, payload, l, resp) })
	}
	c.free()
	if err == errCameHome { //nolint:errorlint // never wrapped
		return callWithin(ctx, to, req, reply, resp, o)
	}
	return err
}

func sendWith[T any](ctx context.Context, to Sender[T], v *T, o *SendOptions) error {
	if o == nil {
		return sendMessage(ctx, to.end, v)
	}
	return to.SendWith(ctx, v, o)
}

func decodeAnswer[T any](ctx context.Context, r *recvEnd, payload []byte, l letter, v *T) error {
	var h Header
	if l.cargo != nil {
		h = l.cargo.header
	}
	if err := decode(r, payload, l, v); err != nil || !r.p.intercepted {
		return err
	}
	return r.interceptReceive(ctx, any(v), h)
}

// callWithin is Call where the request does not leave the process.
func callWithin[Req, Resp any](ctx context.Context, to Sender[Req], req *Req, reply *Sender[Resp], resp *Resp, o *SendOptions) error {
	r, s := Pipe[Resp]()
	*reply = s
	err := to.SendWith(ctx, req, o)
	*reply = Sender[Resp]{}
	if err == nil {
		if err = r.Receive(ctx, resp); errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
	}
	if ctxErr := ctx.Err(); err != nil && ctxErr != nil {
		_ = r.CloseWith(&ChannelError{Code: CodeCanceled, Text: ctxErr.Error()})
	} else {
		_ = r.Close()
	}
	return err
}

// A call is the channel of one answer. Both its ends stay with the engine, so it can be used again.
type call struct {
	s sendEnd // is given away; never used to send
	r recvEnd
}

var calls = sync.Pool{New: func() any {
	c := &call{}
	c.s.call, c.s.key = &c.r, newKey()
	c.r.changed = make(chan struct{}, 1)
	return c
}}

func newCall(enc *encoding) *call {
	c := calls.Get().(*call)
	c.s.enc, c.s.codec, c.s.by = enc, enc.codec, 0
	r := &c.r
	*r = recvEnd{changed: r.changed, inbox: r.inbox[:0], enc: enc, codec: enc.codec}
	return c
}

// wait waits for the answer.
func (c *call) wait(ctx context.Context, decode func([]byte, letter) error) error {
	payload, l, err := c.r.next(ctx)
	switch {
	case err == nil:
		return decode(payload, l)
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case ctx.Err() != nil:
		_ = c.r.close(&ChannelError{Code: CodeCanceled, Text: ctx.Err().Error()})
	}
	return err
}

// free gives the call back, if nobody has anything to do with it any more.
func (c *call) free() {
	r := &c.r
	p := r.p
	if p == nil { // it was not sent
		calls.Put(c)
		return
	}
	p.mu.Lock()
	over, mine := r.ended != nil && !r.queuedCtl && r.first == len(r.inbox), !r.closed
	failed := p.err != nil // then it may have ended while the poller has it in hand
	p.mu.Unlock()
	switch {
	case over && mine && !failed:
		calls.Put(c)
	case over && mine: // for the garbage collector
	case mine:
		_ = r.close(nil) // more than one answer may come
	}
}

// Context returns a context that is done, beside parent's end and the call of cancel, when the channel has ended: when its
// receiver has cancelled it, or is gone. context.Cause says why. The answer's channel of a Call whose context has a deadline
// passes that on.
//
// The receiver's cancelling shows as soon as somebody in this process waits for something on the session; the session's end at
// once.
func (s Sender[T]) Context(parent context.Context) (ctx context.Context, cancel context.CancelFunc) {
	drop := func() {}
	if s.end != nil && s.end.by != 0 && s.end.call == nil {
		parent, drop = context.WithDeadline(parent, time.Unix(0, s.end.by))
	}
	ctx, cause := context.WithCancelCause(parent)
	if s.end == nil {
		cause(errZero)
		return ctx, drop
	}
	forget := s.end.onEnd(func() { cause(s.end.err()) })
	stop := func() bool { return false }
	if p := s.end.p; p != nil {
		if o, ok := p.owner.(*Session); ok { // its end shows by itself
			stop = context.AfterFunc(o.ctx, func() { cause(o.Err()) })
		}
	}
	return ctx, func() { forget(); stop(); cause(context.Canceled); drop() }
}
