package engine

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/netpoll"
	"github.com/corechan/corechan/ring"
)

// Wait says what a call does that has to wait: see the constants.
type Wait = netpoll.Wait

const (
	// Hybrid spins for a short time, as long as that keeps paying off, then sleeps. The default.
	Hybrid = netpoll.Hybrid
	// Spin never sleeps: the lowest latency, for a core that has nothing else to do.
	Spin = netpoll.Spin
	// Block sleeps at once: no CPU is spent on waiting.
	Block = netpoll.Block
)

const (
	// defaultSpin is how long Hybrid spins at most.
	defaultSpin = 50 * time.Microsecond
	// freeSpin is how long anybody may spin without asking whether the process can spare the core.
	freeSpin = 2 * time.Microsecond
	// spinRound is how many looks there are between two looks at the clock.
	spinRound = 64
)

// spinners counts the goroutines of a process that spin for longer than freeSpin. They never take the last P: at
// most GOMAXPROCS-1 of them, so that the rest of the process goes on.
type spinners struct{ n atomic.Int32 }

func (s *spinners) start() bool {
	if s.n.Add(1) < int32(runtime.GOMAXPROCS(0)) {
		return true
	}
	s.n.Add(-1)
	return false
}

func (s *spinners) stop() { s.n.Add(-1) }

// A spinner decides whether a poller spins before it sleeps. It belongs to whoever holds the rx token.
//
// Hybrid spins for up to limit, as long as that pays. Once maxMisses more spins have failed than succeeded it rests:
// it sleeps at once, without one look more than it takes, for a peer on the same core can do nothing while somebody
// looks. After as many sleeps as it is patient, it reads the clock at the next ones: one shorter than twice limit, in
// which is the time to wake up, and the peer's too if that one slept as well, speaks for a spin, the probe. Only that is
// proof: two sleepers on two cores take about as long to answer as two on one, where no spin ever ends. For each rest it
// is twice as patient as for the last, so that where spinning never pays it costs next to nothing; once spinning has
// paid maxMisses times it is as hasty as at first. Long sleeps are no reason to try: who is idle stays asleep.
type spinner struct {
	wait Wait
	// rounds is how often fast looks before anything else is considered: none if it rests.
	rounds int
	looks  int // what rounds is if it does not rest
	all    *spinners
	limit  time.Duration

	// within: the peer is in this process. Then it never rests: one that rests keeps the other waiting longer than a spin may
	// last, by what the scheduler takes to wake a goroutine, and neither would find its way back.
	within bool
	// Of Hybrid.
	misses  int    // spins that failed, less those that succeeded; maxMisses: it rests
	patient uint32 // sleeps of a rest
	left    uint32 // how many of those are to come, the last one a short one; 0: the next spin is the probe

	// lull is for how many turns of an empty loop fast leaves the ring alone after it found it empty; see begin.
	lull   int
	lulled bool   // begin did so
	sent   uint64 // own tail, when begin was called last
}

const (
	minLull = 32
	maxLull = 4096 // some 1.5 µs
)

// begin is called before fast looks at a ring in which nothing is known to wait.
//
// A reader that looks again at once takes the tail's line, and the next record's, out of the hands of a producer that
// streams, for every single message. So a reader that only receives, and was not kept waiting, leaves an empty ring
// alone for a moment, and finds several messages at once then; the moment grows as long as that is so, to a
// microsecond and a half. Whoever sends between two receives, or has waited, looks at once: the latency of an
// answer, and of a message that comes alone, stays.
func (s *spinner) begin(prod *ring.Producer) int {
	s.lulled = false
	if sent := prod.Tail(); sent != s.sent {
		s.sent = sent
		s.lull = 0
	} else if s.lull != 0 {
		s.lulled = true
		idle(s.lull)
	}
	return s.rounds
}

// found is called after the ring was ready with n looks left, for a frame of size bytes and pending bytes in all.
func (s *spinner) found(n, size, pending int) {
	switch waited := s.rounds - n; {
	case s.lulled && pending <= 2*size:
		s.lull /= 2
	case s.lulled && pending < 64*size:
		s.lull = min(2*s.lull, maxLull)
	case s.lull == 0 && waited != 0 && waited < spinRound:
		s.lull = minLull
	}
	s.lulled = false
	s.succeeded()
}

// idle takes n turns of a loop that touches no memory.
//
//go:noinline
func idle(n int) {
	for range n {
	}
}

func newSpinner(w Wait, limit time.Duration, all *spinners) spinner {
	if limit == 0 {
		limit = defaultSpin
	}
	s := spinner{wait: w, all: all, limit: limit, patient: minRest}
	if w != Block {
		s.rounds, s.looks = maxRounds, maxRounds
	}
	return s
}

const (
	maxRounds = 4 * spinRound
	maxMisses = 4
	minRest   = 2 // doubled before the first rest
	maxRest   = 4096
)

// rests reports whether to sleep without a spin.
func (s *spinner) rests() bool { return s.misses == maxMisses && s.left != 0 || s.wait == Block }

// succeeded and failed tell how a spin ended.
func (s *spinner) succeeded() {
	if s.misses == 0 {
		return
	}
	s.rounds = s.looks
	if s.misses--; s.misses == 0 {
		s.patient = minRest
	}
}

func (s *spinner) failed() {
	if s.within {
		return
	}
	if s.misses = min(s.misses+1, maxMisses); s.misses == maxMisses {
		s.rounds = 0
		s.patient = min(2*s.patient, maxRest)
		s.left = s.patient
	}
}

// timing reports whether the clock is to be read around the next sleep.
func (s *spinner) timing() bool { return s.left == 1 }

// slept is called after each sleep; d is how long it took, if it was timed and ended with something to do, else 0.
func (s *spinner) slept(d time.Duration) {
	if s.left > 1 || s.left == 1 && d != 0 && d < 2*s.limit {
		s.left--
	}
}
