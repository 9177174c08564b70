package ring

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/corechan/corechan/internal/atomics"
)

// An Inlet is the producing end of a queue within a process for records that arrive as a stream of bytes, each padded to
// Align: what is read goes straight into the ring, many records at once. One goroutine at a time may use it.
//
//	n, err = read(in.Space())  // Space may be empty: the ring is full
//	err = in.Add(n)            // complete records are published
//
//	records:  │ being read │ published │ part of one │    Space    │
//	          └ head       └           └ pos         └ pos+part    └ head+capacity
//
// A record lies in one piece, also where it begins before the end of the ring: the second half of the memory is there for
// what goes beyond. What came behind such a record is moved to where its own place is, once a lap.
type Inlet struct {
	s     *Segment
	least uint64 // the shortest record, in bytes

	pos  uint64 // where the next record begins; all before it is published
	part uint64 // bytes that are there of it
	last uint64 // the size of the record before it

	asleep  uint64 // this end's word for the consumer: see Producer
	origin  uint64 // as the Producer's
	rangFor atomic.Uint64
}

func (in *Inlet) offset(pos uint64) uint64 { return (pos - in.origin) & (in.s.capacity - 1) }

// Rewind has the next record begin at the ring's start, if nothing is in the ring, and reports whether that is so: memory that was used just
// now is faster than what comes next, and a ring that is hardly ever more than a little full takes no more than that. The caller
// must be the one who uses c, the other end.
func (in *Inlet) Rewind(c *Consumer) bool {
	if !in.Empty() || c.pos != in.pos {
		return false
	}
	in.origin, c.origin = in.pos, in.pos
	return true
}

// Offset returns how far from the ring's start the next byte goes.
func (in *Inlet) Offset() int { return int(in.offset(in.pos) + in.part) }

// NewInlet returns the producing end of the queue in s, whose other end is NewConsumer(s, s). Records of fewer than
// least bytes are refused.
func NewInlet(s *Segment, least int) *Inlet {
	return &Inlet{s: s, least: uint64(max(least, lengthSize))}
}

// Space returns the free memory behind what was added last, in one piece.
func (in *Inlet) Space() []byte {
	s := in.s
	free := s.capacity - (in.pos + in.part - atomic.LoadUint64(s.head))
	from := in.offset(in.pos) + in.part
	return s.records[from:min(from+free, uint64(len(s.records)))]
}

// Add says that n bytes of Space are there now, and publishes the records that are complete. It returns a *CorruptError for
// a length that no record can have; those before it are published then, and nothing more can be added.
func (in *Inlet) Add(n int) error {
	s := in.s
	in.part += uint64(n)
	pos := in.pos
	var err error
	for in.part >= lengthSize {
		off := in.offset(pos)
		length := uint64(binary.LittleEndian.Uint32(s.records[off:]))
		size := align(length)
		if length < in.least || size > s.capacity {
			err = &CorruptError{Word: "length", Value: length, Low: in.least, High: s.capacity, Cause: ErrLength}
			break
		}
		if in.part < size {
			break
		}
		pos += size
		in.part -= size
		in.last = size
		if off+size >= s.capacity && in.part != 0 {
			copy(s.records[in.offset(pos):], s.records[off+size:off+size+in.part])
		}
	}
	if pos != in.pos {
		in.pos = pos
		atomics.StoreRelease(s.tail, pos)
	}
	return err
}

// Empty reports whether nothing is in the ring: all that was published is released, and no part of a record is there.
func (in *Inlet) Empty() bool { return in.part == 0 && atomic.LoadUint64(in.s.head) == in.pos }

// Begun returns the record of which a part is there, as much of it as is, and its length, padding not included; nothing if that is
// not known yet, or if there is no room for all of it. What comes of it may be put somewhere else than into Space, in which its place
// stays free, if its length and the bytes that Add has not seen are left alone.
func (in *Inlet) Begun() (there []byte, length int) {
	s := in.s
	if in.part < lengthSize {
		return nil, 0
	}
	off := in.offset(in.pos)
	n := uint64(binary.LittleEndian.Uint32(s.records[off:]))
	if align(n) > s.capacity-(in.pos-atomic.LoadUint64(s.head)) {
		return nil, 0
	}
	return s.records[off : off+in.part : off+align(n)], int(n)
}

// Last returns how much of the ring the last record that was published takes.
func (in *Inlet) Last() int { return int(in.last) }

// Part reports whether a part of a record is there.
func (in *Inlet) Part() bool { return in.part != 0 }

// Expose publishes the beginning of a record that Add refused, so that the consumer refuses it too: its user learns in its
// turn, behind the records before it, what came.
func (in *Inlet) Expose() {
	if in.part >= lengthSize {
		atomics.StoreRelease(in.s.tail, in.pos+Align)
	}
}

// Arm has the consumer ring at its next Release. The caller must look at Space once more afterwards.
func (in *Inlet) Arm() {
	in.asleep += 1 + in.asleep&1
	atomic.SwapUint64(in.s.tailSleep, in.asleep)
}

// Disarm ends that.
func (in *Inlet) Disarm() {
	if in.asleep&1 != 0 {
		in.asleep++
		atomics.StoreRelease(in.s.tailSleep, in.asleep)
	}
}

// MustRing reports whether the consumer waits for records and has not been rung for that yet; then it is the caller who
// rings. A full fence must stand between Add and it.
func (in *Inlet) MustRing() bool {
	w := atomic.LoadUint64(in.s.headSleep)
	return w&1 != 0 && mustRingFor(&in.rangFor, w)
}

// Published returns how many bytes of records were ever published.
func (in *Inlet) Published() uint64 { return in.pos }

// An Outlet is the consuming end of a queue within a process for records that leave as a stream of bytes: as many at once
// as lie in one piece. One goroutine at a time may use it.
//
//	n, err = write(out.Bytes())
//	out.Done(n)
//	if out.MustRing() { … }    // after a full fence: the producer waits for space
type Outlet struct {
	s    *Segment
	base uint64 // a record begins here; all before it is released
	pos  uint64 // all before it has left
	left uint64 // pos for other goroutines
	end  uint64 // a record begins where the last Bytes ended

	asleep  uint64 // the producer's word for this end: see Consumer
	origin  uint64 // as the Producer's
	rangFor atomic.Uint64
}

func (o *Outlet) offset(pos uint64) uint64 { return (pos - o.origin) & (o.s.capacity - 1) }

// Rewind has the next record begin at the ring's start, if nothing is in the ring, and reports whether that is so: see Inlet. The caller must
// be the one who uses p, the other end, and have reserved nothing.
func (o *Outlet) Rewind(p *Producer) bool {
	if p.pos != p.published || o.pos != p.pos || o.base != p.pos {
		return false
	}
	o.origin, p.origin = p.pos, p.pos
	return true
}

// NewOutlet returns the consuming end of the queue in s, whose other end is NewProducer(s, s).
func NewOutlet(s *Segment) *Outlet { return &Outlet{s: s} }

// Bytes returns what is to leave next, in one piece: empty if there is nothing.
func (o *Outlet) Bytes() []byte {
	s := o.s
	off := o.offset(o.base)
	begin, end := off+o.pos-o.base, off+atomic.LoadUint64(s.tail)-o.base
	if end > s.capacity { // only up to the end of the record that goes beyond the end of the ring
		for end = off; end < s.capacity; {
			end += o.size(end)
		}
	}
	o.end = o.base + end - off
	return s.records[begin:end]
}

// size returns how much of the ring the record at off takes.
func (o *Outlet) size(off uint64) uint64 {
	return align(uint64(binary.LittleEndian.Uint32(o.s.records[off:])))
}

// Done says that the first n bytes of what Bytes returned have left.
func (o *Outlet) Done(n int) {
	o.pos += uint64(n)
	base := o.base
	if o.pos == o.end {
		base = o.pos
	} else {
		for {
			next := base + o.size(o.offset(base))
			if next > o.pos {
				break
			}
			base = next
		}
	}
	if base != o.base {
		o.base = base
		atomics.StoreRelease(o.s.head, base)
	}
	atomics.StoreRelease(&o.left, o.pos)
}

// Left returns how many bytes have left. It may be called by any goroutine, as Empty.
func (o *Outlet) Left() uint64 { return atomic.LoadUint64(&o.left) }

// Published returns how many bytes of records were ever published. It may be called by any goroutine.
func (o *Outlet) Published() uint64 { return atomic.LoadUint64(o.s.tail) }

// Empty reports whether everything that was published has left.
func (o *Outlet) Empty() bool { return atomic.LoadUint64(o.s.tail) == o.Left() }

// Arm has the producer ring at its next Publish. The caller must look at Bytes once more afterwards.
func (o *Outlet) Arm() {
	o.asleep += 1 + o.asleep&1
	atomic.SwapUint64(o.s.headSleep, o.asleep)
}

// Disarm ends that.
func (o *Outlet) Disarm() {
	if o.asleep&1 != 0 {
		o.asleep++
		atomics.StoreRelease(o.s.headSleep, o.asleep)
	}
}

// MustRing reports whether the producer waits for space and has not been rung for that yet; then it is the caller who
// rings.
func (o *Outlet) MustRing() bool {
	w := atomic.LoadUint64(o.s.tailSleep)
	return w&1 != 0 && mustRingFor(&o.rangFor, w)
}
