package rpc

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/corechan/corechan/engine"
)

// A call is one call at the callee.
type call struct {
	v      *serving
	target *target
	args   Handling
	header engine.Header
	ctx    callContext
}

// run makes the call and answers it.
func (c *call) run() {
	results, returned, err := c.handle()
	c.finish(results, err)
	if returned {
		c.target.Memory.Put(c.args)
	}
}

// finish answers the call.
func (c *call) finish(results Body, err error) {
	c.ctx.finish()
	if c.ctx.oneway() {
		if err != nil {
			c.log("one-way call failed", "reason", err)
		}
		discard(results)
		return
	}
	c.answer(results, err)
}

// handle calls the method, through the interceptors. returned: it did not panic.
func (c *call) handle() (results Body, returned bool, err error) {
	defer func() {
		if !returned {
			p := recover() // nil: runtime.Goexit
			c.log("method panicked", "panic", p, "stack", string(debug.Stack()))
			results, err = nil, &Error{Code: CodePanic, Text: fmt.Sprintf("%s: %v", c.target.Name, p)}
			if p == nil { // nobody comes back to run
				c.finish(nil, err)
			}
		}
	}()
	if c.v.srv.Interceptors == nil {
		results, err = c.args.Handle(&c.ctx, c.target.service.Impl)
	} else {
		results, err = c.intercepted()
	}
	return results, true, err
}

func (c *call) intercepted() (results Body, err error) {
	info := &Info{Service: c.target.service.Desc.Name, Method: c.target.Name, Header: c.header, Args: c.args}
	called := false
	err = chain(c.v.srv.Interceptors, info, func(ctx context.Context) (err error) {
		called = true
		results, err = c.args.Handle(ctx, c.target.service.Impl)
		return err
	})(&c.ctx)
	if err == nil && !called {
		err = &Error{Code: CodeBadResults, Text: c.target.Name + ": an interceptor made no call, and returned no error"}
	}
	return results, err
}

// responses are used again.
var responses = sync.Pool{New: func() any { return new(Response) }}

// answer sends the results, or the error.
func (c *call) answer(results Body, err error) {
	r := responses.Get().(*Response)
	if err != nil {
		discard(results)
		r.err = errorOf(err, c.target.service.Desc.Errors)
	} else {
		r.body = results
	}
	r.number = c.ctx.number
	sent := c.send(r)
	if sent != nil {
		discard(r.body)
		c.unsent(r, sent)
	}
	*r = Response{}
	responses.Put(r)
}

// lastAnswer bounds how long an answer waits for room once the serving has ended.
const lastAnswer = time.Second

func (c *call) send(r *Response) error {
	ctx := c.v.ctx
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastAnswer)
		defer cancel()
	}
	if c.ctx.number != 0 {
		if c.ctx.givenUp() {
			return errGivenUp
		}
		return c.v.answers.Send(ctx, r)
	}
	return c.ctx.reply.Send(ctx, r)
}

// unsent answers instead what could not be sent: nothing, if the caller is gone or wants no answer any more.
func (c *call) unsent(r *Response, why error) {
	if errors.Is(why, engine.ErrCanceled) || errors.Is(why, engine.ErrPeerGone) || c.v.ctx.Err() != nil {
		c.closeReply(why)
		return
	}
	c.log("results not sent", "reason", why)
	code := CodeBadResults
	if r.err != nil {
		code = r.err.Code
	}
	err := &Error{Code: code, Text: c.target.Name + ": " + why.Error()}
	if again := c.send(&Response{err: err, number: c.ctx.number}); again != nil {
		c.closeReply(why)
	}
}

func (c *call) closeReply(why error) {
	if c.ctx.number == 0 {
		_ = c.ctx.reply.CloseWith(why)
	}
}

func discard(b Body) {
	if d, ok := b.(Discarder); ok {
		d.Discard()
	}
}

func (c *call) log(what string, args ...any) {
	c.v.srv.Logger.Error(what, append([]any{"service", c.target.service.Desc.Name, "method", c.target.Name}, args...)...)
}
