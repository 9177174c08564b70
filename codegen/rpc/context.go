package rpc

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/corechan/corechan/engine"
)

// A callContext is the context of a method that runs: it ends when the caller gives up, at the caller's deadline, at the
// end of the session or of Serve, and when the method has returned. Most methods never ask, so it is made only then.
type callContext struct {
	base   context.Context
	srv    *server
	reply  engine.Sender[Response]
	number uint32    // in its place
	by     time.Time // beside number: the caller's deadline

	mu     sync.Mutex
	given  bool // the caller has given up
	cause  context.CancelCauseFunc
	inner  context.Context
	cancel context.CancelFunc
	over   bool
}

// use returns the context that does the work.
func (c *callContext) use() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		switch {
		case c.number != 0:
			c.numbered()
		case c.over || c.reply == (engine.Sender[Response]{}):
			c.inner, c.cancel = context.WithCancel(c.base)
		default:
			c.inner, c.cancel = c.reply.Context(c.base)
		}
		if c.over {
			c.cancel()
		}
	}
	return c.inner
}

// numbered makes the context that does the work of a call that its caller may give up by its number.
func (c *callContext) numbered() {
	c.inner, c.cause = context.WithCancelCause(c.base)
	c.cancel = func() { c.cause(context.Canceled) }
	if !c.by.IsZero() {
		var stop context.CancelFunc
		c.inner, stop = context.WithDeadline(c.inner, c.by)
		c.cancel = func() { c.cause(context.Canceled); stop() }
	}
	if c.given {
		c.cause(errGivenUp)
	}
}

// errGivenUp is why a method's context ends whose caller has given up.
var errGivenUp = fmt.Errorf("rpc: %w: the caller has given up", engine.ErrCanceled)

// giveUp ends the context, as nobody waits for the answer any more.
func (c *callContext) giveUp() {
	c.mu.Lock()
	c.given = true
	cause := c.cause
	c.mu.Unlock()
	if cause != nil {
		cause(errGivenUp)
	}
}

// givenUp reports whether an answer would be for nobody.
func (c *callContext) givenUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.given
}

// oneway reports whether nobody ever waits for the answer.
func (c *callContext) oneway() bool { return c.number == 0 && c.reply == (engine.Sender[Response]{}) }

// finish ends the context.
func (c *callContext) finish() {
	c.mu.Lock()
	c.over = true
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// Deadline implements context.Context.
func (c *callContext) Deadline() (time.Time, bool) { return c.use().Deadline() }

// Done implements context.Context.
func (c *callContext) Done() <-chan struct{} { return c.use().Done() }

// Err implements context.Context.
func (c *callContext) Err() error { return c.use().Err() }

// Value implements context.Context. Package context asks by it whether it knows this context, after Done.
func (c *callContext) Value(key any) any {
	if key == (serverKey{}) {
		return c.srv
	}
	c.mu.Lock()
	inner := c.inner
	c.mu.Unlock()
	if inner != nil {
		return inner.Value(key)
	}
	return c.base.Value(key)
}

// serverKey is that of the server that a method's context belongs to.
type serverKey struct{}

type headerKey struct{}

// WithHeader returns a context whose calls take h with them: a trace's context, a tenant's name. The method gets it by
// engine.HeaderFrom. It replaces what ctx had, and is not passed on by calls that the method makes.
func WithHeader(ctx context.Context, h engine.Header) context.Context {
	return context.WithValue(ctx, headerKey{}, h)
}

func headerOf(ctx context.Context) engine.Header {
	h, _ := ctx.Value(headerKey{}).(engine.Header)
	return h
}
