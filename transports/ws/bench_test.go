package ws_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/certtest"
	"github.com/corechan/corechan/transports/internal/webtest"
	"github.com/corechan/corechan/transports/ws"
)

// BenchmarkPingPong compares round trips of 64 bytes within this process: of messages, and of the library's.
func BenchmarkPingPong(b *testing.B) {
	onSchemes(b, func(b *testing.B, scheme string, server, client *tls.Config) {
		for _, w := range []engine.Wait{engine.Hybrid, engine.Block} {
			b.Run("session/"+w.String(), func(b *testing.B) {
				sa, sb := connect(b, scheme, server, client, w)
				webtest.PingPong(b, sa, sb, 64)
			})
		}
		b.Run("bare", func(b *testing.B) {
			c, peer := bare(b, scheme, server, client)
			go func() {
				buf := make([]byte, 64)
				for receive(peer, buf) == nil {
					_ = peer.Write(context.Background(), websocket.MessageBinary, buf)
				}
			}()
			buf := make([]byte, 64)
			webtest.RoundTrips(b, func() error {
				if err := c.Write(context.Background(), websocket.MessageBinary, buf); err != nil {
					return err
				}
				return receive(c, buf)
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
			c, peer := bare(b, scheme, server, client)
			received := make(chan int)
			go func() {
				buf := make([]byte, size)
				n := 0
				for receive(peer, buf) == nil {
					n++
				}
				received <- n
			}()
			buf := make([]byte, size)
			b.SetBytes(size)
			for b.Loop() {
				if err := c.Write(context.Background(), websocket.MessageBinary, buf); err != nil {
					b.Fatal(err)
				}
			}
			_ = c.Write(context.Background(), websocket.MessageBinary, nil) // the end
			if n := <-received; n != b.N {
				b.Errorf("%d messages of %d came", n, b.N)
			}
		})
	})
}

func onSchemes(b *testing.B, f func(b *testing.B, scheme string, server, client *tls.Config)) {
	ca := certtest.NewCA(b)
	server := &tls.Config{Certificates: []tls.Certificate{ca.Good("server")}}
	client := &tls.Config{RootCAs: ca.Pool()}
	for _, scheme := range []string{"ws", "wss"} {
		b.Run(scheme, func(b *testing.B) { f(b, scheme, server, client) })
	}
}

func connect(b *testing.B, scheme string, server, client *tls.Config, w engine.Wait) (sa, sb *engine.Session) {
	ctx := context.Background()
	ea, eb := must(engine.New(engine.Config{Wait: w})), must(engine.New(engine.Config{Wait: w}))
	ln := must(ws.Listen(ctx, scheme+"://127.0.0.1:0/", &ws.Options{Engine: eb, TLS: server}))
	defer ln.Close()
	sa = must(ws.Dial(ctx, ln.Addr(), &ws.Options{Engine: ea, TLS: client}))
	sb = must(ln.Accept(ctx))
	b.Cleanup(func() { sa.Close(); sb.Close(); _ = ea.Shutdown(ctx); _ = eb.Shutdown(ctx) })
	return sa, sb
}

// bare connects two WebSocket connections of the library alone.
func bare(b *testing.B, scheme string, server, client *tls.Config) (dialled, accepted *websocket.Conn) {
	got := make(chan *websocket.Conn)
	over := make(chan struct{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := must(websocket.Accept(w, r, nil))
		c.SetReadLimit(-1)
		got <- c
		<-over
	}))
	tr := &http.Transport{TLSClientConfig: client}
	if scheme == "wss" {
		srv.TLS = server.Clone()
		srv.StartTLS()
	} else {
		srv.Start()
	}
	url := scheme + srv.URL[strings.Index(srv.URL, "://"):]
	dialled, _, err := websocket.Dial(context.Background(), url, &websocket.DialOptions{HTTPClient: &http.Client{Transport: tr}})
	if err != nil {
		b.Fatal(err)
	}
	dialled.SetReadLimit(-1)
	accepted = <-got
	b.Cleanup(func() {
		_ = dialled.CloseNow()
		_ = accepted.CloseNow()
		close(over)
		srv.Close()
	})
	return dialled, accepted
}

// receive reads a message into p, of its size.
func receive(c *websocket.Conn, p []byte) error {
	_, r, err := c.Reader(context.Background())
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(r, p); err != nil {
		return err
	}
	_, err = r.Read(p) // its end
	if err == io.EOF {
		err = nil
	}
	return err
}
