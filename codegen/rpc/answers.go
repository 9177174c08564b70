package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
)

// An answers is where the answers come to the caller that calls wait for by number: those of methods whose arguments and results carry
// nothing. A channel for each answer, as the others have it, would cost as much as two messages.
//
// Who waits, reads: one of the callers receives for all, until it has its own answer, and leaves that to another one then.
//
//	caller                             another caller
//	  pending[number] = its call         pending[number] = its call
//	  send                               send
//	  nobody reads: reading = true       somebody reads: parked
//	  receive: not mine, done, wake ──>  has its answer
//	  receive: mine
//	  reading = false, wake one  ─────>  or reads on
type answers struct {
	in engine.Receiver[Response]
	to engine.Sender[Request] // where cancellations go

	mu      sync.Mutex
	last    uint32
	pending map[uint32]*Call
	reading bool
	broken  error    // an answer could not be read at all
	resp    Response // the reader's
}

// A waiting is a call's part of that. Under answers.mu, but for woken.
type waiting struct {
	done    bool
	parked  bool
	failure error
	woken   chan struct{} // has a value when done, or when nobody reads
}

// newAnswers makes the channel of answers, and tells the callee.
func newAnswers(ctx context.Context, to engine.Sender[Request]) (*answers, error) {
	in, out := engine.Pipe[Response]()
	if err := to.Send(ctx, &Request{method: methodAnswers, reply: out, body: new(Nothing)}); err != nil {
		_, _ = in.Close(), out.Close()
		return nil, err
	}
	a := &answers{in: in, to: to, pending: map[uint32]*Call{}}
	a.resp.answers = a
	return a, nil
}

// call makes a call and waits for the answer.
func (a *answers) call(ctx context.Context, x *Call, o *engine.SendOptions) error {
	a.begin(ctx, x)
	var err error
	if o == nil {
		err = a.to.Send(ctx, &x.req)
	} else {
		err = a.to.SendWith(ctx, &x.req, o)
	}
	if err != nil {
		a.forget(x)
		return err
	}
	return a.wait(ctx, x)
}

// begin gives a call its number.
func (a *answers) begin(ctx context.Context, x *Call) {
	x.req.left = 0
	if by, ok := ctx.Deadline(); ok {
		x.req.left = uint64(max(time.Until(by)/time.Microsecond, 1))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		if a.last++; a.last != 0 && a.pending[a.last] == nil {
			break
		}
	}
	x.req.number = a.last
	x.waiting = waiting{woken: x.woken}
	a.pending[a.last] = x
}

// forget ends the waiting of a call. It reports whether the answer had not come.
func (a *answers) forget(x *Call) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.forgetLocked(x)
}

func (a *answers) forgetLocked(x *Call) bool {
	if x.parked { // it may have been woken in order to read
		x.parked = false
		select {
		case <-x.woken:
		default:
		}
		a.wakeOne()
	}
	if x.done {
		return false
	}
	delete(a.pending, x.req.number)
	return true
}

// wait waits for a call's answer.
func (a *answers) wait(ctx context.Context, x *Call) error {
	a.mu.Lock()
	for !x.done {
		if !a.reading {
			a.reading = true
			a.mu.Unlock()
			err := a.read(ctx, x)
			a.mu.Lock()
			a.reading = false
			a.wakeOne()
			if err != nil && !x.done {
				delete(a.pending, x.req.number)
				a.mu.Unlock()
				a.cancel(ctx, x)
				return err
			}
			continue
		}
		x.parked = true
		if x.woken == nil {
			x.woken = make(chan struct{}, 1)
		}
		a.mu.Unlock()
		select {
		case <-x.woken:
			a.mu.Lock()
			x.parked = false
		case <-ctx.Done():
			if a.forget(x) {
				a.cancel(ctx, x)
				return ctx.Err()
			}
			a.mu.Lock()
		}
	}
	a.mu.Unlock()
	return x.failure
}

// wakeOne has one of those that wait look whether to read. Called with mu held.
func (a *answers) wakeOne() {
	if a.reading {
		return
	}
	for _, x := range a.pending {
		if x.parked {
			x.wake()
			return
		}
	}
}

func (w *waiting) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// read receives answers until that of x has come. Only the reader sets done, so that it need not lock to look.
func (a *answers) read(ctx context.Context, x *Call) error {
	for !x.done {
		err := a.in.Receive(ctx, &a.resp)
		switch {
		case err == nil:
		case errors.Is(err, engine.ErrMalformed):
			a.mu.Lock()
			broken := a.broken
			a.mu.Unlock()
			if broken != nil {
				return broken
			}
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		default:
			return err
		}
	}
	return nil
}

// cancel tells the callee that nobody waits for the answer any more. It does not wait itself: there may be no room for long.
func (a *answers) cancel(ctx context.Context, x *Call) {
	if ctx.Err() == nil {
		return // the channel has ended, or will
	}
	number := x.req.number
	go func() {
		_ = a.to.Send(context.WithoutCancel(ctx), &Request{method: methodCancel, body: &numberBody{number}})
	}()
}

var errPanicked = fmt.Errorf("rpc: %w: decoding an answer panicked", engine.ErrMalformed)

// take decodes an answer into the call that waits for it, behind the header of its array of n. One that nobody waits for any more is
// skipped.
func (a *answers) take(n uint32, b []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	number, b, err := msgp.ReadUint32Bytes(b)
	if err == nil && n != 2 && n != 5 {
		err = msgp.ArrayError{Wanted: 2, Got: n}
	}
	if err != nil { // whose it is will never be known: nobody must wait for it
		a.broken = fmt.Errorf("rpc: %w: an answer: %w", engine.ErrMalformed, err)
		_ = a.to.CloseWith(a.broken)
		return err
	}
	x := a.pending[number]
	if x == nil {
		return nil
	}
	x.failure = errPanicked // unless it comes to its end
	defer func() {
		delete(a.pending, number)
		x.done = true
		if x.parked {
			x.wake()
		}
	}()
	if err = x.resp.decode(n-1, b); err != nil {
		err = fmt.Errorf("rpc: %w: %w", engine.ErrMalformed, err)
	}
	x.failure = err
	return nil
}

// A numberBody is the arguments of methodCancel: the number of a call.
type numberBody struct{ number uint32 }

// Msgsize implements msgp.Sizer.
func (*numberBody) Msgsize() int { return 1 + 5 }

// MarshalMsg implements msgp.Marshaler.
func (z *numberBody) MarshalMsg(b []byte) ([]byte, error) {
	return msgp.AppendUint32(append(b, 0x91), z.number), nil
}

// UnmarshalMsg implements msgp.Unmarshaler.
func (z *numberBody) UnmarshalMsg(b []byte) ([]byte, error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return b, err
	}
	if n < 1 {
		return b, msgp.ArrayError{Wanted: 1, Got: n}
	}
	if z.number, b, err = msgp.ReadUint32Bytes(b); err != nil {
		return b, err
	}
	return SkipElements(b, n-1)
}

// Carry carries nothing.
func (*numberBody) Carry(*engine.Cargo) error { return nil }
