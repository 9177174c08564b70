package ring

import (
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd"
)

// hostile is a peer's segment that the test writes as it likes, and as the victim sees it.
type hostile struct {
	seen     *Segment
	header   []byte
	records  []byte
	capacity uint64
}

// Where a hostile segment comes from: plain bytes, or a memfd as it would arrive over a socket.
var hostiles = []struct {
	name string
	make func(t testing.TB, capacity int) *hostile
}{
	{"heap", hostileBytes},
	{"mapped", hostileMemfd},
}

func hostileBytes(t testing.TB, capacity int) *hostile {
	t.Helper()
	h := &hostile{header: alignedBytes(pageHeader()), records: alignedBytes(2 * capacity), capacity: uint64(capacity)}
	writeHeader(h.header, pageHeader(), h.capacity)
	var err error
	if h.seen, err = FromBytes(h.header, h.records); err != nil {
		t.Fatal(err)
	}
	return h
}

func hostileMemfd(t testing.TB, capacity int) *hostile {
	t.Helper()
	f, all := forge(t, pageHeader()+capacity, fd.SealsSegment, func(b []byte) {
		writeHeader(b, pageHeader(), uint64(capacity))
	})
	h := &hostile{header: all[:pageHeader()], records: all[pageHeader():], capacity: uint64(capacity)}
	h.seen = open(t, f, false)
	return h
}

// forge makes a memfd of any size with any header and any seals, and returns the mapping by which it can be written.
func forge(t testing.TB, size int, seals fd.Seals, header func([]byte)) (*fd.FD, []byte) {
	t.Helper()
	f, err := fd.Memfd(segmentName, int64(size), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	var b []byte
	if size > 0 {
		b, err = unix.Mmap(f.Int(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Munmap(b) })
	}
	if header != nil {
		header(b)
	}
	if err := f.AddSeals(seals); err != nil {
		t.Fatal(err)
	}
	return f, b
}

func (h *hostile) set(off int, v uint64) { atomic.StoreUint64(word(h.header, off), v) }

// length writes a record's length at a position.
func (h *hostile) length(pos uint64, n uint32) {
	binary.LittleEndian.PutUint32(h.records[pos%h.capacity:], n)
}

// victim returns a consumer of h that has read up to pos and released all but held bytes of it, and the segment in
// which it writes.
func (h *hostile) victim(t testing.TB, pos, held uint64) (*Consumer, *Segment) {
	t.Helper()
	own, err := NewHeap(&Options{HeaderOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	c := NewConsumer(own, h.seen)
	c.pos, c.seen, c.released = pos, pos, pos-held
	atomic.StoreUint64(own.head, pos-held)
	h.set(offTail, pos)
	return c, own
}

// refused fails the test unless c gives the error that is wanted, again and again, and nothing else.
func refused(t *testing.T, c *Consumer, own *Segment, want CorruptError) {
	t.Helper()
	pos, held, head := c.Position(), c.Held(), atomic.LoadUint64(own.head)
	for range 2 { // it does not go away
		b, err := c.Next()
		var corrupt *CorruptError
		if b != nil || !errors.As(err, &corrupt) || *corrupt != want || !errors.Is(err, want.Cause) {
			t.Errorf("got %d bytes, %+v; want %+v", len(b), err, &want)
		}
		if c.Position() != pos || c.Held() != held || atomic.LoadUint64(own.head) != head {
			t.Errorf("position %d, %d held, head %d after the error; before %d, %d, %d", c.Position(), c.Held(),
				atomic.LoadUint64(own.head), pos, held, head)
		}
		if b, err := c.Peek(); b != nil || !errors.As(err, &corrupt) || *corrupt != want {
			t.Errorf("peeked at %d bytes, %+v; want %+v", len(b), err, &want)
		}
		if !c.Ready() {
			t.Error("not ready: the error would not be found")
		}
	}
	c.Release()
	if got := atomic.LoadUint64(own.head); got != pos {
		t.Errorf("released up to %d, want %d, where the error is", got, pos)
	}
}

func TestATailOutOfBoundsIsRefused(t *testing.T) {
	const capacity = 1 << 16
	for _, h := range hostiles {
		for _, start := range []struct {
			name string
			pos  uint64
		}{
			{"at the start", 0},
			{"in the third lap", 2*capacity + 800},
			{"before the wrap of positions", math.MaxUint64 - 15},
		} {
			held := min(start.pos, 64)
			low, high := start.pos, start.pos-held+capacity
			for _, c := range []struct {
				name string
				tail uint64
			}{
				{"back by 8", low - 8},
				{"back to what was released, less 8", low - held - 8},
				{"back a lap", low - capacity},
				{"back by half of all positions", low - 1<<63},
				{"ahead by 8 more than is free", high + 8},
				{"ahead by two laps", high + capacity},
				{"ahead by 2^32", high + 1<<32},
				{"ahead by half of all positions", low + 1<<63 + 8},
				{"misaligned by 1", low + 1},
				{"misaligned by 4", low + 4},
				{"misaligned by 7", low + 7},
				{"misaligned within reach", high - 1},
				{"misaligned and too far", high + 1},
				{"misaligned and back", low - 1},
				{"all bits", math.MaxUint64},
			} {
				t.Run(h.name+"/"+start.name+"/"+c.name, func(t *testing.T) {
					h := h.make(t, capacity)
					for off := range uint64(capacity / 8) {
						h.length(off*8, 8) // so that it is not for a length that it is refused
					}
					v, own := h.victim(t, start.pos, held)
					wantEmpty(t, v)
					h.set(offTail, c.tail)
					refused(t, v, own, CorruptError{Word: "tail", Value: c.tail, Low: low, High: high, Cause: ErrPosition})

					h.set(offTail, low+8) // as if nothing had been: the victim's own state is as it was
					if b, err := v.Next(); err != nil || len(b) != 8 {
						t.Errorf("after a good tail: %d bytes, %v", len(b), err)
					}
				})
			}
			for _, tail := range []uint64{low + 8, high - 8, high} {
				h := h.make(t, capacity)
				h.length(start.pos, 8)
				v, _ := h.victim(t, start.pos, held)
				h.set(offTail, tail)
				if b, err := v.Next(); err != nil || len(b) != 8 {
					t.Errorf("%s: a tail of %d is within [%d, %d], but: %v", start.name, tail, low, high, err)
				}
			}
		}
	}
}

func TestARecordLengthOutOfBoundsIsRefused(t *testing.T) {
	const capacity = 1 << 16
	for _, h := range hostiles {
		for _, start := range []struct {
			name string
			pos  uint64
		}{
			{"at the start", 0},
			{"in the third lap", 2*capacity + 800},
			{"before the wrap of the ring", 5*capacity - 8},
			{"before the wrap of positions", math.MaxUint64 - 15},
		} {
			for _, c := range []struct {
				name      string
				published uint64
				length    uint32
			}{
				{"0", 64, 0},
				{"1", 64, 1},
				{"2", 64, 2},
				{"3", 64, 3},
				{"one byte beyond the published", 64, 65},
				{"a record beyond the published", 64, 72},
				{"one byte beyond the only word", 8, 9},
				{"the ring, when 64 bytes are published", 64, capacity},
				{"one byte beyond the ring", capacity, capacity + 1},
				{"one record beyond the ring", capacity, capacity + 8},
				{"twice the ring", capacity, 2 * capacity},
				{"2^31-1", capacity, math.MaxInt32},
				{"2^31", capacity, 1 << 31},
				{"2^32-8", capacity, math.MaxUint32 - 7},
				{"2^32-7, which aligned is 2^32", capacity, math.MaxUint32 - 6},
				{"2^32-1", capacity, math.MaxUint32},
			} {
				want := CorruptError{Word: "length", Value: uint64(c.length), Low: 4, High: c.published, Cause: ErrLength}
				t.Run(h.name+"/"+start.name+"/"+c.name, func(t *testing.T) {
					h := h.make(t, capacity)
					v, own := h.victim(t, start.pos, 0)
					h.length(start.pos, c.length)
					h.set(offTail, start.pos+c.published)
					refused(t, v, own, want)
				})
				if c.published+24 > capacity {
					continue
				}
				t.Run(h.name+"/"+start.name+"/behind good ones/"+c.name, func(t *testing.T) {
					h := h.make(t, capacity)
					v, own := h.victim(t, start.pos, 0)
					h.length(start.pos, 16)
					h.length(start.pos+16, 5)
					h.length(start.pos+24, c.length)
					h.set(offTail, start.pos+24+c.published)
					for _, n := range []int{16, 5} {
						if b, err := v.Next(); err != nil || len(b) != n {
							t.Fatalf("a good record before: %d bytes, %v", len(b), err)
						}
					}
					refused(t, v, own, want)
				})
			}
			for _, length := range []uint32{4, 5, 8, 57, 63, 64} {
				h := h.make(t, capacity)
				v, _ := h.victim(t, start.pos, 0)
				h.length(start.pos, length)
				h.set(offTail, start.pos+64)
				if b, err := v.Next(); err != nil || len(b) != int(length) {
					t.Errorf("%s: a length of %d of 64 published: %v", start.name, length, err)
				}
			}
		}
	}
}

func TestAHeadOutOfBoundsIsRefused(t *testing.T) {
	const capacity = 1 << 16
	for _, start := range []struct {
		name string
		pos  uint64 // up to which it was released, when the producer looked last
	}{
		{"at the start", 0},
		{"in the third lap", 2*capacity + 800},
		{"before the wrap of positions", math.MaxUint64 - 15},
	} {
		const published, committed = capacity - 128, 32 // then 96 bytes are left
		low, high := start.pos, start.pos+published
		for _, c := range []struct {
			name string
			head uint64
		}{
			{"ahead of the tail by 8", high + 8},
			{"ahead of the tail, among what is not published yet", high + committed},
			{"ahead of the tail by a lap", high + capacity},
			{"ahead by half of all positions", low + 1<<63 + published + 8},
			{"back by 8", low - 8},
			{"back a lap", low - capacity},
			{"back by half of all positions", low - 1<<63 + published + 8},
			{"misaligned by 1", low + 1},
			{"misaligned by 4", low + 4},
			{"misaligned by 7", low + 7},
			{"misaligned below the tail", high - 1},
			{"misaligned and ahead", high + 1},
			{"all bits", math.MaxUint64},
		} {
			for _, kind := range hostiles {
				t.Run(kind.name+"/"+start.name+"/"+c.name, func(t *testing.T) {
					h := kind.make(t, page)
					own, err := NewHeap(&Options{Capacity: capacity})
					if err != nil {
						t.Fatal(err)
					}
					p := NewProducer(own, h.seen)
					p.pos, p.published, p.limit = low, low, low+capacity
					h.set(offHead, low)
					mustSend(t, p, 1, published)
					p.Publish()
					mustSend(t, p, 2, committed)
					h.set(offHead, c.head)

					want := CorruptError{Word: "head", Value: c.head, Low: low, High: high, Cause: ErrPosition}
					for range 2 { // it does not go away
						b, err := p.Reserve(97)
						var corrupt *CorruptError
						if b != nil || !errors.As(err, &corrupt) || *corrupt != want || !errors.Is(err, ErrPosition) {
							t.Errorf("got %d bytes, %+v; want %+v", len(b), err, &want)
						}
						wantPanic(t, "Commit after the error", func() { p.Commit(8) })
						if p.Free() != 96 || p.HeadSeen() != low || p.Published() != high || !p.Pending() ||
							atomic.LoadUint64(own.tail) != high {
							t.Errorf("%d free, head seen %d, published %d, tail %d, pending %v after the error", p.Free(),
								p.HeadSeen(), p.Published(), atomic.LoadUint64(own.tail), p.Pending())
						}
					}
					mustSend(t, p, 3, 96) // what was free stays so
					if b, err := p.Reserve(4); b != nil || !errors.As(err, new(*CorruptError)) {
						t.Errorf("got %d bytes, %v; want the error", len(b), err)
					}
					h.set(offHead, high) // as if nothing had been
					mustSend(t, p, 4, published)
				})
			}
		}
	}
}

func TestAPeerWithoutRecordsCannotPublishAny(t *testing.T) {
	for _, tail := range []uint64{8, 4096, 1 << 63, math.MaxUint64 - 7, 3} {
		h := hostileBytes(t, 0)
		v, own := h.victim(t, 0, 0)
		wantEmpty(t, v)
		h.set(offTail, tail)
		refused(t, v, own, CorruptError{Word: "tail", Value: tail, Low: 0, High: 0, Cause: ErrPosition})
	}
}

func TestAHeaderThatChangesAfterItWasCheckedIsNotReadAgain(t *testing.T) {
	for _, kind := range hostiles {
		t.Run(kind.name, func(t *testing.T) {
			h := kind.make(t, page)
			h.length(0, uint32(page))
			h.set(offTail, uint64(page))
			clear(h.header[:offTail])
			binary.LittleEndian.PutUint64(h.header[offCapacity:], MaxCapacity)
			if h.seen.Capacity() != page || h.seen.MaxRecord() != page {
				t.Errorf("capacity %d, largest record %d; want %d", h.seen.Capacity(), h.seen.MaxRecord(), page)
			}
			v, own := h.victim(t, 0, 0)
			h.set(offTail, uint64(page))
			if b, err := v.Next(); err != nil || len(b) != page {
				t.Errorf("%d bytes, %v; want %d", len(b), err, page)
			}
			h.set(offTail, uint64(2*page))
			refused(t, v, own, CorruptError{Word: "tail", Value: uint64(2 * page), Low: uint64(page), High: uint64(page), Cause: ErrPosition})
		})
	}
}

// A peer that writes all the time, into mapped memory, where lengths and positions change between any two loads.
func TestAPeerThatWritesWhileItIsReadBreaksNothing(t *testing.T) { scribble(t, 20000) }

func TestScribblingStorm(t *testing.T) {
	if !soak() {
		t.Skip("long: set CORECHAN_SOAK=1")
	}
	scribble(t, 1e7)
}

// scribble reads up to that many records of a peer that writes at random.
func scribble(t *testing.T, reads int) {
	h := hostileMemfd(t, page)
	v, own := h.victim(t, 0, 0)
	p := NewProducer(own, h.seen) // has no records, but reads the words
	var stop atomic.Bool
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		lengths := []uint32{0, 3, 4, 8, 16, 100, uint32(page), uint32(page) + 1, 1 << 31, math.MaxUint32, 24, 5}
		for i := uint64(0); !stop.Load(); i++ {
			head := atomic.LoadUint64(own.head)
			switch r := random(i, 16); {
			case r < 10:
				h.length(head+8*random(i*3, 16), lengths[random(i*5, uint64(len(lengths)))])
			case r < 14:
				h.set(offTail, head+8*random(i*7, uint64(page)/8))
			case r == 14:
				h.set(offTail, noiseWord(i))
			default:
				h.set(offTailSleep, noiseWord(i))
				h.set(offHeadSleep, noiseWord(i+1))
			}
			if i%256 == 0 {
				runtime.Gosched() // there may be one P only
			}
		}
	}()
	defer func() { stop.Store(true); <-stopped }()

	var good, bad int
	begun := time.Now()
	for i := 0; good < reads; i++ {
		before := v.Position()
		b, err := v.Next()
		switch {
		case err == nil:
			good++
			off, ok := offsetOf(b, h.seen.records)
			if !ok || off != before%uint64(page) || len(b) < lengthSize || v.Position()-before != uint64(Stride(len(b))) {
				t.Fatalf("%d bytes at %d (within: %v), position %d -> %d", len(b), off, ok, before, v.Position())
			}
			if v.Held() > page {
				t.Fatalf("%d bytes held of a ring of %d", v.Held(), page)
			}
		case err == ErrEmpty:
		case errors.Is(err, ErrPosition) || errors.Is(err, ErrLength):
			bad++
			// No session goes on after that. Here another one begins, where this one ends.
			v.Release()
			v.seen = before
		default:
			t.Fatal(err)
		}
		if i%3 == 0 {
			v.Release()
		}
		v.Ready()
		v.MustRing()
		p.MustRing()
		if err != nil {
			if runtime.Gosched(); !soak() && good > 0 && bad > 0 && time.Since(begun) > time.Second {
				break // a busy machine
			}
			if (good == 0 || bad == 0) && time.Since(begun) > patience {
				t.Fatalf("gave up after %d good records and %d errors", good, bad)
			}
		}
	}
	if bad == 0 {
		t.Errorf("%d good records and no error", good)
	}
}

// noiseWord returns 8 bytes of noise.
func noiseWord(i uint64) uint64 { return binary.LittleEndian.Uint64(noise[i*8%(1<<16):]) }
