package ring

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/internal/atomics"
)

// Create makes a segment in a memfd, maps it writable, and seals it against any other writer, truncation and growth
// (memfd_create(2), fcntl(2): F_SEAL_FUTURE_WRITE). The descriptor is for the peer and the caller's to close; the segment
// stays mapped without it. name shows up in /proc/PID/maps only.
func Create(name string, o *Options) (*Segment, *fd.FD, error) {
	capacity, err := o.capacity()
	if err != nil {
		return nil, nil, err
	}
	var huge, prefault bool
	if o != nil {
		huge, prefault = o.HugePages, o.Prefault
	}
	headerSize := pageHeader()
	if huge {
		headerSize = hugePageSize
	}
	f, err := fd.Memfd(name, int64(headerSize)+int64(capacity), &fd.MemfdOptions{Huge: huge})
	if err != nil {
		return nil, nil, fmt.Errorf("ring: create segment: %w", err)
	}
	s, err := mapSegment(f, headerSize, capacity, true, prefault)
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	writeHeader(s.header, headerSize, capacity)
	if err := f.AddSeals(fd.SealsSegment); err != nil {
		_ = s.Close()
		_ = f.Close()
		return nil, nil, fmt.Errorf("ring: seal segment: %w", err)
	}
	return s, f, nil
}

// NewPrivate returns a segment for both ends of one queue in this process, NewProducer(s, s) and NewConsumer(s, s) or an
// Inlet or Outlet: memory of its own that costs nothing before it is used, and that Trim gives back. The caller closes it. Of the
// options only Capacity matters. Under the race detector it is ordinary memory, for the detector to see.
func NewPrivate(o *Options) (*Segment, error) {
	capacity, err := o.capacity()
	if err != nil {
		return nil, err
	}
	header := alignedBytes(usedHeader)
	writeHeader(header, usedHeader, capacity)
	if atomics.Race || capacity == 0 {
		return newSegment(header, alignedBytes(int(2*capacity)), capacity, true), nil
	}
	b, err := unix.Mmap(-1, 0, int(2*capacity), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("ring: map %d bytes (ulimit -v and vm.max_map_count limit it): %w", 2*capacity, os.NewSyscallError("mmap", err))
	}
	_ = unix.Madvise(b, unix.MADV_NOHUGEPAGE) // a huge page is much for what a quiet queue needs; kernels without them refuse
	s := newSegment(header, b, capacity, true)
	s.unmap = func() error { return os.NewSyscallError("munmap", unix.Munmap(b)) }
	s.trim = func() { _ = unix.Madvise(b, unix.MADV_DONTNEED) }
	return s, nil
}

// Open maps a peer's segment read-only, after checking that its seals keep the peer from truncating it, and its size and
// header. The descriptor stays the caller's and is not needed any more. maxCapacity bounds what a peer may make this process
// map, in bytes; 0 means MaxCapacity. prefault touches every page.
func Open(f *fd.FD, maxCapacity int, prefault bool) (*Segment, error) {
	size, err := fd.CheckSegment(f, int64(pageHeader()))
	if err != nil {
		return nil, fmt.Errorf("ring: peer's segment: %w", err)
	}
	capacity, headerSize, err := peekHeader(f)
	if err != nil {
		return nil, err
	}
	if maxCapacity == 0 {
		maxCapacity = MaxCapacity
	}
	if capacity > uint64(maxCapacity) {
		return nil, fmt.Errorf("ring: peer's capacity %d exceeds the limit of %d: %w", capacity, maxCapacity, ErrCapacity)
	}
	if int64(headerSize)+int64(capacity) != size {
		return nil, fmt.Errorf("ring: peer's header says %d+%d bytes, its memory has %d: %w", headerSize, capacity, size,
			ErrHeader)
	}
	return mapSegment(f, headerSize, capacity, false, prefault)
}

// peekHeader reads the constant header of a peer's segment, through a mapping of its first page: read(2) does not work
// on huge pages everywhere.
func peekHeader(f *fd.FD) (capacity uint64, headerSize int, err error) {
	n, err := firstPage(f)
	if err != nil {
		return 0, 0, err
	}
	b, err := unix.Mmap(f.Int(), 0, n, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 0, 0, fmt.Errorf("ring: map peer's header: %w", os.NewSyscallError("mmap", err))
	}
	defer func() { _ = unix.Munmap(b) }()
	return readHeader(b)
}

// firstPage returns how much of a peer's memory has to be mapped to see the header: memory made of huge pages can be
// mapped and unmapped by whole ones only.
func firstPage(f *fd.FD) (int, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(f.Int(), &st); err != nil {
		return 0, os.NewSyscallError("fstatfs", err)
	}
	if int64(st.Type) != unix.HUGETLBFS_MAGIC {
		return pageHeader(), nil
	}
	if int64(st.Bsize) != hugePageSize {
		return 0, fmt.Errorf("ring: peer's memory has pages of %d bytes, not %d: %w", st.Bsize, hugePageSize, ErrHeader)
	}
	return hugePageSize, nil
}

// mapSegment maps header and records, the records twice, into one reserved range of addresses, so that the second
// mapping of the records begins where the first one ends.
func mapSegment(f *fd.FD, headerSize int, capacity uint64, own, prefault bool) (*Segment, error) {
	pageSize := uintptr(pageHeader())
	if headerSize == hugePageSize {
		pageSize = hugePageSize
	}
	once := uintptr(headerSize) + uintptr(capacity)
	length := once + uintptr(capacity)
	reserved := length + pageSize // for alignment
	base, err := unix.MmapPtr(-1, 0, nil, reserved, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("ring: reserve %d bytes of address space (ulimit -v limits it): %w", reserved,
			os.NewSyscallError("mmap", err))
	}
	start := unsafe.Add(base, int(-uintptr(base)&(pageSize-1)))
	prot, flags := unix.PROT_READ, unix.MAP_SHARED|unix.MAP_FIXED
	if own {
		prot |= unix.PROT_WRITE
	}
	if prefault {
		flags |= unix.MAP_POPULATE
	}
	parts := []struct{ at, off, n uintptr }{
		{0, 0, once},
		{once, uintptr(headerSize), uintptr(capacity)},
	}
	for _, m := range parts {
		if m.n == 0 {
			continue
		}
		at := unsafe.Add(start, m.at)
		if _, err := unix.MmapPtr(f.Int(), int64(m.off), at, m.n, prot, flags); err != nil {
			// What fails at fixed addresses may have unmapped them first, as it does for want of huge pages, and another
			// thread may have mapped something of its own into that hole by now. So unmap around it; if the kernel left
			// the reservation in place, these addresses, and no memory, stay taken.
			_ = unix.MunmapPtr(base, uintptr(at)-uintptr(base))
			after := unsafe.Add(at, m.n)
			_ = unix.MunmapPtr(after, uintptr(base)+reserved-uintptr(after))
			if err == unix.ENOMEM && headerSize == hugePageSize {
				return nil, fmt.Errorf("ring: map %d bytes of huge pages (raise vm.nr_hugepages, or do without HugePages): %w",
					m.n, os.NewSyscallError("mmap", err))
			}
			return nil, fmt.Errorf("ring: map segment: %w", os.NewSyscallError("mmap", err))
		}
	}
	all := unsafe.Slice((*byte)(start), length)
	s := newSegment(all[:headerSize:headerSize], all[headerSize:], capacity, own)
	s.unmap = func() error { return os.NewSyscallError("munmap", unix.MunmapPtr(base, reserved)) }
	return s, nil
}
