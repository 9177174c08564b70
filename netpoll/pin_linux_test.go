package netpoll

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// someCore returns the highest core that the process may use.
func someCore(t testing.TB) int {
	t.Helper()
	s, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	list := s.List()
	return list[len(list)-1]
}

// foreignCore returns a core that the process may not use.
func foreignCore(t testing.TB) int {
	t.Helper()
	s, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	for c := range maxCores {
		if !s.Contains(c) {
			return c
		}
	}
	t.Skip("the process may use all 1024 cores")
	return -1
}

func TestAPinnedThreadRunsOnOneCoreUntilUnpinned(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	core := someCore(t)
	if err := Pin(core); err != nil {
		t.Fatal(err)
	}
	if s, err := affinity(0); err != nil || s.Len() != 1 || !s.Contains(core) {
		t.Errorf("pinned to %v, %v; want %d", s, err, core)
	}
	if s, err := Allowed(); err != nil || s != before {
		t.Errorf("allowed is %v, %v while one thread is pinned; want %v", s, err, before)
	}
	if err := Unpin(); err != nil {
		t.Fatal(err)
	}
	if s, err := affinity(0); err != nil || s != before {
		t.Errorf("unpinned, the thread may use %v, %v; want %v", s, err, before)
	}
}

func TestACoreOutsideTheCpusetIsRefused(t *testing.T) {
	core := foreignCore(t)
	var ce *CoresError
	if err := Pin(core); !errors.As(err, &ce) || !errors.Is(err, ErrOutsideCpuset) || !ce.Outside.Contains(core) {
		t.Errorf("Pin: %v", err)
	}
	if _, err := New(&Config{Pinned: true, Core: core}); !errors.Is(err, ErrOutsideCpuset) {
		t.Errorf("New: %v", err)
	}
	var s CoreSet
	s.add(someCore(t))
	s.add(core)
	if _, err := NewGroup(s, nil); !errors.Is(err, ErrOutsideCpuset) {
		t.Errorf("NewGroup: %v", err)
	}
}

func TestACoreThatCannotExistIsRefused(t *testing.T) {
	for _, core := range []int{-1, maxCores, 1 << 40} {
		var oe *OpError
		if err := Pin(core); !errors.As(err, &oe) {
			t.Errorf("%d: %v", core, err)
		}
	}
}

func TestAPinnedLoopRunsOnItsCore(t *testing.T) {
	core := someCore(t)
	l := startLoop(t, &Config{Pinned: true, Core: core})
	if l.Core() != core {
		t.Errorf("Core is %d, want %d", l.Core(), core)
	}
	on(t, l, func() {
		if s, err := affinity(0); err != nil || s.Len() != 1 || !s.Contains(core) {
			t.Errorf("the loop may run on %v, %v; want %d", s, err, core)
		}
	})
}

func TestNoLoopRunsOnTheMainThread(t *testing.T) {
	const loops = 8
	for range loops {
		l := startLoop(t, nil)
		on(t, l, func() {
			if unix.Gettid() == os.Getpid() {
				t.Error("the loop has the main thread")
			}
		})
		if l.Core() != -1 {
			t.Errorf("Core is %d for a loop that is not pinned", l.Core())
		}
	}
}
