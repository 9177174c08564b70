package transports_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/internal/certtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func Example() {
	ctx := context.Background()
	ln, err := transports.Listen(ctx, "shm://@corechan-example", nil)
	if err != nil {
		panic(err)
	}
	defer ln.Close()
	go func() {
		sess, err := ln.Accept(ctx)
		if err != nil {
			return
		}
		greetings, _ := engine.Accept[any](ctx, sess, "greetings")
		replies, _ := engine.Open[any](ctx, sess, "replies")
		for g, err := range greetings.All(ctx) {
			if err != nil {
				return
			}
			var reply any = fmt.Sprint(*g, ", too")
			_ = replies.Send(ctx, &reply)
		}
	}()

	sess, err := transports.Dial(ctx, "shm://@corechan-example", nil)
	if err != nil {
		panic(err)
	}
	defer sess.Close()
	greetings, _ := engine.Open[any](ctx, sess, "greetings")
	var hello any = "good morning"
	_ = greetings.Send(ctx, &hello)
	replies, _ := engine.Accept[any](ctx, sess, "replies")
	var reply any
	_ = replies.Receive(ctx, &reply)
	fmt.Println(reply)
	// Output: good morning, too
}

func TestEveryTransportIsDialledByItsURL(t *testing.T) {
	ca := certtest.NewCA(t)
	server := &transports.Options{TLS: &tls.Config{Certificates: []tls.Certificate{ca.Good("server")}}}
	client := &transports.Options{TLS: &tls.Config{RootCAs: ca.Pool()}}
	for _, url := range []string{
		"inmem://x", "shm://@corechan-url-test", "shm://" + t.TempDir() + "/sock", "unix://" + t.TempDir() + "/sock", "unix://@corechan-url-test",
		"auto://" + t.TempDir() + "/sock", "tcp://127.0.0.1:0", "tcp://[::1]:0", "tls://127.0.0.1:0",
		"https://127.0.0.1:0", "h2c://127.0.0.1:0/path", "wss://127.0.0.1:0/a/b", "ws://127.0.0.1:0", "ws://[::1]:0/",
	} {
		t.Run(url, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			ln, err := transports.Listen(ctx, url, server)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			a, err := transports.Dial(ctx, ln.Addr(), client)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			b, err := ln.Accept(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			s, err := engine.Open[engine.Raw](ctx, a, "x")
			if err != nil {
				t.Fatal(err)
			}
			m := engine.Raw("hello")
			if err := s.Send(ctx, &m); err != nil {
				t.Fatal(err)
			}
			r, err := engine.Accept[engine.Raw](ctx, b, "x")
			if err != nil {
				t.Fatal(err)
			}
			var got engine.Raw
			if err := r.Receive(ctx, &got); err != nil || string(got) != "hello" {
				t.Fatal(string(got), err)
			}
		})
	}
}

func TestABadURLSaysWhatToWrite(t *testing.T) {
	for _, url := range []string{"", "x", "shm:", "shm://", "shm://run/app.sock", "tcp://localhost", "tcp://:", "tls://::1:7000", "unix://x", "gopher://x:70", "inmem://"} {
		if _, err := transports.Dial(context.Background(), url, nil); !errors.Is(err, transports.ErrURL) {
			t.Errorf("dial %q: %v", url, err)
		}
		if _, err := transports.Listen(context.Background(), url, nil); !errors.Is(err, transports.ErrURL) {
			t.Errorf("listen %q: %v", url, err)
		}
	}
}

// TestAMessageLargerThanThePeersRingIsRefusedHere: the peer says in the handshake what it can take.
func TestAMessageLargerThanThePeersRingIsRefusedHere(t *testing.T) {
	ca := certtest.NewCA(t)
	for _, url := range []string{"unix://" + t.TempDir() + "/sock", "tcp://127.0.0.1:0", "tls://127.0.0.1:0", "h2c://127.0.0.1:0/x", "ws://127.0.0.1:0/x"} {
		t.Run(url, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			ln, err := transports.Listen(ctx, url, &transports.Options{
				TLS: &tls.Config{Certificates: []tls.Certificate{ca.Good("server")}}, Ring: ring.Options{Capacity: 4096},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			a, err := transports.Dial(ctx, ln.Addr(), &transports.Options{TLS: &tls.Config{RootCAs: ca.Pool()}})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			b, err := ln.Accept(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			s, err := engine.Open[engine.Raw](ctx, a, "x")
			if err != nil {
				t.Fatal(err)
			}
			var limit *engine.LimitError
			large, fits := make(engine.Raw, 4096), make(engine.Raw, 4096-engine.HeaderSize)
			if err := s.Send(ctx, &large); !errors.As(err, &limit) || limit.Limit != uint64(len(fits)) {
				t.Errorf("4096 bytes: %v", err)
			}
			if err := s.Send(ctx, &fits); err != nil {
				t.Fatal(err)
			}
			r, err := engine.Accept[engine.Raw](ctx, b, "x")
			if err != nil {
				t.Fatal(err)
			}
			var got engine.Raw
			if err := r.Receive(ctx, &got); err != nil || len(got) != len(fits) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}
