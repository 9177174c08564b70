package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/corechan/corechan/engine"
)

// ErrOffer is an offer that cannot be served as it is written.
var ErrOffer = errors.New("bad offer")

// The defaults of an Offer.
const (
	DefaultMaxConns    = 1024
	DefaultDialTimeout = 10 * time.Second
)

// An Offer is an endpoint under a name. Name and Upstream, or Name and Dial, are enough.
type Offer struct {
	// Name is what peers ask for: 1 to 64 bytes of UTF-8 without blanks, comma and equals sign.
	Name string
	// Upstream is the endpoint: "host:port", "unix:/path/to/socket" or "unix:@name". A host name is resolved at each dial. With
	// Dial, it is only how the endpoint is called in logs.
	Upstream string
	// Dial, if set, connects to the endpoint. What it returns need not have a descriptor: then it is proxied.
	Dial func(ctx context.Context) (net.Conn, error)

	// Rules say which peers are admitted.
	Rules Rules
	// Authorize, if set, is asked about each peer that the rules admit; an error refuses it, and its text is told to it.
	Authorize func(engine.Peer) error

	// MaxConns bounds the connections that are open, those that are being dialled and those that were handed over among them. 0
	// means 1,024.
	MaxConns int
	// DialTimeout bounds the dial. 0 means 10 s.
	DialTimeout time.Duration
	// IdleTimeout ends a connection on which nothing has moved for that long, in either direction. 0 means never. Such
	// connections are proxied, as the gateway has to see the bytes.
	IdleTimeout time.Duration
	// Proxied keeps the gateway in the path where it could hand the connection over: its end is then the connection's, and the
	// bytes are counted by the gateway itself.
	Proxied bool
}

// endpoint returns the network and address of an upstream.
func endpoint(upstream string) (network, address string, err error) {
	if path, ok := strings.CutPrefix(upstream, "unix:"); ok {
		if path == "" || path[0] != '/' && path[0] != '@' {
			return "", "", fmt.Errorf("%w: %q: write unix:/absolute/path, or unix:@name", ErrOffer, upstream)
		}
		return "unix", path, nil
	}
	if _, port, err := net.SplitHostPort(upstream); err != nil || port == "" {
		return "", "", fmt.Errorf("%w: %q: write host:port, or unix:/path", ErrOffer, upstream)
	}
	return "tcp", upstream, nil
}

// An offer is an Offer that was checked, with its counters.
type offer struct {
	Offer
	tokens []tokenHash

	open, total, handedOver, refused, failed atomic.Int64
	sent, received                           atomic.Int64
}

func newOffer(o Offer) (*offer, error) {
	if err := checkName(o.Name); err != nil {
		return nil, err
	}
	if o.Dial == nil {
		network, address, err := endpoint(o.Upstream)
		if err != nil {
			return nil, fmt.Errorf("offer %s: %w", o.Name, err)
		}
		o.Dial = func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		}
	}
	if o.MaxConns < 0 || o.DialTimeout < 0 || o.IdleTimeout < 0 {
		return nil, fmt.Errorf("offer %s: %w: MaxConns, DialTimeout and IdleTimeout are not negative", o.Name, ErrOffer)
	}
	if o.MaxConns == 0 {
		o.MaxConns = DefaultMaxConns
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = DefaultDialTimeout
	}
	hashes, err := hashTokens(o.Rules.Tokens)
	if err != nil {
		return nil, fmt.Errorf("offer %s: %w", o.Name, err)
	}
	return &offer{Offer: o, tokens: hashes}, nil
}

func checkName(name string) error {
	if name == "" || len(name) > 64 || !utf8.ValidString(name) || strings.ContainsAny(name, " \t\r\n,=") {
		return fmt.Errorf("%w: name %q: it takes 1 to 64 bytes without blanks, comma and equals sign", ErrOffer, name)
	}
	return nil
}

// dial connects to the endpoint. Its time is bounded.
func (o *offer) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, o.DialTimeout, fmt.Errorf("no connection within %v", o.DialTimeout))
	defer cancel()
	conn, err := o.Dial(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return nil, err
	}
	return conn, nil
}

// take takes one of the connections that may be open, if there is one left; release gives it back.
func (o *offer) take() bool {
	if o.open.Add(1) <= int64(o.MaxConns) {
		return true
	}
	o.open.Add(-1)
	return false
}

func (o *offer) release() { o.open.Add(-1) }

func (o *offer) stats() OfferStats {
	return OfferStats{
		Name: o.Name, Upstream: o.Upstream,
		Open: o.open.Load(), Total: o.total.Load(), HandedOver: o.handedOver.Load(),
		Refused: o.refused.Load(), Failed: o.failed.Load(), Sent: o.sent.Load(), Received: o.received.Load(),
	}
}
