package ws

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
	// Origins are the web pages, by host or by scheme://host, whose scripts may connect with their user's cookies, beside those
	// of the server's own host: patterns of path.Match. Who is no browser sends no Origin, and is not concerned.
	Origins []string
	// HandshakeTimeout bounds a dial, from connecting on, and at the other side the handshake. 0 means 5 s.
	HandshakeTimeout time.Duration
	// Keepalive is how often each side asks the other for a sign of life, which also keeps proxies from taking the connection
	// for an idle one. A peer that does not answer for a minute, and sends nothing, is gone; so a process that reads nothing
	// from a session whose ring is full is taken for dead. 0 means 20 s, less than 0 never.
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

var (
	// ErrURL is an address that is not one of this package's.
	ErrURL = web.ErrURL
	// ErrUnauthorized is a server, or a proxy before it, that wants other credentials: 401, 403 or 407.
	ErrUnauthorized = web.ErrUnauthorized
	// ErrNotCorechan is a server that answers, but not as a corechan endpoint does.
	ErrNotCorechan = web.ErrNotCorechan
	// ErrUnavailable is a server, or a proxy before it, that cannot serve now: 408, 429, or 5xx.
	ErrUnavailable = web.ErrUnavailable
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
