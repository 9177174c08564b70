package rpc

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/corechan/corechan/engine"
)

// A Client calls the methods of one service. Generated clients have one each. It may be used by several goroutines at once.
type Client struct {
	link  *link
	desc  *Desc
	bound atomic.Pointer[slot] // nil: not bound yet
	with  []Interceptor
	// passing is how services are served that are passed on in arguments.
	passing ServeOptions
}

// ClientOptions are for NewClient. The zero value, and nil, is a good choice.
type ClientOptions struct {
	// Interceptors see each call: the first is the outermost.
	Interceptors []Interceptor
	// Passing is how services are served that are passed on in arguments.
	Passing ServeOptions
}

// An Interceptor is called in the place of a call, at the caller or at the callee, and makes it by next: perhaps not at all,
// perhaps later, or, at the caller, several times where nothing is given away. What it returns is the call's error. It may change call.Header,
// at the caller.
type Interceptor func(ctx context.Context, call *Info, next func(ctx context.Context) error) error

// An Info is what an Interceptor gets to know of a call.
type Info struct {
	Service, Method string
	// Header goes with the request, or came with it.
	Header engine.Header
	// Args points to a struct with the arguments: to be looked at, and good until the call is over.
	Args any
}

// A link is where calls go, as the caller has it: a channel, and the next one if that has ended.
type link struct {
	// open opens a channel; nil: there is but one.
	open func(ctx context.Context) (engine.Sender[Request], error)
	turn chan struct{} // has a value while somebody opens or binds
	conn *conn         // under turn; constant if open is nil
}

// A conn is a channel that carries calls.
type conn struct {
	to      engine.Sender[Request]
	slots   map[*Desc]*slot
	answers *answers // nil where a service was passed: each call there has a channel for its answer
}

// A slot is a service's on a channel.
type slot struct {
	conn   *conn
	number uint32
}

func newConn(to engine.Sender[Request]) *conn { return &conn{to: to, slots: map[*Desc]*slot{}} }

type linkKey struct{}

// linkOf returns the link to the services of a session's peer.
func linkOf(sess *engine.Session) *link {
	return sess.Local(linkKey{}, func() any {
		return &link{turn: make(chan struct{}, 1), open: func(ctx context.Context) (engine.Sender[Request], error) {
			return engine.Open[Request](ctx, sess, ChannelName)
		}}
	}).(*link)
}

// bind returns the slot of a service.
func (l *link) bind(ctx context.Context, d *Desc) (*slot, error) {
	c, err := l.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer l.unlock()
	if s := c.slots[d]; s != nil {
		return s, nil
	}
	s := &slot{c, uint32(len(c.slots)) + 1}
	body := &bindBody{slot: s.number, service: d.Name, methods: make([]string, len(d.Methods))}
	for i := range d.Methods {
		body.methods[i] = d.Methods[i].Name
	}
	if s.number > maxSlots {
		return nil, &engine.LimitError{What: "services bound by a channel", Limit: maxSlots, Hint: "use another session"}
	}
	if err := c.to.Send(ctx, &Request{method: methodBind, body: body}); err != nil {
		return nil, err
	}
	c.slots[d] = s
	return s, nil
}

// lock waits for the link, and opens a channel if it has none.
func (l *link) lock(ctx context.Context) (*conn, error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.conn != nil && l.open != nil && l.conn.over() != nil {
		l.conn = nil
	}
	if l.conn == nil {
		to, err := l.open(ctx)
		if err != nil {
			l.unlock()
			return nil, err
		}
		c := newConn(to)
		if c.answers, err = newAnswers(ctx, to); err != nil {
			_ = to.Close()
			l.unlock()
			return nil, err
		}
		l.conn = c
	}
	return l.conn, nil
}

func (l *link) unlock() { <-l.turn }

// over returns why the channel has ended, nil if it has not.
func (c *conn) over() error {
	ctx, cancel := c.to.Context(context.Background())
	defer cancel()
	return context.Cause(ctx)
}

// NewClient returns a client of a service of the session's peer. Generated functions call it. Nothing is sent before the first call.
func NewClient(sess *engine.Session, d *Desc, o *ClientOptions) *Client {
	return newClient(linkOf(sess), d, o)
}

func newClient(l *link, d *Desc, o *ClientOptions) *Client {
	c := &Client{link: l, desc: d}
	if o != nil {
		c.with, c.passing = o.Interceptors, o.Passing
	}
	return c
}

// Call makes a call that was prepared, and waits for the answer: the results, or the error.
func (c *Client) Call(ctx context.Context, method uint32, x *Call) error {
	s := c.bound.Load()
	if s == nil {
		var err error
		if s, err = c.bind(ctx); err != nil {
			return c.explain(ctx, nil, method, err)
		}
	}
	x.req.slot, x.req.method = s.number, method
	x.resp.known = c.desc.Errors
	x.resp.check = c.desc.Methods[method].CheckResults
	if c.with == nil && ctx.Value(headerKey{}) == nil {
		return c.call(ctx, s, x, nil)
	}
	return c.intercepted(ctx, method, x.req.body, func(ctx context.Context, o *engine.SendOptions) error {
		return c.call(ctx, s, x, o)
	})
}

func (c *Client) call(ctx context.Context, s *slot, x *Call, o *engine.SendOptions) error {
	x.resp.err = nil
	var err error
	if a := s.conn.answers; a != nil && c.desc.Methods[x.req.method].Plain {
		err = a.call(ctx, x, o)
	} else {
		x.req.number, x.req.left = 0, 0
		err = engine.CallWith(ctx, s.conn.to, &x.req, &x.req.reply, &x.resp, o)
	}
	switch {
	case err != nil:
		return c.explain(ctx, s, x.req.method, err)
	case x.resp.err != nil:
		return x.resp.err
	}
	runtime.KeepAlive(c)
	return nil
}

// Send makes a call that was prepared and whose end nobody waits for. It returns when the request is where the peer will
// find it.
func (c *Client) Send(ctx context.Context, method uint32, x *Call) error {
	s, err := c.bind(ctx)
	if err != nil {
		return c.explain(ctx, nil, method, err)
	}
	x.req.slot, x.req.method = s.number, method
	send := func(ctx context.Context, o *engine.SendOptions) error {
		return s.conn.to.SendWith(ctx, &x.req, o)
	}
	if c.with == nil && ctx.Value(headerKey{}) == nil {
		err = send(ctx, nil)
	} else {
		err = c.intercepted(ctx, method, x.req.body, send)
	}
	if err != nil {
		return c.explain(ctx, s, method, err)
	}
	runtime.KeepAlive(c)
	return nil
}

// bind returns the service's slot.
func (c *Client) bind(ctx context.Context) (*slot, error) {
	if s := c.bound.Load(); s != nil {
		return s, nil
	}
	s, err := c.link.bind(ctx, c.desc)
	if err == nil {
		c.bound.Store(s)
	}
	return s, err
}

// intercepted makes a call through the interceptors.
func (c *Client) intercepted(ctx context.Context, method uint32, args any, call func(context.Context, *engine.SendOptions) error) error {
	info := &Info{Service: c.desc.Name, Method: c.desc.Methods[method].Name, Header: headerOf(ctx), Args: args}
	return chain(c.with, info, func(ctx context.Context) error {
		if len(info.Header) == 0 {
			return call(ctx, nil)
		}
		return call(ctx, &engine.SendOptions{Header: info.Header})
	})(ctx)
}

// chain returns next behind the interceptors.
func chain(with []Interceptor, info *Info, next func(context.Context) error) func(context.Context) error {
	for i := len(with) - 1; i >= 0; i-- {
		outer, inner := with[i], next
		next = func(ctx context.Context) error { return outer(ctx, info, inner) }
	}
	return next
}

// explain says more of an error that is not a method's. If the channel has ended, the next call opens another.
func (c *Client) explain(ctx context.Context, s *slot, method uint32, err error) error {
	if ctx.Err() != nil {
		return err
	}
	if s != nil {
		if over := s.conn.over(); over != nil {
			c.bound.CompareAndSwap(s, nil)
			if errors.Is(over, engine.ErrCanceled) {
				return fmt.Errorf("rpc: %s: %w: %w", c.desc.Name, ErrNoService, over)
			}
			return err
		}
	}
	if errors.Is(err, engine.ErrRefused) {
		return fmt.Errorf("rpc: %s.%s: %w: is what it carries the same in the peer's version?", c.desc.Name, c.desc.Methods[method].Name, err)
	}
	return err
}

// Services asks the session's peer what it serves. A peer that serves nothing at all does not answer: ctx should end.
func Services(ctx context.Context, sess *engine.Session) ([]Description, error) {
	l := linkOf(sess)
	c, err := l.lock(ctx)
	if err != nil {
		return nil, err
	}
	l.unlock()
	list := new(describeBody)
	x := Call{req: Request{method: methodDescribe, body: new(Nothing)}, resp: Response{body: list, check: true}}
	if err := engine.Call(ctx, c.to, &x.req, &x.req.reply, &x.resp); err != nil {
		return nil, err
	}
	if x.resp.err != nil {
		return nil, x.resp.err
	}
	return list.parse()
}
