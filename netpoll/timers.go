package netpoll

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Timer calls a function on a loop's thread at a time to come. Its methods may be called from any goroutine. It is made
// by [Loop.AfterFunc].
type Timer struct {
	loop *Loop
	f    func()

	pos int // in the heap, or -1; guarded by the heap's mutex
}

// AfterFunc calls f on the loop's thread when d has passed, never earlier. A loop that sleeps wakes for it within what
// the kernel's timers allow; one that is busy calls it at its next look at epoll. When the loop is closed, timers that
// are pending are dropped, and f of a timer made later is never called.
//
// The caller need not keep the Timer.
func (l *Loop) AfterFunc(d time.Duration, f func()) *Timer {
	if f == nil {
		panic("netpoll: AfterFunc of a nil function")
	}
	t := &Timer{loop: l, f: f, pos: -1}
	t.Reset(d)
	return t
}

// Reset makes the timer fire when d has passed from now, and reports whether it was pending. If it was not, its function
// may run at this moment, and runs again. Reset allocates only when the loop has more timers pending than ever before.
func (t *Timer) Reset(d time.Duration) bool {
	l := t.loop
	now := l.clock()
	when := now + int64(max(d, 0))
	if when < now {
		when = math.MaxInt64 - 1 // 292 years
	}
	was, earlier := l.timers.set(t, when)
	if earlier {
		l.Wake()
	}
	return was
}

// Stop keeps the timer from firing, and reports whether it was pending. If it was not, its function has been called, or
// is being called, or the timer was stopped before; Stop does not wait.
func (t *Timer) Stop() bool { return t.loop.timers.remove(t) }

// fireTimers calls at most Budget timers that are due, and returns how many.
func (l *Loop) fireTimers() int {
	if l.timers.next.Load() > l.now {
		return 0
	}
	l.leave()
	n := 0
	for ; n < l.cfg.Budget; n++ {
		t := l.timers.due(l.now)
		if t == nil {
			break
		}
		l.call(t.f, &l.timerMeter)
	}
	if n == l.cfg.Budget {
		l.n[statExhausted]++
	}
	l.n[statTimers] += uint64(n)
	return n
}

// timerHeap is a heap of four children a node, which lie next to each other in at most two cache lines, and half as deep
// as one of two. A loop's timers are set by its own callbacks for the most part, so the mutex is hardly ever contended.
type timerHeap struct {
	next atomic.Int64 // when the first fires, or math.MaxInt64; written under mu

	mu     sync.Mutex // a leaf: nothing is locked while it is held
	heap   []timerNode
	closed bool
}

type timerNode struct {
	when int64 // on the loop's clock
	t    *Timer
}

const arity = 4

// set puts t into the heap or moves it. It reports whether it was there, and whether it has made next earlier.
func (h *timerHeap) set(t *Timer, when int64) (was, earlier bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false, false
	}
	was = t.pos >= 0
	if !was {
		t.pos = len(h.heap)
		h.heap = append(h.heap, timerNode{})
	}
	h.fix(t.pos, timerNode{when, t})
	return was, h.publish() // W1
}

func (h *timerHeap) remove(t *Timer) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.pos < 0 {
		return false
	}
	h.cut(t.pos)
	h.publish()
	return true
}

// due takes the first timer if it is due, nil otherwise.
func (h *timerHeap) due(now int64) *Timer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.heap) == 0 || h.heap[0].when > now {
		return nil
	}
	t := h.heap[0].t
	h.cut(0)
	h.publish()
	return t
}

// close drops all timers, and those that are set later.
func (h *timerHeap) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.heap {
		n.t.pos = -1
	}
	h.heap, h.closed = nil, true
	h.publish()
}

// publish sets next, and reports whether it is earlier than before.
func (h *timerHeap) publish() bool {
	first := int64(math.MaxInt64)
	if len(h.heap) > 0 {
		first = h.heap[0].when
	}
	before := h.next.Load()
	if first != before {
		h.next.Store(first)
	}
	return first < before
}

// cut takes the node at i out of the heap.
func (h *timerHeap) cut(i int) {
	h.heap[i].t.pos = -1
	last := len(h.heap) - 1
	moved := h.heap[last]
	h.heap[last] = timerNode{}
	h.heap = h.heap[:last]
	if i != last {
		h.fix(i, moved)
	}
}

func (h *timerHeap) put(i int, n timerNode) {
	h.heap[i] = n
	n.t.pos = i
}

// fix puts n where it belongs, given that place i is free and all others are in order.
func (h *timerHeap) fix(i int, n timerNode) {
	for i > 0 {
		parent := (i - 1) / arity
		if h.heap[parent].when <= n.when {
			break
		}
		h.put(i, h.heap[parent])
		i = parent
	}
	for {
		least := -1
		for c := i*arity + 1; c <= i*arity+arity && c < len(h.heap); c++ {
			if least < 0 || h.heap[c].when < h.heap[least].when {
				least = c
			}
		}
		if least < 0 || h.heap[least].when >= n.when {
			break
		}
		h.put(i, h.heap[least])
		i = least
	}
	h.put(i, n)
}
