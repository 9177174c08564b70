package fd_test

import (
	"errors"
	"net"
	"os"
	"testing"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
)

func newHolders(t *testing.T) *fd.Holders {
	t.Helper()
	h, err := fd.NewHolders()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func isHeld(t *testing.T, h *fd.Holders, id uint64) bool {
	t.Helper()
	held, err := h.Held()
	if err != nil {
		t.Fatal(err)
	}
	return held[id]
}

// TestASocketIsHeldUntilItsLastDescriptorIsClosed has one descriptor here, one in a message, and one at its receiver.
func TestASocketIsHeldUntilItsLastDescriptorIsClosed(t *testing.T) {
	fdtest.Snapshot(t)
	h := newHolders(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	id, err := h.Add(conn.(*net.TCPConn))
	if err != nil {
		t.Fatal(err)
	}
	other, err := h.Add(ln.(*net.TCPListener))
	if err != nil || other == id {
		t.Fatalf("%d after %d, %v", other, id, err)
	}
	if !isHeld(t, h, id) {
		t.Error("not held by the one who has it")
	}
	a, b, err := fd.Socketpair()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	dup, err := fd.Of(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fd.SendMsg(a.Int(), []byte("x"), []int{dup.Int()}, 0); err != nil {
		t.Fatal(err)
	}
	_ = dup.Close()
	_ = conn.Close()
	if !isHeld(t, h, id) {
		t.Error("not held by a message under way")
	}
	var r fd.Receiver
	_, got, err := r.Recv(b.Int(), make([]byte, 1), 0)
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	if !isHeld(t, h, id) {
		t.Error("not held by its receiver")
	}
	// A number that is free again is another socket's.
	again, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	next, err := h.Add(again.(*net.TCPConn))
	if err != nil {
		t.Fatal(err)
	}
	_ = got[0].Close()
	if isHeld(t, h, id) {
		t.Error("held by nobody")
	}
	if !isHeld(t, h, next) || !isHeld(t, h, other) {
		t.Error("others are not held any more")
	}
}

func TestHoldersThatAreClosedSaySo(t *testing.T) {
	h := newHolders(t)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Held(); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if err := h.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestWhatIsClosedCannotBeWatched(t *testing.T) {
	h := newHolders(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	_ = r.Close()
	if _, err := h.Add(r); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}
