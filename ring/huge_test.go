package ring

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd"
)

const poolFile = "/proc/sys/vm/nr_hugepages"

// readNumber reads a file that begins with a number.
func readNumber(t testing.TB, file string) int {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("this kernel has no huge pages: %v", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// freeHugePages returns how many pages of 2 MiB are free in the pool, and skips the test where another size is the
// default one.
func freeHugePages(t testing.TB) int {
	t.Helper()
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	field := func(name string) (n int) {
		_, rest, ok := strings.Cut(string(b), "\n"+name+":")
		if !ok {
			t.Skipf("this kernel has no huge pages: no %s in /proc/meminfo", name)
		}
		if _, err := fmt.Sscan(rest, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if kb := field("Hugepagesize"); kb<<10 != hugePageSize {
		t.Skipf("huge pages have %d KiB here", kb)
	}
	return field("HugePages_Free") - field("HugePages_Rsvd")
}

// needHugePages sees to it that so many huge pages are free, or skips the test. It makes a pool only where there is
// none, and takes it away at the end of the test.
func needHugePages(t testing.TB, n int) {
	t.Helper()
	if free := freeHugePages(t); free >= n {
		return
	} else if pool := readNumber(t, poolFile); pool > 0 {
		t.Skipf("%d huge pages are needed, %d of %d are free", n, free, pool)
	}
	if os.Geteuid() != 0 {
		t.Skipf("%d huge pages are needed and there is no pool: as root, sysctl vm.nr_hugepages=%d", n, n)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(poolFile, []byte("0"), 0); err != nil {
			t.Errorf("the pool of huge pages stays as large as it is: %v", err)
		}
	})
	if err := os.WriteFile(poolFile, []byte(strconv.Itoa(n)), 0); err != nil {
		t.Skipf("cannot make a pool of %d huge pages: %v", n, err)
	}
	if free := freeHugePages(t); free < n {
		t.Skipf("memory for %d of %d huge pages only", free, n)
	}
}

func TestASegmentOfHugePagesIsOneLikeAnyOther(t *testing.T) {
	nothingStays(t)
	needHugePages(t, 2)
	a, aSeen := mapped(t, &Options{HugePages: true, Prefault: true})
	for name, s := range map[string]*Segment{"owner": a, "peer": aSeen} {
		if len(s.header) != hugePageSize || s.Capacity() != hugePageSize || address(s.header)%hugePageSize != 0 {
			t.Errorf("%s: header of %d bytes at %x, capacity %d", name, len(s.header), address(s.header), s.Capacity())
		}
		for _, m := range mappingsOf(t, s) {
			if m.pages != hugePageSize || m.rss != uint64(m.to-m.from) && name == "owner" {
				t.Errorf("%s: pages of %d bytes, %d in the page table: %+v", name, m.pages, m.rss, m)
			}
		}
	}
	b, bSeen := mapped(t, &Options{HeaderOnly: true})
	e := join(a, b, aSeen, bSeen)
	for seq := range uint64(5) {
		const n = hugePageSize/2 + 1000 // the second one spans the wrap
		p, err := e.p.Reserve(n)
		if err != nil {
			t.Fatal(err)
		}
		copy(p[n-1000:], payload(seq, 1004))
		e.p.Commit(n)
		e.p.Publish()
		got, err := e.c.Next()
		if err != nil || string(got[n-1000:]) != string(payload(seq, 1004)) {
			t.Fatalf("record %d: %d bytes, %v", seq, len(got), err)
		}
		e.c.Release()
	}
	for _, s := range []*Segment{a, aSeen} {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if free := freeHugePages(t); free < 2 {
		t.Errorf("%d huge pages are free after Close", free)
	}
}

func TestAPeersHugePagesAreCheckedLikeAnyOther(t *testing.T) {
	nothingStays(t)
	needHugePages(t, 2)
	for _, c := range badHeaders {
		f, err := fd.Memfd(segmentName, 2*hugePageSize, &fd.MemfdOptions{Huge: true})
		if err != nil {
			t.Fatal(err)
		}
		b, err := unix.Mmap(f.Int(), 0, 2*hugePageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		writeHeader(b, hugePageSize, hugePageSize)
		if c.name != "the header of huge pages" { // which here is right
			c.lie(b)
		} else {
			put64(offCapacity, saidCapacity)(b)
		}
		if err := errors.Join(f.AddSeals(fd.SealsSegment), unix.Munmap(b)); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(f, 0, false); s != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		f.Close()
	}
}

// needNoHugePages skips the test where there are huge pages to be had.
func needNoHugePages(t testing.TB) {
	t.Helper()
	const overcommitFile = "/proc/sys/vm/nr_overcommit_hugepages"
	if free, more := freeHugePages(t), readNumber(t, overcommitFile); free > 0 || more > 0 {
		t.Skipf("%d huge pages are free, and %d may be made when needed", free, more)
	}
}

func TestAnEmptyPoolOfHugePagesIsToldAsSuch(t *testing.T) {
	nothingStays(t)
	needNoHugePages(t)
	leavesNoAddressesTaken(t, hugePageSize, func() {
		s, f, err := Create(segmentName, &Options{HugePages: true})
		if s != nil || f != nil || !errors.Is(err, unix.ENOMEM) || !strings.Contains(err.Error(), "vm.nr_hugepages") {
			t.Fatalf("%v; want ENOMEM and a word about vm.nr_hugepages", err)
		}
	})
	// A peer cannot promise what the pool does not have either.
	f, err := fd.Memfd(segmentName, 2*hugePageSize, &fd.MemfdOptions{Huge: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.AddSeals(fd.SealsSegment); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(f, 0, false); s != nil || !errors.Is(err, unix.ENOMEM) {
		t.Errorf("%v, want ENOMEM", err)
	}
}

// Mapping at fixed addresses may fail after it has unmapped what was there. What another thread maps into that hole must
// not be unmapped with the rest.
func TestSegmentsThatCannotBeMappedLeaveOthersMemoryAlone(t *testing.T) { failures(t, 2000) }

func TestFailedMappingsStorm(t *testing.T) {
	if !soak() {
		t.Skip("long: set CORECHAN_SOAK=1")
	}
	failures(t, 1e6)
}

func failures(t *testing.T, times int) {
	nothingStays(t)
	needNoHugePages(t)
	var stop atomic.Bool
	other := make(chan error)
	go func() {
		var err error
		for err == nil && !stop.Load() {
			err = useMemory(2 * hugePageSize)
		}
		other <- err
	}()
	for range times {
		if _, _, err := Create(segmentName, &Options{HugePages: true}); !errors.Is(err, unix.ENOMEM) {
			t.Errorf("%v, want ENOMEM", err)
			break
		}
	}
	stop.Store(true)
	if err := <-other; err != nil {
		t.Errorf("meanwhile: %v", err)
	}
}

// useMemory maps so many bytes, looks whether they stay mapped for a while, and unmaps them.
func useMemory(n int) error {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return err
	}
	for range 5 {
		if err := unix.Madvise(b, unix.MADV_NORMAL); err != nil {
			return fmt.Errorf("memory that was mapped is so no more: %w", err) // ENOMEM
		}
	}
	return unix.Munmap(b)
}

func TestMemoryOfGigabytePagesIsRefused(t *testing.T) {
	nothingStays(t)
	n, err := unix.MemfdCreate(segmentName, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_HUGETLB|unix.MFD_HUGE_1GB)
	if err != nil {
		t.Skipf("no pages of 1 GiB here: %v", err)
	}
	f := fd.New(n)
	defer f.Close()
	if err := errors.Join(unix.Ftruncate(n, 1<<30), f.AddSeals(fd.SealsSegment)); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(f, 0, false); s != nil || !errors.Is(err, ErrHeader) {
		t.Errorf("%v, want ErrHeader", err)
	}
}
