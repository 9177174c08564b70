package ring

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A sleeper is one end as the one that sleeps, and the other as the one that rings.
type sleeper struct {
	name        string
	arm, disarm func()
	mustRing    func() bool
	word        func() uint64
	set         func(uint64) // what the word is, and what its owner thinks it is
}

// sleepers returns both ends of a queue in both roles.
func (e *ends) sleepers() []sleeper {
	return []sleeper{
		{
			"consumer", e.c.Arm, e.c.Disarm, e.p.MustRing, func() uint64 { return atomic.LoadUint64(e.c.sleep) },
			func(w uint64) { e.c.asleep = w; atomic.StoreUint64(e.c.sleep, w) },
		},
		{
			"producer", e.p.Arm, e.p.Disarm, e.c.MustRing, func() uint64 { return atomic.LoadUint64(e.p.sleep) },
			func(w uint64) { e.p.asleep = w; atomic.StoreUint64(e.p.sleep, w) },
		},
	}
}

// onEachSleeper runs a test for a sleeping consumer and for a sleeping producer, on each kind of memory.
func onEachSleeper(t *testing.T, test func(t *testing.T, s sleeper)) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		for _, s := range e.sleepers() {
			t.Run(s.name, func(t *testing.T) { test(t, s) })
		}
	})
}

func (s sleeper) want(t *testing.T, when string, rings ...bool) {
	t.Helper()
	for i, want := range rings {
		if got := s.mustRing(); got != want {
			t.Errorf("%s: MustRing number %d is %v, want %v (word %d)", when, i+1, got, want, s.word())
		}
	}
}

func TestWhoIsAwakeIsNotRung(t *testing.T) {
	onEachSleeper(t, func(t *testing.T, s sleeper) {
		s.want(t, "at the start", false, false)
		s.arm()
		s.disarm()
		s.want(t, "awake again", false, false)
	})
}

func TestWhoSleepsIsRungOnceAnEpoch(t *testing.T) {
	onEachSleeper(t, func(t *testing.T, s sleeper) {
		for range 5 {
			s.arm()
			s.want(t, "asleep", true, false, false)
			s.disarm()
			s.want(t, "awake", false)
		}
	})
}

func TestAnEpochIsAnOddWordThatNeverComesBack(t *testing.T) {
	onEachSleeper(t, func(t *testing.T, s sleeper) {
		for i := range uint64(5) {
			s.arm()
			if w := s.word(); w != 2*i+1 {
				t.Errorf("asleep for the %d. time, the word is %d, want %d", i+1, w, 2*i+1)
			}
			s.disarm()
			if w := s.word(); w != 2*i+2 {
				t.Errorf("awake for the %d. time, the word is %d, want %d", i+1, w, 2*i+2)
			}
			s.disarm() // awake already
			if w := s.word(); w != 2*i+2 {
				t.Errorf("a second Disarm made the word %d", w)
			}
		}
	})
}

// Who was rung for this epoch, looked, found nothing and goes on sleeping would not be rung again.
func TestArmingWhatIsArmedIsANewEpoch(t *testing.T) {
	onEachSleeper(t, func(t *testing.T, s sleeper) {
		s.arm()
		s.want(t, "armed", true, false)
		s.arm()
		if w := s.word(); w != 3 {
			t.Errorf("the word is %d, want 3", w)
		}
		s.want(t, "armed again", true, false)
		s.arm()
		s.arm()
		s.want(t, "armed twice more", true, false)
	})
}

func TestAnEpochThatNobodyRangForIsSkipped(t *testing.T) {
	onEachSleeper(t, func(t *testing.T, s sleeper) {
		s.arm()
		s.disarm()
		s.arm()
		s.want(t, "the second epoch", true, false)
	})
}

func TestEpochsMayWrapAt2To64(t *testing.T) {
	onEachSleeper(t, func(t *testing.T, s sleeper) {
		s.set(math.MaxUint64 / 2) // which is where it gets to in half the way
		s.want(t, "half way", true, false)
		s.set(math.MaxUint64 - 3)
		for range 4 {
			s.arm()
			s.want(t, "around the wrap", true, false)
			s.disarm()
			s.want(t, "around the wrap", false)
		}
		if w := s.word(); w != 4 {
			t.Errorf("the word is %d, want 4", w)
		}
	})
}

// Several goroutines look at a sleep word, each at its own time. That one saw an older epoch must not cost the newer one
// its ring, nor give it a second one.
func TestAnOlderSleepWordDoesNotStandInTheWayOfANewerOne(t *testing.T) {
	var rangFor atomic.Uint64
	for i, c := range []struct {
		word uint64
		want bool
	}{{3, true}, {1, false}, {3, false}, {5, true}, {3, false}, {1, false}, {5, false}, {11, true}, {9, false}, {11, false}} {
		if got := mustRingFor(&rangFor, c.word); got != c.want {
			t.Errorf("step %d, word %d: %v, want %v", i, c.word, got, c.want)
		}
	}
}

// inStep runs a round of first and second at the same moment, as nearly as can be, again and again, for a tenth of a
// second; prepare and finish go before and after both, by themselves. It returns how many rounds it were.
func inStep(prepare, first, second, finish func(round int)) int {
	const most = 30000
	var arrived atomic.Int64
	meet := func(times int) {
		arrived.Add(1)
		for i := 0; arrived.Load() < 2*int64(times); i++ {
			if i > 100 {
				runtime.Gosched()
			}
		}
	}
	begun := time.Now()
	over := false // written before a meeting, read after it
	var done sync.WaitGroup
	done.Go(func() {
		for round := 0; !over; round++ {
			meet(2*round + 1)
			second(round)
			meet(2*round + 2)
		}
	})
	for round := 0; ; round++ {
		prepare(round)
		meet(2*round + 1)
		first(round)
		over = round == most-1 || time.Since(begun) > 100*time.Millisecond
		meet(2*round + 2)
		finish(round)
		if over {
			done.Wait()
			return round + 1
		}
	}
}

func TestOfTwoWhoSeeDifferentEpochsTheNewerIsRungForAndOfTwoWhoSeeOneOneRings(t *testing.T) {
	var rangFor atomic.Uint64
	var first, second bool
	inStep(
		func(int) {},
		func(round int) { first = mustRingFor(&rangFor, uint64(4*round+1)) },
		// Epochs are odd. In even rounds the second sees a newer one than the first, in odd rounds the same.
		func(round int) { second = mustRingFor(&rangFor, uint64(4*round+3-2*(round%2))) },
		func(round int) {
			if round%2 == 0 && !second {
				t.Errorf("round %d: nobody rang for the newer epoch", round)
			}
			if round%2 == 1 && first == second {
				t.Errorf("round %d: both rang for one epoch, or neither: %v", round, first)
			}
		},
	)
}

func TestOfManyWhoLookOneRings(t *testing.T) {
	const lookers, rounds = 4, 1000
	for _, s := range heapEnds(t, page).sleepers() {
		t.Run(s.name, func(t *testing.T) {
			for round := range rounds {
				s.arm()
				var rang atomic.Int32
				var start, done sync.WaitGroup
				start.Add(1)
				for range lookers {
					done.Add(1)
					go func() {
						defer done.Done()
						start.Wait()
						if s.mustRing() {
							rang.Add(1)
						}
					}()
				}
				start.Done()
				done.Wait()
				if n := rang.Load(); n != 1 {
					t.Fatalf("round %d: %d rang, want 1", round, n)
				}
				if round%3 != 0 { // else it arms again as it is
					s.disarm()
				}
			}
		})
	}
}

// Many look while the sleeper goes from epoch to epoch: the last one, which it sleeps in for good, must get its ring,
// and none gets two.
func TestTheEpochSleptInIsRungForWhileOthersPass(t *testing.T) {
	const lookers, rounds, epochs = 3, 300, 20
	for _, s := range heapEnds(t, page).sleepers() {
		t.Run(s.name, func(t *testing.T) {
			for round := range rounds {
				var rang atomic.Int32
				var asleep atomic.Bool
				var done sync.WaitGroup
				for range lookers {
					done.Add(1)
					go func() {
						defer done.Done()
						for last := false; !last; {
							last = asleep.Load() // then one more look
							if s.mustRing() {
								rang.Add(1)
							}
						}
					}()
				}
				for range epochs {
					s.arm()
					s.disarm()
				}
				s.arm()
				before := rang.Load()
				asleep.Store(true)
				done.Wait()
				if s.mustRing() {
					t.Fatalf("round %d: nobody rang for the epoch slept in", round)
				}
				if n := rang.Load(); n < 1 || n > epochs+1 || n < before {
					t.Fatalf("round %d: %d rings for %d epochs", round, n, epochs+1)
				}
				s.disarm()
			}
		})
	}
}

// linger reads the word that is going to be looked at, so that it is at hand and the look takes no longer than the store
// before it, and lets some time pass.
func linger(word *uint64, times int) {
	for range times + 1 {
		atomic.LoadUint64(word)
	}
}

// The heart of the doorbell: one side arms and then looks at the ring, the other moves its position and then looks at
// the sleep word, each with a full fence between. If both could look before the other's store is there to be seen, one
// would sleep and nobody ring.
func TestWhoArmsSeesTheRingMoveOrIsRung(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		const n = 16
		take := func(int) {
			if _, err := e.c.Next(); err != nil {
				t.Error(err)
			}
		}
		give := func(int) {
			if err := send(e.p, 0, n); err != nil {
				t.Error(err)
			}
		}
		missed := 0
		check := func(saw, rang bool) {
			if !saw && !rang {
				missed++
			}
		}
		var saw, rang bool
		rounds := inStep(
			give,
			func(round int) {
				linger(e.c.tail, round%50)
				e.c.Arm()
				saw = e.c.Ready()
			},
			func(round int) {
				linger(e.p.peer, round/50%50)
				e.p.Publish()
				fence()
				rang = e.p.MustRing()
			},
			func(round int) {
				check(saw, rang)
				e.c.Disarm()
				take(round)
				e.c.Release()
			},
		)
		if missed > 0 {
			t.Errorf("in %d of %d rounds the consumer saw no record, and was not rung", missed, rounds)
		}
		missed = 0
		fill(t, e)
		rounds = inStep(
			take,
			func(round int) {
				linger(e.p.head, round%50)
				e.p.Arm()
				_, err := e.p.Reserve(n)
				saw = err == nil
			},
			func(round int) {
				linger(e.c.peer, round/50%50)
				e.c.Release()
				fence()
				rang = e.c.MustRing()
			},
			func(round int) {
				check(saw, rang)
				e.p.Disarm()
				give(round)
				e.p.Publish()
			},
		)
		if missed > 0 {
			t.Errorf("in %d of %d rounds the producer saw no space, and was not rung", missed, rounds)
		}
	})
}

func TestNoSleepWordOfAHostilePeerRingsTwice(t *testing.T) {
	words := []uint64{1, 0, 3, 1, 2, math.MaxUint64, 1 << 63, 1<<63 + 1, math.MaxUint64 - 1, 7, 0, 5}
	for _, s := range heapEnds(t, page).sleepers() {
		t.Run(s.name, func(t *testing.T) {
			for _, w := range words {
				s.set(w)
				rang := s.mustRing()
				if rang && w%2 == 0 {
					t.Errorf("word %d means awake, and is rung for", w)
				}
				s.want(t, "once more", false, false)
			}
		})
	}
}
