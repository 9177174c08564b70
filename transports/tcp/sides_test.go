package tcp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/transports/tcp"
)

// pair makes a session: a dialled it, b was dialled.
func pair(t *testing.T, o *tcp.Options) (a, b *engine.Session, ln *engine.Listener) {
	t.Helper()
	ctx := watchdog(t)
	ln = must(tcp.Listen(ctx, "127.0.0.1:0", o))
	t.Cleanup(func() { _ = ln.Close() })
	a = must(tcp.Dial(ctx, strings.TrimPrefix(ln.Addr(), "tcp://"), o))
	b = must(ln.Accept(ctx))
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b, ln
}

func TestAConnectionBesideASession(t *testing.T) {
	fdtest.Snapshot(t)
	a, b, ln := pair(t, &tcp.Options{Engine: newEngine(t, engine.Config{})})
	ctx := watchdog(t)
	ticket, wait, err := b.Sides().Expect()
	if err != nil {
		t.Fatal(err)
	}
	near, err := a.Sides().Join(ctx, ticket)
	if err != nil {
		t.Fatal(err)
	}
	far, err := wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Sides().Join(ctx, ticket); !errors.Is(err, tcp.ErrRefused) {
		t.Errorf("a ticket used twice: %v", err)
	}
	// It lives on without session and listener.
	for _, c := range []io.Closer{a, b, ln} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := io.WriteString(near, "there"); err != nil {
		t.Error(err)
	}
	if err := near.(*net.TCPConn).CloseWrite(); err != nil {
		t.Error(err)
	}
	if said, err := io.ReadAll(far); string(said) != "there" || err != nil {
		t.Errorf("%q, %v", said, err)
	}
	if _, err := io.WriteString(far, "and back"); err != nil {
		t.Error(err)
	}
	_ = far.Close()
	if said, err := io.ReadAll(near); string(said) != "and back" || err != nil {
		t.Errorf("%q, %v", said, err)
	}
	_ = near.Close()
}

func TestAConnectionThatNobodyMakesIsNotWaitedForLonger(t *testing.T) {
	fdtest.Snapshot(t)
	a, b, _ := pair(t, &tcp.Options{Engine: newEngine(t, engine.Config{})})
	ticket, wait, err := b.Sides().Expect()
	if err != nil {
		t.Fatal(err)
	}
	over := errors.New("over")
	done, cancel := context.WithCancelCause(context.Background())
	cancel(over)
	if _, err := wait(done); !errors.Is(err, over) {
		t.Error(err)
	}
	for name, ticket := range map[string][]byte{"too late": ticket, "never given": make([]byte, 32)} {
		if _, err := a.Sides().Join(watchdog(t), ticket); !errors.Is(err, tcp.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, ticket := range [][]byte{nil, make([]byte, 31), make([]byte, 33)} {
		if _, err := a.Sides().Join(watchdog(t), ticket); err == nil || errors.Is(err, tcp.ErrRefused) {
			t.Errorf("%d bytes: %v", len(ticket), err)
		}
	}
	if _, err := b.Sides().Join(watchdog(t), ticket); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, _, err := a.Sides().Expect(); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

// TestAConnectionThatBreaksInItsHandshake has the one who holds the ticket say half of it, and go away.
func TestAConnectionThatBreaksInItsHandshake(t *testing.T) {
	fdtest.Snapshot(t)
	_, b, ln := pair(t, &tcp.Options{Engine: newEngine(t, engine.Config{}), HandshakeTimeout: 50 * time.Millisecond})
	ticket, wait, err := b.Sides().Expect()
	if err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimPrefix(ln.Addr(), "tcp://")
	join := append([]byte("hanHello\x01\x00\x03\x00\x30\x00\x00\x00"), ticket...)
	for n := range len(join) {
		c := must(net.Dial("tcp", addr))
		_, _ = c.Write(join[:n])
		_ = c.Close()
	}
	whole := must(net.Dial("tcp", addr))
	defer whole.Close()
	if _, err := whole.Write(join); err != nil {
		t.Fatal(err)
	}
	conn, err := wait(watchdog(t))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	answer, err := io.ReadAll(whole)
	if err != nil || len(answer) != 16 || string(answer[8:]) != "\x01\x00\x04\x00\x10\x00\x00\x00" {
		t.Errorf("%q, %v", answer, err)
	}
}
