package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/corechan/corechan/engine"
)

// ErrNoCertificate refuses to listen for TLS without a certificate.
var ErrNoCertificate = errors.New("no certificate: set Options.TLS with Certificates, or GetCertificate")

// maxHandshakes bounds the handshakes under way on one listener, with the sessions that wait for room in its backlog.
const maxHandshakes = 128

// Listen serves sessions at a URL, by a server of its own. secure says that the scheme means TLS. handler makes the handler
// of an acceptor, which it serves at the URL's path; the server answers 404 elsewhere.
func Listen(ctx context.Context, u *url.URL, secure bool, o Options, http2 bool, handler func(*Acceptor) http.Handler) (*engine.Listener, error) {
	if secure && (o.TLS == nil || len(o.TLS.Certificates) == 0 && o.TLS.GetCertificate == nil && o.TLS.GetConfigForClient == nil) {
		return nil, ErrNoCertificate
	}
	host := u.Host
	if u.Port() == "" {
		port := "80"
		if secure {
			port = "443"
		}
		host = net.JoinHostPort(u.Hostname(), port)
	}
	var lc net.ListenConfig
	sock, err := lc.Listen(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	l := &listener{slots: make(chan struct{}, maxHandshakes), fresh: map[net.Conn]struct{}{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.handler = handler(&Acceptor{Options: o, Serve: l.deliver, Keep: true})
	l.path = u.EscapedPath()
	if l.path == "" {
		l.path = "/"
	}
	l.server = &http.Server{
		Handler: l, TLSConfig: o.TLS.Clone(), Protocols: new(http.Protocols), ReadHeaderTimeout: o.HandshakeTimeout, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ConnState: l.connState,
		ErrorLog:    slog.NewLogLogger(o.Engine.Logger().With("listener", u.Scheme+"://"+sock.Addr().String()).Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		HTTP2:       ServerHTTP2(&o),
	}
	l.server.Protocols.SetHTTP1(true) // at least for an answer that says what this is
	if http2 {
		l.server.Protocols.SetHTTP2(secure)
		l.server.Protocols.SetUnencryptedHTTP2(!secure)
	}
	at := *u
	at.Host, at.User = address(u, sock.Addr()), nil
	l.Listener, err = engine.NewListener(o.Engine, at.String(), l.close)
	if err != nil {
		l.cancel()
		_ = sock.Close()
		return nil, err
	}
	l.all.Go(func() {
		var err error
		if secure {
			err = l.server.ServeTLS(sock, "", "")
		} else {
			err = l.server.Serve(sock)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			o.Engine.Logger().Error("listener has failed", "listener", at.String(), "reason", err)
		}
	})
	return l.Listener, nil
}

// ServerHTTP2 is what a server's HTTP/2 should be like: windows for a stream at full rate, and pings.
func ServerHTTP2(o *Options) *http.HTTP2Config {
	c := &http.HTTP2Config{
		MaxReceiveBufferPerStream: 1 << 20, MaxReceiveBufferPerConnection: 2 << 20, MaxReadFrameSize: 256 << 10,
	}
	if o.Keepalive > 0 {
		c.SendPingTimeout = o.Keepalive
	}
	return c
}

// address is where a listener is reached: the host that was asked for, and the port that the system gave.
func address(u *url.URL, got net.Addr) string {
	_, port, err := net.SplitHostPort(got.String())
	if err != nil {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// A listener is an http.Server whose requests become sessions.
type listener struct {
	*engine.Listener
	server  *http.Server
	handler http.Handler
	path    string
	slots   chan struct{}
	ctx     context.Context // ends with the listener
	cancel  context.CancelFunc

	mu     sync.Mutex
	closed bool
	fresh  map[net.Conn]struct{} // connections without a request so far
	all    sync.WaitGroup        // the server's goroutine, and requests whose session is not delivered
}

// An undelivered request is one whose session is not delivered.
type undelivered struct {
	slot func() // gives its place among the handshakes to others
	free func() // the listener has no more to do with it
}

type undeliveredKey struct{}

// Waits lets others shake hands while a request waits for others of its session.
func Waits(r *http.Request) {
	if u, ok := r.Context().Value(undeliveredKey{}).(undelivered); ok {
		u.slot()
	}
}

// Joined says that a request has become part of a session that another one makes.
func Joined(r *http.Request) {
	if u, ok := r.Context().Value(undeliveredKey{}).(undelivered); ok {
		u.free()
	}
}

// ServeHTTP has a request become a session.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.EscapedPath() != l.path {
		Answer(w, r, http.StatusNotFound, fmt.Sprintf("there is nothing at this path; the endpoint is at %s", l.path))
		return
	}
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.all.Add(1)
	}
	l.mu.Unlock()
	if closed {
		Answer(w, r, http.StatusServiceUnavailable, "the listener is closed")
		return
	}
	done := sync.OnceFunc(l.all.Done)
	defer done()
	select {
	case l.slots <- struct{}{}:
	case <-l.ctx.Done():
		Answer(w, r, http.StatusServiceUnavailable, "the listener is closed")
		return
	case <-r.Context().Done():
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(l.ctx, cancel)
	slot := sync.OnceFunc(func() { <-l.slots })
	free := sync.OnceFunc(func() { stop(); slot(); done() })
	defer free()
	defer cancel()
	l.handler.ServeHTTP(w, r.WithContext(context.WithValue(ctx, undeliveredKey{}, undelivered{slot, free})))
}

// deliver is the acceptor's Serve: from here on the session is the engine's listener's.
func (l *listener) deliver(ctx context.Context, s *engine.Session) {
	l.Deliver(s)
	ctx.Value(undeliveredKey{}).(undelivered).free()
}

// close stops listening, and cuts short what has not become a session. Sessions that were handed out go on.
func (l *listener) close() error {
	l.mu.Lock()
	l.closed = true
	fresh := l.fresh
	l.fresh = nil
	l.mu.Unlock()
	l.cancel()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	err := l.server.Shutdown(now) // connections with sessions end with these
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	for c := range fresh {
		_ = c.Close()
	}
	l.all.Wait()
	return err
}

// connState keeps track of connections that no request has come on, for close.
func (l *listener) connState(c net.Conn, state http.ConnState) {
	l.mu.Lock()
	closed := l.closed
	switch {
	case state != http.StateNew:
		delete(l.fresh, c)
	case !closed:
		l.fresh[c] = struct{}{}
	}
	l.mu.Unlock()
	if closed && state == http.StateNew {
		_ = c.Close()
	}
}
