package transporttest

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
)

// A T is one test over one transport.
type T struct {
	*testing.T
	tr   Transport
	wait engine.Wait
	// ctx ends when a wait has lasted so long that something hangs.
	ctx context.Context
}

// sub runs f as a test of its own.
func (t *T) sub(name string, f func(t *T)) {
	t.T.Helper()
	t.Run(name, func(tt *testing.T) { run(tt, t.tr, t.wait, f) })
}

// patience bounds every wait: long enough for a loaded machine, and only ever spent by a test that fails.
const patience = time.Minute

func watchdog(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// engine makes an engine that is shut down at the end of the test.
func (t *T) engine(limits engine.Limits) *engine.Engine {
	t.Helper()
	eng, err := engine.New(engine.Config{Wait: t.wait, Limits: limits})
	t.check(err)
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel() // what is left is closed at once
		_ = eng.Shutdown(now)
	})
	return eng
}

// connect connects two sessions whose engines have the same limits: none are given for the defaults.
func (t *T) connect(limits ...engine.Limits) Link {
	t.Helper()
	var l engine.Limits
	if len(limits) != 0 {
		l = limits[0]
	}
	return t.connectWith(l, l)
}

// connectWith connects two sessions.
func (t *T) connectWith(a, b engine.Limits) Link {
	t.Helper()
	l := t.tr.Pair(t, t.engine(a), t.engine(b))
	t.Cleanup(func() {
		_ = l.A.Close()
		_ = l.B.Close()
	})
	return l
}

// channel opens a channel from one session to the other.
func channel[M any](t *T, from, to *engine.Session) (engine.Sender[M], engine.Receiver[M]) {
	t.Helper()
	return channelAs[M, M](t, from, to)
}

// channelAs opens a channel whose ends see its messages as different types.
func channelAs[S, R any](t *T, from, to *engine.Session) (engine.Sender[S], engine.Receiver[R]) {
	t.Helper()
	s, err := engine.Open[S](t.ctx, from, "x")
	t.check(err)
	r, err := engine.Accept[R](t.ctx, to, "x")
	t.check(err)
	return s, r
}

// pass sends a message over a channel of its own, and returns what arrives.
func pass[M any](t *T, from, to *engine.Session, m *M) *M {
	t.Helper()
	s, r := channel[M](t, from, to)
	t.check(s.Send(t.ctx, m))
	t.check(s.Close())
	got := new(M)
	t.check(r.Receive(t.ctx, got))
	t.check(r.Close())
	return got
}

func (t *T) check(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want checks that err is want, and not the watchdog's.
func (t *T) want(err, want error) {
	t.Helper()
	if !errors.Is(err, want) || t.ctx.Err() != nil {
		t.Fatalf("error is %v, not %v", err, want)
	}
}

// wantReason checks that err is the other end's reason.
func (t *T) wantReason(err error, code engine.Code, text string) {
	t.Helper()
	if e := as[*engine.ChannelError](t, err); e.Code != code || !strings.Contains(e.Text, text) {
		t.Fatalf("reason is code %d, %q; not %d, %q", e.Code, e.Text, code, text)
	}
}

// wantLimit checks that err says which limit was exceeded, and its value.
func (t *T) wantLimit(err error, what, value string) {
	t.Helper()
	t.want(err, engine.ErrLimit)
	if text := err.Error(); !strings.Contains(text, what) || !slices.Contains(strings.Fields(text), value) {
		t.Fatalf("%q does not name the limit of %s %s", text, value, what)
	}
}

// as returns the error in err's tree of a type.
func as[E error](t *T, err error) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("error is %T %v, not a %T", err, err, e)
	}
	return e
}

// get returns what comes from a Go channel.
func get[V any](t *T, c <-chan V) V {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-t.ctx.Done():
		buf := make([]byte, 1<<18)
		t.Fatalf("nothing came for %v\n%s", patience, buf[:runtime.Stack(buf, true)])
	}
	panic("unreachable")
}

// result runs f and returns what it returns.
func result[V any](f func() V) <-chan V {
	c := make(chan V, 1)
	go func() { c <- f() }()
	return c
}

// eventually waits until ok.
func (t *T) eventually(what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-t.ctx.Done():
			t.Fatalf("gave up waiting until %s", what)
		}
	}
}

// polled has somebody wait for something on the session until the test ends, as a server does: what the peer says is seen.
func (t *T) polled(s *engine.Session) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.ctx)
	over := result(func() error { _, err := engine.Accept[note](ctx, s, "never"); return err })
	t.Cleanup(func() {
		cancel()
		get(t, over)
	})
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
func (t *T) watch() (*watched, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.ctx)
	t.Cleanup(cancel)
	return &watched{Context: ctx, waiting: make(chan struct{})}, cancel
}

// impatient returns a context that is cancelled as soon as somebody waits for it: a call with it does what it can do at
// once.
func (t *T) impatient() context.Context {
	ctx, cancel := context.WithCancel(t.ctx)
	t.Cleanup(cancel)
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

// sendUntilEnd sends until that fails, and returns why.
func sendUntilEnd(ctx context.Context, s engine.Sender[note]) error {
	for i := uint64(0); ; i++ {
		if err := s.Send(ctx, &note{ID: i}); err != nil {
			return err
		}
	}
}

// receiveUntilEnd receives until that fails, and returns how many came, and why no more.
func receiveUntilEnd(ctx context.Context, r engine.Receiver[note]) (n int, err error) {
	for ; ; n++ {
		var m note
		if err := r.Receive(ctx, &m); err != nil {
			return n, err
		}
	}
}

// fill sends messages of that many bytes until no more fit, which is when a Send waits. It numbers them.
func fill(t *T, s engine.Sender[note], size int) (n uint64) {
	t.Helper()
	text := strings.Repeat("x", size)
	for ; ; n++ {
		if err := s.Send(t.impatient(), &note{ID: n, Text: text}); err != nil {
			t.want(err, context.Canceled)
			return n
		}
	}
}

// wantNumbers checks that the next messages are numbered from first to before end.
func wantNumbers(t *T, r engine.Receiver[note], first, end uint64) {
	t.Helper()
	for i := first; i < end; i++ {
		var m note
		t.check(r.Receive(t.ctx, &m))
		if m.ID != i {
			t.Fatalf("message %d where %d was due", m.ID, i)
		}
	}
}

// sendNumbers sends messages numbered from first to before end.
func sendNumbers(t *T, s engine.Sender[note], first, end uint64) {
	t.Helper()
	for i := first; i < end; i++ {
		t.check(s.Send(t.ctx, &note{ID: i}))
	}
}

// writeUntilEnd writes until that fails, and returns why.
func writeUntilEnd(w io.Writer) error {
	b := make([]byte, 1024)
	for {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
}
