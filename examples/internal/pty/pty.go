// Package pty runs commands on pseudo-terminals, for the examples: as little as a remote terminal needs, on Linux,
// without cgo. See pty(7).
//
// A pseudo-terminal has two ends. The command has the tty as its standard input, output and error, and as its
// controlling terminal. Whoever shows the terminal has the other one, here called the screen: what it writes there is
// typed, so that a ^C becomes SIGINT, and what it reads there is to be displayed.
package pty

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Open makes a pseudo-terminal of no size and returns both its ends, which the caller closes. Close the tty once the
// command has started: as long as any process has it open, the screen does not see the end.
//
// The screen is in the runtime's poller: it takes deadlines, and Close ends a Read. The tty blocks, as commands expect.
func Open() (screen, tty *os.File, err error) {
	screen, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("pty: %w", err)
	}
	err = control(screen, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return fmt.Errorf("unlock: %w", err)
		}
		tty, err = peer(fd)
		return err
	})
	if err != nil {
		_ = screen.Close()
		return nil, nil, err
	}
	return screen, tty, nil
}

// peer opens the tty of a screen. The number that TIOCGPTN gives would name it in the file system that it comes from, which
// need not be the one at /dev/pts. See TIOCGPTPEER in ioctl_tty(2).
func peer(fd int) (*os.File, error) {
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return nil, fmt.Errorf("open its tty: %w", errno)
	}
	return os.NewFile(n, "tty"), nil
}

// Attach prepares a command that is not started yet to run on a tty: in a session of its own, where the tty is the
// controlling terminal. What was to be its standard input, output and error is replaced.
func Attach(cmd *exec.Cmd, tty *os.File) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setsid = true
	cmd.SysProcAttr.Setctty = true
	cmd.SysProcAttr.Ctty = 0 // as the command numbers them: its standard input
}

// Ended says whether an error of the screen's Read means that no process has the tty open any more.
func Ended(err error) bool { return errors.Is(err, unix.EIO) }

// Size is a terminal's, in characters.
type Size struct{ Rows, Cols uint16 }

// SizeOf returns the size of a terminal, of which f is either end, or any other terminal. What is no terminal gives ENOTTY.
func SizeOf(f *os.File) (s Size, err error) {
	err = control(f, func(fd int) error {
		w, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err != nil {
			return fmt.Errorf("size: %w", err)
		}
		s = Size{Rows: w.Row, Cols: w.Col}
		return nil
	})
	return s, err
}

// Resize sets the size of a terminal, and sends SIGWINCH to what runs in its foreground if that is news.
func Resize(f *os.File, s Size) error {
	return control(f, func(fd int) error {
		if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: s.Rows, Col: s.Cols}); err != nil {
			return fmt.Errorf("resize: %w", err)
		}
		return nil
	})
}

// MakeRaw has a terminal pass on every byte as it is typed, without echo and without making signals of some, as one is
// needed where the bytes go to another terminal. restore puts it back. See "raw" in termios(3).
func MakeRaw(f *os.File) (restore func() error, err error) {
	var before *unix.Termios
	err = control(f, func(fd int) (err error) {
		if before, err = unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
			return fmt.Errorf("make raw: %w", err)
		}
		t := *before
		t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		t.Oflag &^= unix.OPOST
		t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		return set(fd, &t)
	})
	if err != nil {
		return nil, err
	}
	return func() error {
		return control(f, func(fd int) error { return set(fd, before) })
	}, nil
}

func set(fd int, t *unix.Termios) error {
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return fmt.Errorf("set the mode: %w", err)
	}
	return nil
}

// control calls do with f's descriptor. It does not use f.Fd, which would take f out of the poller.
func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("pty: %w", err)
	}
	var done error
	if err := raw.Control(func(fd uintptr) { done = do(int(fd)) }); err != nil {
		return fmt.Errorf("pty: %w: %w", os.ErrClosed, err)
	}
	if done != nil {
		return fmt.Errorf("pty: %w", done)
	}
	return nil
}
