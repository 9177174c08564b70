package fd

import (
	"time"

	"golang.org/x/sys/unix"
)

// SetBlocking puts a descriptor into blocking mode, or out of it. The mode belongs to the open file description.
func SetBlocking(n int, blocking bool) error {
	return opError("fcntl", "O_NONBLOCK", retry0(func() error { return unix.SetNonblock(n, !blocking) }))
}

// SetUserTimeout bounds how long sent data may stay unacknowledged before the connection ends with ETIMEDOUT. See
// TCP_USER_TIMEOUT in tcp(7).
func SetUserTimeout(sock int, d time.Duration) error {
	return opError("setsockopt", "TCP_USER_TIMEOUT", unix.SetsockoptInt(sock, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds())))
}

// SetBusyPoll has a blocking receive poll the device's queue for that long before it sleeps, where the device can. More than
// net.core.busy_read needs CAP_NET_ADMIN. See SO_BUSY_POLL in socket(7).
func SetBusyPoll(sock int, d time.Duration) error {
	return opError("setsockopt", "SO_BUSY_POLL", unix.SetsockoptInt(sock, unix.SOL_SOCKET, unix.SO_BUSY_POLL, int(d.Microseconds())))
}

// SetReusePort lets several sockets listen at one port, which share its connections. All of them need it before they are bound.
// See SO_REUSEPORT in socket(7).
func SetReusePort(sock int) error {
	return opError("setsockopt", "SO_REUSEPORT", unix.SetsockoptInt(sock, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// SetIncomingCPU makes a listening socket, of those that share a port, the one for connections whose packets arrive on that
// core. See SO_INCOMING_CPU in socket(7).
func SetIncomingCPU(sock, core int) error {
	return opError("setsockopt", "SO_INCOMING_CPU", unix.SetsockoptInt(sock, unix.SOL_SOCKET, unix.SO_INCOMING_CPU, core))
}

// Unacknowledged returns how many bytes sent on a TCP socket the peer's kernel has not acknowledged. See SIOCOUTQ in tcp(7).
func Unacknowledged(sock int) (int, error) {
	n, err := unix.IoctlGetInt(sock, unix.TIOCOUTQ)
	return n, opError("ioctl", "SIOCOUTQ", err)
}
