package httpchan_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/httpchan"
	"github.com/corechan/corechan/transports/internal/certtest"
	"github.com/corechan/corechan/transports/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func watchdog(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// echo answers each message on each "ping" with one on a "pong".
func echo(ctx context.Context, s *engine.Session) {
	for {
		r, err := engine.Accept[string](ctx, s, "ping")
		if err != nil {
			return
		}
		p, err := engine.Open[string](ctx, s, "pong")
		if err != nil {
			return
		}
		for m, err := range r.All(ctx) {
			if err != nil || p.Send(ctx, m) != nil {
				return
			}
		}
		_ = p.Close()
	}
}

// talk checks that a session to echo works.
func talk(t testing.TB, s *engine.Session) {
	t.Helper()
	ctx := watchdog(t)
	p := must(engine.Open[string](ctx, s, "ping"))
	r := must(engine.Accept[string](ctx, s, "pong"))
	for _, m := range []string{"hello", strings.Repeat("long ", 20000)} {
		if err := p.Send(ctx, &m); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := r.Receive(ctx, &got); err != nil || got != m {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	_ = p.Close()
	var none string
	if err := r.Receive(ctx, &none); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}

// serve starts a server with the handler at /chan, behind middleware.
func serve(t testing.TB, f func(ctx context.Context, s *engine.Session), o *httpchan.Options, wrap func(http.Handler) http.Handler, protocols func(*http.Protocols)) (*httptest.Server, *tls.Config) {
	mux := http.NewServeMux()
	mux.Handle("/chan", wrap(httpchan.Handler(f, o)))
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.Protocols = new(http.Protocols)
	protocols(srv.Config.Protocols)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = 300*time.Millisecond, 300*time.Millisecond // which sessions must outlive
	ca := certtest.NewCA(t)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Good("server")}}
	if srv.Config.Protocols.HTTP2() {
		srv.TLS.NextProtos = []string{"h2", "http/1.1"}
	}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv, &tls.Config{RootCAs: ca.Pool()}
}

func both(p *http.Protocols)         { p.SetHTTP1(true); p.SetHTTP2(true) }
func old(p *http.Protocols)          { p.SetHTTP1(true) }
func as(h http.Handler) http.Handler { return h }

type userKey struct{}

// requireToken is middleware of a user's, which hides the ResponseWriter's methods behind Unwrap.
func requireToken(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer token-of-")
		if !ok {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(&wrapped{w}, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}

type wrapped struct{ http.ResponseWriter }

func (w *wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestOneURLServesHTTP2AndWebSocketBehindMiddleware(t *testing.T) {
	fdtest.Snapshot(t)
	type seen struct {
		user      any
		transport string
		path      string
	}
	sessions := make(chan seen, 1)
	for _, c := range []struct {
		name, transport string
		protocols       func(*http.Protocols)
	}{{"HTTP/2", "h2", both}, {"HTTP/1.1 only", "ws", old}} {
		t.Run(c.name, func(t *testing.T) {
			srv, client := serve(t, func(ctx context.Context, s *engine.Session) {
				r := s.Peer().Identity.(*http.Request)
				sessions <- seen{ctx.Value(userKey{}), s.Transport(), r.URL.Path}
				echo(ctx, s)
			}, nil, requireToken, c.protocols)
			for _, dial := range []struct{ scheme, transport string }{{"https", c.transport}, {"wss", "ws"}} {
				url := dial.scheme + strings.TrimPrefix(srv.URL, "https") + "/chan"
				o := &httpchan.Options{TLS: client, Token: "token-of-ann"}
				var s *engine.Session
				if dial.scheme == "https" {
					s = must(httpchan.Dial(watchdog(t), url, o))
				} else {
					s = must(ws.Dial(watchdog(t), url, (*ws.Options)(o)))
				}
				if got := <-sessions; got != (seen{"ann", dial.transport, "/chan"}) || s.Transport() != dial.transport {
					t.Errorf("%s: %v, %s", dial.scheme, got, s.Transport())
				}
				talk(t, s)
				time.Sleep(2 * srv.Config.ReadTimeout) // not a wait for anything: the timeouts must have passed
				talk(t, s)
				_ = s.Close()
				_, err := httpchan.Dial(watchdog(t), url, &httpchan.Options{TLS: client})
				if dial.scheme == "https" && (!errors.Is(err, h2.ErrUnauthorized) || !strings.Contains(err.Error(), "who are you?")) {
					t.Errorf("without a token: %v", err)
				}
			}
		})
	}
}

func TestAWrongAnswerIsNamed(t *testing.T) {
	fdtest.Snapshot(t)
	answer := func(code int, header, value, body string) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				if header != "" {
					w.Header().Set(header, value)
				}
				w.WriteHeader(code)
				_, _ = io.WriteString(w, body)
			})
		}
	}
	for _, c := range []struct {
		name string
		wrap func(http.Handler) http.Handler
		path string
		want error
		text string
	}{
		{"no such path", as, "/elsewhere", h2.ErrNotCorechan, "404"},
		{"forbidden", answer(403, "", "", "not you"), "/chan", h2.ErrUnauthorized, "not you"},
		{"basic authentication", answer(401, "WWW-Authenticate", "Basic", ""), "/chan", h2.ErrUnauthorized, "Token"},
		{"redirection", answer(307, "Location", "https://elsewhere.example/", ""), "/chan", h2.ErrNotCorechan, "https://elsewhere.example/"},
		{"a web page", answer(200, "", "", "welcome"), "/chan", h2.ErrNotCorechan, "welcome"},
		{"garbage of the type", answer(200, "Content-Type", h2.ContentType, "garbage, and more of it, and more"), "/chan", nil, "garbage"},
		{"an empty answer of the type", answer(200, "Content-Type", h2.ContentType, ""), "/chan", nil, ""},
		{"server is down", answer(502, "", "", ""), "/chan", h2.ErrUnavailable, "502"},
		{"an error", answer(500, "", "", "broken"), "/chan", h2.ErrUnavailable, "broken"},
	} {
		for _, scheme := range []string{"https", "wss"} {
			t.Run(c.name+"/"+scheme, func(t *testing.T) {
				srv, client := serve(t, echo, nil, c.wrap, both)
				url := scheme + strings.TrimPrefix(srv.URL, "https") + c.path
				o := &httpchan.Options{TLS: client}
				var err error
				if scheme == "https" {
					_, err = httpchan.Dial(watchdog(t), url, o)
				} else {
					_, err = ws.Dial(watchdog(t), url, (*ws.Options)(o))
				}
				if err == nil || !strings.Contains(err.Error(), url) {
					t.Fatalf("%v does not name %s", err, url)
				}
				if c.want == nil && scheme == "https" {
					if !errors.Is(err, h2.ErrHandshake) && !errors.Is(err, io.EOF) {
						t.Error(err)
					}
				} else if c.want != nil && !errors.Is(err, c.want) || scheme == "https" && !strings.Contains(err.Error(), c.text) {
					t.Errorf("%v is not %v, or does not say %q", err, c.want, c.text)
				}
			})
		}
	}
}

func TestAnyOtherRequestIsToldWhatThisIs(t *testing.T) {
	fdtest.Snapshot(t)
	var log lines
	eng := must(engine.New(engine.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}))
	defer eng.Shutdown(context.Background())
	srv, client := serve(t, echo, &httpchan.Options{Engine: eng}, as, both)
	neighbour := must(httpchan.Dial(watchdog(t), srv.URL+"/chan", &httpchan.Options{TLS: client}))
	defer neighbour.Close()
	for _, c := range []struct {
		name, method string
		http2        bool
		header       map[string]string
		status       int
	}{
		{"GET by HTTP/1.1", "GET", false, nil, 426},
		{"POST by HTTP/1.1", "POST", false, map[string]string{"Content-Type": h2.ContentType}, 426},
		{"GET by HTTP/2", "GET", true, nil, 405},
		{"POST of something else", "POST", true, map[string]string{"Content-Type": "application/json"}, 415},
		{"Upgrade without subprotocol", "GET", false, map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
		}, 400},
		{"WebSocket version 8", "GET", false, map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "8", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
			"Sec-WebSocket-Protocol": ws.Subprotocol,
		}, 400},
		{"a page of another site", "GET", false, map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
			"Sec-WebSocket-Protocol": ws.Subprotocol, "Origin": "https://evil.example",
		}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := &http.Transport{TLSClientConfig: client.Clone(), Protocols: new(http.Protocols)}
			tr.Protocols.SetHTTP1(!c.http2)
			tr.Protocols.SetHTTP2(c.http2)
			defer tr.CloseIdleConnections()
			req := must(http.NewRequest(c.method, srv.URL+"/chan", strings.NewReader("{}")))
			if c.method == "GET" {
				req.Body, req.ContentLength = nil, 0
			}
			for k, v := range c.header {
				req.Header.Set(k, v)
			}
			resp := must(tr.RoundTrip(req))
			text := must(io.ReadAll(resp.Body))
			_ = resp.Body.Close()
			if resp.StatusCode != c.status || len(text) == 0 {
				t.Errorf("%s: %s", resp.Status, text)
			}
			if c.status != 403 && c.name != "WebSocket version 8" && !strings.Contains(string(text), "corechan endpoint") {
				t.Errorf("%q does not say what this is", text)
			}
			if !log.has("peer refused") {
				t.Error("nothing was logged")
			}
			talk(t, neighbour)
		})
	}
}

// lines collects a log.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// has reports whether a text was logged since it was asked last.
func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	has := strings.Contains(l.b.String(), text)
	l.b.Reset()
	return has
}

func TestAHandlersEndEndsItsSession(t *testing.T) {
	fdtest.Snapshot(t)
	for _, panics := range []bool{false, true} {
		for _, protocols := range []func(*http.Protocols){both, old} {
			srv, client := serve(t, func(ctx context.Context, s *engine.Session) {
				p := must(engine.Open[string](ctx, s, "words"))
				for _, word := range []string{"these", "words", "arrive"} {
					_ = p.Send(ctx, &word)
				}
				if panics {
					panic(http.ErrAbortHandler)
				}
			}, nil, as, protocols)
			s := must(httpchan.Dial(watchdog(t), srv.URL+"/chan", &httpchan.Options{TLS: client}))
			r := must(engine.Accept[string](watchdog(t), s, "words"))
			n := 0
			var err error
			for _, err = range r.All(watchdog(t)) {
				if err == nil {
					n++
				}
			}
			if n != 3 || !errors.Is(err, engine.ErrSessionClosed) {
				t.Errorf("%s, panic %v: %d words, then %v", s.Transport(), panics, n, err)
			}
			_ = s.Close()
		}
	}
}
