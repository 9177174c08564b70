package engine

import (
	"testing"
	"time"
)

// A waiter is a spinner in a world where every wait lasts as long as it is told, and a sleeper is woken wake late. On one
// core no spin ends: what it waits for begins only when it sleeps.
type waiter struct {
	spinner
	wake    time.Duration
	oneCore bool

	spins, failures, sleeps int
}

func newWaiter() *waiter {
	return &waiter{spinner: newSpinner(Hybrid, 0, new(spinners)), wake: 15 * time.Microsecond}
}

// await makes n waits of length d.
func (w *waiter) await(n int, d time.Duration) {
	w.spins, w.failures, w.sleeps = 0, 0, 0
	for range n {
		spun := time.Duration(0)
		if !w.rests() {
			w.spins++
			if !w.oneCore && d < w.limit {
				w.succeeded()
				continue
			}
			w.failures++
			w.failed()
			spun = w.limit
		}
		w.sleeps++
		if w.oneCore {
			spun = 0
		}
		if d := d - spun + w.wake; w.timing() {
			w.slept(d)
		} else {
			w.slept(0)
		}
	}
}

func TestShortWaitsAreSpent(t *testing.T) {
	w := newWaiter()
	w.await(1000, 40*time.Microsecond)
	if w.sleeps != 0 {
		t.Errorf("%d sleeps", w.sleeps)
	}
}

func TestALateMessageNowAndThenDoesNotEndSpinning(t *testing.T) {
	w := newWaiter()
	for range 100 {
		w.await(1, time.Second)
		w.await(10, time.Microsecond)
		if w.sleeps != 0 {
			t.Fatal("it rests")
		}
	}
}

func TestWhoIsIdleDoesNotSpin(t *testing.T) {
	w := newWaiter()
	w.await(maxMisses, time.Second)
	if w.failures != maxMisses {
		t.Errorf("%d spins before the first rest", w.failures)
	}
	w.await(1e5, time.Second)
	if w.spins != 0 {
		t.Errorf("%d spins", w.spins)
	}
}

func TestSpinningBeginsAgainSoonAfterTheWaitsAreShort(t *testing.T) {
	w := newWaiter()
	w.await(1e5, time.Millisecond)
	w.await(4, 45*time.Microsecond)
	if w.await(100, 45*time.Microsecond); w.sleeps != 0 {
		t.Errorf("%d sleeps", w.sleeps)
	}
}

// Both peers sleep, so each wait is the other's wake-up as well: what looks long is short once one of them spins.
func TestOneOfTwoSleepersTriesASpin(t *testing.T) {
	w := newWaiter()
	w.wake = 40 * time.Microsecond
	w.await(maxMisses, time.Millisecond)
	w.await(10, w.wake)
	if w.await(100, w.wake); w.sleeps != 0 {
		t.Errorf("%d sleeps", w.sleeps)
	}
}

func TestOnOneCoreSpinsGetRare(t *testing.T) {
	w := newWaiter()
	w.oneCore = true
	w.await(1e4, 3*time.Microsecond)
	if w.failures > 20 {
		t.Errorf("%d spins of 10,000 waits", w.failures)
	}
	w.await(1e5, 3*time.Microsecond)
	if w.failures > 100_000/maxRest+1 {
		t.Errorf("%d spins of 100,000 waits", w.failures)
	}
	if w.rounds != 0 {
		t.Error("it looks around before it sleeps")
	}

	w.oneCore = false // it was moved
	w.await(maxRest+1, 3*time.Microsecond)
	if w.await(100, 3*time.Microsecond); w.sleeps != 0 || w.rounds == 0 || w.patient != minRest {
		t.Errorf("%d sleeps, %d rounds, patience %d", w.sleeps, w.rounds, w.patient)
	}
}

// A spin that happened to end on one core does not make it forget.
func TestLuckDoesNotResetThePatience(t *testing.T) {
	w := newWaiter()
	w.oneCore = true
	w.await(1e4, 3*time.Microsecond)
	was := w.patient
	w.succeeded()
	w.await(10, 3*time.Microsecond)
	if w.failures != 1 || w.patient < was {
		t.Errorf("%d spins, patience %d, was %d", w.failures, w.patient, was)
	}
}

func TestBlockNeverSpinsAndSpinNeverRests(t *testing.T) {
	block, spin := newSpinner(Block, 0, nil), newSpinner(Spin, 0, nil)
	if !block.rests() || spin.rests() || block.rounds != 0 || spin.rounds == 0 {
		t.Error(block, spin)
	}
}
