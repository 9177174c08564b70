package netpoll

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func startUnlocked(t testing.TB) *Loop { return startLoop(t, &Config{Unlocked: true}) }

func TestAnUnlockedLoopCallsTheHandlersOfManyDescriptors(t *testing.T) {
	l := startUnlocked(t)
	const n = 300 // more than one look takes
	var ends [n]int
	var called [n]chan int
	for i := range n {
		a, b := pair(t)
		ends[i], called[i] = b, make(chan int, 8)
		r := register(t, l, a, In|Edge, func(Events) bool { called[i] <- drain(a); return false })
		t.Cleanup(func() { _ = r.Close() })
	}
	for round := range 20 {
		for i := range n {
			if i%7 == round%7 {
				write(t, ends[i], "x")
			}
		}
		for i := range n {
			if i%7 == round%7 {
				if got := await(t, called[i]); got != 1 {
					t.Fatalf("%d bytes, 1 was written", got)
				}
			}
		}
	}
}

func TestAnUnlockedLoopRunsPostsAndTimersInTheirOrder(t *testing.T) {
	l := startUnlocked(t)
	if l.InLoop() {
		t.Error("InLoop outside of a callback")
	}
	on(t, l, func() {
		if !l.InLoop() {
			t.Error("not InLoop in a posted function")
		}
	})
	fired := make(chan int, 3)
	begin := time.Now()
	for _, ms := range []int{30, 1, 10} {
		l.AfterFunc(time.Duration(ms)*time.Millisecond, func() { fired <- ms })
	}
	for _, want := range []int{1, 10, 30} {
		if got := await(t, fired); got != want {
			t.Errorf("the timer of %d ms fired, that of %d was due", got, want)
		}
		if since := time.Since(begin); since < time.Duration(want)*time.Millisecond {
			t.Errorf("the timer of %d ms fired after %v", want, since)
		}
	}
}

// A timer that is due at the same time as the one before, or earlier than the one that is armed, fires too.
func TestAnUnlockedLoopsTimersAreArmedAgain(t *testing.T) {
	l := startUnlocked(t)
	for range 200 {
		late := l.AfterFunc(time.Hour, func() { t.Error("an hour has passed") })
		fired := make(chan struct{}, 2)
		for range 2 {
			l.AfterFunc(200*time.Microsecond, func() { fired <- struct{}{} })
		}
		await(t, fired)
		await(t, fired)
		late.Stop()
	}
}

func TestAnUnlockedLoopIsClosedByOthersAndByItself(t *testing.T) {
	l := startUnlocked(t)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a second Close: %v", err)
	}
	if err := l.Post(func() {}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Post after Close: %v", err)
	}
	l = startUnlocked(t)
	var inside atomic.Pointer[error]
	if err := l.Post(func() { err := l.Close(); inside.Store(&err) }); err != nil {
		t.Fatal(err)
	}
	await(t, l.Done())
	if err := *inside.Load(); err != nil {
		t.Error(err)
	}
}

// With one processor nothing that the loop does keeps it from others.
func TestAnUnlockedLoopLeavesTheOnlyProcessorToOthers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	l := startUnlocked(t)
	a, b := pair(t)
	wake := make(chan struct{}, 1)
	register(t, l, a, In|Edge, func(Events) bool { drain(a); wake <- struct{}{}; return false })
	for range 1000 {
		write(t, b, "x")
		await(t, wake)
	}
}

func TestAnUnlockedLoopHasNoCore(t *testing.T) {
	if _, err := New(&Config{Unlocked: true, Pinned: true}); err == nil || !strings.Contains(err.Error(), "Unlocked and Pinned") {
		t.Errorf("Unlocked and Pinned: %v", err)
	}
}
