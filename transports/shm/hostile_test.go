package shm_test

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/ring"
)

// What PROTOCOL.md says, once more and by hand, so that a mistake in the package shows.
const (
	helloSize = 40

	wordTail      = 128
	wordHead      = 256
	wordTailSleep = 384
	wordHeadSleep = 512

	frameOpen   = 1
	frameData   = 2
	frameCredit = 3
	frameClose  = 4
	frameReset  = 5
	frameGoAway = 8
	frameLane   = 9
)

var header = os.Getpagesize()

// hello returns a good HELLO.
func hello() []byte {
	b := append([]byte("hanHello"), 1, 0, 1, 0, helloSize, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, 256<<10)
	b = binary.LittleEndian.AppendUint32(b, 1<<20)
	return append(b, make([]byte, 16)...)
}

// A forgery says how a segment differs from a good one.
type forgery struct {
	capacity int
	size     int // of the memory; 0: what it should be
	seals    fd.Seals
	unsealed bool
	word     func(header []byte)
}

// forge makes a segment, and returns its descriptor and what it mapped of it. Records are mapped once only, but the
// slice is as long as if they were mapped twice: touching the second half is a fault.
func forge(t testing.TB, o forgery) (f *fd.FD, mem []byte) {
	t.Helper()
	if o.size == 0 {
		o.size = header + o.capacity
	}
	if o.seals == 0 {
		o.seals = fd.SealsSegment
	}
	f = must(fd.Memfd("corechan-hostile", int64(o.size), nil))
	t.Cleanup(func() { _ = f.Close() })
	mem = must(syscall.Mmap(f.Int(), 0, header+2*o.capacity, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED))
	t.Cleanup(func() { _ = syscall.Munmap(mem) })
	binary.LittleEndian.PutUint64(mem[0:], ring.Magic)
	binary.LittleEndian.PutUint32(mem[8:], ring.Version)
	binary.LittleEndian.PutUint32(mem[12:], uint32(header))
	binary.LittleEndian.PutUint64(mem[16:], uint64(o.capacity))
	if o.word != nil {
		o.word(mem)
	}
	if !o.unsealed {
		if err := f.AddSeals(o.seals); err != nil {
			t.Fatal(err)
		}
	}
	return f, mem
}

// A hostile is a peer made by hand, which writes into its segment what it likes.
type hostile struct {
	t    testing.TB
	sock *fd.FD
	mem  []byte
	prod *ring.Producer
	cons *ring.Consumer
}

// rawDial connects and says nothing.
func rawDial(t testing.TB, addr string) *hostile {
	t.Helper()
	h := &hostile{t: t, sock: must(fd.DialUnix(watchdog(t), addr))}
	if err := fd.SetReceiveTimeout(h.sock.Int(), patience); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	return h
}

// hostileDial connects and shakes hands as it should be.
func hostileDial(t testing.TB, addr string, capacity int) *hostile {
	t.Helper()
	h := rawDial(t, addr)
	f, mem := forge(t, forgery{capacity: capacity})
	h.say(hello(), f)
	h.heard(mem)
	return h
}

// heard reads the peer's HELLO, and makes the rings of its segment and one's own.
func (h *hostile) heard(mem []byte) {
	h.t.Helper()
	b, fds := h.hear(helloSize)
	if len(b) != helloSize || len(fds) != 1 {
		h.t.Fatalf("answer %q with %d descriptors, not a HELLO", b, len(fds))
	}
	theirs := must(ring.Open(fds[0], 0, false))
	h.t.Cleanup(func() { _ = theirs.Close() })
	_ = fds[0].Close()
	h.use(mem, theirs)
}

func (h *hostile) use(mem []byte, theirs *ring.Segment) {
	own := must(ring.FromBytes(mem[:header], mem[header:]))
	h.mem = mem
	h.prod, h.cons = ring.NewProducer(own, theirs), ring.NewConsumer(own, theirs)
}

// say sends bytes with descriptors.
func (h *hostile) say(p []byte, fds ...*fd.FD) {
	h.t.Helper()
	if err := h.trySay(p, fds...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *hostile) trySay(p []byte, fds ...*fd.FD) error {
	var list []int
	for _, f := range fds {
		list = append(list, f.Int())
	}
	_, err := fd.SendMsg(h.sock.Int(), p, list, 0)
	return err
}

// hear reads up to n bytes, fewer if the peer hangs up.
func (h *hostile) hear(n int) (b []byte, fds []*fd.FD) {
	h.t.Helper()
	var r fd.Receiver
	p := make([]byte, n)
	for len(b) < n {
		m, got, err := r.Recv(h.sock.Int(), p[:n-len(b)], 0)
		b = append(b, p[:m]...)
		fds = append(fds, got...)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
			return b, fds
		case err != nil:
			h.t.Fatal(err)
		}
	}
	return b, fds
}

// hungUp waits until the peer has hung up.
func (h *hostile) hungUp() {
	h.t.Helper()
	for {
		b, fds := h.hear(64)
		closeFDs(fds)
		if len(b) < 64 {
			return
		}
	}
}

// refused returns the text of the peer's REFUSE, after which it has hung up.
func (h *hostile) refused() string {
	h.t.Helper()
	b, fds := h.hear(1024)
	if len(fds) != 0 {
		h.t.Fatalf("%d descriptors with a refusal", len(fds))
	}
	if len(b) < 16 || string(b[:8]) != "hanHello" || binary.LittleEndian.Uint16(b[8:]) != 1 ||
		binary.LittleEndian.Uint16(b[10:]) != 2 || int(binary.LittleEndian.Uint32(b[12:])) != len(b) {
		h.t.Fatalf("answer %q, not a REFUSE", b)
	}
	return string(b[16:])
}

func (h *hostile) close() { _ = h.sock.Close() }

func closeFDs(list []*fd.FD) {
	for _, f := range list {
		_ = f.Close()
	}
}

// poke writes a word of the header and rings.
func (h *hostile) poke(word int, value uint64) {
	binary.LittleEndian.PutUint64(h.mem[word:], value)
	fd.Poke(h.sock.Int())
}

// record publishes a record with these bytes behind its length.
func (h *hostile) record(b []byte) {
	h.t.Helper()
	p := must(h.prod.Reserve(4 + len(b)))
	copy(p[4:], b)
	h.prod.Commit(4 + len(b))
	h.prod.Publish()
	fd.Poke(h.sock.Int())
}

// A frame is one as PROTOCOL.md has it.
type frame struct {
	typ, flags  byte
	attachments uint16
	channel     uint32
	arg         uint32
	payload     []byte
}

func (h *hostile) frame(f frame) {
	h.t.Helper()
	b := []byte{f.typ, f.flags}
	b = binary.LittleEndian.AppendUint16(b, f.attachments)
	b = binary.LittleEndian.AppendUint32(b, f.channel)
	b = binary.LittleEndian.AppendUint32(b, f.arg)
	h.record(append(b, f.payload...))
}

// openPayload is the payload of OPEN.
func openPayload(codec, name string) []byte {
	b := append([]byte{byte(len(codec))}, codec...)
	return append(append(b, byte(len(name))), name...)
}

// open opens a channel.
func (h *hostile) open(id uint32, name string) {
	h.t.Helper()
	h.frame(frame{typ: frameOpen, channel: id, payload: openPayload("raw", name)})
}

// consumed waits until the peer has read everything.
func (h *hostile) consumed() {
	h.t.Helper()
	eventually(h.t, "everything is read", func() bool { return h.prod.Head() == h.prod.Published() })
}

// protocolError checks that err is one, and says what it should.
func protocolError(t testing.TB, err error, causes ...error) {
	t.Helper()
	var p *engine.ProtocolError
	if !errors.As(err, &p) {
		t.Errorf("the session ended with %v, not a ProtocolError", err)
		return
	}
	for _, cause := range causes {
		if !errors.Is(err, cause) {
			t.Errorf("the session ended with %v, which is not for %q", err, cause)
		}
	}
}
