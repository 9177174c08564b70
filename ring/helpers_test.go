package ring

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corechan/corechan/fd"
)

// patience bounds every wait: long enough for a loaded machine, and only ever spent by a test that fails.
const patience = 20 * time.Second

// segmentName is what the segments of these tests are called in /proc/self/maps.
const segmentName = "corechan-ring-test"

// soak reports whether the long forms of tests are wanted.
func soak() bool { return os.Getenv("CORECHAN_SOAK") != "" }

// ends are the two ends of one queue and what each process owns: the producer its records, the consumer only words.
type ends struct {
	p *Producer
	c *Consumer
	// tail and records are where the producer writes, head is where the consumer does.
	tail, head *uint64
	records    []byte
	capacity   uint64
}

// A memory is one of the kinds of memory that a ring can be over.
type memory struct {
	name string
	make func(t testing.TB, capacity int) *ends
}

var (
	onHeap   = memory{"heap", heapEnds}
	onMapped = memory{"mapped", mappedEnds}
)

// onEachMemory runs a test over plain bytes and over sealed memfds whose peer's view is another mapping.
func onEachMemory(t *testing.T, capacity int, test func(t *testing.T, e *ends)) {
	for _, m := range []memory{onHeap, onMapped} {
		t.Run(m.name, func(t *testing.T) { test(t, m.make(t, capacity)) })
	}
}

func heapEnds(t testing.TB, capacity int) *ends {
	t.Helper()
	a, err := NewHeap(&Options{Capacity: capacity})
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewHeap(&Options{HeaderOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	return join(a, b, a, b)
}

func mappedEnds(t testing.TB, capacity int) *ends {
	t.Helper()
	a, aSeen := mapped(t, &Options{Capacity: capacity})
	b, bSeen := mapped(t, &Options{HeaderOnly: true})
	return join(a, b, aSeen, bSeen)
}

// join makes the ends of the queue from a to b, given how each is seen by the other.
func join(a, b, aSeen, bSeen *Segment) *ends {
	return &ends{
		p: NewProducer(a, bSeen), c: NewConsumer(b, aSeen),
		tail: a.tail, head: b.head, records: a.records, capacity: a.capacity,
	}
}

// mapped returns a segment as its owner has it and as its peer has it. Both are closed at the end of the test.
func mapped(t testing.TB, o *Options) (own, peer *Segment) {
	t.Helper()
	own, f, err := Create(segmentName, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { own.Close() })
	defer f.Close()
	return own, open(t, f, o != nil && o.Prefault)
}

func open(t testing.TB, f *fd.FD, prefault bool) *Segment {
	t.Helper()
	s, err := Open(f, 0, prefault)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// startAt makes a queue that looks as if pos bytes had gone through it.
func (e *ends) startAt(pos uint64) {
	e.p.pos, e.p.published, e.p.limit, e.p.reserved = pos, pos, pos+e.capacity, 0
	e.c.pos, e.c.seen, e.c.released = pos, pos, pos
	atomic.StoreUint64(e.tail, pos)
	atomic.StoreUint64(e.head, pos)
}

// noise is what records are filled with: long enough for any of them at any of noiseStarts places.
var noise = func() []byte {
	b := make([]byte, 1<<17+noiseStarts)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}()

const noiseStarts = 4093 // a prime

// payload returns the bytes that follow the length in record number seq of n bytes.
func payload(seq uint64, n int) []byte {
	start := int(seq * 61 % noiseStarts)
	return noise[start : start+n-lengthSize]
}

// send reserves, writes and commits record number seq. It does not publish.
func send(p *Producer, seq uint64, n int) error {
	b, err := p.Reserve(n)
	if err != nil {
		return err
	}
	copy(b[lengthSize:], payload(seq, n))
	p.Commit(n)
	return nil
}

func mustSend(t testing.TB, p *Producer, seq uint64, n int) {
	t.Helper()
	if err := send(p, seq, n); err != nil {
		t.Fatalf("record %d of %d bytes: %v", seq, n, err)
	}
}

// isRecord reports whether b is record number seq of n bytes.
func isRecord(b []byte, seq uint64, n int) bool {
	return len(b) == n && cap(b) == n && binary.LittleEndian.Uint32(b) == uint32(n) &&
		bytes.Equal(b[lengthSize:], payload(seq, n))
}

func mustNext(t testing.TB, c *Consumer, seq uint64, n int) []byte {
	t.Helper()
	b, err := c.Next()
	if err != nil {
		t.Fatalf("record %d of %d bytes: %v", seq, n, err)
	}
	if !isRecord(b, seq, n) {
		t.Fatalf("record %d of %d bytes arrived as %d other ones (capacity %d)", seq, n, len(b), cap(b))
	}
	return b
}

func wantEmpty(t testing.TB, c *Consumer) {
	t.Helper()
	if b, err := c.Next(); !errors.Is(err, ErrEmpty) || b != nil {
		t.Fatalf("Next: %d bytes, %v; want ErrEmpty", len(b), err)
	}
}

func wantNoRoom(t testing.TB, p *Producer, n int, want error) {
	t.Helper()
	if b, err := p.Reserve(n); !errors.Is(err, want) || b != nil {
		t.Fatalf("Reserve(%d): %d bytes, %v; want %v", n, len(b), err, want)
	}
}

func wantPanic(t testing.TB, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s did not panic", what)
		}
	}()
	f()
}

// offsetOf returns where b begins within whole, and whether it lies in it, capacity included.
func offsetOf(b, whole []byte) (off uint64, ok bool) {
	at, base := address(b), address(whole)
	return uint64(at - base), at >= base && at+uintptr(cap(b)) <= base+uintptr(len(whole))
}
