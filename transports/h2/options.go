package h2

import (
	"crypto/tls"
	"net/http"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/hello"
	"github.com/corechan/corechan/transports/internal/web"
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
	// HandshakeTimeout bounds a dial, from connecting on, and at the other side the handshake. 0 means 5 s.
	HandshakeTimeout time.Duration
	// Keepalive is how long nothing may come on a connection before it is asked for a sign of life, which must come within 15 s.
	// 0 means 20 s, less than 0 never. A Handler has its server's: http.HTTP2Config.SendPingTimeout.
	Keepalive time.Duration
	// Requests is how many requests a dialer makes for a session, each with a connection of its own, from 1 to 16: for what one
	// connection's window or a shaper before it holds down. All of them must reach the same server. 0 means 1; a server that does
	// not know of it gets one.
	Requests int
}

func (o *Options) web() web.Options {
	var w web.Options
	if o != nil {
		w = web.Options{
			Engine: o.Engine, Ring: o.Ring, TLS: o.TLS, Header: o.Header, Token: o.Token, Authorize: o.Authorize,
			HandshakeTimeout: o.HandshakeTimeout, Keepalive: o.Keepalive,
		}
	}
	w.Defaults()
	return w
}

var (
	// ErrURL is an address that is not one of this package's.
	ErrURL = web.ErrURL
	// ErrUnauthorized is a server, or a proxy before it, that wants other credentials: 401, 403 or 407.
	ErrUnauthorized = web.ErrUnauthorized
	// ErrNotCorechan is a server that answers, but not as a corechan endpoint does.
	ErrNotCorechan = web.ErrNotCorechan
	// ErrHTTP1 is a server, or a proxy before it, that speaks only HTTP/1: WebSocket may be carried there.
	ErrHTTP1 = web.ErrHTTP1
	// ErrUnavailable is a server, or a proxy before it, that cannot serve now: 408, 429, or 5xx.
	ErrUnavailable = web.ErrUnavailable
	// ErrNoAnswer is a server, or a proxy before it, that has taken the request and does not answer in time, as a proxy that
	// waits for the request's end.
	ErrNoAnswer = web.ErrNoAnswer
	// ErrNoCertificate refuses to listen for TLS without a certificate.
	ErrNoCertificate = web.ErrNoCertificate
	// ErrHandshake is a handshake that is not corechan's.
	ErrHandshake = hello.ErrHandshake
	// ErrVersion is a peer that speaks another version.
	ErrVersion = hello.ErrVersion
	// ErrRefused is a listener's refusal; its text says why.
	ErrRefused = hello.ErrRefused
)

// A StatusError is an answer with an unexpected status, and what it says.
type StatusError = web.StatusError
