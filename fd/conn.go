package fd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
)

// Conn makes a connection of the descriptor: a [*net.TCPConn], [*net.UDPConn], [*net.IPConn] or [*net.UnixConn]. It
// takes [KindStreamConn], [KindSeqConn] and [KindPacketConn], connected or not.
//
// The descriptor is consumed: the connection's owner closes it from now on, and the FD is closed. Only after
// [ErrKind] is it still the caller's, to be used otherwise or closed. To close the FD in every case is no mistake.
//
// # What changes for others
//
// A socket's options and its mode belong to the open file description, so to everyone who shares it, the sender above
// all. Package net makes the socket non-blocking: a sender that goes on using its own descriptor outside package net
// has to expect EAGAIN. It also turns on TCP_NODELAY and keepalive on TCP connections, as [net.Dial] does. A socket,
// other than a pipe, cannot be opened once more to avoid it. Conversely, whoever makes a shared socket blocking again (Fd
// of what a connection's File returned does so) makes calls here block a thread and miss their deadlines: a connection
// from a peer that is not trusted may hang, so do not wait for its Close.
//
// Errors: [ErrKind], [os.ErrClosed], [ErrExhausted], or what the kernel says. See [net.FileConn].
func (f *FD) Conn() (net.Conn, error) {
	return convert(f, "connection", net.FileConn, KindStreamConn, KindPacketConn, KindSeqConn)
}

// PacketConn makes a packet connection of a descriptor of [KindPacketConn]: a [*net.UDPConn], [*net.IPConn] or
// [*net.UnixConn]. It consumes the descriptor, affects others and fails as [FD.Conn] does. See [net.FilePacketConn].
func (f *FD) PacketConn() (net.PacketConn, error) {
	return convert(f, "packet connection", net.FilePacketConn, KindPacketConn)
}

// Listener makes a listener of a descriptor of [KindListener]: a [*net.TCPListener] or [*net.UnixListener]. Other
// holders of the socket may go on accepting: each connection goes to one of them. Who has to unlink the path of a Unix
// listener is told at [Of]; this one does not, unless it is told so by SetUnlinkOnClose(true).
//
// It consumes the descriptor, affects others and fails as [FD.Conn] does. See [net.FileListener].
func (f *FD) Listener() (net.Listener, error) {
	return convert(f, "listener", net.FileListener, KindListener)
}

// convert has package net make a value of a descriptor that is of one of these kinds.
func convert[T any](f *FD, what string, of func(*os.File) (T, error), kinds ...Kind) (none T, err error) {
	k, err := f.Kind()
	if err != nil {
		return none, err
	}
	if !slices.Contains(kinds, k) {
		return none, opError("make a "+what, "", fmt.Errorf("%w: it is %v: use File, or what fits Kind", ErrKind, k))
	}
	n, err := f.Disown()
	if err != nil {
		return none, err
	}
	file := os.NewFile(uintptr(n), what) // which does not change the mode, nor does its Fd
	v, err := of(file)
	_ = file.Close() // v has a duplicate of its own
	if err != nil {
		if errno := syscall.Errno(0); errors.As(err, &errno) {
			err = errno
		}
		return none, opError("make a "+what, "", err)
	}
	return v, nil
}
