package ring

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A bell wakes a sleeper. One ring is kept for who has not gone to sleep yet, more are one.
type bell chan struct{}

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// A queue is a ring with its two bells, and what goes through it.
type queue struct {
	*ends
	count uint64
	size  func(seq uint64) int
	// sleep: wait asleep until rung, as the protocol has it; otherwise look again and again.
	sleep bool
	// force: see to it that each side sleeps at least once.
	force bool
	// batch is up to how many records are published, or released, at once.
	batch uint64

	forConsumer, forProducer bell
	// naps is how often each side slept.
	producerNaps, consumerNaps int
}

func newQueue(e *ends, count uint64, size func(seq uint64) int, sleep bool) *queue {
	return &queue{
		ends: e, count: count, size: size, sleep: sleep, batch: 7,
		forConsumer: make(bell, 1), forProducer: make(bell, 1),
	}
}

// fence is the full fence between Publish and MustRing, and between Release and MustRing.
func fence() {
	var word atomic.Uint64
	word.Add(1)
}

// random returns a number below n that depends on seq alone, so that both sides know it.
func random(seq, n uint64) uint64 { return seq * 0x9e3779b97f4a7c15 >> 32 % n }

func (q *queue) produce(ctx context.Context) error {
	if q.force { // the consumer is to sleep once for sure
		if err := await(ctx, func() bool { return atomic.LoadUint64(q.p.peer)%2 == 1 }); err != nil {
			return q.gaveUp("the consumer to sleep", err)
		}
	}
	for seq := range q.count {
		n := q.size(seq)
		for {
			err := send(q.p, seq, n)
			if err == nil {
				break
			}
			if err != ErrFull {
				return err
			}
			if err := q.awaitSpace(ctx, n); err != nil {
				return err
			}
		}
		if random(seq, q.batch) == 0 {
			q.publish()
		}
	}
	q.publish()
	return nil
}

func (q *queue) publish() {
	q.p.Publish()
	fence()
	if q.p.MustRing() {
		q.forConsumer.ring()
	}
}

// awaitSpace waits until something was released.
func (q *queue) awaitSpace(ctx context.Context, n int) error {
	q.publish() // nobody sleeps on what it has not published
	if !q.sleep {
		runtime.Gosched()
		return q.gaveUp("space", ctx.Err())
	}
	q.p.Arm()
	defer q.p.Disarm()
	if _, err := q.p.Reserve(n); err != ErrFull {
		q.p.Abort()
		return err
	}
	q.producerNaps++
	select {
	case <-q.forProducer:
		return nil
	case <-ctx.Done():
		return q.gaveUp("space", ctx.Err())
	}
}

func (q *queue) consume(ctx context.Context) error {
	for seq := range q.count {
		if q.force && seq == q.count/2 { // the producer is to sleep once for sure
			if err := await(ctx, func() bool { return atomic.LoadUint64(q.c.peer)%2 == 1 }); err != nil {
				return q.gaveUp("the producer to sleep", err)
			}
		}
		var b []byte
		for {
			var err error
			if b, err = q.c.Next(); err == nil {
				break
			}
			if err != ErrEmpty {
				return err
			}
			if err := q.awaitRecord(ctx); err != nil {
				return err
			}
		}
		if n := q.size(seq); !isRecord(b, seq, n) {
			return fmt.Errorf("record %d of %d bytes arrived as %d other ones", seq, n, len(b))
		}
		if random(seq, q.batch) == 1%q.batch {
			q.release()
		}
	}
	q.release()
	if _, err := q.c.Next(); err != ErrEmpty {
		return fmt.Errorf("after the last record: %v, want ErrEmpty", err)
	}
	return nil
}

func (q *queue) release() {
	q.c.Release()
	fence()
	if q.c.MustRing() {
		q.forProducer.ring()
	}
}

// awaitRecord waits until something was published.
func (q *queue) awaitRecord(ctx context.Context) error {
	q.release() // nobody sleeps on what it has not released
	if !q.sleep {
		runtime.Gosched()
		return q.gaveUp("a record", ctx.Err())
	}
	q.c.Arm()
	defer q.c.Disarm()
	if q.c.Ready() {
		return nil
	}
	q.consumerNaps++
	select {
	case <-q.forConsumer:
		return nil
	case <-ctx.Done():
		return q.gaveUp("a record", ctx.Err())
	}
}

// await looks until ok.
func await(ctx context.Context, ok func() bool) error {
	for !ok() {
		if err := ctx.Err(); err != nil {
			return err
		}
		runtime.Gosched()
	}
	return nil
}

// gaveUp tells what is in the shared words when waiting took too long: a wake-up was lost.
func (q *queue) gaveUp(what string, err error) error {
	if err == nil {
		return nil
	}
	load := atomic.LoadUint64
	return fmt.Errorf("gave up waiting for %s (%w): tail %d, head %d; asleep: producer %d, rung for %d, consumer %d, rung for %d",
		what, err, load(q.tail), load(q.head), load(q.p.sleep), q.c.rangFor.Load(), load(q.c.sleep), q.p.rangFor.Load())
}

// together runs all of f at once, bounded by the watchdog, and fails the test with their errors.
func together(t *testing.T, f ...func(ctx context.Context) error) {
	t.Helper()
	limit := patience
	if soak() {
		limit = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var done sync.WaitGroup
	for _, f := range f {
		done.Go(func() {
			if err := f(ctx); err != nil {
				t.Error(err)
				cancel() // the others have nobody to wait for
			}
		})
	}
	done.Wait()
}

// The kinds of traffic: how large record number seq is on a ring of that capacity.
var traffics = []struct {
	name  string
	count uint64
	size  func(capacity, seq uint64) int
}{
	{"tiny", 12000, func(_, seq uint64) int { return int(4 + random(seq, 40)) }},
	{"mixed", 2500, func(capacity, seq uint64) int {
		return int(4 + random(seq, capacity-3)>>random(seq*3, 8))
	}},
	{"whole", 600, func(capacity, _ uint64) int { return int(capacity) }},
}

func stream(t *testing.T, m memory, times uint64) {
	for _, capacity := range []int{page, 16 * page} {
		for _, traffic := range traffics {
			for _, sleep := range []bool{false, true} {
				name := fmt.Sprintf("%s/capacity=%d/%s/sleep=%v", m.name, capacity, traffic.name, sleep)
				ok := t.Run(name, func(t *testing.T) {
					// Half of them are more than the ring takes.
					count := max(traffic.count, uint64(capacity)/8)
					if capacity > page && traffic.name == "whole" {
						count /= 4
					}
					e := m.make(t, capacity)
					q := newQueue(e, count*times, func(seq uint64) int { return max(4, traffic.size(e.capacity, seq)) }, sleep)
					q.force = sleep
					together(t, q.produce, q.consume)
					if sleep && !t.Failed() && (q.producerNaps == 0 || q.consumerNaps == 0) {
						t.Errorf("the producer slept %d times and the consumer %d times, want both", q.producerNaps, q.consumerNaps)
					}
				})
				if !ok {
					return // the others would only take as long to give up
				}
			}
		}
	}
}

func TestAStreamArrivesWholeAndInOrder(t *testing.T) {
	stream(t, onHeap, 1)
	stream(t, onMapped, 1) // where the race detector is blind
}

func TestSoakAStreamArrivesWholeAndInOrder(t *testing.T) {
	if !soak() {
		t.Skip("long: set CORECHAN_SOAK=1")
	}
	stream(t, onHeap, 200)
	stream(t, onMapped, 200)
}

// Requests one way and replies the other, over the same two segments: each message finds its reader asleep, or about to.
func pingPong(t *testing.T, a, b, aSeen, bSeen *Segment, count uint64) {
	size := func(seq uint64) int { return int(4 + random(seq, 200)) }
	there := newQueue(join(a, b, aSeen, bSeen), count, size, true)
	back := newQueue(join(b, a, bSeen, aSeen), count, size, true)
	turn := func(out, in *queue, first bool) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			for seq := range count {
				if first {
					if err := send(out.p, seq, size(seq)); err != nil {
						return err
					}
					out.publish()
				}
				b, err := in.c.Next()
				for err == ErrEmpty {
					if err = in.awaitRecord(ctx); err == nil {
						b, err = in.c.Next()
					}
				}
				if err != nil {
					return err
				}
				if !isRecord(b, seq, size(seq)) {
					return fmt.Errorf("message %d arrived as %d other bytes", seq, len(b))
				}
				in.release()
				if !first {
					if err := send(out.p, seq, size(seq)); err != nil {
						return err
					}
					out.publish()
				}
			}
			return nil
		}
	}
	together(t, turn(there, back, true), turn(back, there, false))
}

func pingPongs(t *testing.T, count uint64) {
	t.Run("heap", func(t *testing.T) {
		var s [2]*Segment
		for i := range s {
			var err error
			if s[i], err = NewHeap(nil); err != nil {
				t.Fatal(err)
			}
		}
		pingPong(t, s[0], s[1], s[0], s[1], count)
	})
	t.Run("mapped", func(t *testing.T) {
		a, aSeen := mapped(t, nil)
		b, bSeen := mapped(t, nil)
		pingPong(t, a, b, aSeen, bSeen, count)
	})
}

func TestNoWakeUpIsLostBetweenRequestsAndReplies(t *testing.T) { pingPongs(t, 5000) }

// The producer is handed from goroutine to goroutine by a mutex, as an engine does it; unlocking is the fence, and who
// unlocked looks whether to ring, at the same time as others who did.
func sharedProducer(t *testing.T, count uint64) {
	const senders = 4
	size := func(seq uint64) int { return int(4 + random(seq, 60)) }
	q := newQueue(heapEnds(t, page), senders*count, size, true)
	var mu sync.Mutex
	var seq uint64
	one := func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		n := size(seq)
		err := send(q.p, seq, n)
		for err == ErrFull {
			if err = q.awaitSpace(ctx, n); err == nil {
				err = send(q.p, seq, n)
			}
		}
		q.p.Publish()
		seq++
		return err
	}
	sender := func(ctx context.Context) error {
		for i := range count {
			if err := one(ctx); err != nil {
				return err
			}
			if q.p.MustRing() {
				q.forConsumer.ring()
			}
			if i%8 == 0 {
				runtime.Gosched() // so that the consumer runs dry now and then
			}
		}
		return nil
	}
	together(t, sender, sender, sender, sender, q.consume)
}

func TestNoWakeUpIsLostWhereSeveralShareAProducer(t *testing.T) { sharedProducer(t, 3000) }

func TestSoakNoWakeUpIsLost(t *testing.T) {
	if !soak() {
		t.Skip("long: set CORECHAN_SOAK=1")
	}
	pingPongs(t, 2e6)
	sharedProducer(t, 2e6)
}
