package fd

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Kind is what a descriptor refers to, as far as it decides which Go value can be made of it. The numbers travel in
// protocols: they are never changed and never used again for something else.
type Kind uint8

// The kinds, and what makes a Go value of each.
const (
	KindOther      Kind = 0 // a directory, device, terminal, eventfd, socket of another family, O_PATH, ...: [FD.File]
	KindFile       Kind = 1 // a regular file, which a memfd is too: [FD.File]
	KindPipe       Kind = 2 // one end of a pipe, or a FIFO: [FD.File]
	KindStreamConn Kind = 3 // TCP, or Unix SOCK_STREAM, connected or not: [FD.Conn]
	KindPacketConn Kind = 4 // UDP, ping, raw IP, or Unix SOCK_DGRAM: [FD.PacketConn] or [FD.Conn]
	KindSeqConn    Kind = 5 // Unix SOCK_SEQPACKET, connected or not, which keeps the bounds of messages: [FD.Conn]
	KindListener   Kind = 6 // a TCP or Unix socket that listens: [FD.Listener]
)

// String names the kind, as errors do: "a pipe".
func (k Kind) String() string {
	switch k {
	case KindOther:
		return "none of the known kinds"
	case KindFile:
		return "a regular file"
	case KindPipe:
		return "a pipe"
	case KindStreamConn:
		return "a stream connection"
	case KindPacketConn:
		return "a packet socket"
	case KindSeqConn:
		return "a seqpacket connection"
	case KindListener:
		return "a listener"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// Kind asks the kernel what the descriptor refers to. What it says of a descriptor that a peer has sent can be relied
// on, with one exception: whoever shares a socket can make a stream connection a listener at any time.
//
// It never waits, not even for a file whose file system is served by the peer (FUSE): such a file may block whoever
// reads, stats or closes it. It fails with [os.ErrClosed] for a closed FD and with EBADF for a number that is not open.
// See socket(7) and statx(2).
func (f *FD) Kind() (Kind, error) {
	n := f.Int()
	if n < 0 {
		return KindOther, opError("kind", "", os.ErrClosed)
	}
	k, err := kindOf(n)
	return k, opError("kind", "", err)
}

// kindOf asks for a socket first, since those are asked for most and need no more calls then.
func kindOf(n int) (Kind, error) {
	domain, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_DOMAIN)
	switch err {
	case nil:
		return socketKind(n, domain)
	case unix.ENOTSOCK:
	case unix.EBADF: // not open, or O_PATH, which allows hardly more than fcntl
		if _, err := unix.FcntlInt(uintptr(n), unix.F_GETFL, 0); err != nil {
			return KindOther, err
		}
		return KindOther, nil
	default:
		return KindOther, err
	}
	// AT_STATX_DONT_SYNC: what the kernel knows already is enough for the type, which never changes.
	var st unix.Statx_t
	if err := retry0(func() error {
		return unix.Statx(n, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &st)
	}); err != nil {
		return KindOther, nil // it is open, but its file system does not tell this user: FUSE gives EACCES
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return KindFile, nil
	case unix.S_IFIFO:
		return KindPipe, nil
	default:
		return KindOther, nil
	}
}

// socketKind tells the kinds of socket apart. Everything that package net does not know has to come out as KindOther:
// net.FileConn panics, as of Go 1.26, on an Internet socket that is neither stream, nor datagram, nor raw, such as one of
// SCTP or DCCP.
func socketKind(n, domain int) (Kind, error) {
	if domain != unix.AF_INET && domain != unix.AF_INET6 && domain != unix.AF_UNIX {
		return KindOther, nil
	}
	typ, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return KindOther, err
	}
	var k Kind
	if domain == unix.AF_UNIX {
		k = unixKind(typ)
	} else {
		protocol, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_PROTOCOL)
		if err != nil {
			return KindOther, err
		}
		k = inetKind(typ, protocol)
	}
	if k != KindStreamConn && k != KindSeqConn {
		return k, nil
	}
	listens, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return KindOther, err
	}
	if listens != 0 {
		k = KindListener
	}
	return k, nil
}

func unixKind(typ int) Kind {
	switch typ {
	case unix.SOCK_STREAM:
		return KindStreamConn
	case unix.SOCK_DGRAM:
		return KindPacketConn
	case unix.SOCK_SEQPACKET:
		return KindSeqConn
	default:
		return KindOther
	}
}

func inetKind(typ, protocol int) Kind {
	switch typ {
	case unix.SOCK_STREAM:
		if protocol == unix.IPPROTO_TCP || protocol == unix.IPPROTO_MPTCP {
			return KindStreamConn
		}
	case unix.SOCK_DGRAM:
		switch protocol {
		case unix.IPPROTO_UDP, unix.IPPROTO_UDPLITE, unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
			return KindPacketConn
		}
	case unix.SOCK_RAW:
		return KindPacketConn
	}
	return KindOther
}
