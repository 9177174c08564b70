package fd_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
)

func TestAnAddressIsAPathOrAnAbstractName(t *testing.T) {
	fdtest.Snapshot(t)
	for _, addr := range []string{t.TempDir() + "/s", "@corechan-test-" + fmt.Sprint(os.Getpid())} {
		l, err := fd.Listen(addr, 1)
		if err != nil {
			t.Fatal(err)
		}
		sa, err := unix.Getsockname(l.FD.Int())
		if err != nil {
			t.Fatal(err)
		}
		if got := sa.(*unix.SockaddrUnix).Name; got != addr || l.Addr() != addr {
			t.Errorf("bound to %q, Addr says %q; want %q", got, l.Addr(), addr)
		}
		client := dial(t, addr)
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fd.SendMsg(client.Int(), []byte("hi"), nil, 0); err != nil {
			t.Error(err)
		}
		p := make([]byte, 9)
		if n, _, err := new(fd.Receiver).Recv(server.Int(), p, 0); string(p[:n]) != "hi" || err != nil {
			t.Errorf("%s: %q, %v", addr, p[:n], err)
		}
		client.Close()
		server.Close()
		l.Close()
	}
}

func TestBadAddressesAreRefusedByName(t *testing.T) {
	fdtest.Snapshot(t)
	for addr, why := range map[string]string{
		"":                             "no name",
		"@":                            "no name",
		"/a\x00b":                      "NUL",
		"@a\x00b":                      "NUL",
		"/" + strings.Repeat("x", 107): "108 bytes, the limit is 107",
		"@" + strings.Repeat("x", 107): "108 bytes, the limit is 107",
	} {
		_, parse := fd.ParseUnixAddr(addr)
		_, dial := fd.DialUnix(context.Background(), addr)
		_, listenUnix := fd.ListenUnix(addr, 1)
		_, listen := fd.Listen(addr, 1)
		for _, err := range []error{parse, dial, listenUnix, listen} {
			if !errors.Is(err, fd.ErrBadAddr) || !strings.Contains(err.Error(), why) {
				t.Errorf("%q: %v; want ErrBadAddr with %q", addr, err, why)
			}
		}
	}
	longest := "@" + strings.Repeat("x", fd.MaxUnixAddr-1)
	l, err := fd.Listen(longest, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial(t, longest)
}

func FuzzParseUnixAddr(f *testing.F) {
	for _, s := range []string{"", "@", "@a", "/a", "./@a", "a\x00b", strings.Repeat("x", 108)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sa, err := fd.ParseUnixAddr(s)
		if err != nil {
			if sa != nil || !errors.Is(err, fd.ErrBadAddr) {
				t.Fatalf("%v, %v", sa, err)
			}
			return
		}
		if sa.Name != s || len(s) == 0 || len(s) > fd.MaxUnixAddr || strings.Contains(s, "\x00") {
			t.Fatalf("%q was accepted as %q", s, sa.Name)
		}
	})
}

func TestADialThatCannotSucceedFailsAtOnce(t *testing.T) {
	fdtest.Snapshot(t)
	dir := t.TempDir()
	dead, err := fd.ListenUnix(dir+"/dead", 1)
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]error{
		dir + "/none":           syscall.ENOENT,
		dir + "/dead":           syscall.ECONNREFUSED,
		dir + "/file":           syscall.ECONNREFUSED,
		"@corechan-test-nobody": syscall.ECONNREFUSED,
	} {
		if _, err := fd.DialUnix(context.Background(), addr); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", addr, err, want)
		}
	}
}

func TestADialObeysItsContext(t *testing.T) {
	fdtest.Snapshot(t)
	l, err := fd.Listen(t.TempDir()+"/s", 0)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, l)

	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := fd.DialUnix(cancelled, l.Addr()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v, want context.Canceled", err)
	}

	dial(t, l.Addr()) // the backlog is full now
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err = fd.DialUnix(ctx, l.Addr())
	var op *fd.OpError
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &op) || !op.Timeout() {
		t.Errorf("backlog full: %v, want a timeout", err)
	}
	if err != nil && !strings.Contains(err.Error(), "backlog is full") {
		t.Errorf("%v: does not say what it waited for", err)
	}
}

func TestADialWaitsForRoomInTheBacklog(t *testing.T) {
	fdtest.Snapshot(t)
	l, err := fd.Listen(t.TempDir()+"/s", 0)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, l)
	const clients = 8
	results := make(chan error, clients)
	for range clients {
		go func() {
			c, err := fd.DialUnix(t.Context(), l.Addr())
			if err == nil {
				c.Close()
			}
			results <- err
		}()
	}
	for range clients {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	for range clients {
		if err := within(t, "a client", results); err != nil {
			t.Error(err)
		}
	}
}

func TestAcceptWithoutDescriptorsLeftFailsAndLeavesTheConnection(t *testing.T) {
	runChild(t, "accept with a lowered limit")
}

func childAcceptWithLoweredLimit() error {
	l, err := fd.Listen(fmt.Sprintf("@corechan-test-%d", os.Getpid()), 1)
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := fd.DialUnix(context.Background(), l.Addr())
	if err != nil {
		return err
	}
	defer c.Close()
	restore, err := lowerLimit(0)
	if err != nil {
		return err
	}
	_, err = l.Accept()
	restore()
	if !errors.Is(err, fd.ErrExhausted) || !errors.Is(err, syscall.EMFILE) {
		return fmt.Errorf("Accept: %w, want ErrExhausted with EMFILE", err)
	}
	s, err := l.Accept()
	if err != nil {
		return err
	}
	return s.Close()
}

func TestAcceptOnANonBlockingSocketDoesNotBlock(t *testing.T) {
	fdtest.Snapshot(t)
	l, err := fd.Listen(t.TempDir()+"/s", 1)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, l)
	if err := unix.SetNonblock(l.FD.Int(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); err != syscall.EAGAIN {
		t.Errorf("%v, want bare EAGAIN", err)
	}
}
