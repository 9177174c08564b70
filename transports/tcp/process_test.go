package tcp_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/socktest"
	"github.com/corechan/corechan/transports/tcp"
)

// childEcho echoes what comes on "ping" on "pong".
func childEcho(c *childSide) error {
	ctx := context.Background()
	logs := new(socktest.Logs)
	eng := must(engine.New(engine.Config{Logger: slog.New(logs)}))
	ln, err := tcp.Listen(ctx, "127.0.0.1:0", &tcp.Options{Engine: eng})
	if err != nil {
		return err
	}
	go func() {
		for s := range ln.Sessions(ctx) {
			go func() {
				out, err := engine.Open[engine.Raw](ctx, s, "pong")
				in, aerr := engine.Accept[engine.Raw](ctx, s, "ping")
				for err == nil && aerr == nil {
					var m engine.Raw
					if err = in.Receive(ctx, &m); err == nil {
						err = out.Send(ctx, &m)
					}
				}
				_ = s.Close()
			}()
		}
	}()
	c.say(strings.TrimPrefix(ln.Addr(), "tcp://"))
	restore := func() {}
	return c.obey(func(line string) (string, error) {
		switch word, arg, _ := strings.Cut(line, " "); word {
		case "limit": // leave that many descriptors free
			n, err := strconv.Atoi(arg)
			if err == nil {
				restore, err = lowerLimit(n)
			}
			return "ok", err
		case "restore":
			restore()
			return "ok", nil
		case "logged":
			return strings.ReplaceAll(fmt.Sprint("log: ", logs.Rest()), "\n", " "), nil
		}
		return "", errNoCommand
	})
}

// lowerLimit sets the soft RLIMIT_NOFILE so that free more descriptors can be made, and returns what puts it back.
func lowerLimit(free int) (restore func(), err error) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		return nil, err
	}
	var fill []int // the limit is on the number, so fill the holes below it first
	for range 64 {
		n, err := unix.Dup(1)
		if err != nil {
			return nil, err
		}
		fill = append(fill, n)
	}
	lim := old
	lim.Cur = uint64(fill[len(fill)-1] + 1)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return nil, err
	}
	for _, n := range fill[len(fill)-free:] {
		_ = unix.Close(n)
	}
	return func() {
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
		for _, n := range fill[:len(fill)-free] {
			_ = unix.Close(n)
		}
	}, nil
}

// echo is a session to such a child.
type echo struct {
	*engine.Session
	ping engine.Sender[engine.Raw]
	pong engine.Receiver[engine.Raw]
}

func dialEcho(t testing.TB, addr string) *echo {
	t.Helper()
	ctx := watchdog(t)
	e := &echo{Session: must(tcp.Dial(ctx, addr, &tcp.Options{Engine: newEngine(t, engine.Config{}), HandshakeTimeout: patience}))}
	e.ping = must(engine.Open[engine.Raw](ctx, e.Session, "ping"))
	e.pong = must(engine.Accept[engine.Raw](ctx, e.Session, "pong"))
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func (e *echo) goesOn(t testing.TB) {
	t.Helper()
	ctx := watchdog(t)
	m, back := engine.Raw("hello"), engine.Raw(nil)
	err := e.ping.Send(ctx, &m)
	if err == nil {
		err = e.pong.Receive(ctx, &back)
	}
	if err != nil || string(back) != "hello" {
		t.Fatalf("%q, %v", back, err)
	}
}

func TestAStoppedPeerHoldsNobodyUpAndLosesNothing(t *testing.T) {
	socktest.Residue(t)
	c, addr := startChild(t, "echo")
	e := dialEcho(t, addr)
	e.goesOn(t)
	if err := c.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	sent := uint64(0)
	for m := make(engine.Raw, 1000); ; sent++ { // until it would wait, which it gives up
		short, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		m[0], m[1] = byte(sent), byte(sent>>8)
		err := e.ping.Send(short, &m)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if sent > 4096 {
		t.Errorf("%d KB were sent to a peer that reads nothing", sent)
	}
	if err := c.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for n := range sent {
		var m engine.Raw
		if err := e.pong.Receive(watchdog(t), &m); err != nil || m[0] != byte(n) || m[1] != byte(n>>8) {
			t.Fatalf("message %d of %d: %v", n, sent, err)
		}
	}
	e.goesOn(t)
}

func TestAKilledPeerIsGone(t *testing.T) {
	socktest.Residue(t)
	for _, stopped := range []bool{false, true} {
		c, addr := startChild(t, "echo")
		e := dialEcho(t, addr)
		e.goesOn(t)
		if stopped {
			_ = c.cmd.Process.Signal(syscall.SIGSTOP)
		}
		received, sent := make(chan error, 1), make(chan error, 1)
		go func() {
			var m engine.Raw
			err := error(nil)
			for err == nil {
				err = e.pong.Receive(context.Background(), &m)
			}
			received <- err
		}()
		go func() {
			m := make(engine.Raw, 1000)
			err := error(nil)
			for err == nil {
				err = e.ping.Send(context.Background(), &m)
			}
			sent <- err
		}()
		_ = c.cmd.Process.Kill()
		for _, ch := range []chan error{received, sent} {
			select {
			case err := <-ch:
				if !errors.Is(err, engine.ErrPeerGone) {
					t.Errorf("ended with %v", err)
				}
			case <-time.After(patience):
				t.Fatal("nobody has noticed")
			}
		}
		_ = e.Close()
	}
}

func TestAListenerOutOfDescriptorsSaysSoAndRecovers(t *testing.T) {
	socktest.Residue(t)
	c, addr := startChild(t, "echo")
	neighbour := dialEcho(t, addr)
	neighbour.goesOn(t)
	for free := range 4 {
		c.tell(fmt.Sprint("limit ", free))
		result := make(chan error, 1)
		go func() {
			s, err := tcp.Dial(context.Background(), addr, &tcp.Options{HandshakeTimeout: patience})
			if err == nil {
				_ = s.Close()
			}
			result <- err
		}()
		if free == 0 && !poll(func() bool { return strings.Contains(c.tell("logged"), "accept failed") }) {
			t.Errorf("not logged: %s", c.tell("logged"))
		}
		neighbour.goesOn(t)
		if free != 0 { // it may be accepted, and refused for want of more
			select {
			case <-result:
				result <- nil
			case <-time.After(time.Second):
			}
		}
		c.tell("restore")
		if err := <-result; free == 0 && err != nil {
			t.Errorf("who waited was told %v", err)
		}
		dialEcho(t, addr).goesOn(t)
	}
	if said := c.tell("logged"); !strings.Contains(said, "too many open files") {
		t.Error(said)
	}
}

// To wait for a context in a blocking call needs an eventfd, but can do without.
func TestASessionGoesOnWithoutDescriptors(t *testing.T) {
	socktest.Residue(t)
	_, addr := startChild(t, "echo")
	e := dialEcho(t, addr)
	restore, err := lowerLimit(0)
	if err != nil {
		t.Fatal(err)
	}
	defer restore()
	for range 200 {
		e.goesOn(t)
	}
}
