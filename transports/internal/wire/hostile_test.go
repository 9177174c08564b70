package wire_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/ring"
)

// TestCloseLosesNothingThoughThePeerGoesOnSending closes a session whose reader is blocked, while the peer has not read what
// was sent, and goes on to send: a socket that is shut down for reading would answer that with a reset, and drop the rest.
func TestCloseLosesNothingThoughThePeerGoesOnSending(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			residue(t)
			ctx := watchdog(t)
			eng := newEngine(t, engine.Config{Wait: engine.Block})
			fa, fb := sockets(t, network)
			_ = unix.SetsockoptInt(fb.Int(), unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10) // the rest waits in the sender's kernel
			a := session(t, stream(network, fa), eng, true, ring.Options{Capacity: 1 << 16})
			b := session(t, stream(network, fb), newEngine(t, engine.Config{Wait: engine.Block}), false, ring.Options{})

			receiving, got := make(chan error, 1), make(chan bool, 100)
			back := must(engine.Open[engine.Raw](ctx, b, "back"))
			backed := must(engine.Accept[engine.Raw](ctx, a, "back"))
			go func() {
				for {
					var m engine.Raw
					if err := backed.Receive(context.Background(), &m); err != nil {
						receiving <- err
						return
					}
					got <- true
				}
			}()
			out := must(engine.Open[engine.Raw](ctx, a, "out"))
			messages := 150
			if network == "unix" {
				messages = 60 // the socket has room for so many, also if each is written by itself: Flush waits for that
			}
			m := make(engine.Raw, 1000)
			for range messages {
				if err := out.Send(ctx, &m); err != nil {
					t.Fatal(err)
				}
			}
			if err := a.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the receiver blocks in the read", func() bool {
				b := make([]byte, 1<<20)
				if strings.Contains(string(b[:runtime.Stack(b, true)]), "blockInRead") {
					return true
				}
				if err := back.Send(ctx, &m); err != nil { // so that it sleeps anew, while the socket is not full
					t.Fatal(err)
				}
				within(t, "the peer's message", got)
				return false
			})
			began := time.Now()
			_ = a.Close()
			if err := within(t, "the receiver's end", receiving); !errors.Is(err, os.ErrClosed) {
				t.Errorf("who received got %v", err)
			}
			t.Log("the receiver ended", time.Since(began), "after Close")
			for range 20 { // it has not heard of the end
				if err := back.Send(ctx, &m); err != nil {
					break
				}
			}
			_ = b.Flush(ctx)
			in := must(engine.Accept[engine.Raw](ctx, b, "out"))
			n := 0
			var end error
			for end == nil {
				if end = in.Receive(ctx, &m); end == nil {
					n++
				}
			}
			if n != messages || !errors.Is(end, engine.ErrSessionClosed) {
				t.Errorf("%d messages of %d came, then %v", n, messages, end)
			}
		})
	}
}

// hostileUnix returns a session, and the socket at whose other end it is.
func hostileUnix(t testing.TB, c engine.Config, r ring.Options) (*engine.Session, *fd.FD) {
	t.Helper()
	f, peer := sockets(t, "unix")
	t.Cleanup(func() { _ = peer.Close() })
	return session(t, stream("unix", f), newEngine(t, c), false, r), peer
}

func null(t testing.TB) int {
	t.Helper()
	f := must(os.Open(os.DevNull))
	t.Cleanup(func() { _ = f.Close() })
	return int(f.Fd())
}

// TestAFloodOfDescriptorsEndsTheSession sends descriptors that no frame speaks of, and bytes that never make a frame.
func TestAFloodOfDescriptorsEndsTheSession(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	sess, peer := hostileUnix(t, engine.Config{}, ring.Options{})
	var list [fd.MaxFDs]int
	for i := range list {
		list[i] = null(t)
	}
	gone := make(chan error, 1)
	go func() {
		length := binary.LittleEndian.AppendUint32(nil, 1<<16) // of a frame of which the rest does not come
		_, err := fd.SendMsg(peer.Int(), length, nil, 0)
		for range 1000 {
			if err == nil {
				_, err = fd.SendMsg(peer.Int(), []byte{0}, list[:], 0)
			}
		}
		gone <- err
	}()
	_, err := engine.Accept[engine.Raw](ctx, sess, "x")
	var p *engine.ProtocolError
	if !errors.As(err, &p) {
		t.Errorf("%v, want a ProtocolError", err)
	}
	_ = sess.Close()
	if err := within(t, "the end of the flood", gone); !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer was told %v", err)
	}
}

// TestDescriptorsComeWithTheirFrame looks at what a session sends while its socket is full most of the time: the descriptors of a
// frame are in one message with the frame's first byte.
func TestDescriptorsComeWithTheirFrame(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	sess, peer := hostileUnix(t, engine.Config{}, ring.Options{})
	small(peer)
	if err := fd.SetReceiveTimeout(peer.Int(), patience); err != nil {
		t.Fatal(err)
	}
	const messages = 300
	go func() {
		out := must(engine.Open[[]*os.File](ctx, sess, "files"))
		for i := range messages {
			list := make([]*os.File, i%4)
			for j := range list {
				list[j] = must(os.Open(os.DevNull))
			}
			if err := out.Send(ctx, &list); err != nil {
				t.Error(err)
				return
			}
		}
		_ = out.Close()
	}()
	var r fd.Receiver
	var stream []byte
	type part struct{ from, to, fds int }
	var came []part // what was read with descriptors: bytes that were sent before may come with them, none that were sent after
	read := func(n int) {
		for len(stream) < n {
			var b [512]byte
			m, fds, err := r.Recv(peer.Int(), b[:], 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(fds) != 0 {
				came = append(came, part{len(stream), len(stream) + m, len(fds)})
			}
			for _, f := range fds {
				_ = f.Close()
			}
			stream = append(stream, b[:m]...)
		}
	}
	seen := 0
	for at := 0; seen < messages; {
		read(at + 16)
		size := int(binary.LittleEndian.Uint32(stream[at:])+7) &^ 7
		if stream[at+4] == 2 {
			want := int(binary.LittleEndian.Uint16(stream[at+6:]))
			if want != seen%4 {
				t.Fatalf("message %d has %d descriptors", seen, want)
			}
			if want != 0 {
				if c := came[0]; c.from > at || c.to <= at || c.fds != want {
					t.Fatalf("message %d, of %d descriptors, begins at %d; %d descriptors came with %d to %d", seen, want, at, c.fds, c.from, c.to)
				}
				came = came[1:]
			}
			seen++
		}
		at += size
		read(at)
	}
	if len(came) != 0 {
		t.Errorf("descriptors beside frames: %v", came)
	}
}

// TestABurstOfDescriptorsIsNoFlood sends more messages with a descriptor each than a peer may give without a frame that speaks of
// them, before the receiver reads.
func TestABurstOfDescriptorsIsNoFlood(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	fa, fb := sockets(t, "unix")
	limits := engine.Limits{Window: 1 << 20, References: 1 << 14}
	a := session(t, stream("unix", fa), newEngine(t, engine.Config{Limits: limits}), true, ring.Options{})
	b := session(t, stream("unix", fb), newEngine(t, engine.Config{Limits: limits}), false, ring.Options{})
	out := must(engine.Open[*os.File](ctx, a, "files"))
	file := must(os.Open(os.DevNull))
	defer file.Close()
	const messages = 2500
	sent := make(chan int, 1)
	short, cancel := context.WithTimeout(ctx, 500*time.Millisecond) // no more fit then
	defer cancel()
	go func() {
		for n := range messages {
			f := os.NewFile(uintptr(must(syscall.Dup(int(file.Fd())))), "null")
			if err := out.Send(short, &f); err != nil {
				_ = f.Close()
				sent <- n
				return
			}
		}
		sent <- messages
	}()
	n := within(t, "sending", sent)
	_ = out.Close()
	in := must(engine.Accept[*os.File](ctx, b, "files"))
	for i := range n {
		var f *os.File
		if err := in.Receive(ctx, &f); err != nil {
			t.Fatalf("message %d of %d: %v", i, n, err)
		}
		_ = f.Close()
	}
	if err := in.Receive(ctx, new(*os.File)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	t.Log(n, "messages")
}

// TestASessionThatIsBlockedCostsNothing has a peer that never reads, and sends in a quick row, so that messages gather: nothing
// runs for it once the socket is full.
func TestASessionThatIsBlockedCostsNothing(t *testing.T) {
	residue(t)
	eng := newEngine(t, engine.Config{})
	f, peer := sockets(t, "unix")
	defer peer.Close()
	sess := session(t, stream("unix", f), eng, false, ring.Options{})
	loop, release, err := eng.Service()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	out := must(engine.Open[engine.Raw](ctx, sess, "x"))
	m := make(engine.Raw, 100)
	for err = nil; err == nil; {
		err = out.Send(ctx, &m)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	fired := func() uint64 { return loop.Stats().Timers }
	eventually(t, "no timer runs", func() bool {
		before := fired()
		<-time.After(50 * time.Millisecond) // several hundred ticks
		return fired() == before
	})
}
