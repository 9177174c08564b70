package netpoll

import (
	"errors"
	"math/bits"
	"os"
	"runtime"
	"sync/atomic"
)

// Post runs f on the loop's thread, after what was posted before. It wakes the loop if it sleeps, does not wait, and
// does not allocate.
//
// It returns [ErrQueueFull] if [Config.PostLimit] functions wait already, and [os.ErrClosed] once the loop is being
// closed. If it returns nil, f runs exactly once, also if the loop is closed meanwhile.
func (l *Loop) Post(f func()) error {
	if f == nil {
		return opError("post", -1, errors.New("nil function"))
	}
	if err := l.posts.push(f); err != nil { // W1
		return err
	}
	l.Wake()
	return nil
}

// runPosts runs at most Budget posts, and returns how many.
func (l *Loop) runPosts() int {
	if !l.posts.ready() {
		return 0
	}
	l.leave()
	n := 0
	for ; n < l.cfg.Budget; n++ {
		f := l.posts.pop()
		if f == nil {
			break
		}
		l.call(f, &l.postMeter)
	}
	if n == l.cfg.Budget && l.posts.ready() {
		l.n[statExhausted]++
	}
	l.n[statPosts] += uint64(n)
	return n
}

// drainPosts seals the queue and runs what is in it.
func (l *Loop) drainPosts() {
	for end := l.posts.seal(); l.posts.head != end; {
		f := l.posts.pop()
		if f == nil { // its poster has taken the place and not filled it yet
			runtime.Gosched()
			continue
		}
		l.n[statPosts]++
		l.call(f, &l.postMeter)
	}
}

// postQueue is a bounded queue of functions with many producers and one consumer, after Vyukov's bounded MPMC queue. A
// place is free for the producer of position p when its seq is p, and full for the consumer when it is p+1.
type postQueue struct {
	places []postPlace // a power of two
	_      [128]byte
	tail   atomic.Uint64 // next position to produce, with the bit sealed
	_      [128]byte
	head   uint64 // next position to consume; loop thread only
}

type postPlace struct {
	seq atomic.Uint64
	f   func()
}

const sealed = 1 << 63

// init makes at least limit places, and at least two: in a queue of one, "full for position p" and "free for position
// p+1" would be the same number.
func (q *postQueue) init(limit int) {
	q.places = make([]postPlace, 1<<bits.Len(uint(max(limit, 2)-1)))
	for i := range q.places {
		q.places[i].seq.Store(uint64(i))
	}
}

func (q *postQueue) place(p uint64) *postPlace { return &q.places[p&uint64(len(q.places)-1)] }

// push is safe from any goroutine.
func (q *postQueue) push(f func()) error {
	for {
		p := q.tail.Load()
		if p&sealed != 0 {
			return os.ErrClosed
		}
		s := q.place(p)
		switch ahead := int64(s.seq.Load() - p); {
		case ahead < 0:
			return ErrQueueFull
		case ahead == 0 && q.tail.CompareAndSwap(p, p+1):
			s.f = f
			s.seq.Store(p + 1)
			return nil
		}
	}
}

// ready reports whether pop would return a function.
func (q *postQueue) ready() bool { return q.place(q.head).seq.Load() == q.head+1 }

// pop returns nil if the queue is empty, or if the next place has been taken and not been filled yet: its producer
// wakes the loop afterwards.
func (q *postQueue) pop() func() {
	s := q.place(q.head)
	if s.seq.Load() != q.head+1 {
		return nil
	}
	f := s.f
	s.f = nil
	s.seq.Store(q.head + uint64(len(q.places)))
	q.head++
	return f
}

// seal makes every later push fail, and returns the position after the last one that succeeded.
func (q *postQueue) seal() uint64 { return q.tail.Or(sealed) &^ sealed }
