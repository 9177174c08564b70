package netpoll

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// epoll is the descriptors of a loop and the buffer for events. The loop's thread calls look and wait; the rest is
// safe from any goroutine while the descriptors are open.
type epoll struct {
	fd     int
	bell   int // eventfd that wakes the loop; registered under bellGen, edge-triggered, never read
	events []unix.EpollEvent

	timeout unix.Timespec // argument of a call in progress; here so that it does not move
	coarse  bool          // the kernel has no epoll_pwait2(2)
	parking *parking      // of a loop without a thread
}

// bellGen is the generation under which the loop's own eventfd is registered; no registration has it.
const bellGen = 0

// open makes both descriptors, close-on-exec. On error nothing is left open.
func (e *epoll) open(maxEvents int) error {
	var err error
	if e.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return opError("epoll_create", -1, err)
	}
	if e.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(e.fd)
		return opError("eventfd", -1, err)
	}
	if err = e.control(unix.EPOLL_CTL_ADD, e.bell, bellGen, In|Edge); err != nil {
		e.close()
		return opError("register", e.bell, err)
	}
	e.events = make([]unix.EpollEvent, maxEvents)
	return nil
}

func (e *epoll) close() {
	unix.Close(e.bell)
	if e.parking != nil {
		e.parking.close() // fd too
		return
	}
	unix.Close(e.fd)
}

// control calls epoll_ctl(2). The event's 64 bits of data are the descriptor and the generation, so that an event says
// which registration of that number it belongs to.
func (e *epoll) control(op, fd int, gen int32, ev Events) error {
	event := unix.EpollEvent{Events: uint32(ev), Fd: int32(fd), Pad: gen}
	return unix.EpollCtl(e.fd, op, fd, &event)
}

// look returns how many events there are now, without sleeping.
func (e *epoll) look() (int, error) {
	n, errno := epollLook(e.fd, e.events)
	return settle(n, errno)
}

// wait sleeps until there is an event or d has passed; math.MaxInt64 is for ever. A signal ends it early with no
// events: the caller has to come back anyway, and computes the timeout anew.
func (e *epoll) wait(d time.Duration) (int, error) {
	if d <= 0 {
		return e.look()
	}
	if e.parking != nil {
		return e.park(d)
	}
	if !e.coarse {
		var ts *unix.Timespec
		if d != math.MaxInt64 {
			e.timeout = unix.NsecToTimespec(int64(d))
			ts = &e.timeout
		}
		n, errno := epollWaitNano(e.fd, e.events, ts)
		if errno != unix.ENOSYS && errno != unix.EPERM { // EPERM is how some seccomp filters say ENOSYS
			return settle(n, errno)
		}
		e.coarse = true
	}
	n, errno := epollWaitMilli(e.fd, e.events, milliseconds(d))
	return settle(n, errno)
}

// milliseconds rounds up, so that a timer is never early, and fits an int32. -1 is for ever.
func milliseconds(d time.Duration) int {
	if d == math.MaxInt64 {
		return -1
	}
	ms := int64(d) / 1e6
	if int64(d)%1e6 != 0 {
		ms++
	}
	return int(min(ms, math.MaxInt32))
}

func settle(n int, errno unix.Errno) (int, error) {
	switch errno {
	case 0:
		return n, nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, opError("epoll_wait", -1, errno)
}
