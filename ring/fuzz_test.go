package ring

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
)

// script is the bytes of a fuzzer, read as steps and their operands. At its end it is all zeros.
type script []byte

func (s *script) bytes(n int) []byte {
	var b [8]byte
	*s = (*s)[copy(b[:n], *s):]
	return b[:n]
}

func (s *script) u8() byte    { return s.bytes(1)[0] }
func (s *script) u16() uint16 { return binary.LittleEndian.Uint16(s.bytes(2)) }
func (s *script) u32() uint32 { return binary.LittleEndian.Uint32(s.bytes(4)) }
func (s *script) u64() uint64 { return binary.LittleEndian.Uint64(s.bytes(8)) }

// steps builds a script for a seed: an int is a step, or an operand of one byte.
func steps(parts ...any) (b []byte) {
	for _, p := range parts {
		switch v := p.(type) {
		case int:
			b = append(b, byte(v))
		case uint16:
			b = binary.LittleEndian.AppendUint16(b, v)
		case uint32:
			b = binary.LittleEndian.AppendUint32(b, v)
		case uint64:
			b = binary.LittleEndian.AppendUint64(b, v)
		}
	}
	return b
}

const fuzzCapacity = MinCapacity

// What the fuzzer's hostile producer, and the consumer beside it, can do.
const (
	stepNext       = iota
	stepPeek       // as stepNext, but the record stays the next one
	stepTail       // u64: the tail becomes that
	stepMoveTail   // u16: the tail moves by that, in records' alignment, backwards too
	stepLength     // u16, u32: the length at that word of the records becomes that
	stepPublish    // u16: publish a record of that length, as an honest peer does
	stepRelease    //
	stepReleaseTo  // u8: release that many of the records held
	stepSleep      // u64: the sleep word becomes that
	stepArm        // u8: arm, or disarm
	stepConstants  // u8, u64: a constant word of the header becomes that
	stepsOfConsume // how many there are
)

// FuzzConsumer reads a segment whose owner writes anything at any time between two calls. Whatever that is, records lie
// within what was published, nothing is delivered twice or after an error, and every error is justified and named.
func FuzzConsumer(f *testing.F) {
	for _, start := range []uint64{0, 3*fuzzCapacity - 16, math.MaxUint64 - 15} {
		f.Add(start, steps(stepPublish, uint16(16), stepPublish, uint16(5), stepNext, stepNext, stepNext, stepRelease))
		f.Add(start, steps(stepPublish, uint16(4000), stepNext, stepRelease, stepPublish, uint16(4096), stepNext, stepNext))
		f.Add(start, steps(stepPublish, uint16(9), stepPublish, uint16(9), stepNext, stepNext, stepReleaseTo, 1, stepPublish,
			uint16(4000), stepNext, stepPublish, uint16(100), stepNext))
		for _, tail := range []uint64{0, 1, 4, 8, fuzzCapacity, fuzzCapacity + 8, 1 << 32, 1 << 63, math.MaxUint64, math.MaxUint64 - 7} {
			f.Add(start, steps(stepTail, start+tail, stepNext, stepNext))
			f.Add(start, steps(stepPublish, uint16(64), stepNext, stepTail, start+tail, stepNext))
		}
		for _, length := range []uint32{0, 1, 2, 3, 4, 64, 65, fuzzCapacity, fuzzCapacity + 1, 1 << 31, math.MaxUint32 - 6, math.MaxUint32} {
			at := uint16(start % fuzzCapacity / 8)
			f.Add(start, steps(stepLength, at, length, stepMoveTail, uint16(8), stepNext))
			f.Add(start, steps(stepLength, at, length, stepMoveTail, uint16(512), stepNext, stepNext))
			f.Add(start, steps(stepPublish, uint16(8), stepNext, stepLength, at+1, length, stepMoveTail, uint16(9), stepNext))
		}
		f.Add(start, steps(stepPeek, stepPublish, uint16(16), stepPublish, uint16(5), stepPeek, stepPeek, stepNext, stepPeek,
			stepRelease, stepMoveTail, uint16(1), stepNext, stepPeek))
		f.Add(start, steps(stepSleep, uint64(1), stepNext, stepSleep, uint64(math.MaxUint64), stepNext, stepArm, 1, stepArm, 0))
		f.Add(start, steps(stepConstants, 16, uint64(math.MaxUint64), stepMoveTail, uint16(513), stepNext))
	}
	f.Fuzz(func(t *testing.T, start uint64, data []byte) {
		start &^= Align - 1
		h := hostileBytes(t, fuzzCapacity)
		c, own := h.victim(t, start, 0)
		s := script(data)

		// What is known of it from outside: pos and released move by what Next and Release say, horizon is the last
		// tail that was good.
		pos, released, horizon := start, start, start
		var ends []uint64 // of the records held
		for len(s) > 0 {
			switch step := s.u8() % stepsOfConsume; step {
			case stepTail:
				h.set(offTail, s.u64())
			case stepMoveTail:
				h.set(offTail, *h.seen.tail+uint64(int64(int16(s.u16())))*Align)
			case stepLength:
				h.length(uint64(s.u16())*8, s.u32())
			case stepPublish:
				n := s.u16()
				h.length(*h.seen.tail&^(Align-1), uint32(n))
				h.set(offTail, *h.seen.tail+uint64(Stride(int(n))))
			case stepRelease:
				c.Release()
				released, ends = pos, nil
			case stepReleaseTo:
				if n := int(s.u8()); n > 0 && n <= len(ends) {
					c.ReleaseTo(ends[n-1])
					released, ends = ends[n-1], ends[n:]
				}
			case stepSleep:
				w := s.u64()
				h.set(offTailSleep, w)
				if rang := c.MustRing(); rang && w%2 == 0 || c.MustRing() {
					t.Fatalf("sleep word %d: rang %v, then again", w, rang)
				}
			case stepArm:
				if s.u8()%2 == 1 {
					c.Arm()
				} else {
					c.Disarm()
				}
			case stepConstants:
				off := int(s.u8()) % (offFeatures + 8) &^ 7
				h.set(off, s.u64())
			case stepNext, stepPeek:
				tail := *h.seen.tail
				if ready := c.Ready(); ready != (pos != horizon || tail != pos) {
					t.Fatalf("ready: %v, at %d with tail %d, and %d seen before", ready, pos, tail, horizon)
				}
				read := c.Next
				if step == stepPeek {
					read = c.Peek
				}
				b, err := read()
				var corrupt *CorruptError
				switch {
				case err == nil:
					if pos == horizon {
						horizon = tail
					}
					off, ok := offsetOf(b, h.records)
					if !ok || off != pos%fuzzCapacity || len(b) != cap(b) || len(b) < lengthSize ||
						uint32(len(b)) != binary.LittleEndian.Uint32(b) {
						t.Fatalf("at %d: %d bytes at %d, within: %v, of %d", pos, len(b), off, ok, len(h.records))
					}
					end := pos + uint64(Stride(len(b)))
					if horizon-released > fuzzCapacity || end-released > horizon-released {
						t.Fatalf("released %d, read up to %d, published up to %d: more than is there", released, end, horizon)
					}
					if step == stepNext {
						pos, ends = end, append(ends, end)
					}
				case err == ErrEmpty:
					if pos != horizon || tail != pos {
						t.Fatalf("empty at %d with tail %d", pos, tail)
					}
				case errors.As(err, &corrupt):
					n := binary.LittleEndian.Uint32(h.records[pos%fuzzCapacity:])
					badTail := pos == horizon && (tail-released > fuzzCapacity || tail-released < pos-released || tail%Align != 0)
					left := horizon - pos
					if left == 0 {
						left = tail - pos
						if !badTail {
							horizon = tail
						}
					}
					badLength := n < lengthSize || align(uint64(n)) > left
					switch {
					case corrupt.Word == "tail" && corrupt.Value == tail && corrupt.Cause == ErrPosition && badTail:
					case corrupt.Word == "length" && corrupt.Value == uint64(n) && corrupt.Cause == ErrLength && !badTail && badLength:
					default:
						t.Fatalf("at %d, released %d, published %d, tail %d, length %d: %+v", pos, released, horizon, tail, n, corrupt)
					}
					if b != nil {
						t.Fatalf("%d bytes and %v", len(b), err)
					}
				default:
					t.Fatalf("%v is no error of this package", err)
				}
			}
			if c.Position() != pos || uint64(c.Held()) != pos-released || atomic.LoadUint64(own.head) != released ||
				c.Waiting() != (pos != horizon) || uint64(c.Pending()) != horizon-pos {
				t.Fatalf("position %d, %d held, head %d, waiting: %v; want %d, %d, %d, %v", c.Position(), c.Held(),
					atomic.LoadUint64(own.head), c.Waiting(), pos, pos-released, released, pos != horizon)
			}
		}
	})
}

// What the fuzzer's hostile consumer, and the producer beside it, can do.
const (
	stepReserve    = iota // u16
	stepCommit            // u16: so many bytes of what was reserved, at most
	stepAbort             //
	stepCommitAll         // publish
	stepHead              // u64: the head becomes that
	stepMoveHead          // u16: the head moves by that, in records' alignment, backwards too
	stepTake              // u16: release so many bytes of what is published, as an honest peer does
	stepReserveAny        // u64: any size, as a negative one too
	stepWord              // u64: the sleep word becomes that
	stepsOfProduce        // how many there are
)

// FuzzProducer writes for a peer that claims to have released anything at any time. What is reserved never overlaps
// what the peer has not released by its own word, and every error is justified and named.
func FuzzProducer(f *testing.F) {
	for _, start := range []uint64{0, 3*fuzzCapacity - 16, math.MaxUint64 - 15} {
		full := steps(stepReserve, uint16(4000), stepCommit, uint16(4000), stepCommitAll)
		f.Add(start, steps(stepReserve, uint16(16), stepCommit, uint16(9), stepReserve, uint16(16), stepAbort, stepCommitAll))
		f.Add(start, slices.Concat(full, full, steps(stepTake, uint16(4000)), full))
		for _, head := range []uint64{0, 1, 4, 8, 4000, 4008, fuzzCapacity, 1 << 32, 1 << 63, math.MaxUint64, math.MaxUint64 - 7} {
			f.Add(start, slices.Concat(full, steps(stepHead, start+head), full, full))
			f.Add(start, slices.Concat(full, steps(stepTake, uint16(800), stepReserve, uint16(100), stepHead, start+head), full))
		}
		for _, n := range []uint64{0, 3, 4, fuzzCapacity, fuzzCapacity + 1, math.MaxInt64, math.MaxUint64, 1 << 63} {
			f.Add(start, steps(stepReserveAny, n, stepCommit, uint16(n)))
			f.Add(start, slices.Concat(full, steps(stepReserveAny, n, stepCommit, uint16(n))))
		}
		f.Add(start, steps(stepWord, uint64(1), stepWord, uint64(math.MaxUint64), stepWord, uint64(2)))
	}
	f.Fuzz(func(t *testing.T, start uint64, data []byte) {
		start &^= Align - 1
		h := hostileBytes(t, 0)
		own := newSegment(alignedBytes(pageHeader()), alignedBytes(2*fuzzCapacity), fuzzCapacity, true)
		p := NewProducer(own, h.seen)
		p.pos, p.published, p.limit = start, start, start+fuzzCapacity
		atomic.StoreUint64(own.tail, start)
		h.set(offHead, start)
		s := script(data)

		// What is known of it from outside; freed is the last head that was good.
		pos, published, freed := start, start, start
		reserved := -1
		reserve := func(n int) {
			head := *h.seen.head
			badHead := head-freed > published-freed || head%Align != 0
			need := align(uint64(n))
			b, err := p.Reserve(n)
			reserved = -1
			var corrupt *CorruptError
			switch {
			case err == nil:
				if pos+need-freed > fuzzCapacity { // so it has looked at the head
					if badHead {
						t.Fatalf("%d bytes at %d after head %d, with %d to %d in use", n, pos, head, freed, published)
					}
					freed = head
				}
				off, ok := offsetOf(b, own.records)
				if n == 0 { // nothing lies nowhere
					off, ok = pos%fuzzCapacity, true
				}
				if !ok || off != pos%fuzzCapacity || len(b) != n || uint64(cap(b)) != need || pos+need-freed > fuzzCapacity {
					t.Fatalf("Reserve(%d) at %d: %d bytes of %d at %d, within: %v, and %d are free", n, pos, len(b), cap(b), off, ok,
						freed+fuzzCapacity-pos)
				}
				reserved = n
			case err == ErrTooLarge:
				if n <= fuzzCapacity && n >= 0 {
					t.Fatalf("Reserve(%d): %v", n, err)
				}
			case err == ErrFull:
				if badHead || pos+need-head <= fuzzCapacity {
					t.Fatalf("Reserve(%d) at %d with head %d: %v", n, pos, head, err)
				}
				freed = head
			case errors.As(err, &corrupt):
				if !badHead || corrupt.Word != "head" || corrupt.Value != head || corrupt.Cause != ErrPosition {
					t.Fatalf("Reserve(%d) at %d with head %d, %d to %d in use: %+v", n, pos, head, freed, published, corrupt)
				}
			default:
				t.Fatalf("%v is no error of this package", err)
			}
			if err != nil && b != nil {
				t.Fatalf("%d bytes and %v", len(b), err)
			}
		}
		for len(s) > 0 {
			switch s.u8() % stepsOfProduce {
			case stepReserve:
				reserve(int(s.u16()))
			case stepReserveAny:
				if n := int(s.u64()); n >= 0 || n <= -Align { // -1 to -7 are no sizes, and there is nobody to lie but the caller
					reserve(n)
				}
			case stepCommit:
				if n := int(s.u16()); n >= lengthSize && n <= reserved {
					p.Commit(n)
					if got := binary.LittleEndian.Uint32(own.records[pos%fuzzCapacity:]); got != uint32(n) {
						t.Fatalf("the length at %d is %d, want %d", pos, got, n)
					}
					pos += uint64(Stride(n))
					reserved = -1
				}
			case stepAbort:
				p.Abort()
				reserved = -1
			case stepCommitAll:
				p.Publish()
				published = pos
			case stepHead:
				h.set(offHead, s.u64())
			case stepMoveHead:
				h.set(offHead, *h.seen.head+uint64(int64(int16(s.u16())))*Align)
			case stepTake:
				h.set(offHead, freed+min(align(uint64(s.u16())), published-freed))
			case stepWord:
				w := s.u64()
				h.set(offHeadSleep, w)
				if rang := p.MustRing(); rang && w%2 == 0 || p.MustRing() {
					t.Fatalf("sleep word %d: rang %v, then again", w, rang)
				}
			}
			if p.HeadSeen() != freed || p.Published() != published || p.Tail() != published || p.Pending() != (pos != published) ||
				uint64(p.Free()) != freed+fuzzCapacity-pos || atomic.LoadUint64(own.tail) != published {
				t.Fatalf("head seen %d, published %d, tail %d, pending %v, %d free; want %d, %d, %d, %v, %d", p.HeadSeen(),
					p.Published(), atomic.LoadUint64(own.tail), p.Pending(), p.Free(), freed, published, published,
					pos != published, freed+fuzzCapacity-pos)
			}
		}
	})
}

// FuzzOpen opens a header of any bytes over records of any size. What is accepted is exactly what the layout allows.
func FuzzOpen(f *testing.F) {
	header := alignedBytes(pageHeader())
	writeHeader(header, pageHeader(), fuzzCapacity)
	f.Add(header[:offFeatures+8], uint32(2*fuzzCapacity))
	f.Add(header[:offFeatures+8], uint32(fuzzCapacity))
	f.Add(header[:offFeatures+8], uint32(0))
	f.Add([]byte{}, uint32(0))
	for _, c := range badHeaders {
		bad := alignedBytes(pageHeader())
		lying(c.lie)(bad)
		f.Add(bad[:offFeatures+8], uint32(2*saidCapacity))
	}
	writeHeader(header, pageHeader(), 0)
	f.Add(header[:offFeatures+8], uint32(0))
	writeHeader(header, hugePageSize, fuzzCapacity)
	f.Add(header[:offFeatures+8], uint32(2*fuzzCapacity))
	f.Fuzz(func(t *testing.T, b []byte, size uint32) {
		size %= 4*saidCapacity + 1
		header := alignedBytes(pageHeader())
		copy(header, b)
		s, err := FromBytes(header, alignedBytes(int(size)))
		var (
			le       = binary.LittleEndian
			capacity = le.Uint64(header[16:])
			good     = string(header[:8]) == "corechan" && le.Uint32(header[8:]) == 1 && le.Uint64(header[24:]) == 0 &&
				int(le.Uint32(header[12:])) == pageHeader() && uint64(size) == 2*capacity &&
				(capacity == 0 || capacity >= 4<<10 && capacity <= 1<<30 && capacity&(capacity-1) == 0)
		)
		if good != (err == nil) || good != (s != nil) {
			t.Fatalf("header % x over %d bytes: %v", header[:32], size, err)
		}
		if err != nil {
			if !slices.ContainsFunc([]error{ErrMagic, ErrVersion, ErrHeader, ErrCapacity}, func(e error) bool { return errors.Is(err, e) }) {
				t.Fatalf("%v is no error of this package", err)
			}
			return
		}
		// Whatever the rest of the header says, it can be read without a panic.
		own, err := NewHeap(&Options{HeaderOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		c := NewConsumer(own, s)
		for range 3 {
			if b, err := c.Next(); err == nil && uint64(len(b)) > capacity {
				t.Fatalf("%d bytes of a ring of %d", len(b), capacity)
			}
		}
		c.MustRing()
		p := NewProducer(own, s)
		p.MustRing()
		if _, err := p.Reserve(4); err != ErrTooLarge {
			t.Fatalf("%v, want ErrTooLarge", err)
		}
	})
}
