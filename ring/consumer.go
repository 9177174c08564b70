package ring

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/corechan/corechan/internal/atomics"
)

// A Consumer reads records out of the peer's segment. One goroutine at a time may use it; MustRing may be called by
// any.
//
//	b, err := c.Next()       // the next record, in place; ErrEmpty: none now
//	…                        // more of them
//	c.Release()              // all that were read are the producer's again
//	if c.MustRing() { … }    // after a full fence: the producer sleeps, ring its bell
//
// The bytes of a record are the peer's: it can change them at any time. Read each once, or copy them.
type Consumer struct {
	// Constant.
	records  []byte
	mask     uint64
	capacity uint64
	tail     *uint64 // peer's
	peer     *uint64 // peer's tailSleep
	head     *uint64 // own
	sleep    *uint64 // own: headSleep

	// Private to whoever uses the consumer.
	pos      uint64 // where the next record begins
	seen     uint64 // the peer's tail, last time it was read
	released uint64 // what the peer knows to be free
	asleep   uint64 // own sleep word's value
	read     uint64 // records, for who counts them
	origin   uint64 // as the producer's

	rangFor atomic.Uint64 // the end of whole lines: in one process the other end's Consumer is the next object on the heap
}

// NewConsumer returns the consuming end of the queue that runs from the owner of peer to own. A queue has one
// consumer in its life.
func NewConsumer(own, peer *Segment) *Consumer {
	return &Consumer{
		records: peer.records, mask: peer.capacity - 1, capacity: peer.capacity,
		tail: peer.tail, peer: peer.tailSleep, head: own.head, sleep: own.headSleep,
	}
}

// Next returns the next record, its length included, in place. It returns ErrEmpty if there is none, a *CorruptError if
// the peer lies. The slice is good until the Release after it.
func (c *Consumer) Next() ([]byte, error) {
	record, err := c.Peek()
	if err == nil {
		c.Advance(record)
	}
	return record, err
}

// Peek is Next, but the record stays the next one, until Advance is called with it.
func (c *Consumer) Peek() ([]byte, error) {
	seen := c.seen
	if c.pos == seen {
		tail := atomic.LoadUint64(c.tail)
		if tail == seen {
			return nil, ErrEmpty
		}
		if tail-seen > c.capacity-(seen-c.released) || tail%Align != 0 {
			return nil, &CorruptError{Word: "tail", Value: tail, Low: seen, High: c.released + c.capacity, Cause: ErrPosition}
		}
		seen = tail
		c.seen = tail
	}
	off := (c.pos - c.origin) & c.mask
	n := uint64(binary.LittleEndian.Uint32(c.records[off:]))
	size := align(n)
	if n < lengthSize || size > seen-c.pos {
		return nil, &CorruptError{Word: "length", Value: n, Low: lengthSize, High: seen - c.pos, Cause: ErrLength}
	}
	return c.records[off : off+n : off+n], nil
}

// Advance goes past the record that Peek returned.
func (c *Consumer) Advance(record []byte) {
	c.pos += align(uint64(len(record)))
	atomics.Set(&c.read, c.read+1)
}

// Records returns how many records were ever read. It may be called by any goroutine.
func (c *Consumer) Records() uint64 { return atomic.LoadUint64(&c.read) }

// Released returns how many bytes of records were ever given back: the position of the head.
func (c *Consumer) Released() uint64 { return c.released }

// Head is Released for any goroutine, and Tail what the producer has published, unchecked.
func (c *Consumer) Head() uint64 { return atomic.LoadUint64(c.head) }

// Tail: see Head.
func (c *Consumer) Tail() uint64 { return atomic.LoadUint64(c.tail) }

// Release gives all records that Next returned back to the producer. It has release order only: a full fence must
// stand between it and MustRing.
func (c *Consumer) Release() {
	if c.released != c.pos {
		c.released = c.pos
		atomics.StoreRelease(c.head, c.pos)
	}
}

// Position returns where the next record begins, for ReleaseTo.
func (c *Consumer) Position() uint64 { return c.pos }

// ReleaseTo gives back the records before position only: those behind it are still in use. position is one that
// Position returned since the last release.
func (c *Consumer) ReleaseTo(position uint64) {
	if c.released != position {
		c.released = position
		atomics.StoreRelease(c.head, position)
	}
}

// Held returns how many bytes were read and not yet released.
func (c *Consumer) Held() int { return int(c.pos - c.released) }

// Capacity returns the size of the ring that is read, in bytes.
func (c *Consumer) Capacity() int { return int(c.capacity) }

// Ready reports whether Next would return something else than ErrEmpty: what a poller that spins calls.
//
// It also touches the two cache lines where the next record will begin, so that they travel from the producer's core
// together with the tail, not after it: about a tenth of a round trip of 64 bytes.
func (c *Consumer) Ready() bool {
	if c.pos != c.seen {
		return true
	}
	if !atomics.Race && c.capacity != 0 {
		off := (c.pos - c.origin) & c.mask
		atomics.Touch(&c.records[off])
		atomics.Touch(&c.records[off+cacheLine])
	}
	return atomic.LoadUint64(c.tail) != c.pos
}

// Pending returns how many bytes are known to wait, of records that Next has not returned.
func (c *Consumer) Pending() int { return int(c.seen - c.pos) }

// Waiting reports whether a record is known to wait, without a look at the producer's memory.
func (c *Consumer) Waiting() bool { return c.pos != c.seen }

// Unread reports whether the producer has published something that was not released yet. It may be called by any
// goroutine.
func (c *Consumer) Unread() bool { return atomic.LoadUint64(c.tail) != atomic.LoadUint64(c.head) }

// MustRing reports whether the producer sleeps, waiting for space, and has not been rung for that yet; then it is the
// caller who rings. It may be called by several goroutines at once: one of them gets true.
func (c *Consumer) MustRing() bool {
	w := atomic.LoadUint64(c.peer)
	return w&1 != 0 && mustRingFor(&c.rangFor, w)
}

// Arm announces that the consumer is about to sleep until there are records. The caller must look once more
// (Ready or Next) before it sleeps, and Disarm when it is awake.
func (c *Consumer) Arm() {
	c.asleep += 1 + c.asleep&1 // a new epoch also if it was armed: the bell may have been rung for that one
	// A swap for the full fence: a store has one too, but not under the race detector, whose stores only release.
	atomic.SwapUint64(c.sleep, c.asleep)
}

// Disarm announces that the consumer is awake.
func (c *Consumer) Disarm() {
	if c.asleep&1 != 0 {
		c.asleep++
		atomics.StoreRelease(c.sleep, c.asleep)
	}
}
