package netpoll

import (
	"runtime"
	"sync/atomic"
)

// sleeper is the word by which a loop says that it is about to sleep, and by which others wake it once.
//
//	state      asleep   who moves it on
//	awake      false    the loop, before it sleeps
//	asleep     true     the loop, awake by itself; or one waker, who then owes the bell a ring
//	rung       false    the loop, when it returns from epoll_wait
type sleeper struct {
	asleep  atomic.Bool
	ringers atomic.Int32  // wakers between taking asleep and having written; the eventfd stays open for them
	rings   atomic.Uint64 // writes to the eventfd
}

// Wake makes the loop take a turn if it sleeps, and does nothing but read a word if it does not. Whoever feeds a
// poller from within the process publishes first and calls Wake then. After Close it does nothing.
func (l *Loop) Wake() {
	if !l.asleep.Load() { // W2
		return
	}
	l.ringers.Add(1)
	if l.asleep.CompareAndSwap(true, false) {
		ringBell(l.ep.bell)
		l.rings.Add(1)
	}
	l.ringers.Add(-1)
}

// disconnect returns when nobody writes to the eventfd any more. The loop is awake and will not sleep again, so nobody
// can take asleep after this.
func (s *sleeper) disconnect() {
	s.asleep.Store(false)
	for s.ringers.Load() != 0 {
		runtime.Gosched()
	}
}
