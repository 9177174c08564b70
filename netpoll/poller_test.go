package netpoll

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNoWakeOfAPollerIsLost(t *testing.T) {
	matrix(t, func(t *testing.T, w Wait) {
		l := startLoop(t, &Config{Wait: w, SpinFor: 1000})
		q := &queue{wake: l.Wake}
		addPoller(t, l, q)
		const producers, each = 3, 2000
		var wg sync.WaitGroup
		for range producers {
			wg.Go(func() {
				for i := range each {
					q.put(1)
					if i%10 == 0 {
						runtime.Gosched()
					}
				}
			})
		}
		wg.Wait()
		until(t, "all handled", func() bool { return q.handled.Load() == producers*each })
		q.check(t)
		if w == Spin && runtime.GOMAXPROCS(0) > 1 && q.arms.Load() != 0 {
			t.Errorf("armed %d times while spinning", q.arms.Load())
		}
	})
}

// Item by item, so that the loop sleeps, or is about to, each time.
func TestASleepingLoopIsWokenByEachItem(t *testing.T) {
	for _, w := range []Wait{Hybrid, Block} {
		t.Run(w.String(), func(t *testing.T) {
			l := startLoop(t, &Config{Wait: w, SpinFor: 2000})
			q := &queue{wake: l.Wake}
			addPoller(t, l, q)
			for i := int64(1); i <= 1000; i++ {
				q.put(1)
				until(t, "an item is handled", func() bool { return q.handled.Load() == i })
				if i%16 == 0 {
					untilAsleep(t, l)
				}
			}
			q.check(t)
		})
	}
}

func TestADoorbellWakesItsPollerAndNoOther(t *testing.T) {
	for _, w := range []Wait{Hybrid, Block} {
		t.Run(w.String(), func(t *testing.T) {
			l := startLoop(t, &Config{Wait: w, SpinFor: 2000})
			const n = 10
			var qs [n]*queue
			var regs [n]*PollerRegistration
			for i := range qs {
				bell := eventfd(t)
				qs[i] = &queue{wake: func() { ringBell(bell) }}
				var err error
				if regs[i], err = l.AddPollerDoorbell(qs[i], bell); err != nil {
					t.Fatal(err)
				}
			}
			until(t, "all are armed", func() bool {
				for _, q := range qs {
					if !q.armed.Load() {
						return false
					}
				}
				return l.asleep.Load()
			})
			idle := qs[1].polls.Load()
			for i := int64(1); i <= 500; i++ {
				qs[0].put(1)
				until(t, "an item is handled", func() bool { return qs[0].handled.Load() == i })
				if i%16 == 0 {
					untilAsleep(t, l)
				}
			}
			if polls := qs[1].polls.Load() - idle; polls != 0 {
				t.Errorf("an idle poller was polled %d times", polls)
			}
			for i, q := range qs { // none was forgotten
				before := q.handled.Load()
				q.put(3)
				until(t, "items are handled", func() bool { return q.handled.Load() == before+3 })
				q.check(t)
				if err := regs[i].Close(); err != nil {
					t.Error(err)
				}
			}
			if l.Load() != 0 {
				t.Errorf("load is %d", l.Load())
			}
		})
	}
}

// The busy poller keeps the loop awake; the idle one goes to its doorbell nevertheless.
func TestAnIdlePollerIsArmedWhileAnotherIsBusy(t *testing.T) {
	l := startLoop(t, &Config{Wait: Hybrid, SpinFor: 1000})
	busy := &queue{alwaysHas: true}
	addPoller(t, l, busy)
	bell := eventfd(t)
	q := &queue{wake: func() { ringBell(bell) }}
	if _, err := l.AddPollerDoorbell(q, bell); err != nil {
		t.Fatal(err)
	}
	for i := int64(1); i <= 50; i++ {
		until(t, "the idle one is armed", q.armed.Load)
		q.put(1)
		until(t, "its item is handled", func() bool { return q.handled.Load() == i })
	}
	q.check(t)
	if busy.arms.Load() != 0 {
		t.Error("the busy one was armed")
	}
}

func TestASpinningLoopHandlesADoorbelledPollerWithoutItsDoorbell(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("with GOMAXPROCS=1 no loop spins")
	}
	l := startLoop(t, &Config{Wait: Spin, SpinFor: 1})
	q := &queue{wake: func() { t.Error("rung") }}
	if _, err := l.AddPollerDoorbell(q, eventfd(t)); err != nil {
		t.Fatal(err)
	}
	for i := int64(1); i <= 100; i++ {
		q.put(1)
		until(t, "an item is handled", func() bool { return q.handled.Load() == i })
	}
}

func TestAClosedPollerIsNotCalled(t *testing.T) {
	matrix(t, func(t *testing.T, w Wait) {
		l := startLoop(t, &Config{Wait: w})
		for i := range 100 {
			q := &queue{wake: l.Wake, alwaysHas: i%2 == 0}
			r := addPoller(t, l, q)
			until(t, "it is polled", func() bool { return q.polls.Load() > 0 })
			if i%10 == 1 && w != Spin {
				untilAsleep(t, l)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			polls, arms, disarms := q.polls.Load(), q.arms.Load(), q.disarms.Load()
			if err := r.Close(); err != os.ErrClosed {
				t.Errorf("second Close: %v", err)
			}
			on(t, l, func() {})
			if q.polls.Load() != polls || q.arms.Load() != arms || q.disarms.Load() != disarms {
				t.Fatal("called after Close")
			}
			q.check(t)
		}
		on(t, l, func() {
			if len(l.hot) != 0 {
				t.Errorf("%d pollers are still there", len(l.hot))
			}
		})
	})
}

func TestClosingAPollerWaitsForPollButNotForOthers(t *testing.T) {
	l := startLoop(t, nil)
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var left atomic.Bool
	q := &queue{wake: l.Wake, onPoll: func() {
		once.Do(func() { close(entered); <-leave; left.Store(true) })
	}}
	r := addPoller(t, l, q)
	other := addPoller(t, l, &queue{wake: l.Wake})
	await(t, entered)
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if !left.Load() {
			t.Error("Close returned while Poll ran")
		}
	}()
	until(t, "it is closed", r.closed.Load)
	close(leave)
	await(t, closed)
}

func TestAPollerMayCloseItself(t *testing.T) {
	matrix(t, func(t *testing.T, w Wait) {
		l := startLoop(t, &Config{Wait: w})
		var r *PollerRegistration
		closed := make(chan error, 1)
		q := &queue{wake: l.Wake}
		q.onPoll = func() { closed <- r.Close() }
		on(t, l, func() { r = addPoller(t, l, q) })
		if err := await(t, closed); err != nil {
			t.Error(err)
		}
		on(t, l, func() {})
		on(t, l, func() {})
		if n := q.polls.Load(); n != 1 {
			t.Errorf("polled %d times", n)
		}
	})
}

func TestPollersThatCannotBeAddedAreRefused(t *testing.T) {
	l := startLoop(t, nil)
	var oe *OpError
	if _, err := l.AddPoller(nil); !errors.As(err, &oe) {
		t.Errorf("nil: %v", err)
	}
	if _, err := l.AddPollerDoorbell(new(queue), -1); !errors.Is(err, unix.EBADF) {
		t.Errorf("bad doorbell: %v", err)
	}
	if l.Load() != 0 {
		t.Errorf("load is %d", l.Load())
	}
}

func TestAPollerGetsTheBudgetAndIsCountedWhenItUsesItUp(t *testing.T) {
	l := startLoop(t, &Config{Budget: 7})
	if l.Budget() != 7 {
		t.Errorf("budget is %d", l.Budget())
	}
	q := &queue{wake: l.Wake}
	addPoller(t, l, q)
	q.put(7*10 + 3)
	until(t, "all handled", func() bool { return q.handled.Load() == 73 })
	until(t, "the counts", func() bool { s := l.Stats(); return s.PollerItems == 73 && s.Exhausted == 10 })
}

func TestLoopsDoNotSpinOnTheLastP(t *testing.T) {
	old := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(old)
	l := startLoop(t, &Config{Wait: Spin})
	q := &queue{wake: l.Wake}
	addPoller(t, l, q)
	for i := int64(1); i <= 20; i++ {
		untilAsleep(t, l)
		q.put(1)
		until(t, "an item is handled", func() bool { return q.handled.Load() == i })
	}
	q.check(t)
}
