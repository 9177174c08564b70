package shm_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/shm"
)

// stop stops the child, and returns when it has stopped.
func (c *child) stop() {
	c.t.Helper()
	if err := syscall.Kill(c.pid(), syscall.SIGSTOP); err != nil {
		c.t.Fatal(err)
	}
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(c.pid(), &status, syscall.WUNTRACED, nil)
		if err == nil && status.Stopped() {
			return
		}
		if !errors.Is(err, syscall.EINTR) {
			c.t.Fatalf("wait until the child stops: %v, %v", status, err)
		}
	}
}

func (c *child) carryOn() {
	c.t.Helper()
	if err := syscall.Kill(c.pid(), syscall.SIGCONT); err != nil {
		c.t.Fatal(err)
	}
}

func TestAPeerThatIsStoppedAndContinuedLosesNothing(t *testing.T) {
	for _, lane := range []bool{false, true} {
		for _, w := range []engine.Wait{engine.Hybrid, engine.Block} {
			t.Run(fmt.Sprintf("lane=%v/%v", lane, w), func(t *testing.T) {
				residue(t)
				ctx := watchdog(t)
				addr := address()
				c := startChild(t, "serve", "ADDR="+addr, "WAIT="+strconv.Itoa(int(w)))
				c.hear()
				o := &shm.Options{Engine: newEngine(t, engine.Config{Wait: w})}
				here := serve(t, address(), shm.Options{}, engine.Config{Wait: w})
				neighbour := dial(t, trimScheme(here.ln.Addr()), o)

				s := must(shm.Dial(ctx, addr, o))
				defer s.Close()
				open := func() (engine.Sender[engine.Raw], error) { return engine.Open[engine.Raw](ctx, s, "ping") }
				if lane {
					open = func() (engine.Sender[engine.Raw], error) { return engine.OpenLane[engine.Raw](ctx, s, "ping", nil) }
				}
				out := must(open())
				in := must(engine.Accept[engine.Raw](ctx, s, "pong"))

				var sent uint64
				var m, got engine.Raw
				for range 3 {
					c.stop()
					// Until there is no room any more: then it is the context that ends the Send.
					for {
						m = numbered(m, sent+1)
						short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
						err := out.Send(short, &m)
						cancel()
						if errors.Is(err, context.DeadlineExceeded) {
							break
						}
						if err != nil {
							t.Fatal(err)
						}
						sent++
					}
					neighbour.goesOn(t)
					received := make(chan error, 1)
					go func() { // waits while the peer is stopped
						received <- in.Receive(ctx, &got)
					}()
					blocked := make(chan error, 1)
					go func() {
						m = numbered(m, sent+1)
						blocked <- out.Send(ctx, &m)
					}()
					neighbour.goesOn(t)
					c.carryOn()
					first := sent + 1
					for n := range sent + 1 {
						if err := within(t, "a message", received); err != nil {
							t.Fatal(err)
						}
						if string(got) != string(numbered(nil, n+1)) {
							t.Fatalf("got %q, want message %d", got, n+1)
						}
						if n+1 < first {
							received <- in.Receive(ctx, &got)
						}
					}
					if err := within(t, "the Send that blocked", blocked); err != nil {
						t.Fatal(err)
					}
					sent = 0
				}
				if sent != 0 {
					t.Fatal(sent)
				}
				_ = s.Close()
				c.tell("ended")
			})
		}
	}
}

// Killed while it is stopped: the same as killed.
func TestAPeerThatIsKilledWhileStoppedIsGone(t *testing.T) {
	residue(t)
	addr := address()
	c := startChild(t, "serve", "ADDR="+addr)
	c.hear()
	client := dial(t, addr, &shm.Options{Engine: newEngine(t, engine.Config{})})
	client.goesOn(t)
	c.stop()
	received := make(chan error, 1)
	go func() { received <- client.pong.Receive(watchdog(t), new(engine.Raw)) }()
	c.kill()
	if err := within(t, "Receive", received); !errors.Is(err, engine.ErrPeerGone) {
		t.Errorf("%v, want %v", err, engine.ErrPeerGone)
	}
}
