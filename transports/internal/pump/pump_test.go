package pump_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/pump"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func watchdog(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// An end is a session over a pump.
type end struct {
	*engine.Session
	*pump.Pump
}

// start makes a session over one end of a connection.
func start(t testing.TB, dialer bool, capacity int, s pump.Stream) end {
	t.Helper()
	p := must(pump.New(&ring.Options{Capacity: capacity}))
	eng := must(engine.New(engine.Config{}))
	l := p.Link()
	l.Dialer, l.Transport, l.PeerLimits = dialer, "test", engine.Announced{Window: eng.Limits().Window, MaxMessage: eng.Limits().MaxMessage}
	sess := must(engine.NewSession(eng, l))
	p.Start(sess, s)
	t.Cleanup(func() {
		_ = sess.Close()
		<-p.Closed()
		_ = eng.Shutdown(context.Background())
	})
	return end{sess, p}
}

func stream(c net.Conn) pump.Stream {
	return pump.Stream{
		Read: c.Read, Write: func(b []byte) error { _, err := c.Write(b); return err },
		CloseWrite: func() { _ = c.(interface{ CloseWrite() error }).CloseWrite() }, Abort: func() { _ = c.Close() },
	}
}

// conns returns the ends of a TCP connection.
func conns(t testing.TB) (a, b net.Conn) {
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	defer ln.Close()
	a = must(net.Dial("tcp", ln.Addr().String()))
	b = must(ln.Accept())
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

// TestBothWaysToWriteCarryAll sends messages of all sizes through small rings: pushed, by who publishes where there is room, and
// pulled.
func TestBothWaysToWriteCarryAll(t *testing.T) {
	for name, change := range map[string]func(*pump.Stream){
		"pushed": func(*pump.Stream) {},
		"here":   func(s *pump.Stream) { s.Room = func() bool { return true }; s.Yield = true },
		"sometimes here": func(s *pump.Stream) {
			n := 0
			s.Room = func() bool { n++; return n%3 == 0 }
		},
		"pulled": func(s *pump.Stream) { s.Write = nil },
	} {
		t.Run(name, func(t *testing.T) {
			fdtest.Snapshot(t)
			ctx := watchdog(t)
			a, b := conns(t)
			sa, sb := stream(a), stream(b)
			change(&sa)
			change(&sb)
			var all sync.WaitGroup
			t.Cleanup(all.Wait) // once the sessions have ended
			ea, eb := start(t, true, 8192, sa), start(t, false, 4096, sb)
			if sa.Write == nil {
				all.Go(func() { library(a, ea.Pump) })
				all.Go(func() { library(b, eb.Pump) })
			}
			var both sync.WaitGroup
			both.Go(func() { carry(t, ctx, ea.Session, eb.Session, 4096-16) })
			both.Go(func() { carry(t, ctx, eb.Session, ea.Session, 4096-16) })
			both.Wait()
		})
	}
}

// library sends what a pump has, as one that fetches it.
func library(c net.Conn, p *pump.Pump) {
	_, _ = io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{p}, make([]byte, 777))
	_ = c.(*net.TCPConn).CloseWrite()
	_ = p.Close()
}

func carry(t *testing.T, ctx context.Context, from, to *engine.Session, largest int) {
	s := must(engine.Open[engine.Raw](ctx, from, "x"))
	r := must(engine.Accept[engine.Raw](ctx, to, "x"))
	const n = 1500
	go func() {
		for i := range n {
			m := engine.Raw(bytes.Repeat([]byte{byte(i)}, i*31%largest))
			if err := s.Send(ctx, &m); err != nil {
				t.Error(err)
				return
			}
		}
		_ = s.Close()
	}()
	for i := range n {
		var m engine.Raw
		if err := r.Receive(ctx, &m); err != nil || !bytes.Equal(m, bytes.Repeat([]byte{byte(i)}, i*31%largest)) {
			t.Errorf("message %d: %d bytes, %v", i, len(m), err)
			return
		}
	}
}

func TestASessionsEndReachesThePeerBehindWhatWasSent(t *testing.T) {
	ctx := watchdog(t)
	a, b := conns(t)
	ea, eb := start(t, true, 1<<16, stream(a)), start(t, false, 1<<16, stream(b))
	s := must(engine.Open[engine.Raw](ctx, ea.Session, "x"))
	for i := range 200 {
		m := engine.Raw{byte(i)}
		if err := s.Send(ctx, &m); err != nil {
			t.Fatal(err)
		}
	}
	_ = ea.Session.CloseWith(errors.New("enough"))
	r := must(engine.Accept[engine.Raw](ctx, eb.Session, "x"))
	for i := range 200 {
		var m engine.Raw
		if err := r.Receive(ctx, &m); err != nil || m[0] != byte(i) {
			t.Fatal(i, m, err)
		}
	}
	var m engine.Raw
	if err := r.Receive(ctx, &m); !errors.Is(err, engine.ErrSessionClosed) || !strings.Contains(err.Error(), "enough") {
		t.Error(err)
	}
	<-ea.Closed()
	<-eb.Closed()
	if ea.Pump.Err() != nil || eb.Pump.Err() != nil {
		t.Errorf("an end in order: %v, %v", ea.Pump.Err(), eb.Pump.Err())
	}
}

// TestAPeerThatDoesNotReadHoldsNobodyUp: Close returns, and the stream is given up after Linger.
func TestAPeerThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as Linger")
	}
	ctx := watchdog(t)
	a, b := conns(t)
	defer b.Close()
	_ = a.(*net.TCPConn).SetWriteBuffer(4096)
	_ = b.(*net.TCPConn).SetReadBuffer(4096)
	e := start(t, true, 1<<20, stream(a))
	s := must(engine.Open[engine.Raw](ctx, e.Session, "x"))
	m := engine.Raw(make([]byte, 32<<10))
	for range 3 { // more than the sockets take
		if err := s.Send(ctx, &m); err != nil {
			break
		}
	}
	began := time.Now()
	_ = e.Session.Close()
	if d := time.Since(began); d > pump.Linger/2 {
		t.Errorf("Close took %v", d)
	}
	select {
	case <-e.Closed():
	case <-ctx.Done():
		t.Fatal("the stream is still in use")
	}
}

// A script is a stream whose peer says what it has to say, and then what error there is.
type script struct {
	r    io.Reader
	err  error
	once sync.Once
	over chan struct{}
}

func newScript(b []byte, step int, err error) *script {
	return &script{r: &steps{b, step}, err: err, over: make(chan struct{})}
}

// steps reads so many bytes at a time.
type steps struct {
	b []byte
	n int
}

func (s *steps) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.n)], s.b)
	s.b = s.b[n:]
	return n, nil
}

func (s *script) stream() pump.Stream {
	end := func() { s.once.Do(func() { close(s.over) }) }
	return pump.Stream{
		Read: func(p []byte) (int, error) {
			n, err := s.r.Read(p)
			if err != nil {
				err = s.err
			}
			return n, err
		},
		Write: func([]byte) error { return nil }, CloseWrite: func() {}, Abort: end,
	}
}

func frame(typ byte, channel, arg uint32, payload string) []byte {
	n := 16 + len(payload)
	b := make([]byte, ring.Stride(n))
	binary.LittleEndian.PutUint32(b, uint32(n))
	b[4] = typ
	binary.LittleEndian.PutUint32(b[8:], channel)
	binary.LittleEndian.PutUint32(b[12:], arg)
	copy(b[16:], payload)
	return b
}

func TestWhatEndsAStreamIsNamed(t *testing.T) {
	open := frame(1, 2, 0, "\x03raw\x01x")
	hello := append(append([]byte{}, open...), frame(2, 2, 0, "hello")...)
	broken := errors.New("cable pulled")
	for _, c := range []struct {
		name  string
		bytes []byte
		err   error
		want  error
		text  string
	}{
		{"in order", hello, io.EOF, engine.ErrPeerGone, ""},
		{"cut", hello, broken, engine.ErrPeerGone, "cable pulled"},
		{"cut within a length", append(hello[:len(hello):len(hello)], 16, 0), io.EOF, engine.ErrPeerGone, "within a frame"},
		{"cut within a frame", append(hello[:len(hello):len(hello)], 24, 0, 0, 0, 2, 0), broken, engine.ErrPeerGone, "within a frame"},
		{"length 0", append(hello[:len(hello):len(hello)], make([]byte, 16)...), io.EOF, engine.ErrProtocol, "length is 0"},
		{"length 15", append(hello[:len(hello):len(hello)], 15, 0, 0, 0, 0, 0, 0, 0), io.EOF, engine.ErrProtocol, "length is 15"},
		{"length beyond the ring", append(hello[:len(hello):len(hello)], 1, 16, 0, 0, 0, 0, 0, 0), io.EOF, engine.ErrProtocol, "length is 4097"},
		{"length 2^32-1", append(hello[:len(hello):len(hello)], 255, 255, 255, 255), io.EOF, engine.ErrProtocol, "length is 4294967295"},
	} {
		for _, step := range []int{1, 7, 1 << 20} {
			ctx := watchdog(t)
			e := start(t, true, 4096, newScript(c.bytes, step, c.err).stream())
			r := must(engine.Accept[engine.Raw](ctx, e.Session, "x"))
			var m engine.Raw
			if err := r.Receive(ctx, &m); err != nil || string(m) != "hello" {
				t.Errorf("%s: what came before is %q, %v", c.name, m, err)
			}
			err := r.Receive(ctx, &m)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v is not %v, or does not say %q", c.name, err, c.want, c.text)
			}
			<-e.Closed()
			if (e.Pump.Err() != nil) != (c.text != "") {
				t.Errorf("%s: %v", c.name, e.Pump.Err())
			}
		}
	}
}

func TestAPumpThatWasNotStartedLeavesNothing(t *testing.T) {
	fdtest.Snapshot(t)
	for range 100 {
		must(pump.New(nil)).Discard()
		p := must(pump.New(nil))
		read := make(chan error)
		go func() {
			_, err := io.ReadAll(p)
			read <- err
		}()
		p.Discard()
		<-read
	}
	if _, err := pump.New(&ring.Options{Capacity: 5}); !errors.Is(err, ring.ErrCapacity) {
		t.Error(err)
	}
}

// FuzzPump feeds a session any bytes, in pieces: it takes what are frames, ends by name with the first that is none, and the pump
// leaves nothing behind.
func FuzzPump(f *testing.F) {
	open := frame(1, 2, 0, "\x03raw\x01x")
	f.Add(append(open, frame(2, 2, 0, "hello")...), uint8(3))
	f.Add([]byte{16, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, uint8(1))
	f.Add([]byte{0, 0, 0, 0}, uint8(255))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		e := start(t, true, 4096, newScript(b, int(step)+1, io.EOF).stream())
		r, err := engine.Accept[engine.Raw](watchdog(t), e.Session, "x")
		for err == nil {
			var m engine.Raw
			err = r.Receive(watchdog(t), &m)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("hangs")
		}
		<-e.Closed()
	})
}
