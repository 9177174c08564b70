package statsock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func watchdog(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func listen(t *testing.T, page func() ([]byte, error)) *Server {
	t.Helper()
	s, err := Listen(page)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func dial(t *testing.T, name string) *Conn {
	t.Helper()
	c, err := Dial(watchdog(t), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestAWishIsGrantedToWhoHasIt(t *testing.T) {
	wishes := 0
	s, err := ListenWishing(func() ([]byte, error) { return fmt.Append(nil, wishes), nil }, func() { wishes++ })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := dial(t, s.Name())
	for i, ask := range []func(context.Context, int) ([]byte, error){c.Ask, c.AskWishing, c.Ask, c.AskWishing} {
		if b, err := ask(watchdog(t), 100); err != nil || string(b) != fmt.Sprint((i+1)/2) {
			t.Errorf("%d: %q, %v", i, b, err)
		}
	}
	deaf := listen(t, func() ([]byte, error) { return []byte("page"), nil })
	if b, err := dial(t, deaf.Name()).AskWishing(watchdog(t), 100); err != nil || string(b) != "page" {
		t.Errorf("where no wish is granted: %q, %v", b, err)
	}
}

func TestAServerIsListedAndAnswers(t *testing.T) {
	fdtest.Snapshot(t)
	n := 0
	s := listen(t, func() ([]byte, error) { n++; return fmt.Appendf(nil, "page %d", n), nil })
	names, err := List(1 << 20)
	if err != nil || !slices.Contains(names, s.Name()) {
		t.Fatalf("%q is not in %q: %v", s.Name(), names, err)
	}
	c := dial(t, s.Name())
	if c.Cred.PID != os.Getpid() || c.Cred.UID != uint32(os.Geteuid()) {
		t.Errorf("%+v", c.Cred)
	}
	for i := range 3 {
		b, err := c.Ask(watchdog(t), 100)
		if want := fmt.Sprintf("page %d", i+1); err != nil || string(b) != want {
			t.Errorf("%q, %v; want %q", b, err, want)
		}
	}
	if _, err := c.Ask(watchdog(t), 3); !errors.Is(err, ErrAnswer) || !errors.Is(err, fd.ErrTooLarge) {
		t.Errorf("a page that is too large: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if _, err := c.Ask(watchdog(t), 100); !errors.Is(err, ErrHungUp) {
		t.Error(err)
	}
	if names, err := List(1 << 20); err != nil || slices.Contains(names, s.Name()) {
		t.Errorf("%q is still in %q: %v", s.Name(), names, err)
	}
}

func TestTooManyAskersAreHungUpOn(t *testing.T) {
	fdtest.Snapshot(t)
	s := listen(t, func() ([]byte, error) { return nil, nil })
	for range maxAskers {
		if _, err := dial(t, s.Name()).Ask(watchdog(t), 100); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dial(t, s.Name()).Ask(watchdog(t), 100); !errors.Is(err, ErrHungUp) {
		t.Error(err)
	}
}

// One that asks and asks and never reads is hung up on; meanwhile others are answered.
func TestAnAskerThatNeverReadsIsHungUpOn(t *testing.T) {
	fdtest.Snapshot(t)
	s, err := listenWith(&Server{page: func() ([]byte, error) { return []byte("page"), nil }, sendPatience: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rude, err := net.Dial("unix", s.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer rude.Close()
	_ = rude.SetDeadline(time.Now().Add(time.Minute))
	gone := make(chan error, 1)
	go func() {
		for {
			if _, err := rude.Write(bytes.Repeat([]byte{question}, 100)); err != nil {
				gone <- err
				return
			}
		}
	}()
	c := dial(t, s.Name())
	for range 10 {
		if b, err := c.Ask(watchdog(t), 100); err != nil || string(b) != "page" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	if err := <-gone; errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("it is not hung up on")
	}
}

func TestWhatIsNoAnswerIsRefused(t *testing.T) {
	fdtest.Snapshot(t)
	unsealed, err := fd.Memfd("test", 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unsealed.Close()
	for name, test := range map[string]struct {
		bytes string
		fds   []int
		want  error
	}{
		"nothing sealed":   {"!", []int{unsealed.Int()}, fd.ErrUnsealed},
		"no memfd":         {"!", []int{0}, fd.ErrNotSealable},
		"no descriptor":    {"!", nil, ErrAnswer},
		"two descriptors":  {"!", []int{0, 1}, fd.ErrTooManyFDs},
		"another byte":     {"x", []int{0}, ErrAnswer},
		"the end at once":  {"", nil, ErrHungUp},
		"silence for long": {"silence", nil, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: "", Net: "unix"}) // a name of the kernel's choice
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			done := make(chan struct{})
			go func() {
				defer close(done)
				peer, err := ln.AcceptUnix()
				if err != nil {
					return
				}
				defer peer.Close()
				peer.Read(make([]byte, 1))
				if test.bytes == "silence" {
					peer.Read(make([]byte, 1)) // until the asker hangs up
					return
				}
				raw, _ := peer.SyscallConn()
				raw.Control(func(sock uintptr) { fd.SendMsg(int(sock), []byte(test.bytes), test.fds, fd.DontWait) })
			}()
			c, err := Dial(watchdog(t), ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := watchdog(t), func() {}
			if test.bytes == "silence" {
				ctx, cancel = context.WithTimeout(ctx, time.Millisecond)
			}
			_, err = c.Ask(ctx, 100)
			cancel()
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			c.Close()
			<-done
		})
	}
}

func TestTheListOfSocketsIsReadWithCare(t *testing.T) {
	const table = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 17 @corechan/1/7/42-abc
0000000000000000: 00000003 00000000 00000000 0001 03 18 @corechan/1/7/42-abc
0000000000000000: 00000002 00000000 00010000 0001 01 19 @corechan/1/77/43-abc
0000000000000000: 00000002 00000000 00010000 0001 01 20 /tmp/@corechan/1/7/44-abc
0000000000000000: 00000002 00000000 00010000 0001 01 21 @corechan/1/7/45 abc
0000000000000000: 00000002 00000000 00010000 0001 01 22
@corechan/1/7/46-abc
0000000000000000: 00000002 00000000 00010000 0001 01 23 @corechan/1/7/47-abc
`
	names, err := list(strings.NewReader(table), namesOf(7), 10)
	if err != nil || !slices.Equal(names, []string{"@corechan/1/7/42-abc", "@corechan/1/7/47-abc"}) {
		t.Errorf("%q, %v", names, err)
	}
	if names, _ := list(strings.NewReader(table), namesOf(7), 1); len(names) != 1 {
		t.Errorf("%q", names)
	}
	if _, err := list(strings.NewReader(strings.Repeat("x", 1<<20)), namesOf(7), 1); err == nil {
		t.Error("a line of a megabyte is no error")
	}
}
