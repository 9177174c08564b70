package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
)

// Config is what a gateway offers.
type Config struct {
	// Offers are the endpoints. Their names differ.
	Offers []Offer
	// Logger gets a line for each connection when it has ended, and for each that was refused. nil: silence.
	Logger *slog.Logger
}

// A Gateway serves offers to the peers of sessions. Its methods may be used by several goroutines at once.
type Gateway struct {
	offers []*offer
	byName map[string]*offer
	log    *slog.Logger
	handed *handedOver // nil where this system does not tell what is needed

	ctx    context.Context // done when the gateway is closed
	cancel context.CancelCauseFunc
	mu     sync.Mutex // guards closed and the first step of all
	closed bool
	all    sync.WaitGroup // what runs
}

// New makes a gateway. Close ends it.
//
// It fails with ErrOffer, which says what is wrong with which offer.
func New(c *Config) (*Gateway, error) {
	g := &Gateway{byName: map[string]*offer{}, log: slog.New(slog.DiscardHandler)}
	if c.Logger != nil {
		g.log = c.Logger
	}
	if len(c.Offers) == 0 {
		return nil, fmt.Errorf("gateway: %w: there is none", ErrOffer)
	}
	for _, o := range c.Offers {
		checked, err := newOffer(o)
		if err != nil {
			return nil, fmt.Errorf("gateway: %w", err)
		}
		if g.byName[o.Name] != nil {
			return nil, fmt.Errorf("gateway: %w: two offers are called %s", ErrOffer, o.Name)
		}
		g.offers, g.byName[o.Name] = append(g.offers, checked), checked
	}
	holders, err := fd.NewHolders()
	switch {
	case err == nil:
		g.handed = newHandedOver(holders)
	case !errors.Is(err, errors.ErrUnsupported):
		return nil, fmt.Errorf("gateway: %w", err)
	}
	g.ctx, g.cancel = context.WithCancelCause(context.Background())
	return g, nil
}

// Admits returns nil if some offer may be for a peer, before that has shown a token; else why not. It is what a listener's
// Authorize option is best set to, so that peers of other users get that far.
func (g *Gateway) Admits(p engine.Peer) error {
	for _, o := range g.offers {
		if len(o.tokens) != 0 || o.byPeer(p) {
			return nil
		}
	}
	return fmt.Errorf("gateway: %w: no offer is for %s", ErrForbidden, identity(p, ""))
}

// Serve serves the sessions of a listener until that is closed, ctx is done or the gateway is closed, and returns nil, ctx's
// error or ErrClosed. It waits until the sessions are over: when ctx is done, they are closed, and connections that were not
// handed over are reset. It may be called for several listeners, and does not close them.
func (g *Gateway) Serve(ctx context.Context, ln *engine.Listener) error {
	ctx, done, err := g.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		sess, err := ln.Accept(ctx)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return context.Cause(ctx)
		}
		sessions.Go(func() {
			defer sess.Close()
			_ = g.serve(ctx, sess)
		})
	}
}

// ServeSession serves one session until it ends, ctx is done or the gateway is closed, and returns why. It does not close it: it
// may have other uses. It waits for the session's connections: those that are proxied end with it, those that were handed over
// when nobody holds them any more, and both when ctx is done, the latter only for the gateway.
func (g *Gateway) ServeSession(ctx context.Context, sess *engine.Session) error {
	ctx, done, err := g.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	return g.serve(ctx, sess)
}

// begin returns a context that is done when ctx or the gateway is, and counts what runs until done is called.
func (g *Gateway) begin(ctx context.Context) (inner context.Context, done func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, nil, ErrClosed
	}
	g.all.Add(1)
	inner, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(g.ctx, func() { cancel(ErrClosed) })
	return inner, func() {
		stop()
		cancel(nil)
		g.all.Done()
	}, nil
}

// Close ends all connections that are not handed over, and waits for what runs. A second call returns os.ErrClosed.
func (g *Gateway) Close() error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return fmt.Errorf("gateway: %w", os.ErrClosed)
	}
	g.closed = true
	g.mu.Unlock()
	g.cancel(ErrClosed)
	g.all.Wait()
	if g.handed != nil {
		return g.handed.close()
	}
	return nil
}

// Stats returns the counters, in the order of the offers.
func (g *Gateway) Stats() []OfferStats {
	all := make([]OfferStats, len(g.offers))
	for i, o := range g.offers {
		all[i] = o.stats()
	}
	return all
}

// maxRequests bounds the requests of one session that are being served at a time, and the channels on which none has come.
// Further ones wait.
const maxRequests = 256

// serve serves the requests of a session, and returns when all of its connections are over.
func (g *Gateway) serve(ctx context.Context, sess *engine.Session) error {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		_ = each(ctx, sess, listName, func(r engine.Receiver[listRequest], done func()) {
			all.Go(func() {
				defer done()
				g.list(ctx, sess, r)
			})
		})
	})
	session, end := context.WithCancelCause(context.Background())
	err := each(ctx, sess, openName, func(r engine.Receiver[request], done func()) {
		all.Go(func() { g.open(ctx, session, sess, r, done) })
	})
	end(err)
	return err
}

// each calls f for the channels that the peer opens under a name, maxRequests at a time: f has done called when it is served.
func each[T any](ctx context.Context, sess *engine.Session, name string, f func(r engine.Receiver[T], done func())) error {
	slots := make(chan struct{}, maxRequests)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		r, err := engine.Accept[T](ctx, sess, name)
		switch {
		case err == nil:
			f(r, sync.OnceFunc(func() { <-slots }))
			continue
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case sess.Err() != nil:
			return err
		}
		<-slots // that channel was refused
	}
}

// token returns the bearer token that a channel was opened with, or else the one of the HTTP request that the session came by.
func token(h engine.Header, p engine.Peer) string {
	given, ok := h[tokenHeader]
	if r, http := p.Identity.(*http.Request); !ok && http {
		given = r.Header.Get(tokenHeader)
	}
	scheme, t, ok := strings.Cut(given, " ")
	if !ok || !strings.EqualFold(scheme+" ", tokenScheme) {
		return ""
	}
	return t
}
