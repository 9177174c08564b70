package netpoll

import (
	"errors"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd/fdtest"
)

func startParker(t *testing.T) *Parker {
	t.Helper()
	fdtest.Snapshot(t)
	p, err := NewParker()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	})
	return p
}

// A woken counts, and says each time.
type woken struct {
	count atomic.Int32
	c     chan struct{}
}

func newWoken() *woken { return &woken{c: make(chan struct{}, 1)} }

func (w *woken) Wake() {
	w.count.Add(1)
	select {
	case w.c <- struct{}{}:
	default:
	}
}

func pipe(t *testing.T) (r, w int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func watch(t *testing.T, p *Parker, fd int, w Waker) *Watch {
	t.Helper()
	watch, err := p.Watch(fd, w)
	if err != nil {
		t.Fatal(err)
	}
	return watch
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAParkerWakesWhomItConcernsAndNobodyElse(t *testing.T) {
	p := startParker(t)
	const n = 300 // more than one look takes
	var ends [n][2]int
	var all [n]*woken
	for i := range n {
		ends[i][0], ends[i][1] = pipe(t)
		all[i] = newWoken()
		w := watch(t, p, ends[i][0], all[i])
		must(t, w.Arm())
		must(t, w.Arm())
		t.Cleanup(func() { _ = w.Close() })
	}
	for round := range 20 {
		for i := range n {
			if i%7 == round%7 {
				write(t, ends[i][1], "x")
			}
		}
		for i := range n {
			if i%7 == round%7 {
				await(t, all[i].c)
			}
		}
	}
	for i, w := range all {
		want := int32(3)
		if i%7 == 6 {
			want = 2
		}
		if got := w.count.Load(); got != want {
			t.Errorf("number %d was woken %d times for %d bytes", i, got, want)
		}
	}
}

func TestAParkerTellsOfWhatIsThereWhenItIsArmed(t *testing.T) {
	p := startParker(t)
	r, w := pipe(t)
	one, fence := newWoken(), newWoken()
	watched := watch(t, p, r, one)
	defer watched.Close()
	write(t, w, "x")
	must(t, watched.Arm())
	await(t, one.c)

	must(t, watched.Disarm())
	write(t, w, "x")
	r2, w2 := pipe(t) // behind it
	other := watch(t, p, r2, fence)
	defer other.Close()
	must(t, other.Arm())
	write(t, w2, "x")
	await(t, fence.c)
	if n := one.count.Load(); n != 1 {
		t.Errorf("woken %d times; it was disarmed after the first", n)
	}
	must(t, watched.Arm())
	await(t, one.c)
}

func TestAParkerTellsOfTheEnd(t *testing.T) {
	p := startParker(t)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fds[0])
	one := newWoken()
	w := watch(t, p, fds[0], one)
	defer w.Close()
	must(t, w.Arm())
	unix.Close(fds[1])
	await(t, one.c)
}

// A descriptor's number is used again at once; what was meant for its predecessor wakes nobody.
func TestAClosedWatchIsNotWoken(t *testing.T) {
	p := startParker(t)
	for range 200 {
		var fds [2]int
		must(t, unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC))
		one := newWoken()
		w := watch(t, p, fds[0], one)
		must(t, w.Arm())
		write(t, fds[1], "x")
		must(t, w.Close())
		n := one.count.Load()
		if err := w.Arm(); !errors.Is(err, os.ErrClosed) {
			t.Fatalf("Arm after Close: %v", err)
		}
		if err := w.Close(); !errors.Is(err, os.ErrClosed) {
			t.Fatalf("a second Close: %v", err)
		}
		write(t, fds[1], "x")
		unix.Close(fds[0])
		unix.Close(fds[1])
		if got := one.count.Load(); got != n {
			t.Fatalf("woken after Close")
		}
	}
}

func TestWhatAParkerRefuses(t *testing.T) {
	p := startParker(t)
	r, _ := pipe(t)
	if _, err := p.Watch(-1, newWoken()); !errors.Is(err, unix.EBADF) {
		t.Errorf("descriptor -1: %v", err)
	}
	w := watch(t, p, r, newWoken())
	if _, err := p.Watch(r, newWoken()); !errors.Is(err, unix.EEXIST) {
		t.Errorf("the same descriptor again: %v", err)
	}
	must(t, p.Close())
	if err := p.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a second Close: %v", err)
	}
	if err := w.Arm(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Arm after the Parker's end: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("Close after the Parker's end: %v", err)
	}
	if _, err := p.Watch(r, newWoken()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Watch after Close: %v", err)
	}
}
