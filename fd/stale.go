package fd

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// fileID tells files apart for as long as they exist.
type fileID struct{ dev, ino uint64 }

func idOf(st *unix.Stat_t) fileID { return fileID{uint64(st.Dev), st.Ino} }

// statSocket returns the id of the socket file at path, or [ErrNotSocket], or what lstat(2) says.
func statSocket(path string) (fileID, error) {
	var st unix.Stat_t
	if err := retry0(func() error { return unix.Lstat(path, &st) }); err != nil {
		return fileID{}, opError("lstat", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return fileID{}, opError("listen", path, fmt.Errorf("%w: remove it or choose another path", ErrNotSocket))
	}
	return idOf(&st), nil
}

// removeIfSame unlinks path if it still is the file with that id. It is no error if it is not.
func removeIfSame(path string, id fileID) error {
	var st unix.Stat_t
	err := retry0(func() error { return unix.Lstat(path, &st) })
	if err == nil {
		if idOf(&st) != id {
			return nil
		}
		err = retry0(func() error { return unix.Unlink(path) })
	}
	if err == unix.ENOENT {
		return nil
	}
	return opError("unlink", path, err)
}

// removeStale makes path free to bind: it removes a socket file that no server answers at. The caller holds the lock
// of the path, so that no server that uses one is between bind(2) and listen(2), where it would look dead.
//
// It fails with [ErrInUse] if a server answers, and with [ErrNotSocket] if path is not a socket.
func removeStale(path string) error {
	id, err := statSocket(path)
	if err != nil {
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		return err
	}
	sa, err := ParseUnixAddr(path)
	if err != nil {
		return err
	}
	f, err := streamSocket(unix.SOCK_NONBLOCK)
	if err != nil {
		return err
	}
	defer f.Close()
	switch err := connect(f.Int(), sa); err {
	case unix.ECONNREFUSED:
		return removeIfSame(path, id)
	case unix.ENOENT:
		return nil
	case nil, unix.EAGAIN, unix.EPROTOTYPE: // it answers; its backlog is full; it is alive, but no stream socket
		return opError("listen", path, fmt.Errorf("%w: a server answers there", ErrInUse))
	default:
		return opError("connect", path, err)
	}
}
