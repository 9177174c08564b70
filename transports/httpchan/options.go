package httpchan

import (
	"crypto/tls"
	"net/http"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/internal/web"
	"github.com/corechan/corechan/transports/ws"
)

// Options are how sessions are made. The zero value, and nil, is a good choice.
type Options struct {
	// Engine owns the sessions; nil means engine.Default.
	Engine *engine.Engine
	// Ring is the ring that this side sends on, and the one for what it receives: its capacity, 1 MiB if zero. It bounds the
	// messages that the peer can send.
	Ring ring.Options
	// TLS is the dialer's, or a listener's, who needs a certificate. nil: the dialer trusts the system's authorities. A Handler
	// has its server's.
	TLS *tls.Config
	// Header is what a dialer's request has beside its own.
	Header http.Header
	// Token is the bearer token that a dialer sends, and that a listener or handler wants: others get 401. Empty: none.
	Token string
	// Authorize decides about a peer at the listener's side, whose Identity is the *http.Request: an error refuses it with 403,
	// and its text is told to it.
	Authorize func(engine.Peer) error
	// Origins are, for WebSocket, the web pages, by host or by scheme://host, whose scripts may connect with their user's cookies, beside those
	// of the server's own host: patterns of path.Match. Who is no browser sends no Origin, and is not concerned.
	Origins []string
	// HandshakeTimeout bounds a dial, from connecting on, and at the other side the handshake. 0 means 5 s.
	HandshakeTimeout time.Duration
	// Keepalive is how often a sign of life is asked for: see h2.Options and ws.Options. 0 means 20 s, less than 0 never.
	Keepalive time.Duration
}

func (o *Options) web() web.Options {
	var w web.Options
	if o != nil {
		w = web.Options(*o)
	}
	w.Defaults()
	return w
}

func (o *Options) h2() *h2.Options {
	if o == nil {
		return nil
	}
	return &h2.Options{
		Engine: o.Engine, Ring: o.Ring, TLS: o.TLS, Header: o.Header, Token: o.Token, Authorize: o.Authorize,
		HandshakeTimeout: o.HandshakeTimeout, Keepalive: o.Keepalive,
	}
}

func (o *Options) ws() *ws.Options { return (*ws.Options)(o) }
