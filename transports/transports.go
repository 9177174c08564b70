// Package transports dials and listens by URL, so that what a program speaks is a string in its configuration. Each
// transport is also a package of its own, with options of its own; importing only that links nothing else.
//
//	inmem://name                  two ends in one process
//	shm:///run/app.sock           processes of one machine, by shared memory; the path is absolute
//	shm://@name                   the same, at an abstract name
//	unix:///run/app.sock          processes of one machine that cannot share memory; or unix://@name
//	auto:///run/app.sock          shm, or unix where shared memory is refused; or auto://@name
//	tcp://host:port               any machine, neither encrypted nor authenticated
//	tls://host:port               any machine, by TLS 1.3
//	https://host:port/path        by HTTP/2, or WebSocket where there is only HTTP/1.1; through proxies
//	wss://host:port/path          by WebSocket alone; h2c:// and ws:// are the same two without TLS
package transports

import (
	"context"
	stdtls "crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/auto"
	"github.com/corechan/corechan/transports/inmem"
	"github.com/corechan/corechan/transports/shm"
	"github.com/corechan/corechan/transports/tcp"
	"github.com/corechan/corechan/transports/tls"
	"github.com/corechan/corechan/transports/unix"
)

// ErrURL is an address that no transport here understands.
var ErrURL = errors.New("bad address")

// Options are what transports have in common. The zero value, and nil, is a good choice for all but listeners of TLS, which need a
// certificate. What does not concern a transport is ignored.
type Options struct {
	// Engine owns the sessions; nil means engine.Default.
	Engine *engine.Engine
	// Ring is the ring that this side sends on: its capacity, 256 KiB if zero and 1 MiB over a socket, prefaulting, huge pages.
	Ring ring.Options
	// AllowUIDs are the users that a local peer may be, beside one's own.
	AllowUIDs []uint32
	// Authorize decides about a peer, instead of AllowUIDs: an error refuses it, and its text is told to it.
	Authorize func(engine.Peer) error
	// HandshakeTimeout bounds the handshake. 0 means 5 s, and 10 s with TLS.
	HandshakeTimeout time.Duration
	// TLS is what crypto/tls is told: certificates, roots, names. nil trusts the system's roots.
	TLS *stdtls.Config
	// TLSFiles are PEM files read instead, and read again when they change.
	TLSFiles tls.Files
	// Header is what the request of a dial by HTTP has beside its own.
	Header http.Header
	// Token is the bearer token that a dial by HTTP sends, and that a listener or handler there wants.
	Token string
	// Retry has Dial try again, and says how Sessions does. nil: Dial tries once.
	Retry *Retry
}

// A transport is how a scheme's URLs are understood, dialled and listened at.
type transport struct {
	scheme string
	check  func(addr string) error
	dial   func(context.Context, string, *Options) (*engine.Session, error)
	listen func(context.Context, string, *Options) (*engine.Listener, error)
}

// all returns the transports.
func all() []transport {
	return append([]transport{
		{
			inmem.Transport, anyName,
			func(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
				return inmem.Dial(ctx, addr, o.inmem())
			},
			func(ctx context.Context, addr string, o *Options) (*engine.Listener, error) {
				return inmem.Listen(ctx, addr, o.inmem())
			},
		},
		{
			shm.Transport, localName,
			func(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
				return shm.Dial(ctx, addr, o.shm())
			},
			func(ctx context.Context, addr string, o *Options) (*engine.Listener, error) {
				return shm.Listen(ctx, addr, o.shm())
			},
		},
		{
			unix.Transport, localName,
			func(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
				return unix.Dial(ctx, addr, o.unix())
			},
			func(ctx context.Context, addr string, o *Options) (*engine.Listener, error) {
				return unix.Listen(ctx, addr, o.unix())
			},
		},
		{
			auto.Transport, localName,
			func(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
				return auto.Dial(ctx, addr, o.auto())
			},
			func(ctx context.Context, addr string, o *Options) (*engine.Listener, error) {
				return auto.Listen(ctx, addr, o.auto())
			},
		},
		{
			tcp.Transport, hostPort,
			func(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
				return tcp.Dial(ctx, addr, o.tcp())
			},
			func(ctx context.Context, addr string, o *Options) (*engine.Listener, error) {
				return tcp.Listen(ctx, addr, o.tcp())
			},
		},
		{
			tls.Transport, hostPort,
			func(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
				return tls.Dial(ctx, addr, o.tls())
			},
			func(ctx context.Context, addr string, o *Options) (*engine.Listener, error) {
				return tls.Listen(ctx, addr, o.tls())
			},
		},
	}, webTransports()...)
}

// Schemes returns the schemes that URLs may have.
func Schemes() []string {
	var names []string
	for _, t := range all() {
		names = append(names, t.scheme)
	}
	return names
}

// Dial connects to the listener at a URL. The session is the caller's to close. With Options.Retry it tries until it has
// connected, ctx is done, or the listener has refused.
func Dial(ctx context.Context, url string, o *Options) (*engine.Session, error) {
	t, addr, err := split(url)
	if err != nil {
		return nil, err
	}
	if o == nil || o.Retry == nil {
		return t.dial(ctx, addr, o)
	}
	return o.Retry.dial(ctx, url, func() (*engine.Session, error) { return t.dial(ctx, addr, o) }, o.logger())
}

// Listen listens at a URL. The listener is the caller's to close.
func Listen(ctx context.Context, url string, o *Options) (*engine.Listener, error) {
	t, addr, err := split(url)
	if err != nil {
		return nil, err
	}
	return t.listen(ctx, addr, o)
}

// split takes a URL apart and checks it.
func split(url string) (t transport, addr string, err error) {
	scheme, addr, ok := strings.Cut(url, "://")
	if !ok || addr == "" {
		return t, "", fmt.Errorf("transports: %w: %q: write scheme://address, as in shm:///run/app.sock", ErrURL, url)
	}
	known := all()
	i := slices.IndexFunc(known, func(t transport) bool { return t.scheme == scheme })
	if i < 0 {
		return t, "", fmt.Errorf("transports: %w: %q: no transport %q; there are %s", ErrURL, url, scheme, strings.Join(Schemes(), ", "))
	}
	if err := known[i].check(addr); err != nil {
		return t, "", fmt.Errorf("transports: %w: %q: %w", ErrURL, url, err)
	}
	return known[i], addr, nil
}

func anyName(string) error { return nil }

func localName(addr string) error {
	if addr[0] == '/' || addr[0] == '@' {
		return nil
	}
	return fmt.Errorf("an absolute path has three slashes, :///%s; an abstract name begins with @, ://@%s", addr, addr)
}

func hostPort(addr string) error {
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		return errors.New("write host:port, as in localhost:7000; an IPv6 address in brackets, [::1]:7000")
	}
	return nil
}
