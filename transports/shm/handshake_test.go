package shm_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/shm"
)

// A greeting is one that must be refused.
type greeting struct {
	name  string
	bytes []byte // default: a good HELLO
	// fds returns the descriptors that come with the first byte; default: a good segment.
	fds  func(t testing.TB) []*fd.FD
	want error
}

func (g *greeting) say(t testing.TB, h *hostile) {
	t.Helper()
	b := g.bytes
	if b == nil {
		b = hello()
	}
	fds := g.fds
	if fds == nil {
		fds = forged(forgery{capacity: 4096})
	}
	// The peer may hang up on what has come.
	if err := h.trySay(b, fds(t)...); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
}

func forged(o forgery) func(t testing.TB) []*fd.FD {
	return func(t testing.TB) []*fd.FD {
		f, _ := forge(t, o)
		return []*fd.FD{f}
	}
}

func copies(n int) func(t testing.TB) []*fd.FD {
	return func(t testing.TB) []*fd.FD {
		f, _ := forge(t, forgery{capacity: 4096})
		list := make([]*fd.FD, n)
		for i := range list {
			list[i] = f
		}
		return list
	}
}

func opened(path string) func(t testing.TB) []*fd.FD {
	return func(t testing.TB) []*fd.FD {
		f := fd.New(must(syscall.Open(path, syscall.O_RDWR|syscall.O_CLOEXEC, 0)))
		t.Cleanup(func() { _ = f.Close() })
		return []*fd.FD{f}
	}
}

func edited(off int, b ...byte) []byte {
	h := hello()
	copy(h[off:], b)
	return h
}

func word32(off int, v uint32) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[off:], v) }
}

func word64(off int, v uint64) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint64(b[off:], v) }
}

func badGreetings(t testing.TB) []greeting {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, header+4096), 0o600); err != nil {
		t.Fatal(err)
	}
	refuse := append([]byte("hanHello"), 1, 0, 2, 0, 20, 0, 0, 0, 'n', 'o', 'p', 'e')
	list := []greeting{
		{name: "HTTP", bytes: []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), fds: copies(0), want: shm.ErrHandshake},
		{name: "TLS", bytes: append([]byte{22, 3, 1, 2, 0, 1, 0}, make([]byte, 600)...), fds: copies(0), want: shm.ErrHandshake},
		{name: "zeros", bytes: make([]byte, helloSize), want: shm.ErrHandshake},
		{name: "ones", bytes: []byte(strings.Repeat("\xff", helloSize)), want: shm.ErrHandshake},
		{name: "another magic", bytes: edited(0, 'H'), want: shm.ErrHandshake},
		{name: "version 0", bytes: edited(8, 0, 0), want: shm.ErrVersion},
		{name: "version 2", bytes: edited(8, 2, 0), want: shm.ErrVersion},
		{name: "type 0", bytes: edited(10, 0, 0), want: shm.ErrHandshake},
		{name: "type 3", bytes: edited(10, 3, 0), want: shm.ErrHandshake},
		{name: "length 0", bytes: edited(12, 0, 0, 0, 0), want: shm.ErrHandshake},
		{name: "length 39", bytes: edited(12, 39, 0, 0, 0), want: shm.ErrHandshake},
		{name: "length 41", bytes: edited(12, 41, 0, 0, 0), want: shm.ErrHandshake},
		{name: "length 2^32-1", bytes: edited(12, 255, 255, 255, 255), want: shm.ErrHandshake},
		{name: "window 0", bytes: edited(16, 0, 0, 0, 0), want: shm.ErrHandshake},
		{name: "largest message 0", bytes: edited(20, 0, 0, 0, 0), want: shm.ErrHandshake},
		{name: "REFUSE", bytes: refuse, fds: copies(0), want: shm.ErrRefused},
		{
			name: "REFUSE of another version", bytes: append(append([]byte{}, refuse[:8]...), append([]byte{9}, refuse[9:]...)...),
			fds: copies(0), want: shm.ErrRefused,
		},
		{name: "REFUSE with a descriptor", bytes: refuse, want: shm.ErrRefused},
		{name: "REFUSE of 15 bytes", bytes: append(append([]byte{}, refuse[:12]...), 15, 0, 0, 0), fds: copies(0), want: shm.ErrHandshake},
		{name: "REFUSE of 257 bytes", bytes: append(append([]byte{}, refuse[:12]...), 1, 1, 0, 0), fds: copies(0), want: shm.ErrHandshake},

		{name: "no descriptor", fds: copies(0), want: shm.ErrHandshake},
		{name: "2 descriptors", fds: copies(2), want: fd.ErrTooManyFDs},
		{name: "253 descriptors", fds: copies(253), want: fd.ErrTooManyFDs},
		{name: "a socket", want: fd.ErrNotSealable, fds: func(t testing.TB) []*fd.FD {
			a, b, err := fd.Socketpair()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { closeFDs([]*fd.FD{a, b}) })
			return []*fd.FD{a}
		}},
		{name: "/dev/null", fds: opened("/dev/null"), want: fd.ErrNotSealable},
		{name: "a regular file", fds: opened(file)}, // on tmpfs it is unsealed, elsewhere not sealable

		{name: "unsealed", fds: forged(forgery{capacity: 4096, unsealed: true}), want: fd.ErrUnsealed},
		{name: "too small for a header", fds: forged(forgery{capacity: 4096, size: 100}), want: fd.ErrTooSmall},
		{name: "truncated", fds: forged(forgery{capacity: 8192, size: header + 4096}), want: ring.ErrHeader},
		{name: "longer than it says", fds: forged(forgery{capacity: 4096, size: header + 8192}), want: ring.ErrHeader},
		{name: "no corechan segment", fds: forged(forgery{capacity: 4096, word: word64(0, 1)}), want: ring.ErrMagic},
		{name: "layout version 0", fds: forged(forgery{capacity: 4096, word: word32(8, 0)}), want: ring.ErrVersion},
		{name: "layout version 2", fds: forged(forgery{capacity: 4096, word: word32(8, 2)}), want: ring.ErrVersion},
		{name: "unknown features", fds: forged(forgery{capacity: 4096, word: word64(24, 1<<63)}), want: ring.ErrVersion},
		{name: "header of 0 bytes", fds: forged(forgery{capacity: 4096, word: word32(12, 0)}), want: ring.ErrHeader},
		{name: "header of 2^32-1 bytes", fds: forged(forgery{capacity: 4096, word: word32(12, 1<<32-1)}), want: ring.ErrHeader},
		{name: "capacity 0", fds: forged(forgery{}), want: shm.ErrHandshake},
		{name: "capacity no power of two", fds: forged(forgery{capacity: 12288}), want: ring.ErrCapacity},
		{name: "capacity 2^64-4096", fds: forged(forgery{capacity: 4096, word: word64(16, 1<<64-4096)}), want: ring.ErrCapacity},
		{name: "capacity beyond MaxRing", fds: forged(forgery{capacity: 1 << 20}), want: ring.ErrCapacity},
	}
	for _, seal := range []fd.Seals{fd.SealShrink, fd.SealGrow, fd.SealFutureWrite, fd.SealSeal} {
		list = append(list, greeting{
			name: fmt.Sprint("unsealed but for ", fd.SealsSegment&^seal),
			fds:  forged(forgery{capacity: 4096, seals: fd.SealsSegment &^ seal}), want: fd.ErrUnsealed,
		})
	}
	return list
}

const smallRing = 64 << 10

func TestAListenerRefusesABadGreetingByNameAndOthersGoOn(t *testing.T) {
	residue(t)
	s := serve(t, address(), shm.Options{MaxRing: smallRing, Ring: ring.Options{Capacity: smallRing}}, engine.Config{})
	o := &shm.Options{Engine: newEngine(t, engine.Config{}), Ring: ring.Options{Capacity: smallRing}}
	neighbour := dial(t, trimScheme(s.ln.Addr()), o)
	for _, g := range badGreetings(t) {
		t.Run(g.name, func(t *testing.T) {
			h := rawDial(t, trimScheme(s.ln.Addr()))
			g.say(t, h)
			text := h.refused()
			err := s.log.take(t, "peer refused")
			if g.want != nil && !errors.Is(err, g.want) {
				t.Errorf("logged %v, which is not for %q", err, g.want)
			}
			if text == "" || !strings.HasPrefix(err.Error(), text) {
				t.Errorf("told %q, logged %q", text, err)
			}
			neighbour.goesOn(t)
		})
	}
}

func TestADialerRefusesABadGreetingByName(t *testing.T) {
	for _, g := range badGreetings(t) {
		t.Run(g.name, func(t *testing.T) {
			residue(t)
			addr := address()
			ln := must(fd.Listen(addr, 1))
			defer ln.Close()
			dialed := make(chan error, 1)
			go func() {
				_, err := shm.Dial(context.Background(), addr, &shm.Options{Engine: newEngine(t, engine.Config{}), MaxRing: smallRing})
				dialed <- err
			}()
			h := &hostile{t: t, sock: must(ln.Accept())}
			defer h.close()
			g.say(t, h)
			err := within(t, "Dial", dialed)
			if err == nil || g.want != nil && !errors.Is(err, g.want) {
				t.Errorf("%v, which is not for %q", err, g.want)
			}
		})
	}
}

func TestAHandshakeCutAtAnyByteIsRefusedAndOthersGoOn(t *testing.T) {
	residue(t)
	addr := address()
	s := serve(t, addr, shm.Options{}, engine.Config{})
	neighbour := dial(t, addr, &shm.Options{Engine: newEngine(t, engine.Config{})})
	for n := range helloSize {
		for _, fds := range []int{0, 1} {
			if n == 0 && fds == 1 {
				continue
			}
			h := rawDial(t, addr)
			if n > 0 {
				h.say(hello()[:n], copies(fds)(t)...)
			}
			h.close()
			err := s.log.take(t, "peer refused")
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if !errors.Is(err, want) {
				t.Errorf("cut after %d bytes: %v", n, err)
			}
		}
		neighbour.goesOn(t)
	}
}

func TestAHandshakeStalledAtAnyByteIsGivenUpInTime(t *testing.T) {
	residue(t)
	addr := address()
	const timeout = 100 * time.Millisecond
	s := serve(t, addr, shm.Options{HandshakeTimeout: timeout}, engine.Config{})
	neighbour := dial(t, addr, &shm.Options{Engine: newEngine(t, engine.Config{})})
	begun := time.Now()
	var stalled []*hostile
	for n := range helloSize {
		h := rawDial(t, addr)
		if n > 0 {
			h.say(hello()[:n], copies(1)(t)...)
		}
		stalled = append(stalled, h)
	}
	neighbour.goesOn(t) // meanwhile
	for n, h := range stalled {
		if text := h.refused(); text == "" {
			t.Errorf("stalled after %d bytes: no reason", n)
		}
		if err := s.log.take(t, "peer refused"); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a stalled handshake was refused with %v", err)
		}
	}
	if d := time.Since(begun); d < timeout {
		t.Errorf("given up after %v, not %v", d, timeout)
	}
	neighbour.goesOn(t)
}

func TestADialerGivesUpAListenerThatStallsOrHangsUpAtAnyByte(t *testing.T) {
	residue(t)
	eng := newEngine(t, engine.Config{})
	var all sync.WaitGroup
	defer all.Wait()
	for n := range helloSize {
		for _, hangUp := range []bool{false, true} {
			addr := address()
			ln := must(fd.Listen(addr, 1))
			t.Cleanup(func() { _ = ln.Close() })
			all.Go(func() {
				_, err := shm.Dial(context.Background(), addr, &shm.Options{Engine: eng, HandshakeTimeout: 100 * time.Millisecond})
				want := os.ErrDeadlineExceeded
				if hangUp {
					want = io.ErrUnexpectedEOF
					if n == 0 {
						want = io.EOF
					}
				}
				if !errors.Is(err, want) && !(hangUp && errors.Is(err, syscall.ECONNRESET)) {
					t.Errorf("after %d bytes: %v, want %v", n, err, want)
				}
			})
			h := &hostile{t: t, sock: must(ln.Accept())}
			t.Cleanup(h.close)
			if n > 0 {
				h.say(hello()[:n], copies(1)(t)...)
			}
			if hangUp {
				h.close()
			}
		}
	}
}

func TestADialEndsWithItsContextInTheMiddleOfTheHandshake(t *testing.T) {
	residue(t)
	addr := address()
	ln := must(fd.Listen(addr, 1))
	t.Cleanup(func() { _ = ln.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dialed := make(chan error, 1)
	go func() {
		_, err := shm.Dial(ctx, addr, &shm.Options{Engine: newEngine(t, engine.Config{}), HandshakeTimeout: patience})
		dialed <- err
	}()
	h := &hostile{t: t, sock: must(ln.Accept())}
	defer h.close()
	b, fds := h.hear(helloSize)
	closeFDs(fds)
	if len(b) != helloSize || len(fds) != 1 {
		t.Fatalf("%q with %d descriptors", b, len(fds))
	}
	cancel()
	if err := within(t, "Dial", dialed); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAHandshakeOneByteAtATimeIsAsGoodAsAnother(t *testing.T) {
	residue(t)
	addr := address()
	s := serve(t, addr, shm.Options{}, engine.Config{})
	h := rawDial(t, addr)
	f, mem := forge(t, forgery{capacity: 4096})
	h.say(hello()[:1], f)
	for _, c := range hello()[1:] {
		h.say([]byte{c})
	}
	h.heard(mem)
	h.open(1, "ping")
	h.frame(frame{typ: frameData, channel: 1, payload: []byte("hello")})
	for _, want := range []struct {
		typ     byte
		payload string
	}{{frameOpen, "\x03raw\x04pong"}, {frameData, "hello"}} {
		var b []byte
		eventually(t, "there is an answer", func() (ok bool) {
			var err error
			b, err = h.cons.Next()
			return err == nil
		})
		if b[4] != want.typ || string(b[16:]) != want.payload {
			t.Errorf("frame %q, want type %d and %q", b, want.typ, want.payload)
		}
		h.cons.Release()
	}
	h.close()
	if err := within(t, "the session's end", s.ended); !errors.Is(err, engine.ErrPeerGone) {
		t.Error(err)
	}
}

func TestAListenersCloseCutsHandshakesShort(t *testing.T) {
	residue(t)
	addr := address()
	s := serve(t, addr, shm.Options{HandshakeTimeout: time.Hour}, engine.Config{})
	var stalled []*hostile
	for range 200 { // more than shake hands at once
		h := rawDial(t, addr)
		h.say(hello()[:20], copies(1)(t)...)
		stalled = append(stalled, h)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.ln.Close() }()
	if err := within(t, "Close", closed); err != nil {
		t.Error(err)
	}
	for _, h := range stalled {
		h.hungUp()
	}
}

func TestPeersBeyondTheBacklogWaitInTheHandshake(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	addr := address()
	o := &shm.Options{Engine: newEngine(t, engine.Config{}), HandshakeTimeout: patience, Ring: ring.Options{Capacity: 4096}}
	ln := must(shm.Listen(ctx, addr, o))
	defer ln.Close()
	const peers, handshakes = 300, 128
	dialed := make(chan *engine.Session, peers)
	for range peers {
		go func() { dialed <- must(shm.Dial(ctx, addr, o)) }()
	}
	eventually(t, "the backlog is full", func() bool { return len(dialed) >= engine.Backlog+handshakes })
	if n := len(dialed); n > engine.Backlog+handshakes {
		t.Errorf("%d sessions that nobody has accepted", n)
	}
	for range peers {
		b := must(ln.Accept(ctx))
		t.Cleanup(func() { _ = b.Close() })
	}
	for range peers {
		_ = within(t, "Dial", dialed).Close()
	}
}
