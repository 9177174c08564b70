package fd_test

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
)

// blockingPipe makes a pipe as a process outside Go has it.
func blockingPipe(t testing.TB, flags int) (r, w *fd.FD) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], flags|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	return closeAtEnd(t, fd.New(p[0])), closeAtEnd(t, fd.New(p[1]))
}

func TestAPipeThatIsGivenAwayTakesDeadlinesAndItsGiversModeStays(t *testing.T) {
	fdtest.Snapshot(t)
	r, w := blockingPipe(t, 0)
	gr, gw := give(t, r), give(t, w)
	wantKind(t, gr, fd.KindPipe)
	wantKind(t, gw, fd.KindPipe)
	in, out := must[*os.File](t)(gr.File("in")), must[*os.File](t)(gw.File("out"))
	wantGone(t, gr)
	wantGone(t, gw)
	wantDeadline(t, in)
	if nonblocking(t, r) || nonblocking(t, w) {
		t.Error("the giver's ends have become non-blocking")
	}
	if !nonblocking(t, in) || !nonblocking(t, out) {
		t.Error("the receiver's ends block")
	}
	if in.Name() != "in" {
		t.Errorf("its name is %q", in.Name())
	}

	// It is the same pipe, and each end is what it was.
	if _, err := unix.Write(w.Int(), []byte("from the giver ")); err != nil {
		t.Fatal(err)
	}
	if _, err := out.WriteString("and from the receiver"); err != nil {
		t.Fatal(err)
	}
	if _, err := in.WriteString("x"); !errors.Is(err, unix.EBADF) {
		t.Errorf("writing to the end to read from: %v, want EBADF", err)
	}
	w.Close()
	out.Close()
	all, err := io.ReadAll(in)
	if err != nil || string(all) != "from the giver and from the receiver" {
		t.Errorf("%q, %v", all, err)
	}
}

func TestClosingAReceivedPipeEndsItsRead(t *testing.T) {
	fdtest.Snapshot(t)
	r, w := blockingPipe(t, 0)
	in := must[*os.File](t)(give(t, r).File("in"))
	done := make(chan error)
	go func() {
		_, err := in.Read(make([]byte, 2))
		done <- err
		_, err = in.Read(make([]byte, 2))
		done <- err
	}()
	if _, err := unix.Write(w.Int(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := within(t, "the first Read", done); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := within(t, "the second Read", done); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v, want os.ErrClosed", err)
	}
}

func TestAPipeOfPacketsStaysOne(t *testing.T) {
	fdtest.Snapshot(t)
	r, w := blockingPipe(t, unix.O_DIRECT)
	in, out := must[*os.File](t)(give(t, r).File("in")), must[*os.File](t)(give(t, w).File("out"))
	for _, s := range []string{"one", "two"} {
		if _, err := out.WriteString(s); err != nil {
			t.Fatal(err)
		}
	}
	p := make([]byte, 9)
	if n, err := in.Read(p); string(p[:n]) != "one" || err != nil {
		t.Errorf("%q, %v; want the first write alone", p[:n], err)
	}
}

func TestTheEndsOfAnOSPipeGoOnWorkingAtBothSides(t *testing.T) {
	fdtest.Snapshot(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, r)
	out := must[*os.File](t)(give(t, w).File("out"))
	w.Fd() // makes it blocking, as starting a command with it does
	if nonblocking(t, w) || !nonblocking(t, out) {
		t.Error("the two ends share their mode")
	}
	w.Close()
	wantDeadline(t, r)
	if _, err := out.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	out.Close()
	all, err := io.ReadAll(r)
	if err != nil || string(all) != "hello" {
		t.Errorf("%q, %v", all, err)
	}
}

func TestARegularFileSharesItsOffset(t *testing.T) {
	fdtest.Snapshot(t)
	giver := must[*os.File](t)(os.Create(t.TempDir() + "/log"))
	f := give(t, giver)
	wantKind(t, f, fd.KindFile)
	got := must[*os.File](t)(f.File("log"))
	for _, w := range []*os.File{giver, got, giver} {
		if _, err := w.WriteString("line\n"); err != nil {
			t.Fatal(err)
		}
	}
	giver.Close()
	if _, err := got.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(closeAtEnd(t, must[*os.File](t)(os.Open(giver.Name()))))
	if err != nil || string(all) != "line\nline\nline\n" {
		t.Errorf("%q, %v", all, err)
	}
}
