package engine

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/internal/monotime"
)

// sleepers decides how those sleep who wait for a session of this engine: see TakeThread.
type sleepers struct {
	threads atomic.Int32  // that sleep for one session each
	last    atomic.Uint32 // the last number that was given to a session
	// slept is when sessions went to sleep last, each in the place of its number, by clock; 0: never.
	slept [64]atomic.Uint32
}

// A Sleeper is one session's part in that. For transports.
type Sleeper struct {
	eng    *Engine
	number uint32
}

// NewSleeper returns a session's Sleeper.
func (e *Engine) NewSleeper() Sleeper { return Sleeper{e, e.sleepers.last.Add(1)} }

const (
	// maxThreads bounds the threads that sleep for one session each.
	maxThreads = 16
	// atWork is for how long after a session went to sleep it counts as one that is at work.
	atWork = 16 * time.Millisecond
)

// TakeThread reports whether the session, which is about to sleep, may do so on a thread of its own, blocked in a system call, which
// wakes up fastest. GiveThread gives it back. Who may not parks its goroutine, for the service loop to wake.
//
// A thread that blocks takes one of the Go scheduler's processors along, for 20 us to 10 ms, and to hand that over is dear. It pays
// while no more sessions are at work than there are processors; beyond that nobody takes a thread. Where there is one processor,
// goroutines that can run do so before TakeThread returns true: what they send is to be written before the thread blocks.
func (s Sleeper) TakeThread() bool {
	all := &s.eng.sleepers
	now := uint32(monotime.Now()>>clockShift) | 1 // not 0
	all.slept[s.number%uint32(len(all.slept))].Store(now)
	most := int32(min(maxThreads, runtime.GOMAXPROCS(0)))
	busy := int32(0)
	for i := range all.slept {
		if then := all.slept[i].Load(); then != 0 && now-then < uint32(atWork>>clockShift) {
			if busy++; busy > most {
				return false
			}
		}
	}
	if all.threads.Add(1) <= most {
		if most == 1 {
			runtime.Gosched()
		}
		return true
	}
	all.threads.Add(-1)
	return false
}

// GiveThread: see TakeThread.
func (s Sleeper) GiveThread() { s.eng.sleepers.threads.Add(-1) }

// clockShift makes units of 16 us of nanoseconds. 32 bits of them last for 19 hours: then an idle session may count as one at work, once.
const clockShift = 14
