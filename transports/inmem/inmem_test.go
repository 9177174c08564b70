package inmem_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/inmem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func watchdog(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, not %v", err, want)
	}
}

func listen(t *testing.T, o *inmem.Options) *engine.Listener {
	t.Helper()
	ln := must(inmem.Listen(watchdog(t), t.Name(), o))
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func dial(t *testing.T) *engine.Session {
	t.Helper()
	s := must(inmem.Dial(watchdog(t), t.Name(), nil))
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestDialReachesTheListenerOfTheName(t *testing.T) {
	ctx := watchdog(t)
	ln := listen(t, nil)
	if ln.Addr() != "inmem://"+t.Name() {
		t.Error(ln.Addr())
	}
	a := dial(t)
	b := must(ln.Accept(ctx))
	defer b.Close()
	for _, s := range []*engine.Session{a, b} {
		p := s.Peer()
		if s.Transport() != "inmem" || p.Addr != ln.Addr() || !p.Local || p.Cred.PID != os.Getpid() {
			t.Errorf("%s %+v", s.Transport(), p)
		}
	}
	for _, lane := range []bool{false, true} {
		for _, from := range []*engine.Session{a, b} {
			to := a
			if from == a {
				to = b
			}
			accepted := make(chan engine.Receiver[engine.Raw])
			go func() { accepted <- must(engine.Accept[engine.Raw](ctx, to, "x")) }()
			var s engine.Sender[engine.Raw]
			if lane {
				s = must(engine.OpenLane[engine.Raw](ctx, from, "x", nil))
			} else {
				s = must(engine.Open[engine.Raw](ctx, from, "x"))
			}
			r := <-accepted
			msg := engine.Raw("text")
			if err := s.Send(ctx, &msg); err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
			var got engine.Raw
			if err := r.Receive(ctx, &got); err != nil || string(got) != "text" {
				t.Fatal(string(got), err)
			}
			wantErr(t, r.Receive(ctx, &got), io.EOF)
			_ = r.Close()
		}
	}
}

func TestANameIsListenedToOnce(t *testing.T) {
	ctx := watchdog(t)
	first := listen(t, nil)
	_, err := inmem.Listen(ctx, t.Name(), nil)
	wantErr(t, err, inmem.ErrInUse)
	other := must(inmem.Listen(ctx, t.Name()+"2", nil))
	_ = other.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wantErr(t, first.Close(), net.ErrClosed)
	wantErr(t, other.Close(), net.ErrClosed)
	again := listen(t, nil) // the name is free
	dial(t)
	b := must(again.Accept(ctx))
	_ = b.Close()
}

func TestNobodyListens(t *testing.T) {
	ctx := watchdog(t)
	_, err := inmem.Dial(ctx, t.Name(), nil)
	wantErr(t, err, inmem.ErrNobody)
	ln := listen(t, nil)
	_ = ln.Close()
	_, err = inmem.Dial(ctx, t.Name(), nil)
	wantErr(t, err, inmem.ErrNobody)
	_, err = ln.Accept(ctx)
	wantErr(t, err, net.ErrClosed)
	for s, err := range ln.Sessions(ctx) {
		t.Fatal("a turn after Close:", s, err)
	}
}

func TestDialWithADoneContext(t *testing.T) {
	listen(t, nil)
	done, cancel := context.WithCancel(watchdog(t))
	cancel()
	_, err := inmem.Dial(done, t.Name(), nil)
	wantErr(t, err, context.Canceled)
}

// A context that says when somebody waits for it.
type watched struct {
	context.Context
	once    sync.Once
	waiting chan struct{}
}

func (w *watched) Done() <-chan struct{} {
	w.once.Do(func() { close(w.waiting) })
	return w.Context.Done()
}

func TestDialWaitsWhileTheBacklogIsFull(t *testing.T) {
	for _, end := range []string{"cancelled", "accepted", "listener closed"} {
		t.Run(end, func(t *testing.T) {
			ctx := watchdog(t)
			ln := listen(t, nil)
			for range engine.Backlog {
				dial(t)
			}
			// The select of one that is not delivered at once may see the delivery first, so wait until one waits.
			inner, cancel := context.WithCancel(ctx)
			defer cancel()
			w := &watched{Context: inner, waiting: make(chan struct{})}
			type dialled struct {
				s   *engine.Session
				err error
			}
			res := make(chan dialled, 1)
			go func() {
				s, err := inmem.Dial(w, t.Name(), nil)
				res <- dialled{s, err}
			}()
			<-w.waiting
			select {
			case d := <-res:
				t.Fatal("did not wait:", d)
			default:
			}
			switch end {
			case "cancelled":
				cancel()
				d := <-res
				wantErr(t, d.err, context.Canceled)
				for range engine.Backlog { // those before it are there, and it is not
					_ = must(ln.Accept(ctx)).Close()
				}
				s := dial(t)
				b := must(ln.Accept(ctx))
				defer b.Close()
				opened := must(engine.Open[engine.Raw](ctx, s, "mine"))
				defer opened.Close()
				if _, err := engine.Accept[engine.Raw](ctx, b, "mine"); err != nil {
					t.Fatal(err)
				}
			case "accepted":
				_ = must(ln.Accept(ctx)).Close()
				d := <-res
				if d.err != nil {
					t.Fatal(d.err)
				}
				_ = d.s.Close()
			case "listener closed":
				_ = ln.Close()
				d := <-res
				if d.err == nil { // it was made, and is at its end
					<-d.s.Done()
					_ = d.s.Close()
				}
			}
		})
	}
}

func TestClosingAListenerClosesWhatItHasNotHandedOut(t *testing.T) {
	ctx := watchdog(t)
	ln := listen(t, nil)
	a, handedOut := dial(t), must(ln.Accept(ctx))
	defer handedOut.Close()
	waiting := dial(t)
	_ = ln.Close()
	<-waiting.Done()
	wantErr(t, waiting.Err(), engine.ErrSessionClosed)
	if err := a.Err(); err != nil {
		t.Error("a session that was handed out has ended:", err)
	}
}

func TestSessionsAreHandedOutUntilTheListenerCloses(t *testing.T) {
	ctx := watchdog(t)
	ln := listen(t, nil)
	const n = 5
	dialed := make(chan struct{})
	go func() {
		defer close(dialed)
		for range n {
			if _, err := inmem.Dial(ctx, t.Name(), nil); err != nil {
				t.Error(err)
			}
		}
	}()
	turns := 0
	for s, err := range ln.Sessions(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
		if turns++; turns == n {
			<-dialed
			_ = ln.Close()
		}
	}
	if turns != n {
		t.Error(turns)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	for s, err := range must(inmem.Listen(ctx, t.Name(), nil)).Sessions(done) {
		if s != nil || !errors.Is(err, context.Canceled) {
			t.Error(s, err)
		}
		turns++
	}
	if turns != n+1 {
		t.Error(turns)
	}
}

func TestEachSideChoosesItsRing(t *testing.T) {
	ctx := watchdog(t)
	ln := must(inmem.Listen(ctx, t.Name(), &inmem.Options{Ring: ring.Options{Capacity: 8192}}))
	defer ln.Close()
	a := must(inmem.Dial(ctx, t.Name(), &inmem.Options{Ring: ring.Options{Capacity: 4096}}))
	defer a.Close()
	b := must(ln.Accept(ctx))
	defer b.Close()
	for s, want := range map[*engine.Session]int{a: 4096 - engine.HeaderSize, b: 8192 - engine.HeaderSize} {
		if got := must(engine.Open[engine.Raw](ctx, s, "x")).MaxMessage(); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	for _, capacity := range []int{1, 4095, 5000, 1 << 31} {
		o := &inmem.Options{Ring: ring.Options{Capacity: capacity}}
		_, _, err := inmem.Pair(o)
		wantErr(t, err, ring.ErrCapacity)
		_, err = inmem.Dial(ctx, t.Name(), o)
		wantErr(t, err, ring.ErrCapacity)
		_, err = engine.OpenLane[engine.Raw](ctx, a, "x", &engine.LaneOptions{Ring: o.Ring})
		wantErr(t, err, ring.ErrCapacity)
	}
}

func TestManyDialAtOnce(t *testing.T) {
	ctx := watchdog(t)
	ln := listen(t, nil)
	const n = 300
	var wg sync.WaitGroup
	for k := range n {
		wg.Go(func() {
			a, err := inmem.Dial(ctx, t.Name(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer a.Close()
			s := must(engine.Open[engine.Raw](ctx, a, "ping"))
			r := must(engine.Accept[engine.Raw](ctx, a, "pong"))
			msg := engine.Raw(fmt.Sprint(k))
			if err := s.Send(ctx, &msg); err != nil {
				t.Error(err)
			}
			var got engine.Raw
			if err := r.Receive(ctx, &got); err != nil || string(got) != string(msg) {
				t.Error(k, string(got), err)
			}
		})
	}
	for range n {
		b := must(ln.Accept(ctx))
		wg.Go(func() {
			defer b.Close()
			s := must(engine.Open[engine.Raw](ctx, b, "pong"))
			r, err := engine.Accept[engine.Raw](ctx, b, "ping")
			if err != nil {
				t.Error(err)
				return
			}
			var msg engine.Raw
			if err := r.Receive(ctx, &msg); err != nil {
				t.Error(err)
			}
			if err := s.Send(ctx, &msg); err != nil {
				t.Error(err)
			}
			<-b.Done() // the other side closes first
		})
	}
	wg.Wait()
}
