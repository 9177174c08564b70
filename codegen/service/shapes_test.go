package service_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/shop"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestUnaryCallsAreAnswered(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		for i := range uint64(100) {
			f, err := w.Place(ctx, &shop.Order{ID: i, Note: "n"})
			check(t, err)
			equal(t, *f, shop.Fill{ID: i + 1, At: f.At})
			equal(t, f.At.Equal(noon), true)
		}
		none, err := w.Place(ctx, nil)
		check(t, err)
		equal(t, none, nil)
		v, err := w.Value(ctx, shop.Order{ID: 1})
		check(t, err)
		equal(t, v.ID, 3)
		check(t, w.Touch(ctx))
		n, err := w.Count(ctx)
		check(t, err)
		equal(t, n, 7)
	})
}

func TestPlainValuesTravel(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		total, ok, err := w.Many(ctx, 1, 2, 3, "note", noon, time.Second, []byte("key"))
		check(t, err)
		equal(t, total, 6)
		equal(t, ok, true)
		opt := "opt"
		fills, m, err := w.Lists(ctx, []*shop.Order{{ID: 5}, nil, {ID: 6}}, map[string]shop.Order{"a": {ID: 9}}, [2]int32{-1, 1}, &opt, "any")
		check(t, err)
		if len(fills) != 2 || fills[1].ID != 6 || len(m) != 3 || m[1] != nil || m[2] == nil || m[3][0] != "9 [-1 1]any" || m[3][1] != "opt" {
			t.Error(fills, m)
		}
		fills, _, err = w.Lists(ctx, nil, nil, [2]int32{}, nil, nil)
		check(t, err)
		if fills != nil {
			t.Error("nil is not nil at the other end")
		}
		sum, err := w.Sum(ctx, 1, 2, 3)
		check(t, err)
		equal(t, sum, 6)
		sum, err = w.Sum(ctx)
		check(t, err)
		equal(t, sum, 0)
	})
}

func TestChannelsAreArgumentsAndResults(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		in, err := w.Watch(ctx, 100)
		check(t, err)
		n := uint64(0)
		for o, err := range in.All(ctx) {
			check(t, err)
			equal(t, o.ID, n)
			n++
		}
		equal(t, n, 100)

		r, s := engine.Pipe[shop.Order]()
		var sending sync.WaitGroup
		sending.Go(func() {
			for range 50 {
				if err := s.Send(ctx, &shop.Order{}); err != nil {
					t.Error(err)
				}
			}
			_ = s.Close()
		})
		got, err := w.Drain(ctx, r)
		check(t, err)
		equal(t, got, 50)
		sending.Wait()

		r, s = engine.Pipe[shop.Order]()
		var feeding sync.WaitGroup
		feeding.Go(func() {
			if err := w.Feed(ctx, s, 20); err != nil {
				t.Error(err)
			}
		})
		count := 0
		for _, err := range r.All(ctx) {
			check(t, err)
			count++
		}
		equal(t, count, 20)
		feeding.Wait()
	})
}

func TestStreamsAreArgumentsAndResults(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		big := strings.Repeat("abc", 100_000)

		r, s := engine.Stream()
		go func() {
			_, err := io.WriteString(s, big)
			_ = s.CloseWithError(err)
		}()
		out, err := w.Upper(ctx, r)
		check(t, err)
		b, err := io.ReadAll(out)
		check(t, err)
		check(t, out.Close())
		equal(t, string(b), strings.ToUpper(big))

		sum, err := w.Digest(ctx, strings.NewReader(big))
		check(t, err)
		want := sha256.Sum256([]byte(big))
		equal(t, sum, hex.EncodeToString(want[:]))
		if _, err := (<-w.store.digest).Read(make([]byte, 1)); err == nil || err == io.EOF { //nolint:errorlint // as it is
			t.Errorf("a stream without Close is not closed when its method has returned: %v", err)
		}

		pr, pw := io.Pipe()
		var writing sync.WaitGroup
		writing.Go(func() {
			if err := w.Dump(ctx, pw, 10); err != nil {
				t.Error(err)
			}
		})
		b, err = io.ReadAll(pr)
		check(t, err)
		equal(t, len(b), 10)
		writing.Wait()

		a, far := net.Pipe()
		var talking sync.WaitGroup
		talking.Go(func() {
			if err := w.Talk(ctx, far); err != nil {
				t.Error(err)
			}
		})
		go func() { _, _ = io.WriteString(a, "echo") }()
		b = make([]byte, 4)
		_, err = io.ReadFull(a, b)
		check(t, err)
		equal(t, string(b), "echo")
		check(t, a.Close())
		talking.Wait()
	})
}

func TestFilesAndConnectionsAreArgumentsAndResults(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		name := filepath.Join(t.TempDir(), "f")
		check(t, os.WriteFile(name, []byte("12345"), 0o600))
		f, err := os.Open(name)
		check(t, err)
		n, err := w.Size(ctx, f)
		check(t, err)
		equal(t, n, 5)
		if _, err := f.Stat(); err != nil {
			t.Errorf("the caller's file is not the caller's any more: %v", err)
		}
		check(t, f.Close())

		f, err = w.Open(ctx, name) // what is left open at the callee, fdtest finds
		check(t, err)
		b, err := io.ReadAll(f)
		check(t, err)
		equal(t, string(b), "12345")
		check(t, f.Close())
		if _, err := w.Open(ctx, name+"not"); err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Error(err)
		}

		ln, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		defer ln.Close()
		near, err := net.Dial("tcp", ln.Addr().String())
		check(t, err)
		far, err := ln.Accept()
		check(t, err)
		check(t, w.Greet(ctx, far))
		_ = far.Close()
		b, err = io.ReadAll(near)
		check(t, err)
		equal(t, string(b), "hello")
		_ = near.Close()
	})
}

func TestMessagesWithStreamsInThemTravel(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		n, err := w.Upload(ctx, &shop.Upload{Name: "abc", Body: bytes.NewReader(make([]byte, 1000))})
		check(t, err)
		equal(t, n, 1003)
		u, err := w.UploadValue(ctx, shop.Upload{Name: "abc", Body: bytes.NewReader(make([]byte, 7))})
		check(t, err)
		b, err := io.ReadAll(u.Body)
		check(t, err)
		rpc.Release(u.Body)
		equal(t, u.Name+string(b), "10back")
	})
}

func TestServicesAreArgumentsAndResults(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		sum := uint64(0)
		l := &shop.FakeListener{}
		l.FilledFunc = func(_ context.Context, f *shop.Fill) error { sum += f.ID; return nil }
		check(t, w.Subscribe(ctx, l, 10))
		equal(t, sum, 45)
		l.FilledFunc = func(context.Context, *shop.Fill) error { return &shop.Rejected{ID: 8} }
		if err := w.Subscribe(ctx, l, 10); err == nil || err.Error() != "order 8 rejected: " {
			t.Error(err)
		}
		if err := w.Subscribe(ctx, nil, 1); err == nil || err.Error() != "nobody listens" {
			t.Error(err)
		}
		got, err := w.Session(ctx, "me")
		check(t, err)
		check(t, got.Filled(ctx, &shop.Fill{ID: 4}))
		equal(t, <-w.store.logs, "me4")
		// A client is a Listener like any other.
		check(t, w.Subscribe(ctx, got, 1))
		equal(t, <-w.store.logs, "me0")
		rpc.Release(got)
		if err := got.Filled(ctx, &shop.Fill{}); err == nil {
			t.Error("a service that was released is there still")
		}
		if got, err := w.Session(ctx, ""); got != nil || err != nil {
			t.Error(got, err)
		}
	})
}

func TestAOneWayCallIsMade(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		check(t, w.Log(ctx, "hello"))
		equal(t, <-w.store.logs, "hello")
		check(t, w.Log(rpc.WithHeader(ctx, engine.Header{"tenant": "acme"}), "hello"))
		equal(t, <-w.store.logs, "hello acme")
	})
}
