package ring

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/corechan/corechan/internal/atomics"
)

// A Producer writes records into its own segment. One goroutine at a time may use it.
//
//	b, err := p.Reserve(n)  // n bytes of the ring, contiguous; ErrFull: not now
//	p.Commit(m)             // m <= n bytes are a record; more may be reserved behind it
//	p.Publish()             // the peer sees all committed records at once
//	if p.MustRing() { … }   // after a full fence: the peer sleeps, ring its bell
//
// A reservation that is not committed costs nothing: Abort, or the next Reserve, forgets it.
type Producer struct {
	// Constant.
	records []byte
	mask    uint64  // the capacity less 1
	tail    *uint64 // own
	sleep   *uint64 // own: tailSleep
	head    *uint64 // peer's
	peer    *uint64 // peer's headSleep

	// Private to whoever uses the producer.
	pos       uint64 // where the next record begins
	published uint64 // what the peer can see
	limit     uint64 // up to where may be written: the peer's head, last time it was read, plus capacity
	reserved  uint64 // size of the open reservation, 0: none
	asleep    uint64 // own sleep word's value
	committed uint64 // records, for who counts them
	origin    uint64 // the position at the ring's start; 0 but after Rewind

	// rangFor is the peer's sleep word for which the bell was rung last.
	rangFor atomic.Uint64
}

// NewProducer returns the producing end of the queue that runs from own to the owner of peer. A queue has one
// producer in its life.
func NewProducer(own, peer *Segment) *Producer {
	return &Producer{
		records: own.records, mask: own.capacity - 1, limit: own.capacity,
		tail: own.tail, sleep: own.tailSleep, head: peer.head, peer: peer.headSleep,
	}
}

// Reserve returns n bytes of the ring, at least 4, for a record; the first 4 will hold its length. It returns ErrFull
// if the peer has not released enough, ErrTooLarge if n exceeds the capacity, a *CorruptError if the peer lies; then
// nothing is reserved. The slice is good until Commit, Abort or the next Reserve.
func (p *Producer) Reserve(n int) ([]byte, error) {
	need := align(uint64(n))
	if p.limit-p.pos < need {
		if err := p.refresh(need); err != nil {
			return nil, err
		}
	}
	p.reserved = uint64(n)
	off := (p.pos - p.origin) & p.mask
	return p.records[off : off+uint64(n) : off+need], nil
}

// refresh reads the peer's head and finds out whether need bytes are free now.
func (p *Producer) refresh(need uint64) error {
	p.reserved = 0
	if need > p.size() || need < lengthSize {
		return ErrTooLarge
	}
	head := atomic.LoadUint64(p.head)
	old := p.limit - p.size()
	if head-old > p.published-old || head%Align != 0 {
		return &CorruptError{Word: "head", Value: head, Low: old, High: p.published, Cause: ErrPosition}
	}
	p.limit = head + p.size()
	if p.limit-p.pos < need {
		return ErrFull
	}
	return nil
}

// Free returns how many bytes can be reserved without the peer's doing, by what is known of it now.
func (p *Producer) Free() int { return int(p.limit - p.pos) }

// Commit makes the first n bytes of the reservation a record and writes its length. n must be at least 4 and at most
// what was reserved; anything else panics, for it is a defect of the caller. The peer sees the record after Publish.
func (p *Producer) Commit(n int) {
	if n < lengthSize || uint64(n) > p.reserved {
		panic("ring: Commit of more bytes than reserved, or fewer than 4")
	}
	off := (p.pos - p.origin) & p.mask
	binary.LittleEndian.PutUint32(p.records[off:], uint32(n))
	p.pos += align(uint64(n))
	p.reserved = 0
	atomics.Set(&p.committed, p.committed+1)
}

// CommitFrame is Commit for a record whose bytes 4 to 15 are two more words: a frame's header. It saves the caller
// two bounds checks.
func (p *Producer) CommitFrame(n int, word4 uint32, word8 uint64) {
	if n < 16 || uint64(n) > p.reserved {
		panic("ring: CommitFrame of more bytes than reserved, or fewer than 16")
	}
	b := p.records[(p.pos-p.origin)&p.mask:]
	_ = b[15]
	binary.LittleEndian.PutUint64(b, uint64(uint32(n))|uint64(word4)<<32)
	binary.LittleEndian.PutUint64(b[8:], word8)
	p.pos += align(uint64(n))
	p.reserved = 0
	atomics.Set(&p.committed, p.committed+1)
}

// SetWord16 writes a word into the open reservation, at 16: what comes right behind a frame's header.
func (p *Producer) SetWord16(w uint64) {
	if p.reserved < 24 {
		panic("ring: SetWord16 of less than 24 bytes that are reserved")
	}
	off := (p.pos - p.origin) & p.mask
	binary.LittleEndian.PutUint64(p.records[off+16:], w)
}

// Abort forgets the open reservation.
func (p *Producer) Abort() { p.reserved = 0 }

// Pending reports whether records are committed and not yet published.
func (p *Producer) Pending() bool { return p.pos != p.published }

// Unpublished returns the records that are committed and not published yet. It is for who fills a record after Commit.
func (p *Producer) Unpublished() []byte {
	off := (p.published - p.origin) & p.mask
	return p.records[off : off+p.pos-p.published]
}

// Publish shows the peer all committed records. It has release order only: a full fence must stand between it and
// MustRing. Unlocking a mutex is one on amd64 and arm64, and so is any read-modify-write of sync/atomic.
func (p *Producer) Publish() {
	p.published = p.pos
	atomics.StoreRelease(p.tail, p.pos)
}

// MustRing reports whether the consumer sleeps and has not been rung for that yet; then it is the caller who
// rings. It may be called by several goroutines at once: one of them gets true.
func (p *Producer) MustRing() bool {
	w := atomic.LoadUint64(p.peer)
	return w&1 != 0 && mustRingFor(&p.rangFor, w)
}

// mustRingFor notes that the bell is rung for epoch w, unless it was for that or a later one. Several goroutines may
// have read the word at different times, so the note only moves forward: an older one must not make a newer one fail.
func mustRingFor(rangFor *atomic.Uint64, w uint64) bool {
	for {
		old := rangFor.Load()
		if int64(w-old) <= 0 {
			return false
		}
		if rangFor.CompareAndSwap(old, w) {
			return true
		}
	}
}

// Arm announces that the producer is about to sleep until there is space. The caller must Reserve once more before it
// sleeps, and Disarm when it is awake.
func (p *Producer) Arm() {
	p.asleep += 1 + p.asleep&1 // a new epoch also if it was armed: the bell may have been rung for that one
	// A swap for the full fence: a store has one too, but not under the race detector, whose stores only release.
	atomic.SwapUint64(p.sleep, p.asleep)
}

// Disarm announces that the producer is awake.
func (p *Producer) Disarm() {
	if p.asleep&1 != 0 {
		p.asleep++
		atomics.StoreRelease(p.sleep, p.asleep)
	}
}

// HeadSeen returns the peer's head as Reserve last saw it; Head reads it now, and may be called by any goroutine. Who
// waits for space waits until they differ.
func (p *Producer) HeadSeen() uint64 { return p.limit - p.size() }

// Head returns the peer's head as it is now, unchecked.
func (p *Producer) Head() uint64 { return atomic.LoadUint64(p.head) }

// Tail is Published for any goroutine.
func (p *Producer) Tail() uint64 { return atomic.LoadUint64(p.tail) }

// Published returns how many bytes of records were ever published: the position of the tail.
func (p *Producer) Published() uint64 { return p.published }

// Records returns how many records were ever committed. It may be called by any goroutine.
func (p *Producer) Records() uint64 { return atomic.LoadUint64(&p.committed) }

// Offset returns how far from the ring's start the next record begins.
func (p *Producer) Offset() int { return int((p.pos - p.origin) & p.mask) }

// Capacity returns the size of the ring that is written, in bytes.
func (p *Producer) Capacity() int { return int(p.size()) }

func (p *Producer) size() uint64 { return p.mask + 1 }
