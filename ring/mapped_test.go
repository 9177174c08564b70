package ring

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd"
)

// mapping is an entry of /proc/self/smaps; see proc(5).
type mapping struct {
	from, to   uintptr
	perms      string // such as "rw-s"
	name       string
	rss, pages uint64 // what is in the page table, and the size of its pages, in bytes
}

// of reports whether the mapping is of a memfd of that name.
func (m mapping) of(name string) bool {
	return m.name == "/memfd:"+name || strings.HasPrefix(m.name, "/memfd:"+name+" ")
}

// mappings returns what is mapped into this process.
func mappings(t testing.TB) (all []mapping) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if from, to, ok := strings.Cut(fields[0], "-"); ok && !strings.HasSuffix(fields[0], ":") {
			var m mapping
			if _, err := fmt.Sscanf(from+" "+to, "%x %x", &m.from, &m.to); err != nil {
				t.Fatalf("smaps: %q: %v", line, err)
			}
			m.perms, m.name = fields[1], strings.Join(fields[5:], " ")
			all = append(all, m)
			continue
		}
		if len(all) == 0 || len(fields) < 2 {
			continue
		}
		last := &all[len(all)-1]
		kb, _ := strconv.ParseUint(fields[1], 10, 64) // VmFlags are no number
		switch fields[0] {
		case "Rss:", "Shared_Hugetlb:", "Private_Hugetlb:": // each page is in one of the three
			last.rss += kb << 10
		case "KernelPageSize:":
			last.pages = kb << 10
		}
	}
	return all
}

// mappingsOf returns the mappings that cover a segment: header and records, then the records again.
func mappingsOf(t testing.TB, s *Segment) []mapping {
	t.Helper()
	from := address(s.header)
	to := from + uintptr(len(s.header)+len(s.records))
	var list []mapping
	for _, m := range mappings(t) {
		if m.to > from && m.from < to {
			list = append(list, m)
		}
	}
	if len(list) == 0 || list[0].from != from || list[len(list)-1].to != to {
		t.Fatalf("segment at %x-%x is mapped as %+v", from, to, list)
	}
	return list
}

func TestASegmentIsWritableForItsOwnerAndForNobodyElse(t *testing.T) {
	nothingStays(t)
	own, peer := mapped(t, nil)
	for _, c := range []struct {
		name  string
		s     *Segment
		perms string
	}{{"owner", own, "rw-s"}, {"peer", peer, "r--s"}} {
		list := mappingsOf(t, c.s)
		if len(list) != 2 {
			t.Errorf("%s: %d mappings, want 2: %+v", c.name, len(list), list)
		}
		for _, m := range list {
			if m.perms != c.perms || !m.of(segmentName) {
				t.Errorf("%s: %+v, want %s of %s", c.name, m, c.perms, segmentName)
			}
		}
	}
	for name, b := range map[string][]byte{"header": peer.header, "records": peer.records} {
		if err := unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE); err != unix.EACCES {
			t.Errorf("mprotect of the peer's %s: %v, want EACCES", name, err)
		}
	}
}

func TestThePeerCannotMapTheSegmentWritableNorChangeItsSize(t *testing.T) {
	nothingStays(t)
	own, f, err := Create(segmentName, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	defer f.Close()
	if s, err := f.Seals(); err != nil || s&fd.SealsSegment != fd.SealsSegment {
		t.Errorf("seals %v, %v; want %v", s, err, fd.SealsSegment)
	}
	if _, err := unix.Mmap(f.Int(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != unix.EPERM {
		t.Errorf("a writable mapping: %v, want EPERM", err)
	}
	for _, size := range []int64{0, int64(page), 1 << 30} {
		if err := unix.Ftruncate(f.Int(), size); err != unix.EPERM {
			t.Errorf("truncation to %d: %v, want EPERM", size, err)
		}
	}
	if _, err := unix.Pwrite(f.Int(), []byte{1}, 0); err != unix.EPERM {
		t.Errorf("pwrite: %v, want EPERM", err)
	}
	own.records[0] = 1 // while its owner still can
}

func TestBothMappingsShowTheSameBytesToOwnerAndPeer(t *testing.T) {
	nothingStays(t)
	for _, capacity := range []int{page, 4 * page, DefaultCapacity} {
		own, peer := mapped(t, &Options{Capacity: capacity})
		if len(own.records) != 2*capacity || len(peer.records) != 2*capacity {
			t.Fatalf("%d and %d bytes of records, want %d", len(own.records), len(peer.records), 2*capacity)
		}
		// Written through the first mapping in the lower half, through the second in the upper one.
		r := noise[:capacity%(1<<17)]
		if capacity > len(r) {
			r = bytes.Repeat(noise[:1<<16], capacity>>16)
		}
		copy(own.records[:capacity/2], r)
		copy(own.records[capacity+capacity/2:], r[capacity/2:])
		for name, s := range map[string]*Segment{"owner": own, "peer": peer} {
			for i, b := range [][]byte{s.records[:capacity], s.records[capacity:]} {
				if !bytes.Equal(b, r) {
					t.Errorf("capacity %d: the %s's mapping number %d shows other bytes", capacity, name, i+1)
				}
			}
		}
		// The header is outside of both.
		own.records[2*capacity-1] = 0xff
		if i := slices.IndexFunc(peer.header[offFeatures:], func(b byte) bool { return b != 0 }); i >= 0 {
			t.Errorf("capacity %d: byte %d of the header is not zero", capacity, offFeatures+i)
		}
	}
}

// inPageTable returns how many bytes of a segment this process can touch without a page fault.
func inPageTable(t testing.TB, s *Segment) (n uint64) {
	t.Helper()
	for _, m := range mappingsOf(t, s) {
		n += m.rss
	}
	return n
}

func TestPrefaultTouchesEveryPageOfBothMappings(t *testing.T) {
	nothingStays(t)
	const capacity = 1 << 20
	whole := uint64(pageHeader() + 2*capacity)
	for _, prefault := range []bool{false, true} {
		own, f, err := Create(segmentName, &Options{Capacity: capacity, Prefault: prefault})
		if err != nil {
			t.Fatal(err)
		}
		if n := inPageTable(t, own); prefault && n != whole || !prefault && n > whole/2 {
			t.Errorf("prefault %v: %d of %d bytes are there when it is made", prefault, n, whole)
		}
		for _, seen := range []bool{false, true} {
			peer, err := Open(f, 0, seen)
			if err != nil {
				t.Fatal(err)
			}
			if n := inPageTable(t, peer); seen && n != whole || !seen && n > whole/2 {
				t.Errorf("prefault %v: %d of %d bytes are there when the peer opens it, prefault %v", prefault, n, whole, seen)
			}
			if err := peer.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := errors.Join(own.Close(), f.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestCloseUnmapsAllThatWasMapped(t *testing.T) {
	nothingStays(t)
	for _, o := range []*Options{nil, {HeaderOnly: true}, {Capacity: page, Prefault: true}, {Capacity: 1 << 24}} {
		own, f, err := Create(segmentName, o)
		if err != nil {
			t.Fatal(err)
		}
		peer, err := Open(f, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		for name, s := range map[string]*Segment{"own": own, "peer's": peer} {
			from := address(s.header)
			to := from + uintptr(len(s.header)+len(s.records))
			if err := s.Close(); err != nil {
				t.Errorf("%+v, %s: %v", o, name, err)
			}
			for _, m := range mappings(t) {
				if m.from < to && m.to > from && m.of(segmentName) {
					t.Errorf("%+v, %s: still mapped: %+v", o, name, m)
				}
			}
		}
	}
}

// leavesNoAddressesTaken fails the test if calls of f leave so many bytes of addresses reserved, each: mappings that
// have no memory. The runtime reserves some too, now and then, but not every time.
func leavesNoAddressesTaken(t *testing.T, limit uintptr, f func()) {
	t.Helper()
	reserved := func() (n uintptr) {
		for _, m := range mappings(t) {
			if m.name == "" && m.perms == "---p" {
				n += m.to - m.from
			}
		}
		return n
	}
	const times = 50
	var before, after uintptr
	for range 3 {
		before = reserved()
		for range times {
			f()
		}
		if after = reserved(); after < before+times*limit {
			return
		}
	}
	t.Errorf("%d KiB of addresses reserved, %d KiB before %d calls", after>>10, before>>10, times)
}

// Besides its mappings a segment takes a page of addresses, for alignment, which has no name to be found by.
func TestSegmentsMadeAndClosedLeaveNoAddressesTaken(t *testing.T) {
	nothingStays(t)
	leavesNoAddressesTaken(t, uintptr(page), func() {
		own, f, err := Create(segmentName, &Options{Capacity: 1 << 24})
		if err != nil {
			t.Fatal(err)
		}
		peer, err := Open(f, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(f, page, false); !errors.Is(err, ErrCapacity) {
			t.Fatalf("%v, want ErrCapacity", err)
		}
		if err := errors.Join(own.Close(), peer.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestASegmentOutlivesItsDescriptors(t *testing.T) {
	own, peer := mapped(t, nil) // which closes the descriptor
	own.records[5] = 42
	if peer.records[5] != 42 {
		t.Error("the peer does not see what was written")
	}
	if err := own.Close(); err != nil {
		t.Fatal(err)
	}
	if peer.records[5] != 42 {
		t.Error("what the owner wrote is gone with its mapping")
	}
}

func TestWhatFailsToBeCreatedLeavesNothing(t *testing.T) {
	nothingStays(t)
	if _, _, err := Create(strings.Repeat("n", 250), nil); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a name of 250 bytes: %v, want EINVAL", err)
	}
}
