package netpoll

import (
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Parker wakes goroutines that wait for input, each for that of a descriptor of its own, as package net does for its connections: by
// the Go runtime's poller. Where many wait, that is what costs least: the thread that wakes up is the one that goes on with the
// goroutines, and all descriptors that have become readable meanwhile are reported at once. Who waits alone is woken faster by a system
// call that blocks; what is to be done on a thread of its own is for a [Loop].
//
// It is an epoll set, edge-triggered, in which the runtime's own has one place:
//
//	descriptors ── Watch ──> the Parker's epoll set ──> the runtime's epoll set ──> its goroutine ──> Waker.Wake
//
// Its methods may be called from any goroutine. It holds one descriptor and one goroutine until Close.
type Parker struct {
	ep     int
	file   *os.File // owns ep
	done   chan struct{}
	events [128]unix.EpollEvent // of its goroutine

	mu         sync.Mutex
	table      []*Watch // by descriptor
	generation int32
	closed     bool
}

// A Waker is told that a descriptor may have become readable. Wake is called by the Parker's goroutine, and must neither block nor use the
// Parker.
type Waker interface{ Wake() }

// A Watch is a descriptor that a Parker knows. Close it before the descriptor.
type Watch struct {
	parker     *Parker
	waker      Waker
	fd         int
	generation int32
	armed      bool // under Parker.mu
	closed     bool
}

// NewParker makes a Parker. It fails with an [*OpError] if there is no descriptor left.
func NewParker() (*Parker, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, opError("epoll_create", -1, err)
	}
	if err := unix.SetNonblock(ep, true); err != nil { // else the runtime's poller would not have it
		unix.Close(ep)
		return nil, opError("set non-blocking", ep, err)
	}
	p := &Parker{ep: ep, file: os.NewFile(uintptr(ep), "epoll"), done: make(chan struct{})}
	conn, err := p.file.SyscallConn()
	if err != nil {
		_ = p.file.Close()
		return nil, opError("poll", ep, err)
	}
	go p.run(conn)
	return p, nil
}

// run wakes whom it concerns until the Parker is closed.
func (p *Parker) run(conn syscall.RawConn) {
	defer close(p.done)
	_ = conn.Read(func(uintptr) (done bool) { // ends with the file
		for {
			n, errno := epollLook(p.ep, p.events[:])
			if errno != 0 && errno != unix.EINTR {
				return true // not on Linux
			}
			p.wake(n)
			if errno == 0 && n < len(p.events) {
				return false // edges that come from now on have the runtime call again
			}
		}
	})
}

// wake tells those whom n events are for.
func (p *Parker) wake(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.events[:max(n, 0)] {
		e := &p.events[i]
		if int(e.Fd) >= len(p.table) {
			continue
		}
		if w := p.table[e.Fd]; w != nil && w.generation == e.Pad {
			w.waker.Wake()
		}
	}
}

// Watch notes a descriptor, for which w is to be called. It is not armed yet. fd stays the caller's.
//
// It fails with an [*OpError] whose cause is an errno of epoll_ctl(2), or [os.ErrClosed].
func (p *Parker) Watch(fd int, w Waker) (*Watch, error) {
	const op = "watch"
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, opError(op, fd, os.ErrClosed)
	}
	if fd < 0 {
		return nil, opError(op, fd, unix.EBADF)
	}
	p.generation++
	watch := &Watch{parker: p, waker: w, fd: fd, generation: p.generation}
	if err := p.control(unix.EPOLL_CTL_ADD, watch, Edge); err != nil {
		return nil, opError(op, fd, err)
	}
	if short := fd + 1 - len(p.table); short > 0 {
		p.table = append(p.table, make([]*Watch, short)...)
	}
	p.table[fd] = watch
	return watch, nil
}

func (p *Parker) control(op int, w *Watch, ev Events) error {
	event := unix.EpollEvent{Events: uint32(ev), Fd: int32(w.fd), Pad: w.generation}
	return unix.EpollCtl(p.ep, op, w.fd, &event)
}

// Arm has the Waker called from now on whenever something comes, and at once if something is there already. A Watch that is armed
// stays so: to arm it again does nothing, and costs no system call.
func (w *Watch) Arm() error { return w.set(true) }

// Disarm ends that: what comes is nobody's to be told of, and costs nothing.
func (w *Watch) Disarm() error { return w.set(false) }

func (w *Watch) set(armed bool) error {
	p := w.parker
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.closed || p.closed {
		return opError("watch", w.fd, os.ErrClosed)
	}
	if w.armed == armed {
		return nil
	}
	ev := Edge
	if armed {
		ev |= In | RDHup
	}
	if err := p.control(unix.EPOLL_CTL_MOD, w, ev); err != nil {
		return opError("watch", w.fd, err)
	}
	w.armed = armed
	return nil
}

// Close forgets the descriptor. When it returns, the Waker is not called any more. Every call but the first returns [os.ErrClosed].
func (w *Watch) Close() error {
	p := w.parker
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.closed {
		return os.ErrClosed
	}
	w.closed = true
	if p.closed || p.table[w.fd] != w {
		return nil
	}
	p.table[w.fd] = nil
	return opError("close watch of", w.fd, p.control(unix.EPOLL_CTL_DEL, w, 0))
}

// Close ends the Parker and waits for its goroutine. Nobody is woken any more. Every call but the first returns [os.ErrClosed].
func (p *Parker) Close() error {
	p.mu.Lock()
	closed := p.closed
	p.closed = true
	p.mu.Unlock()
	if closed {
		return os.ErrClosed
	}
	err := p.file.Close()
	<-p.done
	return opError("close", p.ep, err)
}
