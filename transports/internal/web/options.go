package web

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/hello"
)

// Options are those of both transports; their documentation stands there.
type Options struct {
	Engine           *engine.Engine
	Ring             ring.Options
	TLS              *tls.Config
	Header           http.Header
	Token            string
	Authorize        func(engine.Peer) error
	Origins          []string
	HandshakeTimeout time.Duration
	Keepalive        time.Duration
}

// Defaults fills in what is not set.
func (o *Options) Defaults() {
	if o.Engine == nil {
		o.Engine = engine.Default()
	}
	if o.HandshakeTimeout == 0 {
		o.HandshakeTimeout = 5 * time.Second
	}
	if o.Keepalive == 0 {
		o.Keepalive = 20 * time.Second
	}
	o.Ring = hello.Ring(o.Ring)
}

// ErrURL refuses an address.
var ErrURL = errors.New("bad address")

// ParseURL checks an address whose scheme must be one of schemes; the first of them is secure.
func ParseURL(address string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	case !slices.Contains(schemes, u.Scheme) || u.Host == "" || u.Opaque != "":
		return nil, fmt.Errorf("%w %q: write %s://host:port/path", ErrURL, u.Redacted(), strings.Join(schemes, ":// or "))
	case u.Fragment != "":
		return nil, fmt.Errorf("%w %q: it has a fragment, which no server sees", ErrURL, u.Redacted())
	}
	return u, nil
}

// Headers returns what a dialler sends of the options, and of the URL's user.
func (o *Options) Headers(u *url.URL) http.Header {
	h := o.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	r := http.Request{Header: h}
	switch password, _ := u.User.Password(); {
	case o.Token != "":
		h.Set("Authorization", "Bearer "+o.Token)
	case u.User != nil && h.Get("Authorization") == "":
		r.SetBasicAuth(u.User.Username(), password)
	}
	return h
}
