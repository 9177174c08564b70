package limit

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Pair connects two stream sockets of this machine over a network, unix or tcp. Over tcp they do without the delay of
// small segments (TCP_NODELAY). The caller owns both; their mode, blocking or not, is not defined.
func Pair(network string) (near, far *os.File, err error) {
	switch network {
	case "unix":
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, nil, fmt.Errorf("socketpair: %w", err)
		}
		return os.NewFile(uintptr(pair[0]), "socket"), os.NewFile(uintptr(pair[1]), "socket"), nil
	case "tcp":
		return tcpPair()
	}
	return nil, nil, fmt.Errorf("no pair of sockets over %q; there are unix and tcp", network)
}

func tcpPair() (near, far *os.File, err error) {
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, nil, fmt.Errorf("listen on the loopback address: %w", err)
	}
	defer ln.Close()
	there, err := net.DialTCP("tcp", nil, ln.Addr().(*net.TCPAddr))
	if err != nil {
		return nil, nil, fmt.Errorf("dial the loopback address: %w", err)
	}
	defer there.Close() // File gives a duplicate
	for {
		here, err := ln.AcceptTCP()
		if err != nil {
			return nil, nil, fmt.Errorf("accept on the loopback address: %w", err)
		}
		if here.RemoteAddr().String() != there.LocalAddr().String() {
			_ = here.Close() // a stranger was faster
			continue
		}
		defer here.Close()
		near, err := here.File() // package net has set TCP_NODELAY
		if err != nil {
			return nil, nil, err
		}
		far, err := there.File()
		if err != nil {
			return nil, nil, errors.Join(err, near.Close())
		}
		return near, far, nil
	}
}
