package perf

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/measure"
)

// ground is what the two halves of a bare exchange through memory share: memory and eventfds between processes; within one,
// memory or Go channels.
type ground struct {
	mem      []byte
	bells    [2]int
	channels *limit.Channels
}

// groundBytes is how much memory a ground has.
func groundBytes(k kind, c *Config) int {
	if k.trips() {
		return limit.PingBytes(c.Size)
	}
	return limit.StreamBytes(c.Ring)
}

// shared is what two processes' bare exchanges go through: memory, eventfds, and the connections of those contestants that go
// over one. Each process has one and closes it after its hot threads have ended.
type shared struct {
	memory    *os.File
	bells     [2]*os.File // the far side's, the near side's
	near, far []*os.File  // ends of the connections; a process that inherits has only its own
	mem       []byte
	each      int // bytes of a ground
}

// newShared makes and maps what these contestants need.
func newShared(all []contestant) (*shared, error) {
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
	for _, c := range all {
		if c.network == "" {
			continue
		}
		near, far, err := limit.Pair(c.network)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.near, s.far = append(s.near, near), append(s.far, far)
	}
	grounds, bytes := groundsOf(all)
	if err := unix.Ftruncate(fd, int64(grounds*pages(bytes))); err != nil {
		return nil, errors.Join(fmt.Errorf("shared memory of %d bytes: %w", grounds*bytes, err), s.close())
	}
	if err := s.mapGrounds(grounds, bytes); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// inheritShared maps what the first process made for these contestants.
func inheritShared(all []contestant) (*shared, error) {
	s := &shared{
		memory: os.NewFile(fdMemory, "corechan-perf"),
		bells:  [2]*os.File{os.NewFile(fdFarBell, "eventfd"), os.NewFile(fdNearBell, "eventfd")},
	}
	for _, c := range all {
		if c.network != "" {
			s.far = append(s.far, os.NewFile(uintptr(fdSocket+len(s.far)), "socket"))
		}
	}
	return s, s.mapGrounds(groundsOf(all))
}

// groundsOf says how many areas of memory these contestants need, and how large each is.
func groundsOf(all []contestant) (grounds, bytes int) {
	for _, c := range all {
		if c.memory {
			grounds++
			bytes = max(bytes, groundBytes(c.env.kind, &c.env.config))
		}
	}
	return grounds, bytes
}

// mapGrounds maps all of it, and touches it, so that no page fault falls into a slice.
func (s *shared) mapGrounds(grounds, bytes int) (err error) {
	if grounds == 0 {
		return nil
	}
	s.each = pages(bytes)
	s.mem, err = unix.Mmap(int(s.memory.Fd()), 0, grounds*s.each, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("map %d bytes of shared memory: %w", grounds*s.each, err)
	}
	return nil
}

// give hands each contestant its area and its end of a connection.
func (s *shared) give(all []contestant, side measure.Side) {
	bells := [2]int{int(s.bells[0].Fd()), int(s.bells[1].Fd())}
	mem, ends := s.mem, s.near
	if side == measure.Far {
		ends = s.far
	}
	for _, c := range all {
		if c.memory {
			c.env.ground = ground{mem: mem[:s.each], bells: bells}
			mem = mem[s.each:]
		}
		if c.network != "" {
			c.env.sock = int(ends[0].Fd())
			ends = ends[1:]
		}
	}
}

// given closes what the second process has inherited and the first does not use, so that the end of the second is the end of its
// connections.
func (s *shared) given() {
	for _, f := range s.far {
		_ = f.Close() // nothing was written to it
	}
	s.far = nil
}

func (s *shared) close() error {
	var errs []error
	if s.mem != nil {
		errs = append(errs, unix.Munmap(s.mem))
		s.mem = nil
	}
	for _, f := range slices.Concat([]*os.File{s.memory, s.bells[0], s.bells[1]}, s.near, s.far) {
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
