package fd

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func TestRightsAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fds := rapid.SliceOfN(rapid.Int32Min(0), 1, MaxFDs).Draw(t, "fds")
		var nums []int
		for _, n := range fds {
			nums = append(nums, int(n))
		}
		var buf [rightsMax]byte
		oob := putRights(buf[:], nums)
		if want := unix.UnixRights(nums...); !slices.Equal(oob, want) {
			t.Fatalf("%x, want %x", oob, want)
		}
		var c control
		c.parse(oob)
		if c.malformed || !slices.Equal(c.rights[:c.n], fds) || c.pidfd != -1 {
			t.Fatalf("%v, pidfd %d, malformed %v; want %v", c.rights[:c.n], c.pidfd, c.malformed, fds)
		}
	})
}

// Whatever the bytes, parse stays within them, and everything it finds is in them.
func FuzzControl(f *testing.F) {
	f.Add([]byte{})
	f.Add(unix.UnixRights(3))
	f.Add(append(unix.UnixRights(3, 4, 5), unix.UnixCredentials(&unix.Ucred{Pid: 1})...))
	f.Add(append(unix.UnixCredentials(&unix.Ucred{Pid: 1}), unix.UnixRights(1, 2)...))
	f.Add(append([]byte{22}, unix.UnixRights(3)[1:]...)) // a length that is no multiple of 4
	f.Add(append(unix.UnixRights(make([]int, MaxFDs)...), unix.UnixRights(7)...))
	f.Fuzz(func(t *testing.T, oob []byte) {
		var c control
		c.parse(oob)
		if c.n < 0 || c.n > MaxFDs || 4*c.n > len(oob) {
			t.Fatalf("%d descriptors in %d bytes", c.n, len(oob))
		}
		first := c
		c.parse(oob)
		if c != first {
			t.Fatal("a second parse of the same bytes differs")
		}
		// What this parser accepts, the one in x/sys/unix reads the same way.
		if c.malformed {
			return
		}
		msgs, err := unix.ParseSocketControlMessage(oob)
		if err != nil {
			t.Fatalf("accepted what x/sys/unix does not: %v", err)
		}
		var want []int32
		for _, m := range msgs {
			rights, err := unix.ParseUnixRights(&m)
			if err != nil {
				continue
			}
			for _, n := range rights {
				want = append(want, int32(n))
			}
		}
		if !slices.Equal(c.rights[:c.n], want) {
			t.Fatalf("%v, want %v", c.rights[:c.n], want)
		}
	})
}
