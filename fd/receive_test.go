package fd_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func repeat(f *fd.FD, n int) []int {
	fds := make([]int, n)
	for i := range fds {
		fds[i] = f.Int()
	}
	return fds
}

func closeAll(fds []*fd.FD) {
	for _, f := range fds {
		f.Close()
	}
}

func TestAsManyDescriptorsAsTheKernelAllowsArrive(t *testing.T) {
	fdtest.Snapshot(t)
	a, b := socketpair(t)
	m := memfd(t, 1)
	if n, err := fd.SendMsg(a.Int(), []byte("hello"), repeat(m, fd.MaxFDs), 0); n != 5 || err != nil {
		t.Fatalf("SendMsg: %d, %v", n, err)
	}
	var r fd.Receiver
	p := make([]byte, 10)
	n, fds, err := r.Recv(b.Int(), p, 0)
	defer closeAll(fds)
	if string(p[:n]) != "hello" || len(fds) != fd.MaxFDs || err != nil {
		t.Fatalf("Recv: %q, %d descriptors, %v; want hello and %d", p[:n], len(fds), err, fd.MaxFDs)
	}
	for _, f := range fds {
		if inode(t, f) != inode(t, m) {
			t.Fatal("another file arrived")
		}
	}
}

// Whatever is sent, and however it is cut up in reading, the bytes and the descriptors come in the order in which
// they were sent, the descriptors in the part that has the first byte of their own message, and nothing after it.
func TestBytesAndDescriptorsArriveInOrder(t *testing.T) {
	fdtest.Snapshot(t)
	var files []*fd.FD
	for range 5 {
		files = append(files, memfd(t, 1))
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, err := fd.Socketpair()
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		defer b.Close()
		var sent []byte
		sentFDs := map[int][]int{} // by where their message begins: indexes in files
		ends := map[int]int{}      // where it ends
		for range rapid.IntRange(1, 6).Draw(t, "messages") {
			p := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "bytes")
			which := rapid.SliceOfN(rapid.IntRange(0, len(files)-1), 0, 4).Draw(t, "descriptors")
			var nums []int
			for _, i := range which {
				nums = append(nums, files[i].Int())
			}
			if n, err := fd.SendMsg(a.Int(), p, nums, 0); n != len(p) || err != nil {
				t.Fatalf("SendMsg: %d, %v", n, err)
			}
			if len(which) > 0 {
				sentFDs[len(sent)] = which
			}
			ends[len(sent)] = len(sent) + len(p)
			sent = append(sent, p...)
		}
		a.Close()

		var r fd.Receiver
		var got []byte
		for {
			p := make([]byte, rapid.IntRange(1, 50).Draw(t, "buffer"))
			n, fds, err := r.Recv(b.Int(), p, 0)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(fds) > 0 {
				at := -1 // where their message begins
				for i := len(got); i < len(got)+n && at < 0; i++ {
					if sentFDs[i] != nil {
						at = i
					}
				}
				if end, ok := ends[at]; ok && len(got)+n > end {
					t.Fatalf("bytes %d to %d come with the descriptors of %d to %d", len(got), len(got)+n, at, end)
				}
				which := sentFDs[at]
				if at < 0 || len(which) != len(fds) {
					t.Fatalf("%d descriptors with bytes %d to %d, want %v", len(fds), len(got), len(got)+n, which)
				}
				for i, f := range fds {
					if inodeOf(f) != inodeOf(files[which[i]]) {
						t.Errorf("descriptor %d at byte %d is another file", i, at)
					}
				}
				delete(sentFDs, at)
				closeAll(fds)
			}
			got = append(got, p[:n]...)
		}
		if !bytes.Equal(got, sent) || len(sentFDs) != 0 {
			t.Fatalf("received %x, sent %x; descriptors missing: %v", got, sent, sentFDs)
		}
	})
}

func inodeOf(f *fd.FD) uint64 {
	var st unix.Stat_t
	unix.Fstat(f.Int(), &st)
	return st.Ino
}

func TestMoreDescriptorsThanAcceptedAreAllClosed(t *testing.T) {
	fdtest.Snapshot(t)
	for _, c := range []struct {
		limit, sent int
		ok          bool
	}{
		{limit: -1, sent: 1},
		{limit: 1, sent: 1, ok: true},
		{limit: 1, sent: 2},
		{limit: 4, sent: 253},
		{limit: 0, sent: 253, ok: true},
		{limit: 1000, sent: 253, ok: true},
	} {
		a, b := socketpair(t)
		if _, err := fd.SendMsg(a.Int(), []byte("abc"), repeat(a, c.sent), 0); err != nil {
			t.Fatal(err)
		}
		before := len(fdtest.Open(t))
		r := fd.Receiver{MaxFDs: c.limit}
		n, fds, err := r.Recv(b.Int(), make([]byte, 3), 0)
		if n != 3 {
			t.Errorf("%+v: %d bytes, want 3", c, n)
		}
		if c.ok {
			if err != nil || len(fds) != c.sent {
				t.Errorf("%+v: %d descriptors, %v", c, len(fds), err)
			}
		} else if !errors.Is(err, fd.ErrTooManyFDs) || fds != nil {
			t.Errorf("%+v: %d descriptors, %v; want ErrTooManyFDs", c, len(fds), err)
		}
		closeAll(fds)
		if after := len(fdtest.Open(t)); after != before {
			t.Errorf("%+v: %d descriptors open, %d before", c, after, before)
		}
	}
}

func TestTheEndOfTheStreamIsEOF(t *testing.T) {
	fdtest.Snapshot(t)
	a, b := socketpair(t)
	if _, err := fd.SendMsg(a.Int(), []byte("x"), nil, 0); err != nil {
		t.Fatal(err)
	}
	a.Close()
	var r fd.Receiver
	p := make([]byte, 8)
	if n, _, err := r.Recv(b.Int(), p, 0); n != 1 || err != nil {
		t.Errorf("first: %d, %v; want the byte", n, err)
	}
	for range 2 {
		if n, _, err := r.Recv(b.Int(), p, 0); n != 0 || err != io.EOF {
			t.Errorf("then: %d, %v; want bare io.EOF", n, err)
		}
	}
}

func TestShutdownWakesABlockedReceive(t *testing.T) {
	fdtest.Snapshot(t)
	a, _ := socketpair(t)
	got := make(chan error)
	go func() {
		_, _, err := new(fd.Receiver).Recv(a.Int(), make([]byte, 1), 0)
		got <- err
	}()
	if err := fd.Shutdown(a.Int()); err != nil {
		t.Fatal(err)
	}
	if err := within(t, "Recv", got); err != io.EOF {
		t.Errorf("%v, want io.EOF", err)
	}
}

func TestReceivingIntoNothingIsRefused(t *testing.T) {
	if _, _, err := new(fd.Receiver).Recv(-1, nil, 0); !errors.Is(err, fd.ErrEmpty) {
		t.Errorf("%v, want ErrEmpty", err)
	}
	if _, _, err := new(fd.Receiver).Recv(-1, make([]byte, 1), 0); !errors.Is(err, syscall.EBADF) {
		t.Errorf("no socket: %v, want EBADF", err)
	}
}

func TestAPeekLeavesTheMessageInTheQueue(t *testing.T) {
	fdtest.Snapshot(t)
	a, b := socketpair(t)
	if _, err := fd.SendMsg(a.Int(), []byte("x"), repeat(a, 3), 0); err != nil {
		t.Fatal(err)
	}
	var r fd.Receiver
	for _, flags := range []int{fd.Peek, fd.Peek, 0} {
		n, fds, err := r.Recv(b.Int(), make([]byte, 1), flags)
		if n != 1 || len(fds) != 3 || err != nil {
			t.Errorf("flags %#x: %d bytes, %d descriptors, %v; want 1 and 3", flags, n, len(fds), err)
		}
		closeAll(fds)
	}
}

func TestWaitAllFillsTheBuffer(t *testing.T) {
	fdtest.Snapshot(t)
	a, b := socketpair(t)
	sent := make(chan error)
	go func() {
		for range 4 {
			if _, err := fd.SendMsg(a.Int(), []byte("abcd"), nil, 0); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	p := make([]byte, 16)
	n, _, err := new(fd.Receiver).Recv(b.Int(), p, fd.WaitAll)
	if string(p[:n]) != "abcdabcdabcdabcd" || err != nil {
		t.Errorf("%q, %v", p[:n], err)
	}
	if err := within(t, "SendMsg", sent); err != nil {
		t.Error(err)
	}
}

func TestOtherControlMessagesAreIgnoredAndTheirDescriptorsClosed(t *testing.T) {
	fdtest.Snapshot(t)
	const passPidfd = 76 // SO_PASSPIDFD, Linux 6.5
	a, b := socketpair(t)
	if err := unix.SetsockoptInt(b.Int(), unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(b.Int(), unix.SOL_SOCKET, passPidfd, 1); err != nil && err != unix.ENOPROTOOPT {
		t.Fatal(err)
	}
	for _, fds := range [][]int{nil, repeat(a, fd.MaxFDs)} {
		if _, err := fd.SendMsg(a.Int(), []byte("x"), fds, 0); err != nil {
			t.Fatal(err)
		}
		n, got, err := new(fd.Receiver).Recv(b.Int(), make([]byte, 1), 0)
		if n != 1 || len(got) != len(fds) || err != nil {
			t.Errorf("%d bytes, %d descriptors, %v; want 1 and %d", n, len(got), err, len(fds))
		}
		closeAll(got)
	}
}

func TestAPacketThatDoesNotFitIsTruncated(t *testing.T) {
	fdtest.Snapshot(t)
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b := closeAtEnd(t, fd.New(p[0])), closeAtEnd(t, fd.New(p[1]))
	if _, err := fd.SendMsg(a.Int(), []byte("hello"), repeat(a, 2), 0); err != nil {
		t.Fatal(err)
	}
	n, fds, err := new(fd.Receiver).Recv(b.Int(), make([]byte, 2), unix.MSG_TRUNC)
	if n != 2 || fds != nil || !errors.Is(err, fd.ErrTruncated) {
		t.Errorf("%d bytes, %d descriptors, %v; want 2 and ErrTruncated", n, len(fds), err)
	}
}

// The kernel installs as many descriptors as RLIMIT_NOFILE allows and drops the rest.
func TestDescriptorsThatTheLimitDropsAreNamedAndTheOthersClosed(t *testing.T) {
	for _, free := range []int{0, 1, 5, 7, 8} {
		t.Run(fmt.Sprintf("%d free of 8", free), func(t *testing.T) {
			runChild(t, "receive with a lowered limit", "FREE="+strconv.Itoa(free))
		})
	}
}

func childReceiveWithLoweredLimit() error {
	const sent = 8
	free, err := strconv.Atoi(os.Getenv("FREE"))
	if err != nil {
		return err
	}
	a, b, err := fd.Socketpair()
	if err != nil {
		return err
	}
	defer a.Close()
	defer b.Close()
	if _, err := fd.SendMsg(a.Int(), []byte("one"), repeat(a, sent), 0); err != nil {
		return err
	}
	if _, err := fd.SendMsg(a.Int(), []byte("two"), nil, 0); err != nil {
		return err
	}
	restore, err := lowerLimit(free)
	if err != nil {
		return err
	}
	var r fd.Receiver
	p := make([]byte, 100)
	n, fds, recvErr := r.Recv(b.Int(), p, 0)
	got := string(p[:n])
	// As many as before must be free again, unless they were handed out.
	var again []int
	for {
		n, err := unix.Dup(1)
		if err != nil {
			break
		}
		again = append(again, n)
	}
	for _, n := range again {
		unix.Close(n)
	}
	restore()

	if len(again)+len(fds) != free {
		return fmt.Errorf("%d descriptors can be made and %d came, want %d together", len(again), len(fds), free)
	}
	if !strings.HasPrefix(got, "one") {
		return fmt.Errorf("bytes %q, want one", got)
	}
	if free >= sent {
		closeAll(fds)
		if recvErr != nil || len(fds) != sent {
			return fmt.Errorf("%d descriptors, %w; want %d", len(fds), recvErr, sent)
		}
		return nil
	}
	if fds != nil || !errors.Is(recvErr, fd.ErrTruncated) {
		return fmt.Errorf("%d descriptors, %w; want ErrTruncated", len(fds), recvErr)
	}
	if want := fmt.Sprintf("only %d of its descriptors", free); !strings.Contains(recvErr.Error(), want) {
		return fmt.Errorf("%w; want %q in it", recvErr, want)
	}
	return nil
}

func TestReceivingWithoutDescriptorsAllocatesNothing(t *testing.T) {
	fdtest.Snapshot(t)
	run := func(name string, a, b *fd.FD) {
		var r fd.Receiver
		p := make([]byte, 64)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := fd.SendMsg(a.Int(), p, nil, 0); err != nil {
				t.Fatal(err)
			}
			if n, _, err := r.Recv(b.Int(), p, 0); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
		if n := testing.AllocsPerRun(100, func() {
			if _, _, err := r.Recv(b.Int(), p, fd.DontWait); err != syscall.EAGAIN {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s, nothing there: %v allocations, want 0", name, n)
		}
	}
	a, b := socketpair(t)
	run("plain", a, b)
	if err := unix.SetsockoptInt(b.Int(), unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		t.Fatal(err)
	}
	run("with credentials", a, b)
	client, server := connection(t, t.TempDir()+"/s")
	run("from a peer with a name", server, client)
}
