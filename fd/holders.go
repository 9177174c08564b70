package fd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Holders tells when what was handed over is held by nobody any more: by no process, in no message under way. It holds
// nothing itself, so it changes nothing about when a socket is closed.
//
// It is an epoll instance that nobody waits on. The kernel takes an open file description off its list when the last
// descriptor of it is closed, whoever had that, and shows the list in /proc. See epoll(7), questions 6 and 7, and
// "fdinfo" in proc(5).
//
// Its methods may be used by several goroutines at once.
type Holders struct {
	mu    sync.Mutex
	epoll *FD
	last  uint64
}

// NewHolders makes one. It fails with [errors.ErrUnsupported] where /proc does not show what is needed.
func NewHolders() (*Holders, error) {
	n, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, opError("epoll_create1", "", err)
	}
	h := &Holders{epoll: New(n)}
	e, err := NewEvent()
	if err == nil {
		err = h.probe(e)
		_ = e.Close()
	}
	if err != nil {
		_ = h.Close()
		return nil, err
	}
	return h, nil
}

// probe finds out whether a descriptor that is held shows.
func (h *Holders) probe(e *Event) error {
	id, err := h.add(e.Int())
	if err != nil {
		return err
	}
	held, err := h.Held()
	if err != nil {
		return err
	}
	if !held[id] {
		return opError("read fdinfo", "", fmt.Errorf("%w: /proc does not list what an epoll instance watches", errors.ErrUnsupported))
	}
	return nil
}

// Add has what v refers to watched from now on, and returns the number by which Held knows it, which is not used again. It
// borrows v, which must be open.
func (h *Holders) Add(v syscall.Conn) (id uint64, err error) {
	raw, err := v.SyscallConn()
	if err != nil {
		return 0, opError("watch", "", fmt.Errorf("%w: %w", ErrNoDescriptor, err))
	}
	cerr := raw.Control(func(n uintptr) { id, err = h.add(int(n)) })
	if cerr != nil {
		return 0, opError("watch", "", fmt.Errorf("%w: %w", os.ErrClosed, cerr))
	}
	return id, err
}

func (h *Holders) add(n int) (uint64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.epoll.Int()
	if e < 0 {
		return 0, opError("watch", "", os.ErrClosed)
	}
	h.last++
	// The number goes into the event's data, low half first, as x/sys/unix has it.
	ev := unix.EpollEvent{Fd: int32(uint32(h.last)), Pad: int32(uint32(h.last >> 32))}
	if err := unix.EpollCtl(e, unix.EPOLL_CTL_ADD, n, &ev); err != nil {
		return 0, opError("epoll_ctl", "", err)
	}
	return h.last, nil
}

// Held returns which of what was added somebody still holds.
func (h *Holders) Held() (map[uint64]bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.epoll.Int()
	if e < 0 {
		return nil, opError("read fdinfo", "", os.ErrClosed)
	}
	b, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(e))
	if err != nil {
		return nil, opError("read fdinfo", "", fmt.Errorf("%w: %w", errors.ErrUnsupported, err))
	}
	held := map[uint64]bool{}
	for line := range bytes.Lines(b) { // "tfd:        6 events:       18 data:                3  pos:0 ino:53e sdev:9"
		words := bytes.Fields(line)
		for i := range len(words) - 1 {
			if string(words[i]) != "data:" {
				continue
			}
			if id, err := strconv.ParseUint(string(words[i+1]), 16, 64); err == nil {
				held[id] = true
			}
		}
	}
	return held, nil
}

// Close ends the watching. Every call but the first returns [os.ErrClosed].
func (h *Holders) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.epoll.Close()
}
