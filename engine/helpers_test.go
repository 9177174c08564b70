package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"
	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/inmem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An order is a message with the methods that msgp would generate.
type order struct {
	ID    uint64
	Price int64
	Note  string
}

func (o *order) Msgsize() int { return 1 + 9 + 9 + 5 + len(o.Note) }

func (o *order) MarshalMsg(b []byte) ([]byte, error) {
	b = msgp.AppendArrayHeader(b, 3)
	b = msgp.AppendUint64(b, o.ID)
	b = msgp.AppendInt64(b, o.Price)
	return msgp.AppendString(b, o.Note), nil
}

func (o *order) UnmarshalMsg(b []byte) (_ []byte, err error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return b, err
	}
	if n != 3 {
		return b, msgp.ArrayError{Wanted: 3, Got: n}
	}
	if o.ID, b, err = msgp.ReadUint64Bytes(b); err != nil {
		return b, err
	}
	if o.Price, b, err = msgp.ReadInt64Bytes(b); err != nil {
		return b, err
	}
	o.Note, b, err = msgp.ReadStringBytes(b)
	return b, err
}

// soak says that the long forms of the tests were asked for.
var soak = os.Getenv("CORECHAN_SOAK") != ""

// patience bounds every wait: a hang fails instead of lasting.
const patience = time.Minute

// watchdog is the context of a test's waits.
func watchdog(t testing.TB) context.Context {
	d := patience
	if soak {
		d = time.Hour
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// newEngine makes an engine that is shut down at the end of the test.
func newEngine(t testing.TB, cfg engine.Config) *engine.Engine {
	t.Helper()
	eng := must(engine.New(cfg))
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel() // what is left is closed at once
		_ = eng.Shutdown(now)
	})
	return eng
}

// pair returns two connected sessions.
func pair(t testing.TB, o *inmem.Options) (a, b *engine.Session) {
	t.Helper()
	a, b, err := inmem.Pair(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
	})
	return a, b
}

// with returns the options of a new engine.
func with(t testing.TB, cfg engine.Config) *inmem.Options {
	t.Helper()
	return &inmem.Options{Engine: newEngine(t, cfg)}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr checks that err is want, and is not the watchdog's.
func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || errors.Is(err, context.DeadlineExceeded) && want != context.DeadlineExceeded {
		t.Fatalf("error is %v, not %v", err, want)
	}
}

// as returns the error in err's tree of a type.
func as[E error](t testing.TB, err error) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("error is %T %v, not a %T", err, err, e)
	}
	return e
}

// get returns what comes from a channel.
func get[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		buf := make([]byte, 1<<16)
		t.Fatalf("nothing came for %v\n%s", patience, buf[:runtime.Stack(buf, true)])
	}
	panic("unreachable")
}

// result runs f and returns what it returns.
func result[T any](f func() T) <-chan T {
	c := make(chan T, 1)
	go func() { c <- f() }()
	return c
}

// The kinds of channels.
const (
	channel = "channel" // in the session's ring
	lane    = "lane"    // with a ring of its own
	pipe    = "pipe"    // within the process
)

// A setting is one of a matrix.
type setting struct {
	kind  string
	wait  engine.Wait
	procs int
}

func (c setting) String() string { return fmt.Sprintf("%s/%v/procs=%d", c.kind, c.wait, c.procs) }

var (
	waits    = []engine.Wait{engine.Spin, engine.Hybrid, engine.Block}
	allProcs = []int{1, 2, 4}
)

// matrix runs f for every kind of channel, way to wait and number of processors. A Pipe has one way to wait.
func matrix(t *testing.T, f func(t *testing.T, c setting)) {
	for _, procs := range allProcs {
		for _, w := range waits {
			for _, kind := range []string{channel, lane, pipe} {
				if kind == pipe && w != engine.Hybrid {
					continue
				}
				run(t, setting{kind, w, procs}, f)
			}
		}
	}
}

// sessions is matrix without Pipe.
func sessions(t *testing.T, f func(t *testing.T, c setting)) {
	matrix(t, func(t *testing.T, c setting) {
		if c.kind == pipe {
			t.Skip("a pipe has no session")
		}
		f(t, c)
	})
}

// kinds runs f for every kind of channel.
func kinds(t *testing.T, f func(t *testing.T, c setting)) {
	for _, kind := range []string{channel, lane, pipe} {
		t.Run(kind, func(t *testing.T) { f(t, setting{kind, engine.Hybrid, 0}) })
	}
}

func run(t *testing.T, c setting, f func(t *testing.T, c setting)) {
	t.Run(c.String(), func(t *testing.T) {
		old := runtime.GOMAXPROCS(c.procs)
		defer runtime.GOMAXPROCS(old)
		f(t, c)
	})
}

// ends are both ends of a channel and, if it is not a pipe's, the sessions they belong to.
type ends[T any] struct {
	a, b *engine.Session // the sender's and the receiver's
	s    engine.Sender[T]
	r    engine.Receiver[T]
}

// connect makes a channel.
func connect[T any](t testing.TB, c setting) ends[T] {
	t.Helper()
	return connectWith[T](t, c.kind, with(t, engine.Config{Wait: c.wait}))
}

func connectWith[T any](t testing.TB, kind string, o *inmem.Options) ends[T] {
	t.Helper()
	if kind == pipe {
		r, s := engine.Pipe[T]()
		return ends[T]{s: s, r: r}
	}
	a, b := pair(t, o)
	s, r := open[T](t, kind, a, b, "x")
	return ends[T]{a, b, s, r}
}

// open makes a channel from a to b.
func open[T any](t testing.TB, kind string, a, b *engine.Session, name string) (engine.Sender[T], engine.Receiver[T]) {
	t.Helper()
	ctx := watchdog(t)
	accepted := result(func() engine.Receiver[T] { return must(engine.Accept[T](ctx, b, name)) })
	var s engine.Sender[T]
	if kind == lane {
		s = must(engine.OpenLane[T](ctx, a, name, nil))
	} else {
		s = must(engine.Open[T](ctx, a, name))
	}
	return s, <-accepted
}

// polled runs f while somebody polls s.
func polled(t testing.TB, s *engine.Session, f func()) {
	t.Helper()
	ctx, cancel := watch(t)
	poller := result(func() error { _, err := engine.Accept[order](ctx, s, "never"); return err })
	get(t, ctx.waiting)
	f()
	cancel()
	wantErr(t, get(t, poller), context.Canceled)
}

// A watched context tells when it is waited for: the first call of Done is what a wait begins with.
type watched struct {
	context.Context
	once    sync.Once
	waiting chan struct{}
}

func (w *watched) Done() <-chan struct{} {
	w.once.Do(func() { close(w.waiting) })
	return w.Context.Done()
}

// watch returns a context that can be cancelled, and tells when somebody waits for it.
func watch(t testing.TB) (*watched, context.CancelFunc) {
	ctx, cancel := context.WithCancel(watchdog(t))
	t.Cleanup(cancel)
	return &watched{Context: ctx, waiting: make(chan struct{})}, cancel
}

// impatient returns a context that is cancelled as soon as somebody waits for it: a call with it does what it can do at
// once.
func impatient(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	return &hasty{ctx, cancel}
}

type hasty struct {
	context.Context
	cancel context.CancelFunc
}

func (h *hasty) Done() <-chan struct{} {
	h.cancel()
	return h.Context.Done()
}

// sendUntil sends until that fails, and returns how many were sent and why no more.
func sendUntil(ctx context.Context, s engine.Sender[engine.Raw], size int) (n int, err error) {
	msg := make(engine.Raw, size)
	for ; err == nil; n++ {
		err = s.Send(ctx, &msg)
	}
	return n - 1, err
}

// fill sends messages of size bytes until no more fit, which is when a Send waits.
func fill(t testing.TB, s engine.Sender[engine.Raw], size int) (n int) {
	t.Helper()
	msg := make(engine.Raw, size)
	for ctx := watchdog(t); ; n++ {
		if err := s.Send(impatient(ctx), &msg); err != nil {
			wantErr(t, err, context.Canceled)
			return n
		}
	}
}
