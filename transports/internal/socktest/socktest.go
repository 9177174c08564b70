// Package socktest finds and cuts the sockets of sessions under test.
package socktest

import (
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// CutTCP shuts down the connection of this process that was dialled at 127.0.0.1:port, once what left on either side has arrived
// at the other: TCP does not promise that of a connection that is reset.
func CutTCP(t testing.TB, addr string) {
	t.Helper()
	port := int(netip.MustParseAddrPort(addr).Port())
	dialled := -1
	for _, n := range open(t) {
		peer, err := unix.Getpeername(n)
		if err != nil {
			continue
		}
		local, err := unix.Getsockname(n)
		if err != nil {
			continue
		}
		if u, ok := peer.(*unix.SockaddrInet4); ok && u.Port == port {
			dialled = n
		} else if u, ok := local.(*unix.SockaddrInet4); !ok || u.Port != port {
			continue
		}
		for left, err := unix.IoctlGetInt(n, unix.TIOCOUTQ); err == nil && left != 0; left, err = unix.IoctlGetInt(n, unix.TIOCOUTQ) {
			runtime.Gosched()
		}
	}
	shut(t, dialled, addr)
}

// CutUnix shuts down the connection of this process that was dialled at an abstract name.
func CutUnix(t testing.TB, name string) {
	t.Helper()
	for _, n := range open(t) {
		if peer, err := unix.Getpeername(n); err == nil {
			if u, ok := peer.(*unix.SockaddrUnix); ok && u.Name == name {
				shut(t, n, name)
				return
			}
		}
	}
	t.Fatalf("nobody is connected to %s", name)
}

func shut(t testing.TB, n int, addr string) {
	t.Helper()
	if n < 0 {
		t.Fatalf("nobody is connected to %s", addr)
	}
	if err := unix.Shutdown(n, unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
}

// open returns the process's descriptors.
func open(t testing.TB) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}
