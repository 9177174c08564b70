package h2_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/internal/webtest"
)

func watchdog(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// listen listens without TLS, on an engine of its own.
func listen(t testing.TB, timeout time.Duration) (*engine.Listener, *h2.Options) {
	t.Helper()
	eng := must(engine.New(engine.Config{}))
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = eng.Shutdown(now)
	})
	o := &h2.Options{Engine: eng, HandshakeTimeout: timeout, Requests: 3}
	ln := must(h2.Listen(watchdog(t), "h2c://127.0.0.1:0/chan", o))
	t.Cleanup(func() { _ = ln.Close() })
	return ln, o
}

// TestASessionWithSeveralRequestsEndsWithAnyOfThem cuts one connection of three.
func TestASessionWithSeveralRequestsEndsWithAnyOfThem(t *testing.T) {
	fdtest.Snapshot(t)
	for i := range 3 {
		ctx := watchdog(t)
		ln, o := listen(t, 0)
		relay := webtest.NewRelay(t, ln.Addr())
		a := must(h2.Dial(ctx, relay.URL(ln.Addr()), o))
		b := must(ln.Accept(ctx))
		words := must(engine.Open[string](ctx, a, "words"))
		heard := must(engine.Accept[string](ctx, b, "words"))
		if n := relay.Conns(); n != 3 {
			t.Errorf("%d connections", n)
		}
		for n := range 100 {
			word, said := fmt.Sprint("word ", n), ""
			if err := words.Send(ctx, &word); err != nil {
				t.Fatal(err)
			}
			if err := heard.Receive(ctx, &said); err != nil || said != word {
				t.Fatalf("%q, %v", said, err)
			}
		}
		relay.CutOne(i)
		word, err := "x", error(nil)
		for err == nil { // until it is the turn of the one that is gone
			err = words.Send(ctx, &word)
		}
		if !errors.Is(err, engine.ErrPeerGone) {
			t.Error(err)
		}
		for err = nil; err == nil; {
			err = heard.Receive(ctx, &word)
		}
		if !errors.Is(err, engine.ErrPeerGone) {
			t.Error(err)
		}
		_, _, _ = a.Close(), b.Close(), ln.Close()
		relay.Close()
	}
}

// post makes a request with headers, name and value in turn, whose body stays open, and returns its answer.
func post(t testing.TB, ctx context.Context, addr string, headers ...string) *http.Response {
	t.Helper()
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	body, open := io.Pipe()
	t.Cleanup(func() { _ = open.Close() })
	r := must(http.NewRequestWithContext(ctx, http.MethodPost, "http"+strings.TrimPrefix(addr, "h2c"), body))
	r.Header.Set("Content-Type", h2.ContentType)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	go func() { _, _ = open.Write(hello()) }()
	resp := must(tr.RoundTrip(r))
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// hello is a HELLO of PROTOCOL.md.
func hello() []byte {
	return append([]byte("hanHello\x01\x00\x01\x00\x28\x00\x00\x00\x00\x00\x04\x00\x00\x00\x01\x00"), make([]byte, 16)...)
}

func TestRequestsThatBelongToNoSessionAreRefused(t *testing.T) {
	fdtest.Snapshot(t)
	ctx := watchdog(t)
	ln, _ := listen(t, 0)
	first := post(t, ctx, ln.Addr(), "Corechan-Requests", "2")
	id := first.Header.Get("Corechan-Session")
	if first.StatusCode != http.StatusOK || id == "" || first.Header.Get("Corechan-Requests") != "2" {
		t.Fatalf("%v", first)
	}
	for _, test := range []struct {
		headers string
		status  int
		says    string
	}{
		{"Corechan-Requests: 17", http.StatusBadRequest, "from 1 to 16"},
		{"Corechan-Requests: 0", http.StatusBadRequest, "from 1 to 16"},
		{"Corechan-Requests: many", http.StatusBadRequest, "from 1 to 16"},
		{"Corechan-Session: nobody", http.StatusConflict, "invalid syntax"},
		{"Corechan-Session: nobody Corechan-Request: 1", http.StatusConflict, "must reach the same server"},
		{"Corechan-Session: " + id + " Corechan-Request: 0", http.StatusConflict, "not waited for"},
		{"Corechan-Session: " + id + " Corechan-Request: -1", http.StatusConflict, "not waited for"},
		{"Corechan-Session: " + id + " Corechan-Request: 2", http.StatusConflict, "not waited for"},
		{"Corechan-Session: " + id + " Corechan-Request: 1", http.StatusOK, ""},
		{"Corechan-Session: " + id + " Corechan-Request: 1", http.StatusConflict, "must reach the same server"},
	} {
		resp := post(t, ctx, ln.Addr(), strings.Fields(strings.ReplaceAll(test.headers, ":", ""))...)
		text := make([]byte, 300)
		n := 0
		if test.status != http.StatusOK {
			n, _ = io.ReadFull(resp.Body, text)
		}
		if resp.StatusCode != test.status || !strings.Contains(string(text[:n]), test.says) {
			t.Errorf("%s: %s, %q", test.headers, resp.Status, text[:n])
		}
	}
	s := must(ln.Accept(ctx)) // with the one that came in order
	_ = s.Close()
}

// TestASessionWhoseOtherRequestsDoNotComeIsGivenUp also has a chunk be none.
func TestASessionWhoseOtherRequestsDoNotComeIsGivenUp(t *testing.T) {
	fdtest.Snapshot(t)
	ctx := watchdog(t)
	ln, _ := listen(t, 200*time.Millisecond)
	first := post(t, ctx, ln.Addr(), "Corechan-Requests", "2")
	if all, err := io.ReadAll(first.Body); len(all) != 40 { // and a reset
		t.Errorf("%q, %v", all, err)
	}
	resp := post(t, ctx, ln.Addr(), "Corechan-Session", first.Header.Get("Corechan-Session"), "Corechan-Request", "1")
	if resp.StatusCode != http.StatusConflict {
		t.Error(resp.Status)
	}
}

// TestAServerThatKnowsOneRequestGetsOne has it ignore the header, or ask for more than is offered.
func TestAServerThatKnowsOneRequestGetsOne(t *testing.T) {
	fdtest.Snapshot(t)
	ctx := watchdog(t)
	eng := must(engine.New(engine.Config{}))
	defer func() { _ = eng.Shutdown(ctx) }()
	says := ""
	session := h2.Handler(func(ctx context.Context, s *engine.Session) {
		<-s.Done()
	}, &h2.Options{Engine: eng})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Corechan-Requests")
		if says != "" {
			w.Header().Set("Corechan-Requests", says)
		}
		session.ServeHTTP(w, r)
	}))
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	defer srv.Close()
	o := &h2.Options{Engine: eng, Requests: 2}
	s, err := h2.Dial(ctx, "h2c"+strings.TrimPrefix(srv.URL, "http"), o)
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	for _, says = range []string{"3", "-1", "x"} {
		if s, err := h2.Dial(ctx, "h2c"+strings.TrimPrefix(srv.URL, "http"), o); !errors.Is(err, h2.ErrHandshake) {
			t.Errorf("%s: %v, %v", says, s, err)
		}
	}
	o.Requests = 17
	if _, err := h2.Dial(ctx, "h2c"+strings.TrimPrefix(srv.URL, "http"), o); err == nil || !strings.Contains(err.Error(), "from 1 to 16") {
		t.Error(err)
	}
}

// FuzzChunks deals bytes to three bodies, and joins what anybody may have dealt.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00ab"), []byte("\x01\x00\x00\x00c"), []byte(""))
	f.Add([]byte("\x00\x00\x00\x00"), []byte(""), []byte(""))
	f.Add([]byte("\xff\xff\xff\xff"), []byte(""), []byte(""))
	f.Add([]byte("\x01\x00"), []byte(""), []byte(""))
	f.Add([]byte("\x05\x00\x00\x00ab"), []byte(""), []byte(""))
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		got, err := io.ReadAll(h2.Joined(bytes.NewReader(a), bytes.NewReader(b), bytes.NewReader(c)))
		if len(got) > len(a)+len(b)+len(c) {
			t.Errorf("%d bytes of %d", len(got), len(a)+len(b)+len(c))
		}
		if err != nil && !errors.Is(err, h2.ErrChunk) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
	})
}
