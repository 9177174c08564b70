package fd

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// Listener is a listening Unix socket that has its address to itself. It is safe for concurrent use.
//
// For an abstract name the kernel sees to that. For a path there are two files:
//
//	path        the socket. A server that dies leaves it behind; the next one replaces it.
//	path.lock   flock(2)ed from before the first look at path until after its removal. The kernel releases the lock
//	            when the server dies, however it dies; the file is left behind, and is harmless. It is empty: a
//	            file of that name with anything in it is refused with EEXIST, and kept.
//
// So of two servers that start at once, one gets the lock and decides what to do with path; the other gets
// [ErrInUse], and touches nothing. The directory has to be writable by trusted users only: others could take the
// lock, or the path, first.
type Listener struct {
	// FD is the listening socket, for a poller. The Listener owns it: do not close it.
	FD *FD

	addr    string
	closing atomic.Bool  // set before the socket is shut down
	mu      sync.RWMutex // held for reading while the number of FD is in use, for writing to close it

	// For a path only.
	path string    // absolute, so that Close finds it after a chdir
	id   fileID    // of the socket file that was made here
	lock *lockFile // nil for an abstract name
}

// Listen listens at addr, as [ParseUnixAddr] reads it, with a backlog as in [ListenUnix], and replaces the socket
// file of a server that is dead. The caller closes the Listener, which removes its files.
//
// It fails with [ErrInUse] if a living server has the address, with [ErrNotSocket] if the path is a file of another
// kind, which is left alone, and otherwise as [ListenUnix] and open(2) of path.lock do.
func Listen(addr string, backlog int) (*Listener, error) {
	if _, err := ParseUnixAddr(addr); err != nil {
		return nil, err
	}
	l := &Listener{addr: addr}
	if err := l.listen(backlog); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Listener) listen(backlog int) (err error) {
	if isAbstract(l.addr) {
		l.FD, err = ListenUnix(l.addr, backlog)
		return err
	}
	if l.path, err = filepath.Abs(l.addr); err != nil {
		return opError("listen", l.addr, err)
	}
	if l.lock, err = acquireLock(l.path + ".lock"); err != nil {
		return err
	}
	if err = removeStale(l.addr); err == nil {
		l.FD, err = ListenUnix(l.addr, backlog)
	}
	if err == nil {
		if l.id, err = statSocket(l.path); err != nil {
			l.FD.Close()
		}
	}
	if err != nil {
		l.lock.release() // err says more
	}
	return err
}

// Addr returns the address that was given to [Listen].
func (l *Listener) Addr() string { return l.addr }

// Accept takes the next connection, as [Accept] does. Close wakes it, and from then on it returns [os.ErrClosed].
func (l *Listener) Accept() (*FD, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closing.Load() {
		return nil, os.ErrClosed
	}
	c, err := Accept(l.FD.Int())
	if err != nil && l.closing.Load() {
		return nil, os.ErrClosed
	}
	return c, err
}

// Close stops listening: it removes the socket file unless another file has taken its place, wakes each Accept and
// waits for it to return, closes the socket, which resets connections that were not accepted, and removes the lock
// file. Every call but the first returns [os.ErrClosed] at once.
func (l *Listener) Close() error {
	if l.closing.Swap(true) {
		return os.ErrClosed
	}
	var errs []error
	if l.lock != nil {
		// The open socket holds its inode, so until FD is closed below no other file can have the same id.
		errs = append(errs, removeIfSame(l.path, l.id))
	}
	// closing is set, so an Accept that comes now does not reach accept4(2), and one that is in it, or is about to
	// be, finds the socket shut down. So the lock is free soon.
	errs = append(errs, Shutdown(l.FD.Int()))
	l.mu.Lock()
	errs = append(errs, l.FD.Close())
	l.mu.Unlock()
	if l.lock != nil {
		errs = append(errs, l.lock.release())
	}
	return errors.Join(errs...)
}
