package fd_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd"
)

func TestPartsAreSentOneBehindTheOther(t *testing.T) {
	a, b := must2(fd.Socketpair())
	defer a.Close()
	defer b.Close()
	if n, err := fd.SendParts(a.Int(), &[3][]byte{[]byte("ab"), nil, []byte("c")}, false); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := fd.SendParts(a.Int(), &[3][]byte{}, false); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	buf := make([]byte, 10)
	if n, err := fd.RecvBytes(b.Int(), buf, 0); err != nil || !bytes.Equal(buf[:n], []byte("abc")) {
		t.Fatalf("%q, %v", buf[:n], err)
	}
}

func TestPartsOfWhichTheSocketTakesSome(t *testing.T) {
	a, b := must2(fd.Socketpair())
	defer a.Close()
	defer b.Close()
	if err := fd.SetSendTimeout(a.Int(), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	part := bytes.Repeat([]byte("x"), 4<<20)
	for _, wait := range []bool{true, false} {
		if n, err := fd.SendParts(a.Int(), &[3][]byte{part[:1], part, part}, wait); wait && (n <= 0 || n >= len(part) || err != nil) {
			t.Fatalf("%d bytes, %v", n, err)
		} else if !wait && !errors.Is(err, unix.EAGAIN) {
			t.Fatalf("%d bytes into a full socket, %v", n, err)
		}
	}
	if _, err := fd.SendParts(a.Int(), &[3][]byte{part}, true); !errors.Is(err, unix.EAGAIN) {
		t.Fatalf("a full socket, and nobody reads: %v", err)
	}
	_ = b.Close()
	if _, err := fd.SendParts(a.Int(), &[3][]byte{part}, true); !errors.Is(err, unix.EPIPE) {
		t.Fatalf("a peer that is gone: %v", err)
	}
}

func TestSendingPartsAllocatesNothing(t *testing.T) {
	a, b := must2(fd.Socketpair())
	defer a.Close()
	defer b.Close()
	parts, buf := &[3][]byte{[]byte("ab"), []byte("cd"), []byte("e")}, make([]byte, 10)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = fd.SendParts(a.Int(), parts, false)
		_, _ = fd.RecvBytes(b.Int(), buf, 0)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func must2(a, b *fd.FD, err error) (*fd.FD, *fd.FD) {
	if err != nil {
		panic(err)
	}
	return a, b
}
