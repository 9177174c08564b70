package netpoll

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Handler is called on the loop's thread when a descriptor is ready.
type Handler interface {
	// Ready handles what the descriptor is ready for. To be fair to others it handles at most about Loop.Budget items
	// or reads; if there may be more, it returns true and is called again with the same events, after every other
	// handler that is ready and without a system call. An edge-triggered handler must return true unless it has seen
	// EAGAIN; a level-triggered one may leave it to epoll.
	Ready(ev Events) (again bool)
}

// HandlerFunc is a function as a [Handler].
type HandlerFunc func(ev Events) (again bool)

// Ready calls f.
func (f HandlerFunc) Ready(ev Events) (again bool) { return f(ev) }

// Registration is a descriptor's registration with a loop. Its methods may be called from any goroutine. Close it before
// the descriptor.
type Registration struct {
	source
	loop       *Loop
	handler    Handler
	fd         int
	generation int32 // unique among the registrations of fd, other than after 2^32 of them
	weight     int   // what a call counts for until the next look at epoll

	interest atomic.Uint32 // Events; written under Loop.mu

	// The rest belongs to the loop's thread.
	pending Events // reported and not handled yet
	queued  bool   // in the list of ready ones
	next    *Registration
}

// Register calls h whenever fd is ready for ev, until the registration is closed. fd stays the caller's, and should be
// non-blocking. A descriptor has at most one registration per loop. The first call may come before Register returns,
// unless Register is called by one of the loop's callbacks. If h has a method Label() string, Stats calls it by that.
//
// It fails with an [*OpError] whose cause is an errno of epoll_ctl(2), such as EPERM for a regular file and EEXIST for
// a descriptor that is registered already, or [os.ErrClosed] if the loop is being closed.
func (l *Loop) Register(fd int, ev Events, h Handler) (*Registration, error) {
	if h == nil {
		return nil, opError("register", fd, errors.New("nil handler"))
	}
	return l.register(fd, ev, h, lookEvery)
}

func (l *Loop) register(fd int, ev Events, h Handler, weight int) (*Registration, error) {
	const op = "register"
	if err := ev.check(); err != nil {
		return nil, opError(op, fd, err)
	}
	if fd < 0 {
		return nil, opError(op, fd, fmt.Errorf("%w: %d", unix.EBADF, fd))
	}
	r := &Registration{loop: l, handler: h, fd: fd, weight: weight}
	r.meter = newMeter(h, fd)
	r.interest.Store(uint32(ev))

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return nil, opError(op, fd, os.ErrClosed)
	}
	if l.generation++; l.generation == bellGen {
		l.generation++
	}
	r.generation = l.generation
	if err := l.ep.control(unix.EPOLL_CTL_ADD, fd, r.generation, ev); err != nil {
		return nil, opError(op, fd, err)
	}
	if short := fd + 1 - len(l.table); short > 0 {
		l.table = append(l.table, make([]*Registration, short)...)
	}
	// If there is one already, its descriptor was closed and the number is new, or epoll would have refused. From now
	// on that one is lost, and its Close leaves this one alone.
	l.table[fd] = r
	l.load.Add(1)
	return r, nil
}

// FD returns the descriptor's number.
func (r *Registration) FD() int { return r.fd }

// Modify replaces the events and flags. It arms an OneShot registration again, and makes an Edge one report what is
// ready now. With 0 only Err and Hup are reported. Events that were removed are not delivered any more, other than by
// a call that runs at this moment.
//
// It fails with an [*OpError]: [os.ErrClosed] if the registration or the loop is closed or the descriptor was closed,
// EINVAL for an Exclusive one, or another errno of epoll_ctl(2).
func (r *Registration) Modify(ev Events) error {
	const op = "modify"
	if err := ev.check(); err != nil {
		return opError(op, r.fd, err)
	}
	l := r.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.closed.Load() || l.ended || l.table[r.fd] != r {
		return opError(op, r.fd, os.ErrClosed)
	}
	if err := l.ep.control(unix.EPOLL_CTL_MOD, r.fd, r.generation, ev); err != nil {
		return opError(op, r.fd, err)
	}
	r.interest.Store(uint32(ev))
	return nil
}

// Close ends the registration. When it returns, no call of the handler runs and none will start: from another goroutine
// it waits for a call that runs at this moment, so the caller must hold nothing that the handler waits for. Called by
// a callback of the same loop, the handler itself included, it does not wait. Two callbacks of two loops must not each
// close what the other runs.
//
// Every call but the first returns [os.ErrClosed], and waits as well. An [*OpError] with EBADF or ENOENT says that the
// descriptor was closed first, by mistake; the registration is closed nevertheless. After Loop.Close it returns nil.
func (r *Registration) Close() error {
	l := r.loop
	l.mu.Lock()
	first := !r.closed.Swap(true) // D1
	var err error
	if first {
		l.load.Add(-1)
		switch {
		case l.ended:
		case l.table[r.fd] != r:
			err = unix.EBADF
		default:
			l.table[r.fd] = nil
			err = l.ep.control(unix.EPOLL_CTL_DEL, r.fd, 0, 0)
		}
	}
	l.mu.Unlock()
	l.quiesce(&r.source)
	if !first {
		return os.ErrClosed
	}
	return opError("close registration of", r.fd, err)
}
