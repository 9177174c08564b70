package netpoll

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd/fdtest"
)

func TestMain(m *testing.M) {
	if what := os.Getenv(apartEnv); what != "" {
		apart[what]()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait; a test that reaches it has failed.
const patience = 20 * time.Second

// startLoop starts a loop that is closed, and whose descriptors are accounted for, at the end of the test.
func startLoop(t testing.TB, cfg *Config) *Loop {
	t.Helper()
	if _, ok := t.(*testing.T); ok {
		fdtest.Snapshot(t)
	}
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

// on runs f on the loop's thread and waits for it.
func on(t testing.TB, l *Loop, f func()) {
	t.Helper()
	done := make(chan struct{})
	if err := l.Post(func() { defer close(done); f() }); err != nil {
		t.Fatal(err)
	}
	await(t, done)
}

// await waits for a channel to be closed, or for a value.
func await[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		t.Fatalf("waited for more than %v\n%s", patience, buf[:runtime.Stack(buf, true)])
		panic("unreachable")
	}
}

// until waits for a condition.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// untilAsleep waits until the loop has gone to sleep.
func untilAsleep(t testing.TB, l *Loop) {
	t.Helper()
	until(t, "the loop sleeps", l.asleep.Load)
}

// eventfd returns a non-blocking one that is closed before the test's descriptors are counted.
func eventfd(t testing.TB) int {
	t.Helper()
	n, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(n) })
	return n
}

// pair returns both ends of a non-blocking stream socket.
func pair(t testing.TB) (a, b int) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
	return p[0], p[1]
}

func write(t testing.TB, fd int, b string) {
	t.Helper()
	if _, err := unix.Write(fd, []byte(b)); err != nil {
		t.Errorf("write: %v", err)
	}
}

func register(t testing.TB, l *Loop, fd int, ev Events, h HandlerFunc) *Registration {
	t.Helper()
	r, err := l.Register(fd, ev, h)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// drain reads until EAGAIN and returns how many bytes there were. It is for handlers, so it must not fail the test.
func drain(fd int) (total int) {
	var buf [4096]byte
	for {
		n, err := unix.Read(fd, buf[:])
		if n <= 0 || err != nil {
			return total
		}
		total += n
	}
}

// queue is a poller whose producers are goroutines: a counter of items, and the loop to wake.
type queue struct {
	items         atomic.Int64
	armed         atomic.Bool
	handled       atomic.Int64
	polls         atomic.Int64
	arms, disarms atomic.Int64
	wake          func()
	onPoll        func()
	misused       atomic.Pointer[string]
	alwaysHas     bool
}

func (q *queue) put(n int) {
	q.items.Add(int64(n))
	if q.armed.Swap(false) {
		q.wake()
	}
}

func (q *queue) fail(why string) { q.misused.CompareAndSwap(nil, &why) }

func (q *queue) Poll(budget int) int {
	q.polls.Add(1)
	if q.arms.Load() != q.disarms.Load() {
		q.fail("Poll between Arm and Disarm")
	}
	if q.onPoll != nil {
		q.onPoll()
	}
	if q.alwaysHas {
		q.handled.Add(int64(budget))
		return budget
	}
	n := min(int64(budget), q.items.Load())
	q.items.Add(-n)
	q.handled.Add(n)
	return int(n)
}

func (q *queue) Arm() bool {
	if q.arms.Add(1) != q.disarms.Load()+1 {
		q.fail("Arm twice")
	}
	q.armed.Store(true)
	return q.items.Load() > 0
}

func (q *queue) Disarm() {
	if q.disarms.Add(1) != q.arms.Load() {
		q.fail("Disarm without Arm")
	}
	q.armed.Store(false)
}

func (q *queue) check(t testing.TB) {
	t.Helper()
	if why := q.misused.Load(); why != nil {
		t.Error(*why)
	}
}

func addPoller(t testing.TB, l *Loop, p Poller) *PollerRegistration {
	t.Helper()
	r, err := l.AddPoller(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
