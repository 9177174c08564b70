package perf

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/measure"
)

// shared is what two processes' bare exchanges go through: memory, eventfds and, where descriptors are passed, a socketpair.
// Each process has one and closes it after its hot thread has ended.
type shared struct {
	memory *os.File
	bells  [2]*os.File // the far side's, the near side's
	socks  [2]*os.File // the near side's, the far side's; a process that inherits has only its own
	mem    []byte
	each   int // bytes of a ground
}

// newShared makes and maps room for that many grounds of so many bytes.
func newShared(k kind, grounds, bytes int) (*shared, error) {
	fd, err := unix.MemfdCreate("corechan-perf", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	s := &shared{memory: os.NewFile(uintptr(fd), "corechan-perf")}
	for i := range s.bells {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("eventfd: %w", err), s.close())
		}
		s.bells[i] = os.NewFile(uintptr(fd), "eventfd")
	}
	if k == passing {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("socketpair: %w", err), s.close())
		}
		for i, n := range pair {
			s.socks[i] = os.NewFile(uintptr(n), "socket")
		}
	}
	if err := unix.Ftruncate(fd, int64(grounds*pages(bytes))); err != nil {
		return nil, errors.Join(fmt.Errorf("shared memory of %d bytes: %w", grounds*bytes, err), s.close())
	}
	if err := s.mapGrounds(grounds, bytes); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// inheritShared maps what the first process made.
func inheritShared(k kind, grounds, bytes int) (*shared, error) {
	s := &shared{
		memory: os.NewFile(fdMemory, "corechan-perf"),
		bells:  [2]*os.File{os.NewFile(fdFarBell, "eventfd"), os.NewFile(fdNearBell, "eventfd")},
	}
	if k == passing {
		s.socks[1] = os.NewFile(fdSocket, "socket")
	}
	return s, s.mapGrounds(grounds, bytes)
}

// mapGrounds maps all of it, and touches it, so that no page fault falls into a slice.
func (s *shared) mapGrounds(grounds, bytes int) (err error) {
	s.each = pages(bytes)
	s.mem, err = unix.Mmap(int(s.memory.Fd()), 0, grounds*s.each, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("map %d bytes of shared memory: %w", grounds*s.each, err)
	}
	return nil
}

// give hands the areas to the limit and, if there are two, to the bare system.
func (s *shared) give(e *env, side measure.Side) {
	bells := [2]int{int(s.bells[0].Fd()), int(s.bells[1].Fd())}
	e.limit = ground{mem: s.mem[:s.each], bells: bells}
	if len(s.mem) > s.each {
		e.bare = ground{mem: s.mem[s.each:], bells: bells}
	}
	if sock := s.socks[indexOf(side)]; sock != nil {
		e.sock = int(sock.Fd())
	}
}

func indexOf(side measure.Side) int {
	if side == measure.Near {
		return 0
	}
	return 1
}

func (s *shared) close() error {
	var errs []error
	if s.mem != nil {
		errs = append(errs, unix.Munmap(s.mem))
		s.mem = nil
	}
	for _, f := range []*os.File{s.memory, s.bells[0], s.bells[1], s.socks[0], s.socks[1]} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

func pages(bytes int) int {
	page := os.Getpagesize()
	return (bytes + page - 1) / page * page
}

// privateGround makes a ground for two threads of one process.
func privateGround(k kind, c *Config) (g ground, err error) {
	if !c.limitBlocks() {
		g.mem = make([]byte, groundBytes(k, c))
		clear(g.mem)
		return g, nil
	}
	capacity := 0
	if !k.trips() {
		capacity = c.Ring
	}
	g.channels, err = limit.NewChannels(c.Size, capacity)
	return g, err
}
