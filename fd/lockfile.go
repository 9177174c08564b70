package fd

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// lockFile is a file that exists to be locked with flock(2). It is not safe for concurrent use.
//
// Removing such a file is what goes wrong elsewhere: a second process may have opened it just before, and locks a
// file that nobody else can find. Here the rule is that a lock counts only if, once it is held, the path still is
// that file; and only its holder removes the file, while it holds the lock.
type lockFile struct {
	fd   *FD
	path string
	id   fileID
}

// lockTries bounds how often acquireLock finds that the file was removed under it. Each time, another process has
// held the lock and given it up in between, so a few are plenty.
const lockTries = 100

// acquireLock creates the file if need be and locks it, without waiting. It fails with [ErrInUse] if another holds
// the lock, be it in this process. The lock ends with release, or with the process.
func acquireLock(path string) (*lockFile, error) {
	for range lockTries {
		l, err := tryLock(path)
		if l != nil || err != nil {
			return l, err
		}
	}
	return nil, opError("lock", path, fmt.Errorf("%w: the file is being replaced over and over", ErrInUse))
}

// tryLock returns nil, nil if the file was removed between opening and locking it.
func tryLock(path string) (*lockFile, error) {
	// O_NOFOLLOW and O_NONBLOCK: in a directory that others can write, it could be a link, or a device that blocks.
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK
	n, err := retry(func() (int, error) { return unix.Open(path, flags, 0o600) })
	if err != nil {
		return nil, opError("open", path, err)
	}
	l := &lockFile{fd: New(n), path: path}
	ours, err := l.lock()
	if !ours || err != nil {
		l.fd.Close()
		return nil, err
	}
	return l, nil
}

// lock locks the open file, and reports whether the path still is that file.
func (l *lockFile) lock() (bool, error) {
	n := l.fd.Int()
	err := retry0(func() error { return unix.Flock(n, unix.LOCK_EX|unix.LOCK_NB) })
	if err == unix.EWOULDBLOCK {
		err = fmt.Errorf("%w: another server holds the lock: stop it first", ErrInUse)
	}
	if err != nil {
		return false, opError("lock", l.path, err)
	}
	var open, named unix.Stat_t
	if err := retry0(func() error { return unix.Fstat(n, &open) }); err != nil {
		return false, opError("fstat", l.path, err)
	}
	if open.Mode&unix.S_IFMT != unix.S_IFREG || open.Size != 0 { // not made here, so not to be removed here
		err := fmt.Errorf("%w: it is not an empty plain file: remove it or choose another path", unix.EEXIST)
		return false, opError("lock", l.path, err)
	}
	err = retry0(func() error { return unix.Lstat(l.path, &named) })
	if err == unix.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, opError("lstat", l.path, err)
	}
	l.id = idOf(&open)
	return idOf(&named) == l.id, nil
}

// release removes the file and then gives up the lock, in this order.
func (l *lockFile) release() error {
	return errors.Join(removeIfSame(l.path, l.id), l.fd.Close())
}
