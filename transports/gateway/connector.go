package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/engine"
)

// ConnectorConfig says how a Connector reaches its gateway.
type ConnectorConfig struct {
	// Session makes a session to the gateway: when it is first needed, and again when the last one has ended. The Connector
	// closes it. It must be set.
	Session func(ctx context.Context) (*engine.Session, error)
	// Token is presented to the gateway, as a bearer token.
	Token string
	// MaxConns bounds the connections of each listener; further ones wait to be accepted. 0 means 1,024.
	MaxConns int
	// Logger gets a line for each connection when it has ended, and for each that could not be opened. nil: silence.
	Logger *slog.Logger
}

// A Connector opens what a gateway offers on local listeners, so that programs reach it which know nothing of gateways. Its methods
// may be used by several goroutines at once.
type Connector struct {
	c   ConnectorConfig
	log *slog.Logger

	turn     chan struct{} // who has it makes or looks at what follows
	sess     *engine.Session
	failure  error // of the last attempt to make one
	failedAt time.Time

	ctx    context.Context
	cancel context.CancelCauseFunc
	mu     sync.Mutex // guards what follows, and the first step of all
	closed bool
	stats  map[string]*connectorStats
	order  []string
	all    sync.WaitGroup
}

type connectorStats struct{ open, total, handedOver, failed, sent, received atomic.Int64 }

// ConnectorStats are the counters of what a Connector has opened of an offer.
type ConnectorStats struct {
	Name string `json:"name"`
	// Open is how many connections there are now, Total how many there were with them, HandedOver how many of these go to the
	// upstream itself, Failed how many could not be opened.
	Open       int64 `json:"open"`
	Total      int64 `json:"total"`
	HandedOver int64 `json:"handed_over"`
	Failed     int64 `json:"failed"`
	// Sent and Received are bytes to and from the upstream.
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
}

// NewConnector makes a Connector. Close ends it.
func NewConnector(c *ConnectorConfig) (*Connector, error) {
	if c.Session == nil || c.MaxConns < 0 {
		return nil, errors.New("gateway: a Connector needs Session, and a MaxConns that is not negative")
	}
	n := &Connector{c: *c, log: c.Logger, turn: make(chan struct{}, 1), stats: map[string]*connectorStats{}}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.c.MaxConns == 0 {
		n.c.MaxConns = DefaultMaxConns
	}
	n.ctx, n.cancel = context.WithCancelCause(context.Background())
	return n, nil
}

// Connect makes the session unless there is one: to learn at once whether that works.
func (n *Connector) Connect(ctx context.Context) error {
	_, err := n.session(ctx)
	return err
}

// session returns the session, a new one if the last has ended.
//
// Those who wait while it cannot be made fail together: each trying anew would take too long.
func (n *Connector) session(ctx context.Context) (*engine.Session, error) {
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(n.ctx, func() { cancel(ErrClosed) })()
	select {
	case n.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-n.turn }()
	switch {
	case n.ctx.Err() != nil:
		return nil, ErrClosed
	case n.sess != nil && n.sess.Err() == nil:
		return n.sess, nil
	case n.failedAt.After(began):
		return nil, n.failure
	case n.sess != nil:
		_ = n.sess.Close()
	}
	n.sess, n.failure = n.c.Session(ctx)
	if n.failure != nil {
		n.sess, n.failedAt = nil, time.Now()
	}
	return n.sess, n.failure
}

// Dial opens a connection, as the function Dial does, on the Connector's session.
func (n *Connector) Dial(ctx context.Context, offer string) (net.Conn, error) {
	conn, _, err := n.dial(ctx, offer, false)
	return conn, err
}

// dial opens a connection. If it reports, last is for its report, where the connection may be handed over.
func (n *Connector) dial(ctx context.Context, offer string, reports bool) (conn net.Conn, last engine.Sender[report], err error) {
	for again := false; ; again = true {
		sess, err := n.session(ctx)
		if err != nil {
			return nil, last, &OpenError{Offer: offer, Err: err}
		}
		var theirs engine.Receiver[report]
		if reports && sess.Descriptors() {
			theirs, last = engine.Pipe[report]()
		}
		conn, err := dial(ctx, sess, offer, n.c.Token, theirs)
		if err == nil {
			return conn, last, nil
		}
		_ = theirs.Close()
		_ = last.Close()
		if again || ctx.Err() != nil || sess.Err() == nil {
			return nil, last, err
		}
		// The session has ended, before the request or under it: a fresh one may do. To ask twice does no harm.
	}
}

// Stats returns the counters, of each offer that was served, in the order in which they first were.
func (n *Connector) Stats() []ConnectorStats {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]ConnectorStats, 0, len(n.order))
	for _, name := range n.order {
		s := n.stats[name]
		all = append(all, ConnectorStats{
			Name: name, Open: s.open.Load(), Total: s.total.Load(), HandedOver: s.handedOver.Load(), Failed: s.failed.Load(),
			Sent: s.sent.Load(), Received: s.received.Load(),
		})
	}
	return all
}

// Close resets what is open, waits for it, and closes the session. Connections that Dial returned go on if they were handed over.
// A second call returns os.ErrClosed.
func (n *Connector) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return fmt.Errorf("gateway: %w", os.ErrClosed)
	}
	n.closed = true
	n.mu.Unlock()
	n.cancel(ErrClosed)
	n.all.Wait()
	n.turn <- struct{}{}
	defer func() { <-n.turn }()
	if n.sess != nil {
		_ = n.sess.Close()
	}
	return nil
}
