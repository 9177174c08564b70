package limit

import (
	"sync/atomic"

	"github.com/corechan/corechan/internal/atomics"
	"github.com/corechan/corechan/perf/measure"
)

// stream is one half of the ring.
//
// The producer owns a record until it stores the tail beyond it (1), the consumer then (2), until it stores the head
// beyond it (3), when it is the producer's again (4).
type stream struct {
	mem   []byte // records
	tails [streamPairs]*uint64
	heads [streamPairs]*uint64
	side  measure.Side
	size  int
	each  int    // bytes of a record's place
	room  uint64 // records in the ring
	clock measure.Clock
	stop  measure.Stop
	buf   []byte // what is sent, or what was received last
}

// NewStream makes one half of a stream of size bytes a record, over a ring of this capacity in mem, of
// StreamBytes(capacity) zero bytes, which both halves share.
func NewStream(mem []byte, size, capacity int, side measure.Side, clock measure.Clock) (measure.Half, error) {
	if err := checkStream(mem, size, capacity); err != nil {
		return nil, err
	}
	s := &stream{
		mem: mem[streamRecords:], side: side, size: size, each: recordBytes(size), clock: clock, buf: make([]byte, size),
	}
	s.room = uint64(capacity / s.each)
	for i := range streamPairs {
		s.tails[i], s.heads[i] = word(mem, i*2*line), word(mem, i*2*line+line)
	}
	return s, nil
}

func (s *stream) Run(slice *measure.Slice) error {
	pair := slice.Index % streamPairs
	if s.side == measure.Near {
		slice.Begin = s.clock.Now()
		return s.push(s.tails[pair], s.heads[pair], slice.Count)
	}
	err := s.pull(s.tails[pair], s.heads[pair], slice.Count)
	slice.End = s.clock.Now()
	return err
}

func (s *stream) push(tail, head *uint64, n int) error {
	t := atomic.LoadUint64(tail)
	h, room, ok := t, s.room, true // the ring is empty
	size, each := s.size, s.each
	at, end := 0, int(room)*each
	for range n {
		if t-h == room {
			if h, ok = awaitChange(head, h, &s.stop); !ok { // (4)
				return measure.ErrStopped
			}
		}
		measure.Fill(s.mem[at:at+size], s.buf, t)
		t++
		atomics.StoreRelease(tail, t) // (1)
		if at += each; at == end {
			at = 0
		}
	}
	if !await(head, t, &s.stop) {
		return measure.ErrStopped
	}
	return nil
}

func (s *stream) pull(tail, head *uint64, n int) error {
	h := atomic.LoadUint64(head)
	t, ok := h, true
	size, each := s.size, s.each
	at, end := 0, int(s.room)*each
	for range n {
		if t == h {
			if t, ok = awaitChange(tail, t, &s.stop); !ok { // (2)
				return measure.ErrStopped
			}
		}
		measure.Drain(s.buf, s.mem[at:at+size])
		h++
		atomics.StoreRelease(head, h) // (3)
		if at += each; at == end {
			at = 0
		}
	}
	return nil
}

func (s *stream) Stop() { s.stop.Set() }

func (s *stream) Close() error { return nil }
