package ring

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
)

func put32(off int, v uint32) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[off:], v) }
}

func put64(off int, v uint64) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint64(b[off:], v) }
}

// What a header may say that no peer may get away with, while its memory is a header's page and records of 64 KiB.
const saidCapacity = 1 << 16

var badHeaders = []struct {
	name string
	lie  func(header []byte)
	want error
}{
	{"nothing: all zero", func(b []byte) { clear(b) }, ErrMagic},
	{"another magic", put64(offMagic, Magic+1), ErrMagic},
	{"a magic of the other byte order", func(b []byte) { binary.BigEndian.PutUint64(b, Magic) }, ErrMagic},
	{"all bits of the magic", put64(offMagic, math.MaxUint64), ErrMagic},
	{"version 0", put32(offVersion, 0), ErrVersion},
	{"the next version", put32(offVersion, Version+1), ErrVersion},
	{"the last version", put32(offVersion, math.MaxUint32), ErrVersion},
	{"the first feature", put64(offFeatures, 1), ErrVersion},
	{"the last feature", put64(offFeatures, 1<<63), ErrVersion},
	{"no header", put32(offHeaderSize, 0), ErrHeader},
	{"a header of a byte", put32(offHeaderSize, 1), ErrHeader},
	{"a header of what is used of it", put32(offHeaderSize, usedHeader), ErrHeader},
	{"a header a byte too small", put32(offHeaderSize, uint32(pageHeader())-1), ErrHeader},
	{"a header a page too large", put32(offHeaderSize, 2*uint32(pageHeader())), ErrHeader},
	{"the header of huge pages", put32(offHeaderSize, hugePageSize), ErrHeader},
	{"a header of 4 GiB", put32(offHeaderSize, math.MaxUint32), ErrHeader},
	{"no capacity, but there are records", put64(offCapacity, 0), ErrHeader},
	{"a capacity of 1", put64(offCapacity, 1), ErrCapacity},
	{"a capacity below the least", put64(offCapacity, MinCapacity/2), ErrCapacity},
	{"a capacity a byte too large", put64(offCapacity, saidCapacity+1), ErrCapacity},
	{"a capacity that is no power of two", put64(offCapacity, 3*saidCapacity), ErrCapacity},
	{"a capacity beyond the greatest", put64(offCapacity, 2*MaxCapacity), ErrCapacity},
	{"a capacity of 4 GiB and more", put64(offCapacity, 1<<32+saidCapacity), ErrCapacity},
	{"a capacity whose double is 0", put64(offCapacity, 1<<63), ErrCapacity},
	{"all bits of the capacity", put64(offCapacity, math.MaxUint64), ErrCapacity},
	{"half the capacity there is", put64(offCapacity, saidCapacity/2), ErrHeader},
	{"twice the capacity there is", put64(offCapacity, saidCapacity*2), ErrHeader},
	{"the greatest capacity", put64(offCapacity, MaxCapacity), ErrHeader},
}

// lying returns what writes a good header and then the lie.
func lying(lie func([]byte)) func([]byte) {
	return func(b []byte) {
		writeHeader(b, pageHeader(), saidCapacity)
		lie(b)
	}
}

func TestAPeersHeaderThatLiesIsRefused(t *testing.T) {
	for _, c := range badHeaders {
		t.Run("heap/"+c.name, func(t *testing.T) {
			header := alignedBytes(pageHeader())
			lying(c.lie)(header)
			if s, err := FromBytes(header, alignedBytes(2*saidCapacity)); s != nil || !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
		t.Run("mapped/"+c.name, func(t *testing.T) {
			nothingStays(t)
			f, _ := forge(t, pageHeader()+saidCapacity, fd.SealsSegment, lying(c.lie))
			if s, err := Open(f, 0, false); s != nil || !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestAPeersMemoryThatIsNoSegmentIsRefused(t *testing.T) {
	good := lying(func([]byte) {})
	whole := pageHeader() + saidCapacity
	for _, c := range []struct {
		name   string
		size   int
		seals  fd.Seals
		header func([]byte)
		limit  int
		want   error
	}{
		{"no seal", whole, 0, good, 0, fd.ErrUnsealed},
		{"no seal against sealing", whole, fd.SealsSegment &^ fd.SealSeal, good, 0, fd.ErrUnsealed},
		{"no seal against shrinking", whole, fd.SealsSegment &^ fd.SealShrink, good, 0, fd.ErrUnsealed},
		{"no seal against growing", whole, fd.SealsSegment &^ fd.SealGrow, good, 0, fd.ErrUnsealed},
		{"no seal against writing", whole, fd.SealsSegment &^ fd.SealFutureWrite, good, 0, fd.ErrUnsealed},
		{"empty", 0, fd.SealsSegment, nil, 0, fd.ErrTooSmall},
		{"one byte", 1, fd.SealsSegment, nil, 0, fd.ErrTooSmall},
		{"a byte less than a header", pageHeader() - 1, fd.SealsSegment, good, 0, fd.ErrTooSmall},
		{"a header alone that says there are records", pageHeader(), fd.SealsSegment, good, 0, ErrHeader},
		{"a byte less than its header says", whole - 1, fd.SealsSegment, good, 0, ErrHeader},
		{"a page less than its header says", whole - page, fd.SealsSegment, good, 0, ErrHeader},
		{"a byte more than its header says", whole + 1, fd.SealsSegment, good, 0, ErrHeader},
		{"a page more than its header says", whole + page, fd.SealsSegment, good, 0, ErrHeader},
		{"a capacity beyond the limit", whole, fd.SealsSegment, good, saidCapacity - 1, ErrCapacity},
		{"a capacity far beyond the limit", whole, fd.SealsSegment, good, MinCapacity, ErrCapacity},
		{"the header of huge pages on ordinary ones, cut", whole, fd.SealsSegment, func(b []byte) {
			writeHeader(b, hugePageSize, saidCapacity)
		}, 0, ErrHeader},
	} {
		t.Run(c.name, func(t *testing.T) {
			nothingStays(t)
			f, _ := forge(t, c.size, c.seals, c.header)
			if s, err := Open(f, c.limit, false); s != nil || !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	t.Run("truncated by its owner before it was sealed", func(t *testing.T) {
		nothingStays(t)
		for size, want := range map[int]error{0: fd.ErrTooSmall, pageHeader() - 1: fd.ErrTooSmall, whole - 1: ErrHeader} {
			f, _ := forge(t, whole, 0, good)
			if err := unix.Ftruncate(f.Int(), int64(size)); err != nil {
				t.Fatal(err)
			}
			if err := f.AddSeals(fd.SealsSegment); err != nil {
				t.Fatal(err)
			}
			if s, err := Open(f, 0, false); s != nil || !errors.Is(err, want) {
				t.Errorf("cut to %d: %v, want %v", size, err, want)
			}
		}
	})
	t.Run("no memfd", func(t *testing.T) {
		nothingStays(t)
		n, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		f := fd.New(n)
		if s, err := Open(f, 0, false); s != nil || !errors.Is(err, fd.ErrNotSealable) {
			t.Errorf("%v, want ErrNotSealable", err)
		}
		f.Close()
		if s, err := Open(f, 0, false); s != nil || !errors.Is(err, os.ErrClosed) {
			t.Errorf("closed: %v, want ErrClosed", err)
		}
	})
}

func TestAPeersSegmentWithinTheLimitIsOpened(t *testing.T) {
	nothingStays(t)
	f, b := forge(t, pageHeader()+saidCapacity, fd.SealsSegment|fd.SealExec, lying(func([]byte) {}))
	b[pageHeader()] = 42
	for _, limit := range []int{0, saidCapacity, saidCapacity + 1, MaxCapacity, math.MaxInt} {
		s, err := Open(f, limit, false)
		if err != nil {
			t.Errorf("limit %d: %v", limit, err)
			continue
		}
		if s.Capacity() != saidCapacity || s.records[0] != 42 || s.records[saidCapacity] != 42 {
			t.Errorf("limit %d: capacity %d, first byte %d and %d", limit, s.Capacity(), s.records[0], s.records[saidCapacity])
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A header that is as large as it says, but of a size that no version of the layout has.
func TestAHeaderOfAnotherSizeIsRefusedEvenIfItsMemoryHasIt(t *testing.T) {
	for _, size := range []int{usedHeader, pageHeader() + 8, 2 * pageHeader(), hugePageSize / 2, 2 * hugePageSize} {
		header := alignedBytes(size)
		writeHeader(header, size, saidCapacity)
		if s, err := FromBytes(header, alignedBytes(2*saidCapacity)); s != nil || !errors.Is(err, ErrHeader) {
			t.Errorf("%d bytes: %v, want ErrHeader", size, err)
		}
		if size < pageHeader() {
			continue // what is checked before: see above
		}
		f, _ := forge(t, size+saidCapacity, fd.SealsSegment, func(b []byte) { writeHeader(b, size, saidCapacity) })
		if s, err := Open(f, 0, false); s != nil || !errors.Is(err, ErrHeader) {
			t.Errorf("mapped, %d bytes: %v, want ErrHeader", size, err)
		}
	}
}

// Memory that pretends to have huge pages is mapped all the same if its size is right: nothing depends on them.
func TestTheHeaderOfHugePagesMayStandOnOrdinaryOnes(t *testing.T) {
	nothingStays(t)
	f, b := forge(t, hugePageSize+saidCapacity, fd.SealsSegment, func(b []byte) { writeHeader(b, hugePageSize, saidCapacity) })
	s := open(t, f, false)
	b[hugePageSize+7] = 42
	if len(s.header) != hugePageSize || s.records[7] != 42 || s.records[saidCapacity+7] != 42 {
		t.Errorf("header of %d bytes, %d and %d read", len(s.header), s.records[7], s.records[saidCapacity+7])
	}
}

func TestBytesThatAreNoSegmentAreRefused(t *testing.T) {
	header := alignedBytes(pageHeader())
	writeHeader(header, pageHeader(), saidCapacity)
	for _, c := range []struct {
		name            string
		header, records []byte
		want            error
	}{
		{"nothing", nil, nil, ErrHeader},
		{"less than a header", header[:usedHeader-1], nil, ErrHeader},
		{"a cut header", header[:pageHeader()-8], alignedBytes(2 * saidCapacity), ErrHeader},
		{"no records", header, nil, ErrHeader},
		{"records once", header, alignedBytes(saidCapacity), ErrHeader},
		{"a byte of records too few", header, alignedBytes(2*saidCapacity - 1), ErrHeader},
		{"a byte of records too many", header, alignedBytes(2*saidCapacity + 1), ErrHeader},
	} {
		if s, err := FromBytes(c.header, c.records); s != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// nothingStays checks at the end of the test that no descriptor and no mapping of a segment is left.
func nothingStays(t *testing.T) {
	t.Helper()
	fdtest.Snapshot(t)
	t.Cleanup(func() {
		for _, m := range mappings(t) {
			if m.of(segmentName) {
				t.Errorf("still mapped: %+v", m)
			}
		}
	})
}
