package ws_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/hello"
	"github.com/corechan/corechan/transports/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPingsAreSentAndAnswered has a peer that only counts.
func TestPingsAreSentAndAnswered(t *testing.T) {
	pinged := make(chan struct{}, 100)
	over := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(over)
		c := must(websocket.Accept(w, r, &websocket.AcceptOptions{
			Subprotocols: []string{ws.Subprotocol},
			OnPingReceived: func(context.Context, []byte) bool {
				pinged <- struct{}{}
				return true
			},
		}))
		n := websocket.NetConn(context.Background(), c, websocket.MessageBinary)
		_, _ = hello.Greet(n, hello.Hello{Announced: engine.Announced{Window: 4096, MaxMessage: 4096}}, false, nil)
		_, _ = io.Copy(io.Discard, n)
		_ = n.Close()
	}))
	defer srv.Close()
	s := must(ws.Dial(context.Background(), "ws"+strings.TrimPrefix(srv.URL, "http"), &ws.Options{Keepalive: time.Millisecond}))
	for range 10 {
		select {
		case <-pinged:
		case <-s.Done():
			t.Fatal(s.Err())
		}
	}
	_ = s.Close()
	<-over
}

// TestABrowserThatGoesAwayEndsInOrder: its close frame has another status than a program's.
func TestABrowserThatGoesAwayEndsInOrder(t *testing.T) {
	ctx := context.Background()
	for status, want := range map[websocket.StatusCode]bool{
		websocket.StatusNormalClosure: true, websocket.StatusGoingAway: true, websocket.StatusProtocolError: false,
	} {
		ln := must(ws.Listen(ctx, "ws://127.0.0.1:0/", nil))
		c, _, err := websocket.Dial(ctx, ln.Addr(), &websocket.DialOptions{Subprotocols: []string{ws.Subprotocol}})
		if err != nil {
			t.Fatal(err)
		}
		n := websocket.NetConn(ctx, c, websocket.MessageBinary)
		if _, err := hello.Greet(n, hello.Hello{Announced: engine.Announced{Window: 4096, MaxMessage: 4096}}, true, nil); err != nil {
			t.Fatal(err)
		}
		s := must(ln.Accept(ctx))
		_ = c.Close(status, "")
		if _, err := engine.Accept[any](ctx, s, "x"); !errors.Is(err, engine.ErrPeerGone) || strings.Contains(err.Error(), "status") == want {
			t.Errorf("%v: %v", status, err)
		}
		_ = s.Close()
		_ = ln.Close()
	}
}

// TestTextIsRefused: a session's messages are binary.
func TestTextIsRefused(t *testing.T) {
	ctx := context.Background()
	ln := must(ws.Listen(ctx, "ws://127.0.0.1:0/", nil))
	defer ln.Close()
	c, _, err := websocket.Dial(ctx, ln.Addr(), &websocket.DialOptions{Subprotocols: []string{ws.Subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	n := websocket.NetConn(ctx, c, websocket.MessageBinary)
	if _, err := hello.Greet(n, hello.Hello{Announced: engine.Announced{Window: 4096, MaxMessage: 4096}}, true, nil); err != nil {
		t.Fatal(err)
	}
	s := must(ln.Accept(ctx))
	if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Accept[any](ctx, s, "x"); !errors.Is(err, engine.ErrPeerGone) || !strings.Contains(err.Error(), "text message") {
		t.Error(err)
	}
	_ = s.Close()
	_ = c.CloseNow()
}
