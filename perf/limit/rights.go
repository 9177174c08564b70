package limit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/measure"
)

// MaxRights is the largest payload in bytes of a ping-pong of descriptors. Up to here the kernel keeps a message in one
// piece.
const MaxRights = 4096

// ErrRights reports that something else came than a payload with one descriptor.
var ErrRights = errors.New("not one descriptor with its payload")

// rights is one half of the ping-pong of descriptors.
type rights struct {
	sock  int
	side  measure.Side
	clock measure.Clock
	stop  measure.Stop
	out   letter // says always the same
	in    letter
}

// letter is a message with room for one descriptor, laid out for sendmsg(2) and recvmsg(2). It must not be copied.
type letter struct {
	payload []byte
	control [rightsBytes]byte
	iov     unix.Iovec
	msg     unix.Msghdr
}

// A control message, see cmsg(3): length uint64, level int32, type int32, and the descriptor, padded to 8.
const (
	rightsLen   = unix.SizeofCmsghdr + 4
	rightsBytes = unix.SizeofCmsghdr + 8
)

// NewRights makes one half of a blocking ping-pong which passes one descriptor each way, with a payload of size bytes, by
// sendmsg(2) and recvmsg(2). The receiver closes what it receives. Nothing else goes between the halves, so they can be in
// one process or in two.
//
// sock is this half's end of a blocking AF_UNIX stream socketpair, which nobody else uses, and gift the descriptor that
// this half sends every time: both stay the caller's. Stop shuts the socket down, so it ends both halves for good.
func NewRights(sock, gift, size int, side measure.Side, clock measure.Clock) (measure.Half, error) {
	if size < 1 || size > MaxRights {
		return nil, fmt.Errorf("%w: descriptors with %d bytes, the limit is %d", ErrSize, size, MaxRights)
	}
	r := &rights{sock: sock, side: side, clock: clock}
	r.out.lay(size)
	r.in.lay(size)
	binary.NativeEndian.PutUint64(r.out.control[0:], rightsLen)
	binary.NativeEndian.PutUint32(r.out.control[8:], unix.SOL_SOCKET)
	binary.NativeEndian.PutUint32(r.out.control[12:], unix.SCM_RIGHTS)
	binary.NativeEndian.PutUint32(r.out.control[16:], uint32(int32(gift)))
	return r, nil
}

// lay points the parts of a letter at one another.
func (l *letter) lay(size int) {
	l.payload = make([]byte, size)
	l.iov.Base = &l.payload[0]
	l.iov.SetLen(size)
	l.msg.Iov = &l.iov
	l.msg.SetIovlen(1)
	l.msg.Control = &l.control[0]
	l.msg.SetControllen(rightsBytes)
}

func (r *rights) Run(s *measure.Slice) error {
	if r.side == measure.Far {
		return r.answer(s.Warm + s.Count + 1)
	}
	if err := r.send(); err != nil {
		return err
	}
	last := r.clock.Now()
	for i := range s.Warm + s.Count {
		if i == s.Warm {
			s.Begin = last
		}
		if err := r.receive(); err != nil {
			return err
		}
		if s.Pause != 0 {
			last += r.clock.Think(s.Pause)
		}
		if err := r.send(); err != nil {
			return err
		}
		now := r.clock.Now() // as the other ping-pongs do, while the peer wakes
		if i >= s.Warm {
			s.Samples[i-s.Warm] = now - last
		}
		last = now
	}
	s.End = last
	return r.receive()
}

func (r *rights) answer(n int) error {
	for range n {
		if err := r.receive(); err != nil {
			return err
		}
		if err := r.send(); err != nil {
			return err
		}
	}
	return nil
}

func (r *rights) send() error {
	n, err := message(unix.SYS_SENDMSG, r.sock, &r.out.msg, unix.MSG_NOSIGNAL)
	switch {
	case r.stop.IsSet():
		return measure.ErrStopped
	case err != nil:
		return fmt.Errorf("sendmsg: %w", err)
	case n != len(r.out.payload):
		return fmt.Errorf("%w: %d bytes of %d were sent", ErrRights, n, len(r.out.payload))
	}
	return nil
}

// receive takes one message and closes the descriptor that it brings.
func (r *rights) receive() error {
	in := &r.in
	in.msg.SetControllen(rightsLen) // room for one; more are not delivered
	n, err := message(unix.SYS_RECVMSG, r.sock, &in.msg, unix.MSG_CMSG_CLOEXEC)
	gift := -1
	if err == nil {
		if gift = in.gift(); gift >= 0 {
			err = unix.Close(gift)
		}
	}
	switch {
	case r.stop.IsSet():
		return measure.ErrStopped
	case err != nil:
		return fmt.Errorf("recvmsg: %w", err)
	case n == 0:
		return io.ErrUnexpectedEOF // the other half is gone
	case n != len(in.payload) || gift < 0 || in.msg.Flags&unix.MSG_CTRUNC != 0:
		return fmt.Errorf("%w: %d bytes of %d, flags %#x", ErrRights, n, len(in.payload), in.msg.Flags)
	}
	return nil
}

// gift returns the descriptor that came, or -1.
func (l *letter) gift() int {
	if l.msg.Controllen < rightsLen || binary.NativeEndian.Uint64(l.control[0:]) != rightsLen ||
		binary.NativeEndian.Uint32(l.control[12:]) != unix.SCM_RIGHTS {
		return -1
	}
	return int(int32(binary.NativeEndian.Uint32(l.control[16:])))
}

// message sends or receives in spite of signals.
func message(call uintptr, sock int, msg *unix.Msghdr, flags int) (int, error) {
	for {
		switch n, errno := messageOnce(call, sock, msg, flags); errno {
		case 0:
			return n, nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// Stop wakes this half, should it sleep, and the other one.
func (r *rights) Stop() {
	r.stop.Set()
	_ = unix.Shutdown(r.sock, unix.SHUT_RDWR)
}

func (r *rights) Close() error { return nil }
