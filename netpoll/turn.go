package netpoll

import (
	"math"
	"runtime"
	"runtime/debug"
	"time"
)

// lookEvery is how many items or empty turns may pass until epoll is looked at: a look costs some hundred nanoseconds,
// an empty turn about ten.
const lookEvery = 64

// turn goes once around, and returns false when the loop is to end. All of this file runs on the loop's thread.
func (l *Loop) turn() bool {
	if l.mail.Load() && !l.readMail() {
		return false
	}
	done := 0
	if l.sinceLook >= lookEvery {
		done += l.look()
	}
	done += l.runReady()
	done += l.runPosts()
	done += l.runPollers()
	l.n[statTurns]++
	l.sinceLook += 1 + done
	if done > 0 {
		l.active = true
		return true
	}
	if l.maySpin() {
		return true
	}
	l.sleep()
	return true
}

// readMail takes over what other goroutines left under mu, and returns false if the loop is to end.
func (l *Loop) readMail() bool {
	l.mail.Store(false)
	l.mu.Lock()
	closing, arrivals := l.closing, l.arrivals
	l.arrivals = nil
	l.mu.Unlock()
	if closing {
		l.mail.Store(true)
		return false
	}
	l.dropClosedPollers()
	for _, p := range arrivals {
		l.heat(p)
	}
	return true
}

// look asks epoll what is ready without sleeping, and runs timers, whose number it returns.
func (l *Loop) look() int {
	n, err := l.ep.look()
	return l.looked(n, err)
}

// looked takes over what epoll returned.
func (l *Loop) looked(n int, err error) int {
	if err != nil {
		l.fail(err)
		return 0
	}
	l.n[statLooks]++
	l.n[statEvents] += uint64(n)
	if n == 0 {
		l.n[statEmpty]++
	} else {
		l.collect(n)
	}
	l.sinceLook = 0
	l.now = l.clock()
	if l.active {
		l.active = false
		l.idleSince = l.now
	}
	l.cool()
	l.publish()
	return l.fireTimers()
}

// sleep waits until there is something to do. What it finds is for the next turn.
func (l *Loop) sleep() {
	l.publish()
	if l.onlyP {
		// A thread keeps its P for a while after it has gone to sleep in a system call (up to 10 ms, until the runtime's
		// monitor takes it), and there is no other for the goroutines that the callbacks made ready.
		runtime.Gosched()
	}
	l.asleep.Store(true)                                 // S1
	if l.mail.Load() || l.posts.ready() || !l.armAll() { // S2
		l.asleep.Store(false)
		return
	}
	l.dropSpin()
	n, err := l.ep.wait(l.untilTimer()) // S2: timers
	l.asleep.Store(false)
	l.disarmAll()
	l.n[statWakes]++
	if l.looked(n, err) > 0 {
		l.active = true
	}
}

// untilTimer returns how long there is nothing for timers to do.
func (l *Loop) untilTimer() time.Duration {
	next := l.timers.next.Load()
	if next == math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(next - l.clock())
}

// collect notes the events of one look. What was closed since the kernel reported it is not found any more, even if
// its number is in use again: the generation differs.
func (l *Loop) collect(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.ep.events[:n] {
		e := &l.ep.events[i]
		if e.Pad == bellGen {
			continue
		}
		if int(e.Fd) >= len(l.table) || l.table[e.Fd] == nil || l.table[e.Fd].generation != e.Pad {
			l.n[statStale]++
			continue
		}
		l.ready.add(l.table[e.Fd], Events(e.Events))
	}
}

// runReady calls the handlers that are ready now, each once, and returns how many.
func (l *Loop) runReady() int {
	called := 0
	for left := l.ready.n; left > 0; left-- {
		r := l.ready.take()
		ev := r.pending & (Events(r.interest.Load()) | always)
		r.pending = 0
		if ev == 0 || !l.enter(&r.source) {
			continue
		}
		called++
		l.sinceLook += r.weight
		if l.handle(r, ev) && !r.closed.Load() {
			l.n[statExhausted]++
			l.ready.add(r, ev)
		}
	}
	if called > 0 {
		l.leave()
	}
	return called
}

func (l *Loop) handle(r *Registration, ev Events) (again bool) {
	if l.cfg.OnPanic != nil {
		defer l.rescue(r)
	}
	start := l.start()
	again = r.handler.Ready(ev)
	l.charge(r.meter, 1, start)
	return again
}

// call runs a posted function or a timer's.
func (l *Loop) call(f func(), m *meter) {
	if l.cfg.OnPanic != nil {
		defer l.rescue(nil)
	}
	start := l.start()
	f()
	l.charge(m, 1, start)
}

// rescue is deferred around callbacks if there is an OnPanic. It closes what the callback belongs to.
func (l *Loop) rescue(owner interface{ Close() error }) {
	v := recover()
	if v == nil {
		return
	}
	stack := debug.Stack()
	if owner != nil {
		_ = owner.Close() // that it had been closed already is no news
	}
	l.cfg.OnPanic(v, stack)
}

// readyList is the queue of registrations to call: those that epoll reported and those that asked to be called again.
// One is in it at most once; what comes in meanwhile is added to its events.
type readyList struct {
	first, last *Registration
	n           int
}

func (q *readyList) add(r *Registration, ev Events) {
	r.pending |= ev
	if r.queued {
		return
	}
	r.queued = true
	if q.last == nil {
		q.first = r
	} else {
		q.last.next = r
	}
	q.last = r
	q.n++
}

// take returns the first of a list that is not empty.
func (q *readyList) take() *Registration {
	r := q.first
	q.first, r.next, r.queued = r.next, nil, false
	if q.first == nil {
		q.last = nil
	}
	q.n--
	return r
}
