package netpoll

import "sync/atomic"

// source is what Registration and PollerRegistration have in common: it can be closed by any goroutine while the loop
// may be about to call it, and after that it is not called.
//
// No call costs a lock or an atomic read-modify-write of its own. The loop notes in Loop.current whose callback it
// runs, and the note stays until another source's callback runs or the loop leaves; a poller that is polled in every
// turn is noted once. The hand-over has the shape of a doorbell, write first and look second on both sides:
//
//	loop:   current = s (C1), then look at s.closed (C2), then call
//	closer: s.closed = true (D1), then look at current (D2); if it is s, wait until the loop leaves s
//
// Either the loop sees closed and does not call, or the closer sees current and waits. A loop that leaves s looks at
// closed after it has cleared current, and releases whoever waits.
type source struct {
	closed atomic.Bool   // no callback starts after the loop has seen it
	quiet  chan struct{} // made by who has to wait, closed by the loop; guarded by Loop.mu
	meter  *meter
}

// enter notes that s's callback is about to run, and reports whether it may. Loop thread only.
func (l *Loop) enter(s *source) bool {
	if prev := l.inside; prev != s {
		l.inside = s
		l.current.Store(s) // C1
		if prev != nil && prev.closed.Load() {
			l.release(prev)
		}
	}
	if s.closed.Load() { // C2
		l.leave()
		return false
	}
	return true
}

// leave notes that no source's callback runs. Loop thread only.
func (l *Loop) leave() {
	s := l.inside
	if s == nil {
		return
	}
	l.inside = nil
	l.current.Store(nil)
	if s.closed.Load() {
		l.release(s)
	}
}

// release wakes those who wait for s, which is current no more.
func (l *Loop) release(s *source) {
	l.mu.Lock()
	if s.quiet != nil {
		close(s.quiet)
		s.quiet = nil
	}
	l.mu.Unlock()
}

// quiesce returns when no callback of s, which has been closed (D1), runs or will run. On the loop's own thread, where
// waiting would be for itself, it returns at once: nothing else runs there before the caller returns.
func (l *Loop) quiesce(s *source) {
	if l.current.Load() != s || l.InLoop() { // D2
		return
	}
	l.mu.Lock()
	if l.current.Load() != s { // the release may have been in between
		l.mu.Unlock()
		return
	}
	if s.quiet == nil {
		s.quiet = make(chan struct{})
	}
	quiet := s.quiet
	l.mu.Unlock()
	<-quiet
}
