package shm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/shm"
)

// A scene is a session with a call on it that blocks: at a, while b's side can end it.
type scene struct {
	a, b       *engine.Session
	engA, engB *engine.Engine
	sendA      engine.Sender[engine.Raw]
	receiveA   engine.Receiver[engine.Raw]
	sendB      engine.Sender[engine.Raw]
	receiveB   engine.Receiver[engine.Raw]
}

var calls = []struct {
	name string
	// prepare returns the call.
	prepare func(t *testing.T, ctx context.Context, s *scene) func(ctx context.Context) error
}{
	{"Receive", func(t *testing.T, ctx context.Context, s *scene) func(ctx context.Context) error {
		s.sendB = must(engine.Open[engine.Raw](ctx, s.b, "x"))
		s.receiveA = must(engine.Accept[engine.Raw](ctx, s.a, "x"))
		return func(ctx context.Context) error { return s.receiveA.Receive(ctx, new(engine.Raw)) }
	}},
	{"Receive on a lane", func(t *testing.T, ctx context.Context, s *scene) func(ctx context.Context) error {
		s.sendB, s.receiveA = openLane(ctx, s.b, s.a, nil)
		return func(ctx context.Context) error { return s.receiveA.Receive(ctx, new(engine.Raw)) }
	}},
	{"Send without credit", func(t *testing.T, ctx context.Context, s *scene) func(ctx context.Context) error {
		s.sendA = must(engine.Open[engine.Raw](ctx, s.a, "x"))
		s.receiveB = must(engine.Accept[engine.Raw](ctx, s.b, "x"))
		fill(t, s.sendA, 1000)
		return func(ctx context.Context) error { return s.sendA.Send(ctx, new(engine.Raw)) }
	}},
	{"Send on a full ring", func(t *testing.T, ctx context.Context, s *scene) func(ctx context.Context) error {
		s.sendA = must(engine.Open[engine.Raw](ctx, s.a, "x"))
		s.receiveB = must(engine.Accept[engine.Raw](ctx, s.b, "x"))
		for i := range 8 { // each has credit for a part of it
			fill(t, must(engine.Open[engine.Raw](ctx, s.a, fmt.Sprint(i))), 1008)
		}
		m := make(engine.Raw, 1008)
		return func(ctx context.Context) error { return s.sendA.Send(ctx, &m) }
	}},
	{"Send on a full lane", func(t *testing.T, ctx context.Context, s *scene) func(ctx context.Context) error {
		s.sendA, s.receiveB = openLane(ctx, s.a, s.b, &engine.LaneOptions{Ring: ring.Options{Capacity: 4096}})
		fill(t, s.sendA, 16)
		return func(ctx context.Context) error { return s.sendA.Send(ctx, new(engine.Raw)) }
	}},
	{"Accept", func(_ *testing.T, _ context.Context, s *scene) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			_, err := engine.Accept[engine.Raw](ctx, s.a, "x")
			return err
		}
	}},
	{"OpenLane", func(_ *testing.T, _ context.Context, s *scene) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			_, err := engine.OpenLane[engine.Raw](ctx, s.a, "x", nil)
			return err
		}
	}},
}

// openLane opens a lane while the other side accepts it.
func openLane(ctx context.Context, from, to *engine.Session, o *engine.LaneOptions) (engine.Sender[engine.Raw], engine.Receiver[engine.Raw]) {
	accepted := make(chan engine.Receiver[engine.Raw], 1)
	go func() { accepted <- must(engine.Accept[engine.Raw](ctx, to, "lane")) }()
	return must(engine.OpenLane[engine.Raw](ctx, from, "lane", o)), <-accepted
}

// fill sends messages of a size until there is no room.
func fill(t *testing.T, s engine.Sender[engine.Raw], size int) {
	t.Helper()
	m := make(engine.Raw, size)
	for late := 0; late < 3; { // once may be for want of a processor
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		err := s.Send(ctx, &m)
		cancel()
		switch {
		case err == nil:
			late = 0
		case errors.Is(err, context.DeadlineExceeded):
			late++
		default:
			t.Fatal(err)
		}
	}
}

var ends = []struct {
	name string
	// end returns false if it does not concern the call.
	end func(s *scene, cancel func()) bool
	// want is what the call must return.
	want error
}{
	{"its context", func(_ *scene, cancel func()) bool {
		cancel()
		return true
	}, context.Canceled},
	{"the end's Close", func(s *scene, _ func()) bool {
		return s.sendA.Close() == nil || s.receiveA.Close() == nil
	}, os.ErrClosed},
	{"the session's Close", func(s *scene, _ func()) bool { return s.a.Close() == nil }, os.ErrClosed},
	{"the engine's Shutdown", func(s *scene, _ func()) bool {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.engA.Shutdown(ctx)
		return true
	}, os.ErrClosed},
	{"the peer's Close of the sender", func(s *scene, _ func()) bool { return s.sendB.Close() == nil }, io.EOF},
	{"the peer's Close of the receiver", func(s *scene, _ func()) bool { return s.receiveB.Close() == nil }, engine.ErrCanceled},
	{"the peer's Close of the session", func(s *scene, _ func()) bool { return s.b.Close() == nil }, engine.ErrSessionClosed},
	{"the peer's Shutdown", func(s *scene, _ func()) bool {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.engB.Shutdown(ctx)
		return true
	}, engine.ErrSessionClosed},
}

func TestACallThatBlocksIsEnded(t *testing.T) {
	for _, w := range []engine.Wait{engine.Hybrid, engine.Block} {
		for _, c := range calls {
			for _, e := range ends {
				for _, cancellable := range []bool{false, true} {
					if e.want == context.Canceled && !cancellable { //nolint:errorlint // the value itself
						continue
					}
					t.Run(fmt.Sprintf("%v/%s by %s/cancellable=%v", w, c.name, e.name, cancellable), func(t *testing.T) {
						residue(t)
						s := newScene(t, w)
						call := c.prepare(t, watchdog(t), s)
						ctx, cancel := context.Background(), func() {}
						if cancellable {
							ctx, cancel = context.WithCancel(ctx)
						}
						defer cancel()
						ended := make(chan error, 1)
						go blockedCall(func() { ended <- call(ctx) })
						eventually(t, "the call blocks", func() bool { return blocks() || len(ended) != 0 })
						if len(ended) != 0 {
							t.Fatalf("it did not block: %v", <-ended)
						}
						if !e.end(s, cancel) {
							t.Skip("does not concern it")
						}
						if err := within(t, "the call's end", ended); !errors.Is(err, e.want) {
							t.Errorf("%v, want %v", err, e.want)
						}
					})
				}
			}
		}
	}
}

// blockedCall is there to be found on a stack.
//
//go:noinline
func blockedCall(f func()) { f() }

// blocks reports whether a goroutine is asleep in blockedCall.
func blocks() bool {
	for g := range strings.SplitSeq(stacks(), "\n\n") {
		if strings.Contains(g, "shm_test.blockedCall(") && !strings.Contains(g, "shm_test.blocks(") {
			head, _, _ := strings.Cut(g, "\n")
			return strings.Contains(head, "[select") || strings.Contains(head, "[syscall") || strings.Contains(head, "[chan")
		}
	}
	return false
}

func newScene(t *testing.T, w engine.Wait) *scene {
	t.Helper()
	ctx := watchdog(t)
	c := engine.Config{Wait: w, Limits: engine.Limits{Window: 4096}}
	s := &scene{engA: newEngine(t, c), engB: newEngine(t, c)}
	addr := address()
	o := shm.Options{Engine: s.engB, Ring: ring.Options{Capacity: 8192}}
	ln := must(shm.Listen(ctx, addr, &o))
	o.Engine = s.engA
	s.a = must(shm.Dial(ctx, addr, &o))
	s.b = must(ln.Accept(ctx))
	_ = ln.Close()
	t.Cleanup(func() {
		_ = s.a.Close()
		_ = s.b.Close()
	})
	return s
}

// A peer that never reads, which may also be a hostile one, costs the sender nothing but its context.
func TestAPeerThatNeverReadsBlocksTheSenderUntilItsContextEnds(t *testing.T) {
	for _, lane := range []bool{false, true} {
		for _, w := range []engine.Wait{engine.Hybrid, engine.Block, engine.Spin} {
			t.Run(fmt.Sprintf("lane=%v/%v", lane, w), func(t *testing.T) {
				residue(t)
				s := newScene(t, w)
				ctx := watchdog(t)
				if lane {
					s.sendA, s.receiveB = openLane(ctx, s.a, s.b, nil)
				} else {
					s.sendA = must(engine.Open[engine.Raw](ctx, s.a, "x"))
				}
				fill(t, s.sendA, 1000)
				for _, size := range []int{0, 1000} {
					m := make(engine.Raw, size)
					short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
					for err := error(nil); !errors.Is(err, context.DeadlineExceeded); {
						if err = s.sendA.Send(short, &m); err != nil && !errors.Is(err, context.DeadlineExceeded) {
							t.Fatal(err)
						}
					}
					cancel()
				}
			})
		}
	}
}

func TestShutdownWaitsUntilThePeerHasRead(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	s := newScene(t, engine.Hybrid)
	out := must(engine.Open[engine.Raw](ctx, s.a, "x"))
	lane, in := openLane(ctx, s.a, s.b, nil)
	var m engine.Raw
	const n = 20 // all in the rings
	for i := range uint64(n) {
		m = numbered(m, i+1)
		for _, to := range []engine.Sender[engine.Raw]{out, lane} {
			if err := to.Send(ctx, &m); err != nil {
				t.Fatal(err)
			}
		}
	}
	over := make(chan error, 1)
	go blockedCall(func() { over <- s.engA.Shutdown(ctx) })
	eventually(t, "Shutdown waits", blocks)
	var all sync.WaitGroup
	defer all.Wait()
	for _, r := range []engine.Receiver[engine.Raw]{must(engine.Accept[engine.Raw](ctx, s.b, "x")), in} {
		all.Go(func() {
			if got, err := readNumbered(ctx, r); got != n || !errors.Is(err, engine.ErrSessionClosed) {
				t.Errorf("%d messages, then %v", got, err)
			}
		})
	}
	if err := within(t, "Shutdown", over); err != nil {
		t.Error(err)
	}
	if _, err := shm.Dial(ctx, "@nobody", &shm.Options{Engine: s.engA}); err == nil {
		t.Error("Dial with an engine that is shut down")
	}
}

func TestShutdownDoesNotWaitForAPeerThatNeverReadsLongerThanItsContext(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	s := newScene(t, engine.Hybrid)
	out := must(engine.Open[engine.Raw](ctx, s.a, "x"))
	fill(t, out, 1000)
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if err := s.engA.Shutdown(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := out.Send(ctx, new(engine.Raw)); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}
