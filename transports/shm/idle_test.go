package shm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/atomics"
	"github.com/corechan/corechan/transports/shm"
)

// childIdle accepts sessions at ADDR, and if RECEIVE is set waits for messages on a channel of each, which it counts.
func childIdle(c *childSide) error {
	ctx := context.Background()
	ln, err := shm.Listen(ctx, os.Getenv("ADDR"), &shm.Options{Engine: must(engine.New(engine.Config{}))})
	if err != nil {
		return err
	}
	sessions := make(chan *engine.Session, 2000)
	received := make(chan error, 2000)
	go func() {
		for s, err := range ln.Sessions(ctx) {
			if err != nil {
				return
			}
			sessions <- s
			if os.Getenv("RECEIVE") == "" {
				continue
			}
			go func() {
				r, err := engine.Accept[engine.Raw](ctx, s, "x")
				for err == nil {
					if err = r.Receive(ctx, new(engine.Raw)); !errors.Is(err, engine.ErrSessionClosed) && !errors.Is(err, os.ErrClosed) {
						received <- err
					}
				}
			}()
		}
	}()
	c.say("ready")
	var all []*engine.Session
	return c.obey(func(words []string) (string, error) {
		switch words[0] {
		case "sessions": // wait until there are that many
			n, err := strconv.Atoi(words[1])
			for len(all) < n {
				all = append(all, <-sessions)
			}
			return "ok", err
		case "received": // wait until that many messages have come
			n, err := strconv.Atoi(words[1])
			for range n {
				if err := <-received; err != nil {
					return "", err
				}
			}
			return "ok", err
		case "close":
			for _, s := range all {
				_ = s.Close()
			}
			all = nil
			return "ok", nil
		case "memory":
			n, err := privateMemory()
			return fmt.Sprint(n), err
		case "goroutines":
			return fmt.Sprint(runtime.NumGoroutine()), nil
		}
		return "", errNoCommand
	})
}

// cpu returns how much CPU time the processes have used.
func cpu(t testing.TB, pids ...int) (sum time.Duration) {
	t.Helper()
	for _, pid := range pids {
		var ts unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil { // see clock_getcpuclockid(3)
			t.Fatal(err)
		}
		sum += time.Duration(ts.Nano())
	}
	return sum
}

// A name with Alloc in it, so that it also runs without the race detector, which has memory of its own for everything.
func TestIdleSessionsUseNoCPUAndAllocateLittle(t *testing.T) {
	const n, perSession, maxCPU = 1000, 16 << 10, 20 * time.Millisecond
	for _, receive := range []string{"", "1"} {
		t.Run("receive="+receive, func(t *testing.T) {
			residue(t)
			ctx := watchdog(t)
			addr := address()
			c := startChild(t, "idle", "ADDR="+addr, "RECEIVE="+receive)
			c.hear()
			eng := newEngine(t, engine.Config{})
			open := func(n int) (list []*client) {
				for range n {
					s := must(shm.Dial(ctx, addr, &shm.Options{Engine: eng}))
					list = append(list, &client{Session: s, ping: must(engine.Open[engine.Raw](ctx, s, "x"))})
				}
				c.tell("sessions %d", n)
				return list
			}
			memory := func() int { return must(strconv.Atoi(c.tell("memory"))) }

			for _, s := range open(50) { // what is allocated once
				_ = s.Close()
			}
			c.tell("close")
			before := memory()
			list := open(n)
			after := memory()
			each := (after - before) / n
			t.Logf("private memory of a session beside its rings: %d bytes (%d sessions, receive=%q, race=%v)", each, n, receive, atomics.Race)
			if each > perSession && !atomics.Race {
				t.Errorf("%d bytes of private memory a session, more than %d", each, perSession)
			}

			// A second of it, once everything has come to rest.
			var used time.Duration
			quiet := func() bool {
				start := cpu(t, os.Getpid(), c.pid())
				<-time.After(time.Second)
				used = cpu(t, os.Getpid(), c.pid()) - start
				return used < maxCPU
			}
			ok := false
			for range 5 {
				if ok = quiet(); ok {
					break
				}
			}
			t.Logf("CPU time of both processes in a second: %v", used)
			if !ok {
				t.Errorf("%v of CPU time in a second, more than %v", used, maxCPU)
			}

			if receive != "" { // they are all awake at once when they are needed
				for _, s := range list {
					m := engine.Raw("hello")
					if err := s.ping.Send(ctx, &m); err != nil {
						t.Fatal(err)
					}
				}
				c.tell("received %d", n)
			}
			for _, s := range list {
				_ = s.Close()
			}
		})
	}
}

// More sessions than there are threads that sleep for one each, and a goroutine in Receive on each.
func TestManySessionsWithAReceiverEachGetAllTheirMessages(t *testing.T) {
	for _, w := range []engine.Wait{engine.Hybrid, engine.Block} {
		for _, cancellable := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v/cancellable=%v", w, cancellable), func(t *testing.T) {
				residue(t)
				eng := newEngine(t, engine.Config{Wait: w})
				ctx := context.Background()
				if cancellable {
					ctx = watchdog(t)
				}
				addr := address()
				o := &shm.Options{Engine: eng}
				ln := must(shm.Listen(ctx, addr, o))
				defer ln.Close()
				const sessions, rounds = 80, 20
				type pair struct {
					send engine.Sender[engine.Raw]
					got  chan uint64
				}
				var pairs []*pair
				var all sync.WaitGroup
				for range sessions {
					a := must(shm.Dial(ctx, addr, o))
					b := must(ln.Accept(ctx))
					p := &pair{send: must(engine.Open[engine.Raw](ctx, a, "x")), got: make(chan uint64, rounds)}
					pairs = append(pairs, p)
					t.Cleanup(func() {
						_ = a.Close()
						_ = b.Close()
					})
					all.Go(func() {
						r, err := engine.Accept[engine.Raw](ctx, b, "x")
						n := uint64(0)
						for err == nil {
							var m engine.Raw
							if err = r.Receive(ctx, &m); err == nil {
								n++
								if string(m) != string(numbered(nil, n)) {
									t.Errorf("got %q, want message %d", m, n)
								}
								p.got <- n
							}
						}
					})
				}
				var m engine.Raw
				for round := range uint64(rounds) {
					for _, p := range pairs {
						m = numbered(m, round+1)
						if err := p.send.Send(ctx, &m); err != nil {
							t.Fatal(err)
						}
					}
					for i, p := range pairs { // they sleep again before the next one
						if n := within(t, fmt.Sprint("message of session ", i), p.got); n != round+1 {
							t.Fatalf("session %d: message %d, want %d", i, n, round+1)
						}
					}
				}
				for _, p := range pairs {
					_ = p.send.Close()
				}
				all.Wait()
			})
		}
	}
}
