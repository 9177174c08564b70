package transports_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/internal/certtest"
)

func background(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestDialTriesUntilSomebodyListens(t *testing.T) {
	ctx := background(t)
	url := "unix://" + t.TempDir() + "/sock"
	var told []transports.Dialling
	listening := make(chan *engine.Listener, 1)
	r := &transports.Retry{Min: time.Millisecond, Max: 4 * time.Millisecond, Told: func(d transports.Dialling) {
		told = append(told, d)
		if d.Attempt == 4 {
			ln, err := transports.Listen(ctx, url, nil)
			if err != nil {
				t.Error(err)
			}
			listening <- ln
		}
	}}
	s, err := transports.Dial(ctx, url, &transports.Options{Retry: r})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer (<-listening).Close()
	if len(told) != 5 || told[4].Err != nil || told[4].Wait != 0 {
		t.Errorf("told %+v", told)
	}
	for i, d := range told[:4] {
		if d.URL != url || d.Attempt != i+1 || !errors.Is(d.Err, syscall.ENOENT) || d.Wait <= 0 || d.Wait > 4*time.Millisecond {
			t.Errorf("attempt %d: told %+v", i+1, d)
		}
	}
}

func TestDialGivesUp(t *testing.T) {
	ctx := background(t)
	nobody := "unix://" + t.TempDir() + "/sock"
	refusing := "unix://" + t.TempDir() + "/sock"
	ln, err := transports.Listen(ctx, refusing, &transports.Options{Authorize: func(engine.Peer) error { return errors.New("no") }})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	n := 0
	count := func(transports.Dialling) { n++ }
	for _, c := range []struct {
		name, url string
		r         transports.Retry
		attempts  int
	}{
		{"after as many attempts as it may make", nobody, transports.Retry{Min: 1, Max: 1, Attempts: 3, Told: count}, 3},
		{"at a refusal", refusing, transports.Retry{Min: 1, Max: 1, Told: count}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n = 0
			if _, err := transports.Dial(ctx, c.url, &transports.Options{Retry: &c.r}); err == nil || n != c.attempts {
				t.Errorf("%v after %d attempts, want %d", err, n, c.attempts)
			}
		})
	}
	t.Run("with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		r := &transports.Retry{Min: time.Hour, Max: time.Hour, Told: func(transports.Dialling) { cancel() }}
		if _, err := transports.Dial(ctx, nobody, &transports.Options{Retry: r}); err == nil {
			t.Error("dialled nobody")
		}
	})
}

func TestSessionsDialAgain(t *testing.T) {
	ctx := background(t)
	url := "tcp://127.0.0.1:0"
	ln, err := transports.Listen(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	o := &transports.Options{Retry: &transports.Retry{Min: 1, Max: 1}}
	n := 0
	for s, err := range transports.Sessions(ctx, ln.Addr(), o) {
		if err != nil {
			t.Fatal(err)
		}
		far, err := ln.Accept(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 5 {
			far.Close()
			break
		}
		if err := far.Close(); err != nil {
			t.Fatal(err)
		}
		<-s.Done()
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	for s, err := range transports.Sessions(stopped, ln.Addr(), o) {
		if err == nil {
			t.Errorf("a session after the context's end: %v", s)
		}
	}
}

func TestWhatLastsIsTold(t *testing.T) {
	ctx := background(t)
	ca, other := certtest.NewCA(t), certtest.NewCA(t)
	listen := func(url string, o *transports.Options) string {
		ln, err := transports.Listen(ctx, url, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		return ln.Addr()
	}
	server := func(c tls.Certificate) *transports.Options {
		return &transports.Options{TLS: &tls.Config{Certificates: []tls.Certificate{c}}}
	}
	client := &transports.Options{TLS: &tls.Config{RootCAs: ca.Pool()}}
	mutual := server(ca.Good("server"))
	mutual.TLS.ClientAuth, mutual.TLS.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	for _, c := range []struct {
		name, url string
		lasts     bool
	}{
		{"no such scheme", "gopher://x:70", true},
		{"nobody listens", "tcp://" + free.Addr().String(), false},
		{"no such path", "unix://" + t.TempDir() + "/sock", false},
		{"an unknown authority", listen("tls://127.0.0.1:0", server(other.Good("server"))), true},
		{"expired", listen("tls://127.0.0.1:0", server(ca.Cert("server", time.Now().Add(-time.Hour)))), true},
		{"no certificate where one is needed", listen("tls://127.0.0.1:0", mutual), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := transports.Dial(ctx, c.url, client)
			if err == nil || transports.Lasting(err) != c.lasts {
				t.Errorf("%v: lasting is %v, want %v", err, !c.lasts, c.lasts)
			}
		})
	}
}
