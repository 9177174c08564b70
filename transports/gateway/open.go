package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/corechan/corechan/engine"
)

// requestTimeout bounds how long a channel may be open without its request.
const requestTimeout = 10 * time.Second

// receive returns the request that comes on a channel, which ends with it.
func receive[T any](ctx context.Context, r engine.Receiver[T], v *T) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	defer r.Close()
	return r.Receive(ctx, v)
}

// open serves one request, in ctx; session is done when the session is over. answered is called when it has its answer; the connection may last.
func (g *Gateway) open(ctx, session context.Context, sess *engine.Session, r engine.Receiver[request], answered func()) {
	defer answered()
	var req request
	bearer := token(r.Header(), sess.Peer())
	if err := receive(ctx, r, &req); err != nil {
		return // there is nobody to tell
	}
	if req.Answer == (engine.Sender[answer]{}) {
		_ = req.Report.Close()
		return
	}
	c := &connection{g: g, sess: sess, name: req.Offer, began: time.Now()}
	refuse := func(err error) {
		var oe *OpenError
		if !errors.As(err, &oe) {
			oe = &OpenError{Err: err}
		}
		c.refused(oe)
		_ = req.Answer.CloseWith(refusal(oe))
		_ = req.Report.Close()
	}
	if err := c.admit(sess.Peer(), bearer); err != nil {
		refuse(err)
		return
	}
	defer c.offer.release()
	dialCtx, cancel := req.Answer.Context(ctx) // done also if the peer gives up
	upstream, err := c.offer.dial(dialCtx)
	cancel()
	if err != nil {
		refuse(&OpenError{Err: ErrUpstream, Text: err.Error()})
		return
	}
	c.offer.total.Add(1)
	if id, ok := c.watch(upstream); ok {
		c.handOver(ctx, upstream, id, &req, answered)
		return
	}
	_ = req.Report.Close() // it is seen from here
	if c.beside(ctx, upstream, &req, answered) {
		return
	}
	c.proxy(ctx, session, upstream, req.Answer, answered)
}

// A connection is one that was asked for, from its request to its end.
type connection struct {
	g     *Gateway
	sess  *engine.Session
	name  string // as it was asked for
	offer *offer // nil if there is none of that name
	began time.Time

	handed, side   bool
	sent, received int64 // bytes; less than 0: not known
}

// admit finds the offer, asks its rules and takes one of its connections.
func (c *connection) admit(p engine.Peer, bearer string) error {
	o := c.g.byName[c.name]
	if o == nil {
		return &OpenError{Err: ErrUnknownOffer, Text: c.g.offersFor(p, bearer)}
	}
	c.offer = o
	if err := o.admits(p, bearer); err != nil {
		return &OpenError{Err: ErrForbidden, Text: strings.TrimPrefix(err.Error(), ErrForbidden.Error()+": ")}
	}
	if !o.take() {
		return &OpenError{Err: ErrBusy, Text: fmt.Sprintf("%d are open, and no more are allowed", o.MaxConns)}
	}
	return nil
}

// offersFor says which offers a peer may open.
func (g *Gateway) offersFor(p engine.Peer, bearer string) string {
	var names []string
	for _, o := range g.offers {
		if o.admits(p, bearer) == nil {
			names = append(names, o.Name)
		}
	}
	if len(names) == 0 {
		return "none is for you"
	}
	return "there are: " + strings.Join(names, ", ")
}

// list answers which offers a peer may open.
func (g *Gateway) list(ctx context.Context, sess *engine.Session, r engine.Receiver[listRequest]) {
	var req listRequest
	bearer := token(r.Header(), sess.Peer())
	if receive(ctx, r, &req) != nil || req.Answer == (engine.Sender[listing]{}) {
		return
	}
	l := listing{}
	for _, o := range g.offers {
		if o.admits(sess.Peer(), bearer) == nil {
			l.Offers = append(l.Offers, o.stats())
		}
	}
	_ = req.Answer.Send(ctx, &l)
}

// proxy gives the peer two streams, and moves bytes between them and the upstream until both directions have ended.
func (c *connection) proxy(ctx, session context.Context, upstream net.Conn, to engine.Sender[answer], answered func()) {
	theirs, mine := engine.Stream()
	in, out := engine.Stream()
	if err := to.Send(ctx, &answer{Read: theirs, Write: out}); err != nil {
		_ = upstream.Close()
		_ = mine.Close()
		_ = in.Close()
		_ = theirs.Close()
		_ = out.Close()
		c.ended(fmt.Errorf("client: gone before the answer: %w", err))
		return
	}
	answered()
	c.relay(ctx, &relay{
		client: &engine.StreamConn{StreamReader: in, StreamWriter: mine}, upstream: upstream, session: session,
	})
}

// relay moves bytes until the connection is over.
func (c *connection) relay(ctx context.Context, r *relay) {
	r.idle = c.offer.IdleTimeout
	r.sent.total, r.received.total = &c.offer.sent, &c.offer.received
	err := r.run(ctx)
	c.sent, c.received = r.sent.own.Load(), r.received.own.Load()
	c.ended(err)
}
