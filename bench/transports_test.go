package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/transports"
)

// urls are where each transport listens in this benchmark.
func url(transport string) string {
	name := rand.Text()
	switch transport {
	case "inmem":
		return "inmem://" + name
	case "shm", "unix":
		return transport + "://@corechan-bench-" + name
	case "h2":
		return "https://127.0.0.1:0/"
	case "ws":
		return "wss://127.0.0.1:0/"
	default:
		return transport + "://127.0.0.1:0"
	}
}

// connector dials what it listens at.
type connector struct {
	ln      *engine.Listener
	dialler *transports.Options
}

func listen(b *testing.B, transport string, w engine.Wait) *connector {
	identity := must(limit.NewIdentity())
	serving := &transports.Options{Engine: newEngine(b, w), TLS: limit.ServerTLS(identity)}
	dialling := &transports.Options{Engine: newEngine(b, w), TLS: must(limit.ClientTLS(identity.Certificate[0])), Header: http.Header{}}
	return &connector{must(transports.Listen(context.Background(), url(transport), serving)), dialling}
}

// connect makes a session.
func (c *connector) connect() (near, far *engine.Session) {
	ctx := context.Background()
	accepted := make(chan *engine.Session, 1)
	go func() { accepted <- must(c.ln.Accept(ctx)) }()
	near = must(transports.Dial(ctx, c.ln.Addr(), c.dialler))
	return near, <-accepted
}

// pair makes a session that ends with the benchmark.
func pair(b *testing.B, transport string, w engine.Wait) (near, far *engine.Session) {
	near, far = listen(b, transport, w).connect()
	b.Cleanup(func() {
		_ = near.Close()
		_ = far.Close()
	})
	return near, far
}

func BenchmarkSession(b *testing.B) {
	for _, transport := range []string{"inmem", "shm", "unix", "tcp"} {
		b.Run(transport, func(b *testing.B) {
			c := listen(b, transport, engine.Hybrid)
			b.ReportAllocs()
			for b.Loop() {
				near, far := c.connect()
				check(near.Close())
				check(far.Close())
			}
		})
	}
}

func BenchmarkTransport(b *testing.B) {
	for _, transport := range []string{"inmem", "shm", "unix", "tcp", "tls", "h2", "ws"} {
		b.Run(fmt.Sprintf("%s/pingpong", transport), func(b *testing.B) { pingpong(b, transport) })
		b.Run(fmt.Sprintf("%s/stream", transport), func(b *testing.B) { stream(b, transport) })
	}
}

func pingpong(b *testing.B, transport string) {
	ctx := context.Background()
	near, far := pair(b, transport, engine.Hybrid)
	there, in := ends[perf.Message](near, far, "there")
	back, answers := ends[perf.Message](far, near, "back")
	go func() {
		m := newMessage()
		for in.Receive(ctx, &m) == nil && back.Send(ctx, &m) == nil {
		}
	}()
	out, got := newMessage(), newMessage()
	b.ReportAllocs()
	for b.Loop() {
		check(there.Send(ctx, &out))
		check(answers.Receive(ctx, &got))
	}
}

func stream(b *testing.B, transport string) {
	ctx := context.Background()
	near, far := pair(b, transport, engine.Hybrid)
	there, in := ends[perf.Message](near, far, "there")
	received := make(chan int, 1)
	go func() {
		m, n := newMessage(), 0
		for in.Receive(ctx, &m) == nil {
			n++
		}
		received <- n
	}()
	out, sent := newMessage(), 0
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		check(there.Send(ctx, &out))
		sent++
	}
	check(there.Close())
	if n := <-received; n != sent {
		b.Fatalf("%d of %d messages were received", n, sent)
	}
}
