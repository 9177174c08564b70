package netpoll

import (
	"math"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A parking is how a loop without a thread sleeps: its epoll set has a place in that of the Go runtime, whose poller wakes the loop's
// goroutine, as it does those that wait for a net.Conn.
//
//	descriptors, eventfd, timerfd ──> the loop's epoll set ──> the runtime's epoll set ──> the loop's goroutine
//
// The thread that wakes up is then the one that goes on with the goroutines that the loop wakes; and no thread takes a processor of the
// scheduler along into a system call that sleeps.
type parking struct {
	file  *os.File // owns the epoll set's descriptor
	conn  syscall.RawConn
	timer int // timerfd, as the runtime's own timers may be a millisecond late; edge-triggered, never read
	armed time.Time

	look  func(uintptr) bool // made once
	n     int
	errno unix.Errno
}

// unlock has the epoll set waited for by the runtime's poller.
func (e *epoll) unlock() error {
	if err := unix.SetNonblock(e.fd, true); err != nil { // or the runtime's poller does not take it
		return opError("set non-blocking", e.fd, err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return opError("timerfd_create", -1, err)
	}
	if err := e.control(unix.EPOLL_CTL_ADD, timer, bellGen, In|Edge); err != nil {
		unix.Close(timer)
		return opError("register", timer, err)
	}
	p := &parking{file: os.NewFile(uintptr(e.fd), "epoll"), timer: timer}
	p.look = func(uintptr) bool {
		p.n, p.errno = epollLook(e.fd, e.events)
		return p.n != 0 || p.errno != 0
	}
	e.parking = p // from here on close closes all
	if p.conn, err = p.file.SyscallConn(); err != nil {
		return opError("poll", e.fd, err)
	}
	return nil
}

// park is wait.
func (e *epoll) park(d time.Duration) (int, error) {
	p := e.parking
	if d != math.MaxInt64 {
		if err := p.arm(d); err != nil {
			return 0, err
		}
	}
	if err := p.conn.Read(p.look); err != nil {
		return 0, opError("wait", e.fd, err)
	}
	n, err := settle(p.n, p.errno)
	for i := range e.events[:n] {
		if int(e.events[i].Fd) == p.timer {
			p.armed = time.Time{}
		}
	}
	return n, err
}

// arm sets the timer, unless it is set for the same time, or one just before.
func (p *parking) arm(d time.Duration) error {
	at := time.Now().Add(d)
	if early := at.Sub(p.armed); early >= 0 && early < time.Microsecond {
		return nil
	}
	p.armed = at
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	return opError("timerfd_settime", p.timer, unix.TimerfdSettime(p.timer, 0, &spec, nil))
}

func (p *parking) close() {
	unix.Close(p.timer)
	_ = p.file.Close()
}
