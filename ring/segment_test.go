package ring

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestOptionsMeanACapacityOrAreRefused(t *testing.T) {
	for _, c := range []struct {
		o    *Options
		want int // 0 with ok false: refused
		ok   bool
	}{
		{nil, DefaultCapacity, true},
		{&Options{}, DefaultCapacity, true},
		{&Options{Prefault: true}, DefaultCapacity, true},
		{&Options{Capacity: page}, page, true},
		{&Options{Capacity: MinCapacity}, max(MinCapacity, page), true}, // it is mapped, so rounded up to a page
		{&Options{Capacity: 1 << 20}, 1 << 20, true},
		{&Options{Capacity: MaxCapacity}, MaxCapacity, true},
		{&Options{HeaderOnly: true}, 0, true},
		{&Options{HeaderOnly: true, Capacity: 1 << 20}, 0, true},
		{&Options{HugePages: true}, hugePageSize, true},
		{&Options{HugePages: true, Capacity: 2 * hugePageSize}, 2 * hugePageSize, true},

		{&Options{Capacity: -1}, 0, false},
		{&Options{Capacity: -4096}, 0, false},
		{&Options{Capacity: 1}, 0, false},
		{&Options{Capacity: MinCapacity / 2}, 0, false},
		{&Options{Capacity: MinCapacity - 1}, 0, false},
		{&Options{Capacity: MinCapacity + 1}, 0, false},
		{&Options{Capacity: 3 * MinCapacity}, 0, false},
		{&Options{Capacity: MaxCapacity + 1}, 0, false},
		{&Options{Capacity: 2 * MaxCapacity}, 0, false},
		{&Options{HugePages: true, HeaderOnly: true}, 0, false},
		{&Options{HugePages: true, Capacity: hugePageSize / 2}, 0, false},
	} {
		n, err := c.o.capacity()
		switch {
		case c.ok && (err != nil || n != uint64(c.want)):
			t.Errorf("%+v: %d, %v; want %d", c.o, n, err, c.want)
		case !c.ok && !errors.Is(err, ErrCapacity):
			t.Errorf("%+v: %d, %v; want ErrCapacity", c.o, n, err)
		}
		if c.ok {
			continue
		}
		if _, err := NewHeap(c.o); !errors.Is(err, ErrCapacity) {
			t.Errorf("NewHeap of %+v: %v, want ErrCapacity", c.o, err)
		}
		if _, _, err := Create(segmentName, c.o); !errors.Is(err, ErrCapacity) {
			t.Errorf("Create of %+v: %v, want ErrCapacity", c.o, err)
		}
	}
}

func TestASegmentTellsItsCapacity(t *testing.T) {
	for _, n := range []int{0, page, 1 << 16} {
		o := &Options{Capacity: n, HeaderOnly: n == 0}
		heap, err := NewHeap(o)
		if err != nil {
			t.Fatal(err)
		}
		own, peer := mapped(t, o)
		for name, s := range map[string]*Segment{"heap": heap, "own": own, "peer's": peer} {
			if s.Capacity() != n || s.MaxRecord() != n {
				t.Errorf("%s of %d bytes: capacity %d, largest record %d", name, n, s.Capacity(), s.MaxRecord())
			}
		}
	}
}

func TestClosingASegmentTwiceDoesNothing(t *testing.T) {
	heap, err := NewHeap(nil)
	if err != nil {
		t.Fatal(err)
	}
	own, peer := mapped(t, nil)
	for name, s := range map[string]*Segment{"heap": heap, "own": own, "peer's": peer} {
		// A second munmap would succeed too, on what others have mapped there since.
		calls := 0
		if unmap := s.unmap; unmap != nil {
			s.unmap = func() error { calls++; return unmap() }
		}
		for i := range 3 {
			if err := s.Close(); err != nil {
				t.Errorf("%s: Close number %d: %v", name, i+1, err)
			}
		}
		if calls > 1 || calls == 0 && s != heap {
			t.Errorf("%s: unmapped %d times", name, calls)
		}
	}
}

func TestStrideIsTheNextMultipleOf8(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 8, 4: 8, 7: 8, 8: 8, 9: 16, 16: 16, 4095: 4096, MaxCapacity: MaxCapacity} {
		if got := Stride(n); got != want {
			t.Errorf("Stride(%d) = %d, want %d", n, got, want)
		}
	}
}

func TestACorruptErrorSaysWhatWasReadAndWhatIsAllowed(t *testing.T) {
	for _, c := range []struct {
		err  *CorruptError
		want string
	}{
		{
			&CorruptError{Word: "tail", Value: 24, Low: 32, High: 4096, Cause: ErrPosition},
			"ring: peer's tail is 24, not within [32, 4096]: position out of bounds; the peer is broken or hostile",
		},
		{
			&CorruptError{Word: "head", Value: 36, Low: 32, High: 4096, Cause: ErrPosition},
			"ring: peer's head is 36, not a multiple of 8 within [32, 4096]: position out of bounds; the peer is broken or hostile",
		},
		{
			&CorruptError{Word: "length", Value: 3, Low: 4, High: 64, Cause: ErrLength},
			"ring: peer's length is 3, not within [4, 64]: record length out of bounds; the peer is broken or hostile",
		},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		if err := fmt.Errorf("session: %w", c.err); !errors.Is(err, c.err.Cause) {
			t.Errorf("%v is not %v", err, c.err.Cause)
		}
	}
}

func TestEveryErrorOfTheRingSaysWhereItComesFrom(t *testing.T) {
	_, err := NewHeap(&Options{Capacity: 5})
	if err == nil || !strings.HasPrefix(err.Error(), "ring: ") {
		t.Errorf("%v does not begin with the package's name", err)
	}
}
