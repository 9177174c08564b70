package netpoll

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd/fdtest"
)

func never(t testing.TB) HandlerFunc {
	return func(ev Events) bool {
		t.Errorf("called with %v", ev)
		return false
	}
}

func TestALevelTriggeredHandlerIsCalledAsLongAsThereIsSomething(t *testing.T) {
	l := startLoop(t, nil)
	a, b := pair(t)
	var got []byte
	done := make(chan struct{})
	write(t, b, "abcd")
	register(t, l, a, In, func(ev Events) bool {
		if ev != In {
			t.Errorf("called with %v", ev)
		}
		var buf [1]byte
		n, _ := unix.Read(a, buf[:])
		got = append(got, buf[:n]...)
		if len(got) == 4 {
			close(done)
		}
		return false
	})
	await(t, done)
	if string(got) != "abcd" {
		t.Errorf("read %q", got)
	}
}

func TestAnEdgeTriggeredHandlerIsCalledOncePerEdge(t *testing.T) {
	l := startLoop(t, nil)
	a, b := pair(t)
	calls := make(chan Events, 10)
	register(t, l, a, In|Edge, func(ev Events) bool { calls <- ev; return false })
	for range 3 {
		write(t, b, "x") // never read
		if ev := await(t, calls); ev != In {
			t.Errorf("called with %v", ev)
		}
		on(t, l, func() {})
	}
	if len(calls) != 0 {
		t.Errorf("%d calls without an edge", len(calls))
	}
}

func TestAHandlerThatHasMoreToDoIsCalledAgainWithoutASystemCall(t *testing.T) {
	l := startLoop(t, nil)
	a, b := pair(t)
	write(t, b, "abcdefgh")
	var got []byte
	done := make(chan struct{})
	register(t, l, a, In|Edge, func(ev Events) bool {
		if ev != In {
			t.Errorf("called with %v", ev)
		}
		var buf [1]byte
		n, err := unix.Read(a, buf[:])
		if err == unix.EAGAIN {
			close(done)
			return false
		}
		got = append(got, buf[:n]...)
		return true
	})
	await(t, done)
	on(t, l, func() {})
	if string(got) != "abcdefgh" {
		t.Errorf("read %q", got)
	}
	until(t, "the count", func() bool { return l.Stats().Exhausted == 8 })
}

func TestAOneShotHandlerIsCalledOnceUntilModified(t *testing.T) {
	l := startLoop(t, nil)
	a, b := pair(t)
	calls := make(chan Events, 10)
	r := register(t, l, a, In|OneShot, func(ev Events) bool { calls <- ev; return false })
	write(t, b, "x")
	await(t, calls)
	write(t, b, "x")
	on(t, l, func() {})
	on(t, l, func() {})
	if len(calls) != 0 {
		t.Fatal("called again before Modify")
	}
	if err := r.Modify(In | OneShot); err != nil {
		t.Fatal(err)
	}
	await(t, calls)
}

func TestModifyChangesWhatIsDelivered(t *testing.T) {
	l := startLoop(t, nil)
	a, b := pair(t)
	calls := make(chan Events, 1)
	r := register(t, l, a, 0, func(ev Events) bool {
		select {
		case calls <- ev:
		default:
		}
		return false
	})
	write(t, b, "x")
	on(t, l, func() {})
	if len(calls) != 0 {
		t.Error("called without an interest")
	}
	for _, ev := range []Events{Out, In, In | Out} {
		on(t, l, func() {
			if err := r.Modify(ev); err != nil {
				t.Error(err)
			}
			select {
			case <-calls:
			default:
			}
		})
		if got := await(t, calls); got != ev {
			t.Errorf("called with %v, want %v", got, ev)
		}
	}
	if err := r.Modify(1 << 20); err == nil {
		t.Error("unknown bits are accepted")
	}
}

func TestAHandlerLearnsThatThePeerIsGone(t *testing.T) {
	l := startLoop(t, nil)
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	calls := make(chan Events, 10)
	r := register(t, l, p[0], RDHup|Edge, func(ev Events) bool { calls <- ev; return false })
	unix.Close(p[1])
	if ev := await(t, calls); ev != RDHup|Hup {
		t.Errorf("called with %v", ev)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	unix.Close(p[0])
}

func TestWhatCannotBeRegisteredIsRefusedWithAHint(t *testing.T) {
	l := startLoop(t, nil)
	h := never(t)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	fd := eventfd(t)
	register(t, l, fd, In, h)
	for name, c := range map[string]struct {
		fd   int
		ev   Events
		h    Handler
		want error
	}{
		"file":     {int(file.Fd()), In, h, unix.EPERM},
		"twice":    {fd, Out, h, unix.EEXIST},
		"negative": {-1, In, h, unix.EBADF},
		"not open": {1 << 19, In, h, unix.EBADF},
		"no func":  {fd, In, nil, nil},
		"bits":     {fd, 1 << 20, h, nil},
	} {
		_, err := l.Register(c.fd, c.ev, c.h)
		var oe *OpError
		if !errors.As(err, &oe) || oe.Op != "register" || oe.FD != c.fd || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l.Load() != 1 {
		t.Errorf("load is %d", l.Load())
	}
}

func TestAClosedRegistrationIsNotCalled(t *testing.T) {
	l := startLoop(t, nil)
	a, b := pair(t)
	var open atomic.Bool
	for range 200 {
		open.Store(true)
		called := make(chan struct{}, 1)
		r := register(t, l, a, In, func(Events) bool {
			if !open.Load() {
				t.Error("called after Close")
			}
			select {
			case called <- struct{}{}:
			default:
			}
			return false
		})
		write(t, b, "x")
		await(t, called)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		open.Store(false)
		if err := r.Close(); err != os.ErrClosed {
			t.Errorf("second Close: %v", err)
		}
		if err := r.Modify(In); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Modify: %v", err)
		}
	}
	on(t, l, func() {})
	if l.Load() != 0 {
		t.Errorf("load is %d", l.Load())
	}
}

func TestCloseWaitsForTheCallThatRuns(t *testing.T) {
	l := startLoop(t, nil)
	a, b := pair(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	var left atomic.Bool
	r := register(t, l, a, In|Edge, func(Events) bool {
		close(entered)
		<-leave
		left.Store(true)
		return false
	})
	write(t, b, "x")
	await(t, entered)
	const closers = 3
	closed := make(chan error, closers)
	for range closers {
		go func() {
			err := r.Close()
			if !left.Load() {
				t.Error("Close returned while the handler ran")
			}
			closed <- err
		}()
	}
	until(t, "the registration is closed", r.closed.Load)
	for range 100 {
		runtime.Gosched()
	}
	close(leave)
	firsts := 0
	for range closers {
		if await(t, closed) == nil {
			firsts++
		}
	}
	if firsts != 1 {
		t.Errorf("%d calls of Close returned nil", firsts)
	}
}

func TestCloseDoesNotWaitForTheHandlerOfAnother(t *testing.T) {
	l := startLoop(t, nil)
	a, b := pair(t)
	other := register(t, l, b, In, never(t))
	entered, leave := make(chan struct{}), make(chan struct{})
	register(t, l, a, Out|OneShot, func(Events) bool {
		close(entered)
		<-leave
		return false
	})
	await(t, entered)
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	close(leave)
}

func TestAHandlerMayCloseItselfAndOthers(t *testing.T) {
	l := startLoop(t, nil)
	const n = 8
	var regs [n]*Registration
	var fds [n]int
	for i := range fds {
		fds[i] = eventfd(t)
	}
	calls := 0
	done := make(chan struct{})
	on(t, l, func() { // all become ready in one look
		for i := range regs {
			r, err := l.Register(fds[i], Out, HandlerFunc(func(Events) bool {
				calls++
				for _, r := range regs {
					if err := r.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				}
				close(done)
				return true
			}))
			if err != nil {
				t.Error(err)
			}
			regs[i] = r
		}
	})
	await(t, done)
	on(t, l, func() {
		if calls != 1 {
			t.Errorf("%d calls, want 1", calls)
		}
	})
	if l.Load() != 0 {
		t.Errorf("load is %d", l.Load())
	}
}

// The handler of the first of two descriptors, both ready, replaces the second by another file of the same number.
func TestAnEventOfAClosedDescriptorIsNotDeliveredToTheNextOfThatNumber(t *testing.T) {
	l := startLoop(t, nil)
	var fds [2]int
	var peers [2]int
	for i := range fds {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds[i], peers[i] = p[0], p[1]
	}
	var regs [2]*Registration
	done := make(chan struct{})
	calls := 0
	on(t, l, func() {
		for i := range fds {
			r, err := l.Register(fds[i], In, HandlerFunc(func(Events) bool {
				if calls++; calls > 1 {
					t.Error("the other was called")
					return false
				}
				o := 1 - i
				if err := regs[o].Close(); err != nil {
					t.Error(err)
				}
				unix.Close(fds[o])
				quiet, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
				if err != nil {
					t.Error(err)
				}
				if quiet != fds[o] {
					t.Errorf("number %d, want %d again", quiet, fds[o])
				}
				if regs[o], err = l.Register(quiet, In, never(t)); err != nil {
					t.Error(err)
				}
				drain(fds[i])
				close(done)
				return false
			}))
			if err != nil {
				t.Error(err)
			}
			regs[i] = r
			write(t, peers[i], "x")
		}
	})
	await(t, done)
	on(t, l, func() {})
	for i := range fds {
		if err := regs[i].Close(); err != nil {
			t.Error(err)
		}
		unix.Close(fds[i])
		unix.Close(peers[i])
	}
}

func TestAnEventOfAnotherGenerationIsDropped(t *testing.T) {
	l := startLoop(t, nil)
	a, _ := pair(t)
	r := register(t, l, a, In, never(t))
	on(t, l, func() {
		e := &l.ep.events[0]
		e.Events, e.Fd, e.Pad = uint32(In), int32(a), r.generation+1
		l.collect(1)
		e.Fd = 1 << 20
		l.collect(1)
		if l.ready.n != 0 || l.n[statStale] != 2 {
			t.Errorf("%d ready, %d stale", l.ready.n, l.n[statStale])
		}
	})
}

func TestADescriptorClosedBeforeItsRegistrationIsAnErrorAndHarmsNoOther(t *testing.T) {
	l := startLoop(t, nil)
	first, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	lost := register(t, l, first, In, never(t))
	unix.Close(first)
	second, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	if second != first {
		t.Fatalf("number %d, want %d again", second, first)
	}
	calls := make(chan Events, 1)
	r := register(t, l, second, In|Edge, func(ev Events) bool { calls <- ev; return false })
	if err := lost.Modify(Out); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Modify: %v", err)
	}
	if err := lost.Close(); !errors.Is(err, unix.EBADF) {
		t.Errorf("Close: %v", err)
	}
	write(t, second, "\x01\x00\x00\x00\x00\x00\x00\x00")
	await(t, calls)
	unix.Close(second)
	if err := r.Close(); !errors.Is(err, unix.EBADF) {
		t.Errorf("Close: %v", err)
	}
}

func TestABusyHandlerDoesNotStarveTheRest(t *testing.T) {
	matrix(t, func(t *testing.T, w Wait) {
		l := startLoop(t, &Config{Wait: w})
		a, b := pair(t)
		c, d := pair(t)
		var busy, calls atomic.Int64
		register(t, l, c, Out|Edge, func(Events) bool { busy.Add(1); return true }) // always has more to do
		register(t, l, d, Out, func(Events) bool { busy.Add(1); return false })     // always ready
		hog := &queue{alwaysHas: true}
		addPoller(t, l, hog)
		var selfish func()
		selfish = func() { _ = l.Post(selfish) }
		if err := l.Post(selfish); err != nil {
			t.Fatal(err)
		}
		var timer *Timer
		on(t, l, func() { timer = l.AfterFunc(0, func() { timer.Reset(0) }) })
		until(t, "the others are busy", func() bool { return busy.Load() > 10 && hog.polls.Load() > 10 })

		register(t, l, a, In, func(Events) bool { drain(a); calls.Add(1); return false })
		q := new(queue)
		addPoller(t, l, q)
		for i := int64(1); i <= 50; i++ {
			fired := make(chan struct{})
			write(t, b, "x")
			q.items.Store(1)
			l.AfterFunc(0, func() { close(fired) })
			until(t, "the rest is served", func() bool { return calls.Load() == i && q.handled.Load() == i })
			await(t, fired)
		}
		on(t, l, func() {})
	})
}

func TestReadyHandlersAreCalledInTurn(t *testing.T) {
	l := startLoop(t, nil)
	const n, rounds = 5, 20
	var order []int
	done := make(chan struct{})
	var fds [n]int
	for i := range n {
		fds[i] = eventfd(t)
	}
	on(t, l, func() {
		for i := range n {
			_, err := l.Register(fds[i], Out|Edge, HandlerFunc(func(Events) bool {
				order = append(order, i)
				if len(order) == n*rounds {
					close(done)
				}
				return len(order) <= n*(rounds-1)
			}))
			if err != nil {
				t.Error(err)
			}
		}
	})
	await(t, done)
	for k := n; k < len(order); k++ {
		if order[k] != order[k-n] {
			t.Fatalf("call %d is of %d, want %d: %v", k, order[k], order[k-n], order)
		}
	}
}

// Goroutines register, modify and close on numbers that are reused all the time, while peers write.
func TestRegistrationsComeAndGoConcurrently(t *testing.T) {
	matrix(t, func(t *testing.T, w Wait) {
		snap := fdtest.Snapshot(t)
		l := startLoop(t, &Config{Wait: w, MaxEvents: 3})
		const workers, rounds = 4, 150
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range rounds {
					p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
					if err != nil {
						t.Error(err)
						return
					}
					var closed atomic.Bool
					called := make(chan struct{}, 1)
					r, err := l.Register(p[0], In, HandlerFunc(func(ev Events) bool {
						if closed.Load() {
							t.Error("called after Close")
						}
						select {
						case called <- struct{}{}:
						default:
						}
						return true
					}))
					if err != nil {
						t.Error(err)
						return
					}
					write(t, p[1], "x")
					if err := r.Modify(In | RDHup); err != nil {
						t.Error(err)
					}
					select {
					case <-called:
					case <-time.After(patience):
						t.Error("not called")
					}
					if err := r.Close(); err != nil {
						t.Error(err)
					}
					closed.Store(true)
					unix.Close(p[0])
					unix.Close(p[1])
				}
			})
		}
		wg.Wait()
		if l.Load() != 0 {
			t.Errorf("load is %d", l.Load())
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		snap.Check()
	})
}

func TestEventsPrintTheirNames(t *testing.T) {
	for ev, want := range map[Events]string{
		0:                     "0x0",
		In:                    "in",
		In | Hup | Edge:       "in|hup|edge",
		Out | 1<<20:           "out|0x100000",
		OneShot | Pri | RDHup: "pri|rdhup|oneshot",
	} {
		if got := ev.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
