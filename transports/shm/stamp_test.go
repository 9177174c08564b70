package shm_test

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/shm"
)

// next returns the next frame that the peer has sent, without its length.
func (h *hostile) next() []byte {
	h.t.Helper()
	var b []byte
	eventually(h.t, "a frame comes", func() bool {
		frame, err := h.cons.Next()
		if err != nil && !errors.Is(err, ring.ErrEmpty) {
			h.t.Fatal(err)
		}
		if err == nil {
			b = append(b, frame[4:]...)
			h.cons.Release()
		}
		return err == nil
	})
	return b
}

// A stamp goes to who has said that it knows what that is, in HELLO; it is the kernel's own time.
func TestOnlyWhoKnowsStampsIsSentSome(t *testing.T) {
	const helloFlags, dataStamp = 24, 4
	for _, flags := range []byte{0, 1, 2, 255} {
		addr := address()
		ctx := watchdog(t)
		eng := newEngine(t, engine.Config{Wait: engine.Block})
		eng.StampMessages(time.Hour)
		ln := must(shm.Listen(ctx, addr, &shm.Options{Engine: eng}))
		h := rawDial(t, addr)
		f, mem := forge(t, forgery{capacity: capacity})
		said := hello()
		said[helloFlags] = flags
		h.say(said, f)
		h.heard(mem)
		sess := must(ln.Accept(ctx))
		before := monotonic(t)
		s := must(engine.Open[engine.Raw](ctx, sess, "out"))
		m := engine.Raw("message")
		if err := s.Send(ctx, &m); err != nil {
			t.Fatal(err)
		}
		after := monotonic(t)
		if b := h.next(); b[0] != frameOpen {
			t.Fatalf("type %d, not OPEN", b[0])
		}
		b := h.next()
		payload := b[12:]
		switch stamped := b[0] == frameData && b[1] == dataStamp; {
		case b[0] != frameData || b[1] != 0 && !stamped:
			t.Fatalf("type %d with flags %#x", b[0], b[1])
		case stamped != (flags&2 != 0):
			t.Errorf("flags %#x in HELLO, %#x in DATA", flags, b[1])
		case stamped:
			const most = 1000 // ns by which two readings of the clock may differ
			if at := int64(binary.LittleEndian.Uint64(payload)); at < before-most || at > after+most {
				t.Errorf("sent at %d, and it was between %d and %d", at, before, after)
			}
			payload = payload[8:]
		}
		if string(payload) != "message" {
			t.Errorf("%q came", payload)
		}
		h.close()
		_ = sess.Close()
		_ = ln.Close()
	}
}

func monotonic(t testing.TB) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano()
}
