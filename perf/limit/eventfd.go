package limit

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/measure"
)

// eventfd is one half of the blocking ping-pong: the payload goes through memory as in the polling one, the turn goes by
// eventfd. The kernel orders what was written before a write(2) before what is read after the read(2) it ends.
type eventfd struct {
	spot         spot
	mine, theirs int // descriptors: the one this half sleeps on, and the one that wakes the peer
	side         measure.Side
	clock        measure.Clock
	stop         measure.Stop
	src, dst     []byte
	word         [8]byte
}

// NewEventfd makes one half of a blocking ping-pong with a payload of size bytes over mem, of PingBytes(size) bytes,
// which both halves share. The far half sleeps on bells[0], the near one on bells[1]: blocking eventfds, which stay the
// caller's.
func NewEventfd(mem []byte, bells [2]int, size int, side measure.Side, clock measure.Clock) (measure.Half, error) {
	all, err := spots(mem, size, side)
	if err != nil {
		return nil, err
	}
	e := &eventfd{spot: all[0], side: side, clock: clock, src: make([]byte, size), dst: make([]byte, size)}
	if side == measure.Near {
		e.mine, e.theirs = bells[1], bells[0]
	} else {
		e.mine, e.theirs = bells[0], bells[1]
	}
	return e, nil
}

func (e *eventfd) Run(s *measure.Slice) error {
	if e.side == measure.Far {
		return e.answer(s.Warm + s.Count + 1)
	}
	seq := uint64(1)
	measure.Fill(e.spot.out, e.src, seq)
	if err := ring(e.theirs); err != nil {
		return err
	}
	last := e.clock.Now()
	for i := range s.Warm + s.Count {
		if i == s.Warm {
			s.Begin = last
		}
		if err := e.sleep(); err != nil {
			return err
		}
		measure.Drain(e.dst, e.spot.in)
		if s.Pause != 0 {
			last += e.clock.Think(s.Pause)
		}
		seq++
		measure.Fill(e.spot.out, e.src, seq)
		if err := ring(e.theirs); err != nil {
			return err
		}
		now := e.clock.Now() // as the polling ping-pong does, while the peer wakes
		if i >= s.Warm {
			s.Samples[i-s.Warm] = now - last
		}
		last = now
	}
	s.End = last
	return e.sleep()
}

func (e *eventfd) answer(n int) error {
	for seq := range uint64(n) {
		if err := e.sleep(); err != nil {
			return err
		}
		measure.Drain(e.dst, e.spot.in)
		measure.Fill(e.spot.out, e.src, seq+1)
		if err := ring(e.theirs); err != nil {
			return err
		}
	}
	return nil
}

func (e *eventfd) sleep() error {
	if err := transfer(unix.SYS_READ, e.mine, &e.word); err != nil {
		return err
	}
	if e.stop.IsSet() {
		return measure.ErrStopped
	}
	return nil
}

func ring(fd int) error {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	return transfer(unix.SYS_WRITE, fd, &one)
}

// transfer reads or writes an eventfd's eight bytes, in spite of signals.
func transfer(call uintptr, fd int, word *[8]byte) error {
	for {
		switch errno := transferOnce(call, fd, word); errno {
		case 0:
			return nil
		case syscall.EINTR:
		default:
			return fmt.Errorf("eventfd: %w", errno)
		}
	}
}

// Stop wakes this half, should it sleep.
func (e *eventfd) Stop() {
	e.stop.Set()
	_ = ring(e.mine)
}

func (e *eventfd) Close() error { return nil }
