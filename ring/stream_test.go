package ring_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/corechan/corechan/ring"
)

func private(t testing.TB, capacity int) *ring.Segment {
	t.Helper()
	s, err := ring.NewPrivate(&ring.Options{Capacity: capacity})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestRecordsTravelAsAStream sends records through a ring, a stream that breaks them anywhere, and another ring.
func TestRecordsTravelAsAStream(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		capacity := 4096 << rnd.IntN(3)
		out, in := private(t, capacity), private(t, 4096<<rnd.IntN(3))
		largest := min(out.Capacity(), in.Capacity())
		prod, outlet := ring.NewProducer(out, out), ring.NewOutlet(out)
		inlet, cons := ring.NewInlet(in, 16), ring.NewConsumer(in, in)
		var want [][]byte
		var wire []byte
		sent, got, rewound := 0, 0, 0
		for got < 3000 {
			switch rnd.IntN(7) {
			case 5:
				if outlet.Rewind(prod) {
					rewound++
					if prod.Offset() != 0 {
						t.Fatalf("rewound to %d", prod.Offset())
					}
				}
			case 6:
				if inlet.Rewind(cons) {
					rewound++
					if inlet.Offset() != 0 {
						t.Fatalf("rewound to %d", inlet.Offset())
					}
				}
			case 4: // what is under way of a record comes somewhere else, and into its place only in the end
				there, length := inlet.Begun()
				n := min(length-len(there), len(wire))
				if n <= 0 {
					continue
				}
				elsewhere := bytes.Clone(wire[:n])
				wire = wire[n:]
				if err := inlet.Add(n); err != nil {
					t.Fatal(err)
				}
				copy(there[len(there):length], elsewhere)
			case 0:
				n := 16 + rnd.IntN(200)
				if rnd.IntN(20) == 0 {
					n = 16 + rnd.IntN(largest-15)
				}
				b, err := prod.Reserve(n)
				if errors.Is(err, ring.ErrFull) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				for i := range b {
					b[i] = byte(sent + i)
				}
				prod.Commit(n)
				prod.Publish()
				want = append(want, append([]byte(nil), b...))
				sent++
			case 1:
				b := outlet.Bytes()
				n := rnd.IntN(len(b) + 1)
				if rnd.IntN(2) == 0 {
					n = len(b)
				}
				wire = append(wire, b[:n]...)
				outlet.Done(n)
			case 2:
				n := copy(inlet.Space(), wire)
				if rnd.IntN(2) == 0 {
					n = rnd.IntN(n + 1)
				}
				wire = wire[n:]
				if err := inlet.Add(n); err != nil {
					t.Fatal(err)
				}
			case 3:
				for range rnd.IntN(10) {
					b, err := cons.Next()
					if errors.Is(err, ring.ErrEmpty) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(b, want[got]) {
						t.Fatalf("seed %d: record %d differs", seed, got)
					}
					got++
				}
				if rnd.IntN(2) == 0 {
					cons.Release()
				}
			}
		}
		if rewound == 0 {
			t.Errorf("seed %d: nothing was ever rewound", seed)
		}
	}
}

func TestAnInletRefusesLengthsThatNoRecordHas(t *testing.T) {
	for _, length := range []uint32{0, 3, 15, 4097, 1 << 31, 1<<32 - 1} {
		s := private(t, 4096)
		in := ring.NewInlet(s, 16)
		b := in.Space()
		binary.LittleEndian.PutUint32(b, 16)
		binary.LittleEndian.PutUint32(b[16:], length)
		var corrupt *ring.CorruptError
		if err := in.Add(24); !errors.As(err, &corrupt) || corrupt.Value != uint64(length) {
			t.Errorf("length %d: %v, want a CorruptError", length, err)
		}
		if _, err := ring.NewConsumer(s, s).Next(); err != nil {
			t.Errorf("length %d: the record before it: %v", length, err)
		}
	}
}

func TestAFullInletHasNoSpace(t *testing.T) {
	s := private(t, 4096)
	in, cons := ring.NewInlet(s, 16), ring.NewConsumer(s, s)
	b := in.Space()
	if len(b) != 4096 {
		t.Fatalf("%d bytes of space in an empty ring of 4096", len(b))
	}
	binary.LittleEndian.PutUint32(b, 4090) // the largest but its padding
	if err := in.Add(4096); err != nil {
		t.Fatal(err)
	}
	if n := len(in.Space()); n != 0 || in.Empty() {
		t.Errorf("%d bytes of space in a full ring, empty %v", n, in.Empty())
	}
	if _, err := cons.Next(); err != nil {
		t.Fatal(err)
	}
	cons.Release()
	s.Trim()
	if n := len(in.Space()); n != 4096 || !in.Empty() {
		t.Errorf("%d bytes of space in a ring that was read, empty %v", n, in.Empty())
	}
}

// TestAnOutletRingsOnceForEachArming: the producer rings for the first record behind an arming, and the outlet for the first
// release behind the producer's.
func TestAnOutletRingsOnceForEachArming(t *testing.T) {
	s := private(t, 4096)
	prod, out := ring.NewProducer(s, s), ring.NewOutlet(s)
	put := func() error {
		_, err := prod.Reserve(1024)
		if err == nil {
			prod.Commit(1024)
			prod.Publish()
		}
		return err
	}
	for range 3 {
		out.Arm()
		for i := range 3 {
			if err := put(); err != nil {
				t.Fatal(err)
			}
			if got := prod.MustRing(); got != (i == 0) {
				t.Fatalf("record %d behind an arming: MustRing is %v", i, got)
			}
		}
		for !out.Empty() {
			b := out.Bytes()
			if len(b) == 0 {
				t.Fatal("not empty after all has left")
			}
			out.Done(len(b))
		}
	}
	for range 4 {
		if err := put(); err != nil {
			t.Fatal(err)
		}
	}
	prod.Arm()
	if err := put(); !errors.Is(err, ring.ErrFull) {
		t.Fatalf("a fifth KiB in 4: %v", err)
	}
	out.Done(1023)
	if err := put(); !errors.Is(err, ring.ErrFull) {
		t.Errorf("space for a record while a byte of the first is left: %v", err)
	}
	out.Done(1)
	if err := put(); !out.MustRing() || out.MustRing() || err != nil {
		t.Errorf("after the first has left: %v", err)
	}
}

// TestAnInletRingsOnceForEachArming: the inlet for the first record behind the consumer's arming, and the consumer for the
// first release behind the inlet's.
func TestAnInletRingsOnceForEachArming(t *testing.T) {
	s := private(t, 4096)
	in, cons := ring.NewInlet(s, 16), ring.NewConsumer(s, s)
	put := func() {
		binary.LittleEndian.PutUint32(in.Space(), 1024)
		if err := in.Add(1024); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		cons.Arm()
		for i := range 4 {
			put()
			if got := in.MustRing(); got != (i == 0) {
				t.Fatalf("record %d behind an arming: MustRing is %v", i, got)
			}
		}
		if cons.Disarm(); in.MustRing() {
			t.Fatal("rings for a consumer that is awake")
		}
		if cons.MustRing() {
			t.Fatal("rings for an inlet that is awake")
		}
		if in.Arm(); len(in.Space()) != 0 {
			t.Fatal("space in a full ring")
		}
		for i := range 4 {
			if _, err := cons.Next(); err != nil {
				t.Fatal(err)
			}
			cons.Release()
			if got := cons.MustRing(); got != (i == 0) {
				t.Fatalf("release %d behind an arming: MustRing is %v", i, got)
			}
		}
		in.Disarm()
	}
}

// TestTheConsumerFindsWhatAnInletRefused: behind the records before it.
func TestTheConsumerFindsWhatAnInletRefused(t *testing.T) {
	for _, length := range []uint32{0, 3, 9, 15, 4097, 1<<32 - 1} {
		s := private(t, 4096)
		in, cons := ring.NewInlet(s, 16), ring.NewConsumer(s, s)
		b := in.Space()
		binary.LittleEndian.PutUint32(b, 16)
		binary.LittleEndian.PutUint32(b[16:], length)
		if err := in.Add(20); err == nil {
			t.Fatalf("length %d was taken", length)
		}
		in.Expose()
		if _, err := cons.Next(); err != nil {
			t.Errorf("length %d: the record before it: %v", length, err)
		}
		var corrupt *ring.CorruptError
		if _, err := cons.Next(); !errors.As(err, &corrupt) || corrupt.Value != uint64(length) {
			t.Errorf("length %d: %v, want a CorruptError", length, err)
		}
	}
}

func FuzzInlet(f *testing.F) {
	f.Add([]byte{16, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, uint8(3))
	f.Add([]byte{17, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		s := private(t, 4096)
		in, cons := ring.NewInlet(s, 16), ring.NewConsumer(s, s)
		for stream := b; len(stream) > 0; {
			n := copy(in.Space()[:min(int(step)+1, len(in.Space()))], stream)
			stream = stream[n:]
			err := in.Add(n)
			for {
				record, rerr := cons.Next()
				if errors.Is(rerr, ring.ErrEmpty) {
					break
				}
				if rerr != nil || len(record) < 16 || !bytes.Equal(record, b[:len(record)]) {
					t.Fatalf("record %x, %v; the stream goes on with %x", record, rerr, b)
				}
				b = b[ring.Stride(len(record)):]
			}
			cons.Release()
			if err != nil {
				return
			}
			if n == 0 {
				t.Fatal("no space in a ring that was read")
			}
		}
	})
}

func TestARecordHasBegunOnceItsLengthIsThere(t *testing.T) {
	s := private(t, 4096)
	in, cons := ring.NewInlet(s, 16), ring.NewConsumer(s, s)
	if there, length := in.Begun(); there != nil || length != 0 {
		t.Errorf("%d bytes of %d, before anything came", len(there), length)
	}
	add := func(n int) {
		t.Helper()
		if err := in.Add(n); err != nil {
			t.Fatal(err)
		}
	}
	binary.LittleEndian.PutUint32(in.Space(), 3000)
	add(3)
	if there, _ := in.Begun(); there != nil {
		t.Error("with three bytes, its length is not known")
	}
	add(2000)
	if there, length := in.Begun(); len(there) != 2003 || length != 3000 {
		t.Errorf("%d bytes of %d, want 2003 of 3000", len(there), length)
	}
	add(997)
	if there, _ := in.Begun(); there != nil || in.Last() != 3000 {
		t.Errorf("the record is whole; the last has %d bytes", in.Last())
	}
	binary.LittleEndian.PutUint32(in.Space(), 2000)
	add(50)
	if there, _ := in.Begun(); there != nil {
		t.Error("there is no room for all of a record while the one before is not released")
	}
	if _, err := cons.Next(); err != nil {
		t.Fatal(err)
	}
	cons.Release()
	if there, length := in.Begun(); len(there) != 50 || length != 2000 {
		t.Errorf("%d bytes of %d, want 50 of 2000", len(there), length)
	}
}
