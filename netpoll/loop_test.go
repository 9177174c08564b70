package netpoll

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var waits = []Wait{Hybrid, Spin, Block}

// matrix runs a test once for each way to wait.
func matrix(t *testing.T, f func(t *testing.T, w Wait)) {
	for _, w := range waits {
		t.Run(w.String(), func(t *testing.T) { f(t, w) })
	}
}

func TestABadConfigIsRefusedByName(t *testing.T) {
	for field, cfg := range map[string]Config{
		"Budget":    {Budget: -1},
		"MaxEvents": {MaxEvents: 1 << 20},
		"PostLimit": {PostLimit: maxPostLimit + 1},
		"SpinFor":   {SpinFor: -time.Second},
		"Wait":      {Wait: 17},
	} {
		_, err := New(&cfg)
		var oe *OpError
		if !errors.As(err, &oe) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestALoopKnowsItsThread(t *testing.T) {
	l := startLoop(t, nil)
	if l.InLoop() {
		t.Error("the test runs on the loop")
	}
	on(t, l, func() {
		if !l.InLoop() {
			t.Error("a posted function does not run on the loop")
		}
	})
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if l.InLoop() {
		t.Error("the test runs on a loop that has ended")
	}
}

func TestAClosedLoopSaysSoEverywhere(t *testing.T) {
	matrix(t, func(t *testing.T, w Wait) {
		l := startLoop(t, &Config{Wait: w})
		fd := eventfd(t)
		reg := register(t, l, fd, In, func(Events) bool { return false })
		src := addPoller(t, l, new(queue))
		timer := l.AfterFunc(time.Hour, func() { t.Error("a timer fired early") })
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		await(t, l.Done())

		if err := l.Close(); err != os.ErrClosed {
			t.Errorf("second Close: %v", err)
		}
		if err := l.Post(func() {}); err != os.ErrClosed {
			t.Errorf("Post: %v", err)
		}
		if _, err := l.Register(fd, In, HandlerFunc(func(Events) bool { return false })); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Register: %v", err)
		}
		if _, err := l.AddPoller(new(queue)); !errors.Is(err, os.ErrClosed) {
			t.Errorf("AddPoller: %v", err)
		}
		if err := reg.Modify(Out); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Modify: %v", err)
		}
		if err := reg.Close(); err != nil {
			t.Errorf("Registration.Close: %v", err)
		}
		if err := src.Close(); err != nil {
			t.Errorf("PollerRegistration.Close: %v", err)
		}
		if timer.Stop() || timer.Reset(0) || l.AfterFunc(0, func() { t.Error("fired") }).Stop() {
			t.Error("a timer of a closed loop is pending")
		}
		l.Wake()
		if l.Load() != 0 {
			t.Errorf("load is %d", l.Load())
		}
	})
}

func TestCloseFromACallbackDoesNotWaitForItself(t *testing.T) {
	l := startLoop(t, nil)
	on(t, l, func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := l.Close(); err != os.ErrClosed {
			t.Errorf("second Close: %v", err)
		}
		if err := l.Post(func() {}); err != os.ErrClosed {
			t.Errorf("Post: %v", err)
		}
	})
	await(t, l.Done())
}

func TestManyMayCloseALoopAtOnce(t *testing.T) {
	matrix(t, func(t *testing.T, w Wait) {
		l := startLoop(t, &Config{Wait: w})
		var firsts atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if l.Close() == nil {
					firsts.Add(1)
				}
				select {
				case <-l.Done():
				default:
					t.Error("Close returned before the loop had ended")
				}
			})
		}
		wg.Wait()
		if firsts.Load() != 1 {
			t.Errorf("%d calls of Close returned nil", firsts.Load())
		}
	})
}

func TestALoopWithNothingToDoSleepsAndStaysAsleep(t *testing.T) {
	for _, w := range []Wait{Hybrid, Block} {
		t.Run(w.String(), func(t *testing.T) {
			l := startLoop(t, &Config{Wait: w})
			q := &queue{wake: l.Wake}
			addPoller(t, l, q)
			q.put(10)
			until(t, "items handled", func() bool { return q.handled.Load() == 10 })
			untilAsleep(t, l)
			before := l.Stats()
			for range 20_000 {
				runtime.Gosched()
			}
			// A ring that was on its way when the loop last looked may wake it once more, and Hybrid does not spin for it.
			const stray = 5
			if turns := l.Stats().Turns - before.Turns; turns > stray {
				t.Errorf("%d turns while there was nothing to do", turns)
			}
			untilAsleep(t, l)
			q.check(t)
		})
	}
}

func TestAPanicIsHandedToOnPanicAndTheLoopGoesOn(t *testing.T) {
	type report struct {
		v     any
		stack string
	}
	reports := make(chan report, 10)
	l := startLoop(t, &Config{OnPanic: func(v any, stack []byte) { reports <- report{v, string(stack)} }})
	expect := func(who string) {
		t.Helper()
		r := await(t, reports)
		if r.v != who || !strings.Contains(r.stack, "loop_test.go") {
			t.Errorf("panic %v, want %s, at\n%s", r.v, who, r.stack)
		}
	}

	if err := l.Post(func() { panic("post") }); err != nil {
		t.Fatal(err)
	}
	expect("post")
	l.AfterFunc(0, func() { panic("timer") })
	expect("timer")

	fd := eventfd(t)
	reg := register(t, l, fd, In, func(Events) bool { panic("handler") })
	write(t, fd, "\x01\x00\x00\x00\x00\x00\x00\x00")
	expect("handler")
	if err := reg.Close(); err != os.ErrClosed {
		t.Errorf("closing what has panicked: %v", err)
	}
	q := &queue{onPoll: func() { panic("poller") }}
	src := addPoller(t, l, q)
	expect("poller")
	if err := src.Close(); err != os.ErrClosed {
		t.Errorf("closing what has panicked: %v", err)
	}
	on(t, l, func() {})
	if l.Load() != 0 || len(reports) != 0 {
		t.Errorf("load %d, %d more reports", l.Load(), len(reports))
	}
}

func TestGoexitInACallbackEndsTheLoopWithAnError(t *testing.T) {
	l := startLoop(t, nil)
	fd := eventfd(t)
	reg := register(t, l, fd, In, func(Events) bool { runtime.Goexit(); return false })
	write(t, fd, "\x01\x00\x00\x00\x00\x00\x00\x00")
	await(t, l.Done())
	if err := l.Close(); !errors.Is(err, errGoexit) {
		t.Errorf("Close: %v", err)
	}
	if err := reg.Close(); err != nil {
		t.Errorf("Registration.Close: %v", err)
	}
}

// apart is what runs in a process of its own.
const apartEnv = "NETPOLL_TEST_APART"

var apart = map[string]func(){
	"panic": func() {
		l, err := New(nil)
		if err != nil {
			panic(err)
		}
		_ = l.Post(func() { panic("thrown by a callback") })
		<-l.Done()
	},
	// With one P, the loop's first goroutine starts on the thread on which main waits for it.
	"main thread": func() {
		runtime.GOMAXPROCS(1)
		l, err := New(nil)
		if err != nil {
			panic(err)
		}
		_ = l.Post(func() {
			if unix.Gettid() == os.Getpid() {
				panic("the loop has the main thread")
			}
		})
		if err := l.Close(); err != nil {
			panic(err)
		}
	},
}

func runApart(t *testing.T, what string) (output string, err error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), apartEnv+"="+what)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestALoopLeavesTheMainThreadAlone(t *testing.T) {
	if out, err := runApart(t, "main thread"); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestAPanicWithoutOnPanicEndsTheProcess(t *testing.T) {
	out, err := runApart(t, "panic")
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("the process ended with %v:\n%s", err, out)
	}
	if !strings.Contains(out, "thrown by a callback") || !strings.Contains(out, "loop_test.go") {
		t.Errorf("the report lacks the value or the place:\n%s", out)
	}
}

func TestSignalsDisturbNothing(t *testing.T) {
	matrix(t, func(t *testing.T, w Wait) {
		catchSIGUSR1(t)
		l := startLoop(t, &Config{Wait: w})
		a, b := pair(t)
		var got atomic.Int64
		register(t, l, a, In|Edge, func(Events) bool { got.Add(int64(drain(a))); return false })
		q := &queue{wake: l.Wake}
		addPoller(t, l, q)
		var fired, posted atomic.Int64
		var timer *Timer
		on(t, l, func() {
			timer = l.AfterFunc(0, func() { fired.Add(1); timer.Reset(20 * time.Microsecond) })
		})

		stop := make(chan struct{})
		var storm sync.WaitGroup
		tid := int(l.tid.Load())
		storm.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := unix.Tgkill(os.Getpid(), tid, unix.SIGUSR1); err != nil {
						t.Errorf("tgkill: %v", err)
						return
					}
					runtime.Gosched()
				}
			}
		})
		const rounds = 300
		for i := int64(1); i <= rounds; i++ {
			write(t, b, "x")
			q.put(1)
			if err := l.Post(func() { posted.Add(1) }); err != nil {
				t.Fatal(err)
			}
			until(t, "a round", func() bool {
				return got.Load() == i && q.handled.Load() == i && posted.Load() == i
			})
		}
		until(t, "timers fire", func() bool { return fired.Load() > 10 })
		close(stop)
		storm.Wait()
		q.check(t)
	})
}
