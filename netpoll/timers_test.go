package netpoll

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestATimerFiresOnTheLoopAndNeverEarly(t *testing.T) {
	matrix(t, func(t *testing.T, w Wait) {
		l := startLoop(t, &Config{Wait: w})
		for _, d := range []time.Duration{-1, 0, 1, 300 * time.Microsecond, 1100 * time.Microsecond, 3 * time.Millisecond} {
			start := time.Now()
			fired := make(chan time.Duration, 1)
			l.AfterFunc(d, func() {
				if !l.InLoop() {
					t.Error("not on the loop's thread")
				}
				fired <- time.Since(start)
			})
			if after := await(t, fired); after < d {
				t.Errorf("%v: fired after %v", d, after)
			}
		}
	})
}

func TestTimersFireWithoutTheNanosecondSystemCall(t *testing.T) {
	l := startLoop(t, nil)
	on(t, l, func() { l.ep.coarse = true })
	for _, d := range []time.Duration{0, 1, 1500 * time.Microsecond} {
		start := time.Now()
		fired := make(chan time.Duration, 1)
		l.AfterFunc(d, func() { fired <- time.Since(start) })
		if after := await(t, fired); after < d {
			t.Errorf("%v: fired after %v", d, after)
		}
	}
}

func TestMillisecondsAreRoundedUp(t *testing.T) {
	for d, want := range map[time.Duration]int{
		1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, math.MaxInt64: -1, math.MaxInt64 - 1: math.MaxInt32,
		40 * 24 * time.Hour: math.MaxInt32,
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
}

func TestTimersFireInTheOrderOfTheirTimes(t *testing.T) {
	l := startLoop(t, nil)
	const n = 100
	var order []int
	done := make(chan struct{})
	on(t, l, func() {
		base := l.clock() + int64(time.Millisecond)
		for i := range n {
			k := (i * 37) % n
			timer := l.AfterFunc(time.Hour, func() {
				order = append(order, k)
				if len(order) == n {
					close(done)
				}
			})
			l.timers.set(timer, base+int64(k)*10_000)
		}
	})
	await(t, done)
	if !slices.IsSorted(order) {
		t.Errorf("order %v", order)
	}
	until(t, "the count", func() bool { return l.Stats().Timers == n })
}

func TestAStoppedTimerDoesNotFire(t *testing.T) {
	l := startLoop(t, nil)
	on(t, l, func() { // what is due cannot be fired meanwhile
		var timers []*Timer
		for range 50 {
			timers = append(timers, l.AfterFunc(0, func() { t.Error("fired") }))
		}
		for _, timer := range timers {
			if !timer.Stop() {
				t.Error("was not pending")
			}
			if timer.Stop() {
				t.Error("was pending after Stop")
			}
		}
	})
	long := l.AfterFunc(math.MaxInt64, func() { t.Error("fired after 292 years") })
	on(t, l, func() {})
	if !long.Stop() {
		t.Error("was not pending")
	}
}

func TestResetMovesATimer(t *testing.T) {
	l := startLoop(t, nil)
	fired := make(chan struct{}, 2)
	timer := l.AfterFunc(time.Hour, func() { fired <- struct{}{} })
	untilAsleep(t, l)
	if !timer.Reset(0) {
		t.Error("was not pending")
	}
	await(t, fired)
	if timer.Reset(0) {
		t.Error("was pending after it had fired")
	}
	await(t, fired)
	if timer.Reset(time.Hour); !timer.Stop() {
		t.Error("was not pending")
	}
}

func TestATimerMayResetItselfAndStopOthers(t *testing.T) {
	l := startLoop(t, nil)
	done := make(chan struct{})
	on(t, l, func() {
		n := 0
		var self, other *Timer
		self = l.AfterFunc(0, func() {
			if n++; n == 1 {
				other.Stop()
			}
			if n < 200 { // more than a budget
				self.Reset(0)
				return
			}
			close(done)
		})
		other = l.AfterFunc(0, func() { t.Error("stopped and fired") })
	})
	await(t, done)
}

func TestTimersAreSetConcurrently(t *testing.T) {
	l := startLoop(t, nil)
	var fired atomic.Int64
	var wg sync.WaitGroup
	const workers, each = 4, 300
	var stopped atomic.Int64
	for range workers {
		wg.Go(func() {
			for i := range each {
				timer := l.AfterFunc(time.Duration(i%7)*50*time.Microsecond, func() { fired.Add(1) })
				if i%3 == 0 && timer.Stop() {
					stopped.Add(1)
				}
			}
		})
	}
	wg.Wait()
	until(t, "all fired", func() bool { return fired.Load()+stopped.Load() == workers*each })
}

func TestResettingATimerAllocatesNothing(t *testing.T) {
	l := startLoop(t, &Config{Wait: Block})
	done := make(chan struct{}, 1)
	timer := l.AfterFunc(time.Hour, func() { done <- struct{}{} })
	if n := testing.AllocsPerRun(200, func() {
		timer.Reset(0)
		<-done
	}); n != 0 {
		t.Errorf("%v allocations a reset", n)
	}
}

// The heap against a map, with any order of operations.
func TestTheTimerHeapKeepsItsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h timerHeap
		h.next.Store(math.MaxInt64)
		timers := make([]*Timer, 30)
		for i := range timers {
			timers[i] = &Timer{pos: -1}
		}
		model := map[*Timer]int64{}
		least := func() int64 {
			m := int64(math.MaxInt64)
			for _, when := range model {
				m = min(m, when)
			}
			return m
		}
		draw := func(t *rapid.T) *Timer { return timers[rapid.IntRange(0, len(timers)-1).Draw(t, "timer")] }
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				timer, when := draw(t), rapid.Int64Range(0, 100).Draw(t, "when")
				_, pending := model[timer]
				before := least()
				was, earlier := h.set(timer, when)
				model[timer] = when
				if was != pending || earlier != (least() < before) {
					t.Fatalf("was %v, want %v; earlier %v, want %v", was, pending, earlier, least() < before)
				}
			},
			"remove": func(t *rapid.T) {
				timer := draw(t)
				_, pending := model[timer]
				delete(model, timer)
				if was := h.remove(timer); was != pending {
					t.Fatalf("was %v, want %v", was, pending)
				}
			},
			"due": func(t *rapid.T) {
				now := rapid.Int64Range(0, 100).Draw(t, "now")
				timer := h.due(now)
				if timer == nil {
					if least() <= now {
						t.Fatalf("nothing due at %d, want %d", now, least())
					}
					return
				}
				if model[timer] != least() || least() > now {
					t.Fatalf("due is %d, want %d", model[timer], least())
				}
				delete(model, timer)
			},
			"": func(t *rapid.T) {
				if h.next.Load() != least() || len(h.heap) != len(model) {
					t.Fatalf("next is %d of %d, want %d of %d", h.next.Load(), len(h.heap), least(), len(model))
				}
				for i, n := range h.heap {
					if n.t.pos != i || n.when != model[n.t] || i > 0 && h.heap[(i-1)/arity].when > n.when {
						t.Fatalf("node %d is out of order: %v", i, h.heap)
					}
				}
			},
		})
	})
}
