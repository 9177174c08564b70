package httpchan_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/httpchan"
	"github.com/corechan/corechan/transports/internal/certtest"
	"github.com/corechan/corechan/transports/ws"
)

// A kind is a transport by HTTP, for tests that hold for all.
type kind struct {
	scheme string
	secure bool
	listen func(ctx context.Context, url string, o *httpchan.Options) (*engine.Listener, error)
	dial   func(ctx context.Context, url string, o *httpchan.Options) (*engine.Session, error)
}

func h2Options(o *httpchan.Options) *h2.Options {
	return &h2.Options{
		Engine: o.Engine, Ring: o.Ring, TLS: o.TLS, Header: o.Header, Token: o.Token, Authorize: o.Authorize,
		HandshakeTimeout: o.HandshakeTimeout, Keepalive: o.Keepalive,
	}
}

func kinds() []kind {
	listenH2 := func(ctx context.Context, url string, o *httpchan.Options) (*engine.Listener, error) {
		return h2.Listen(ctx, url, h2Options(o))
	}
	dialH2 := func(ctx context.Context, url string, o *httpchan.Options) (*engine.Session, error) {
		return h2.Dial(ctx, url, h2Options(o))
	}
	listenWS := func(ctx context.Context, url string, o *httpchan.Options) (*engine.Listener, error) {
		return ws.Listen(ctx, url, (*ws.Options)(o))
	}
	dialWS := func(ctx context.Context, url string, o *httpchan.Options) (*engine.Session, error) {
		return ws.Dial(ctx, url, (*ws.Options)(o))
	}
	return []kind{
		{"h2c", false, listenH2, dialH2},
		{"https", true, listenH2, dialH2},
		{"ws", false, listenWS, dialWS},
		{"wss", true, listenWS, dialWS},
	}
}

// A bed is a listener whose sessions echo, its log, and what its dialers need.
type bed struct {
	kind
	t   testing.TB
	ln  *engine.Listener
	url string
	log *lines
	ca  *certtest.CA
	eng *engine.Engine // the dialers'
}

// listen makes a bed until the test ends.
func (k kind) bed(t testing.TB, o httpchan.Options, config engine.Config) *bed {
	t.Helper()
	b := &bed{kind: k, t: t, log: &lines{}, ca: certtest.NewCA(t)}
	config.Logger = slog.New(slog.NewTextHandler(b.log, nil))
	o.Engine = must(engine.New(config))
	b.eng = must(engine.New(engine.Config{}))
	if o.TLS == nil {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{b.ca.Good("server")}}
	}
	b.ln = must(k.listen(context.Background(), k.scheme+"://127.0.0.1:0/chan", &o))
	b.url = b.ln.Addr()
	served := make(chan struct{})
	go func() {
		defer close(served)
		for s := range b.ln.Sessions(context.Background()) {
			go func() {
				echo(context.Background(), s)
				_ = s.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		_ = b.ln.Close()
		<-served
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = o.Engine.Shutdown(now)
		_ = b.eng.Shutdown(now)
	})
	return b
}

// options are a good dialer's.
func (b *bed) options() *httpchan.Options {
	return &httpchan.Options{Engine: b.eng, TLS: &tls.Config{RootCAs: b.ca.Pool()}}
}

// connect dials, until the test ends.
func (b *bed) connect(o *httpchan.Options) *engine.Session {
	b.t.Helper()
	s, err := b.dial(watchdog(b.t), b.url, o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = s.Close() })
	return s
}

func onKinds(t *testing.T, f func(t *testing.T, k kind)) {
	for _, k := range kinds() {
		t.Run(k.scheme, func(t *testing.T) { f(t, k) })
	}
}
