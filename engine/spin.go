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
	// minSpin is what is left of the time where spinning keeps failing: enough to find out that it pays again.
	minSpin = 1 * time.Microsecond
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

// A spinner decides how long a poller spins before it sleeps. It belongs to whoever holds the rx token.
//
// Hybrid is adaptive: a spin that ended with a message doubles the time that the next one may take, up to limit; one that
// did not halves it. So a peer that answers fast is met spinning, and one that does not, or runs on the same core, costs a
// microsecond a wait.
type spinner struct {
	wait Wait
	// rounds is how often fast looks before anything else is considered.
	rounds int
	all    *spinners
	limit  time.Duration
	may    time.Duration

	// lull is for how many turns of an empty loop fast leaves the ring alone after it found it empty; see begin.
	lull   int
	lulled bool   // begin did so
	sent   uint64 // own tail, when begin was called last
}

const (
	minLull = 32
	maxLull = 4096 // some 1.5 µs
)

// begin is called before fast looks.
//
// A reader that looks again at once takes the tail's line, and the next record's, out of the hands of a producer that
// streams, for every single message. So a reader that only receives, and was not kept waiting, leaves an empty ring
// alone for a moment, and finds several messages at once then; the moment grows as long as that is so, to a
// microsecond and a half. Whoever sends between two receives, or has waited, looks at once: the latency of an
// answer, and of a message that comes alone, stays.
func (s *spinner) begin(cons *ring.Consumer, prod *ring.Producer) int {
	s.lulled = false
	if cons.Waiting() {
		return s.rounds
	}
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
	s := spinner{wait: w, all: all, limit: limit, may: limit}
	if w != Block {
		s.rounds = 4 * spinRound
	}
	return s
}

// succeeded and failed tell how the last spin ended.
func (s *spinner) succeeded() { s.may = min(2*s.may, s.limit) }
func (s *spinner) failed()    { s.may = max(s.may/2, minSpin) }
