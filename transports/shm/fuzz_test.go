package shm

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports/internal/hello"
)

// FuzzHandshake reads what a peer may say as a message of the handshake. What is accepted is a HELLO, whole, with its one
// descriptor, that says again what it said; whatever comes, there is an error of a known kind, and no descriptor is left.
func FuzzHandshake(f *testing.F) {
	good := hello.Encode(hello.Hello{Announced: engine.Announced{Window: 256 << 10, MaxMessage: 1 << 20}, Flags: hello.FlagBarrier})
	refuse := hello.EncodeRefuse("no")
	f.Add(good, uint8(1))
	f.Add(good, uint8(0))
	f.Add(good, uint8(2))
	f.Add(good[:39], uint8(1))
	f.Add(good[:16], uint8(1))
	f.Add(good[:15], uint8(1))
	f.Add([]byte{}, uint8(0))
	f.Add(append(append([]byte{}, good...), good...), uint8(1))
	f.Add(refuse, uint8(0))
	f.Add(refuse[:16], uint8(0))
	f.Add(hello.EncodeRefuse(string(make([]byte, 1000))), uint8(1))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), uint8(0))
	for i := range hello.Size {
		b := append([]byte{}, good...)
		b[i] ^= 0x81
		f.Add(b, uint8(1))
	}
	null, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = syscall.Close(null) })

	f.Fuzz(func(t *testing.T, b []byte, fds uint8) {
		if len(b) > 1<<10 {
			b = b[:1<<10]
		}
		ours, theirs, err := fd.Socketpair()
		if err != nil {
			t.Skip(err)
		}
		defer ours.Close()
		list := make([]int, min(fds, 4))
		for i := range list {
			list[i] = null
		}
		if len(b) > 0 {
			if _, err := fd.SendMsg(theirs.Int(), b, list, 0); err != nil {
				t.Fatal(err)
			}
		}
		_ = theirs.Close()

		c := &conn{sock: ours, deadline: time.Now().Add(time.Minute)}
		said, got, err := c.readMessage()
		if err != nil {
			if got != nil {
				t.Error("an error and a descriptor")
			}
			for _, known := range []error{ErrHandshake, ErrVersion, ErrRefused, io.EOF, io.ErrUnexpectedEOF, fd.ErrTooManyFDs} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("an error of no kind: %v", err)
		}
		if err := got.Close(); err != nil || len(list) != 1 {
			t.Errorf("%d descriptors were sent: %v", len(list), err)
		}
		if said.Window == 0 || said.MaxMessage == 0 {
			t.Errorf("accepted %+v", said)
		}
		if again := hello.Encode(said); len(b) < hello.Size || string(again[:28]) != string(b[:28]) {
			t.Errorf("%q was read as %+v", b, said)
		}
		if parsed, err := hello.Parse(b[:hello.Size]); err != nil || parsed != said {
			t.Errorf("parse says %+v, %v; readMessage %+v", parsed, err, said)
		}
	})
}

// FuzzParse is the same without a socket: many times faster.
func FuzzParse(f *testing.F) {
	f.Add(hello.Encode(hello.Hello{Announced: engine.Announced{Window: 1, MaxMessage: 1}}))
	f.Add(hello.EncodeRefuse("no"))
	f.Add(hello.EncodeRefuse(""))
	f.Add([]byte("hanHello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		said, err := hello.Parse(b)
		switch {
		case err == nil:
			if len(b) != hello.Size || string(hello.Encode(said)[:28]) != string(b[:28]) {
				t.Errorf("%q was read as %+v", b, said)
			}
		case errors.Is(err, ErrRefused):
			if len(b) < hello.PrefixSize || len(b) > hello.MaxSize {
				t.Errorf("a refusal of %d bytes", len(b))
			}
		case !errors.Is(err, ErrHandshake) && !errors.Is(err, ErrVersion):
			t.Errorf("an error of no kind: %v", err)
		}
	})
}
