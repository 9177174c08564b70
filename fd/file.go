package fd

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// File moves ownership into an [os.File] with the given name, and leaves the FD closed. It fits every descriptor, also
// those that can do next to nothing, whose Read and Write then fail by name. A closed FD returns [os.ErrClosed].
//
// If the descriptor is non-blocking, the File uses the runtime's poller: it takes deadlines, and Close ends a Read; see
// [os.NewFile]. Otherwise its calls block a thread each, and SetDeadline fails with [os.ErrNoDeadline].
//
// A pipe is always non-blocking here, and neither do the other holders of its end notice, nor can they change it: the
// mode belongs to the open file description, which is shared with whoever sent it, so File opens the same end once more,
// by /proc/self/fd, and closes the descriptor that it was given. (The number changes.) Where that fails the pipe stays as
// it is: without /proc or a free descriptor, or if it is another user's. So does everything else: a terminal that was
// made non-blocking would be so for the shell too.
func (f *FD) File(name string) (*os.File, error) {
	n, err := f.Disown()
	if err != nil {
		return nil, err
	}
	if p := reopenPipe(n); p != nil {
		New(n).Close()
		if n, err = p.Disown(); err != nil {
			return nil, err
		}
	}
	return os.NewFile(uintptr(n), name), nil
}

// reopenPipe returns a non-blocking descriptor for the same end of the same pipe, with an open file description of its
// own; nil if n is no pipe or cannot be opened again.
//
// A FIFO in a file system is left alone: to open one may wait for whoever serves the file system. A name that begins
// with "pipe:" is one that only the kernel gives, because all others begin with a slash. See pipe(7) and proc_pid_fd(5).
func reopenPipe(n int) *FD {
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_PATH != 0 {
		return nil
	}
	path := "/proc/self/fd/" + strconv.Itoa(n)
	var target [len("pipe:[")]byte
	got, err := unix.Readlink(path, target[:])
	if err != nil || !strings.HasPrefix(string(target[:got]), "pipe:[") {
		return nil
	}
	// O_DIRECT makes a pipe keep the bounds of writes.
	again := flags&(unix.O_ACCMODE|unix.O_DIRECT) | unix.O_NONBLOCK | unix.O_CLOEXEC
	p, err := retry(func() (int, error) { return unix.Open(path, again, 0) })
	if err != nil {
		return nil
	}
	return New(p)
}
