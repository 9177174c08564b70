package h2_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/internal/certtest"
	"github.com/corechan/corechan/transports/internal/webtest"
)

// BenchmarkPingPong compares round trips of 64 bytes within this process: of messages, and of bytes over a request and its
// response.
func BenchmarkPingPong(b *testing.B) {
	onSchemes(b, func(b *testing.B, scheme string, server, client *tls.Config) {
		for _, w := range []engine.Wait{engine.Hybrid, engine.Block} {
			b.Run("session/"+w.String(), func(b *testing.B) {
				sa, sb := connect(b, scheme, server, client, w)
				webtest.PingPong(b, sa, sb, 64)
			})
		}
		b.Run("bare", func(b *testing.B) {
			w, r := bare(b, scheme, server, client, func(w http.ResponseWriter, r *http.Request) {
				buf := make([]byte, 64)
				for {
					if _, err := io.ReadFull(r.Body, buf); err != nil {
						return
					}
					_, _ = w.Write(buf)
					w.(http.Flusher).Flush()
				}
			})
			buf := make([]byte, 64)
			webtest.RoundTrips(b, func() error {
				must(w.Write(buf))
				_, err := io.ReadFull(r, buf)
				return err
			})
		})
	})
}

// BenchmarkStream compares streams of 64 KiB.
func BenchmarkStream(b *testing.B) {
	const size = 64 << 10
	onSchemes(b, func(b *testing.B, scheme string, server, client *tls.Config) {
		for _, w := range []engine.Wait{engine.Hybrid, engine.Block} {
			b.Run("session/"+w.String(), func(b *testing.B) {
				sa, sb := connect(b, scheme, server, client, w)
				webtest.Stream(b, sa, sb, size)
			})
		}
		b.Run("bare", func(b *testing.B) {
			w, r := bare(b, scheme, server, client, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusOK)
				w.(http.Flusher).Flush()
				n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r.Body}, make([]byte, size))
				_, _ = fmt.Fprint(w, n)
			})
			buf := make([]byte, size)
			b.SetBytes(size)
			for b.Loop() {
				must(w.Write(buf))
			}
			_ = w.Close()
			if n := string(must(io.ReadAll(r))); n != fmt.Sprint(b.N*size) {
				b.Errorf("%s bytes of %d came", n, b.N*size)
			}
		})
	})
}

func onSchemes(b *testing.B, f func(b *testing.B, scheme string, server, client *tls.Config)) {
	ca := certtest.NewCA(b)
	server := &tls.Config{Certificates: []tls.Certificate{ca.Good("server")}}
	client := &tls.Config{RootCAs: ca.Pool()}
	for _, scheme := range []string{"h2c", "https"} {
		b.Run(scheme, func(b *testing.B) { f(b, scheme, server, client) })
	}
}

func connect(b *testing.B, scheme string, server, client *tls.Config, w engine.Wait) (sa, sb *engine.Session) {
	ctx := context.Background()
	ea, eb := must(engine.New(engine.Config{Wait: w})), must(engine.New(engine.Config{Wait: w}))
	ln := must(h2.Listen(ctx, scheme+"://127.0.0.1:0/", &h2.Options{Engine: eb, TLS: server}))
	defer ln.Close()
	sa = must(h2.Dial(ctx, ln.Addr(), &h2.Options{Engine: ea, TLS: client}))
	sb = must(ln.Accept(ctx))
	b.Cleanup(func() { sa.Close(); sb.Close(); _ = ea.Shutdown(ctx); _ = eb.Shutdown(ctx) })
	return sa, sb
}

// bare makes a request of the library alone: what is written is its body, what is read its response's.
func bare(b *testing.B, scheme string, server, client *tls.Config, f http.HandlerFunc) (io.WriteCloser, io.Reader) {
	srv := httptest.NewUnstartedServer(f)
	srv.Config.Protocols = new(http.Protocols)
	tr := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: client, HTTP2: &http.HTTP2Config{MaxReadFrameSize: 256 << 10}}
	srv.Config.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 1 << 20, MaxReceiveBufferPerConnection: 2 << 20, MaxReadFrameSize: 256 << 10}
	if scheme == "https" {
		srv.Config.Protocols.SetHTTP2(true)
		tr.Protocols.SetHTTP2(true)
		srv.TLS = server.Clone()
		srv.TLS.NextProtos = []string{"h2"}
		srv.StartTLS()
	} else {
		srv.Config.Protocols.SetUnencryptedHTTP2(true)
		tr.Protocols.SetUnencryptedHTTP2(true)
		srv.Start()
	}
	r, w := io.Pipe()
	req := must(http.NewRequest(http.MethodPost, srv.URL, r))
	resp := make(chan *http.Response, 1)
	go func() { resp <- must(tr.RoundTrip(req)) }()
	body := &lazy{get: func() io.ReadCloser { return (<-resp).Body }}
	b.Cleanup(func() {
		_ = w.CloseWithError(errors.New("over"))
		tr.CloseIdleConnections()
		srv.CloseClientConnections()
		srv.Close()
	})
	return w, body
}

// lazy gets what it reads from at the first read.
type lazy struct {
	get func() io.ReadCloser
	r   io.ReadCloser
}

func (l *lazy) Read(p []byte) (int, error) {
	if l.r == nil {
		l.r = l.get()
	}
	return l.r.Read(p)
}
