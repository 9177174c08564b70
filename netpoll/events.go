package netpoll

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Events is what a descriptor is ready for, or a registration's interest and flags. The values are those of
// epoll_ctl(2), which describes each.
type Events uint32

// What a descriptor may be ready for. Err and Hup are reported whether asked for or not.
const (
	In    Events = unix.EPOLLIN    // readable, or a connection to accept, or end of file
	Out   Events = unix.EPOLLOUT   // writable, or a connect that has finished
	Pri   Events = unix.EPOLLPRI   // exceptional condition, such as out-of-band data
	RDHup Events = unix.EPOLLRDHUP // the peer has shut down its writing half
	Err   Events = unix.EPOLLERR   // error condition, or the read end of a pipe was closed
	Hup   Events = unix.EPOLLHUP   // both halves are shut down
)

// Flags of a registration.
const (
	// Edge reports a descriptor once each time it becomes ready, rather than as long as it is (level-triggered, the
	// default). The handler must read or write until EAGAIN, or return true to be called again.
	Edge Events = unix.EPOLLET
	// OneShot reports once; then Modify is needed to be called again.
	OneShot Events = unix.EPOLLONESHOT
	// Exclusive, for a descriptor that several loops registered, such as a listener, wakes one or a few of them instead
	// of all. It cannot be modified, and combines with In, Out and Edge only.
	Exclusive Events = unix.EPOLLEXCLUSIVE
)

// always is reported even if it is not in the interest.
const always = Err | Hup

var eventNames = [...]struct {
	bit  Events
	name string
}{
	{In, "in"},
	{Out, "out"},
	{Pri, "pri"},
	{RDHup, "rdhup"},
	{Err, "err"},
	{Hup, "hup"},
	{Edge, "edge"},
	{OneShot, "oneshot"},
	{Exclusive, "exclusive"},
}

// String returns names joined by "|", and "0x0" for none.
func (e Events) String() string {
	var names []string
	for _, n := range eventNames {
		if e&n.bit != 0 {
			names = append(names, n.name)
			e &^= n.bit
		}
	}
	if e != 0 || names == nil {
		names = append(names, fmt.Sprintf("%#x", uint32(e)))
	}
	return strings.Join(names, "|")
}

// check refuses what the kernel would silently ignore.
func (e Events) check() error {
	for _, n := range eventNames {
		e &^= n.bit
	}
	if e != 0 {
		return errors.New("unknown event bits " + e.String() + ": use the constants of this package")
	}
	return nil
}
