package socktest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/hello"
)

// A Transport is one under attack. Its sessions run over streams of bytes, whose ends a test makes by hand.
type Transport struct {
	Name string
	// Listen listens at an address that nobody else uses.
	Listen func(t testing.TB, o Options) *engine.Listener
	// Dial dials a listener's address, which is without the scheme.
	Dial func(ctx context.Context, addr string, o Options) (*engine.Session, error)
	// Connect connects to a listener as its peers do, up to where HELLO is due.
	Connect func(t testing.TB, addr string) net.Conn
	// Serve has f called with a connection as Dial makes it, up to where HELLO has to be answered, and returns the address.
	Serve func(t testing.TB, f func(net.Conn)) (addr string)
}

// Options are those that all transports have.
type Options struct {
	Engine    *engine.Engine
	Ring      ring.Options
	Authorize func(engine.Peer) error
	Timeout   time.Duration
}

// Patience bounds every wait: long enough for a loaded machine, and only ever spent by a test that fails.
const Patience = time.Minute

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func watchdog(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Residue checks at the test's end, after the cleanups that come later, that no goroutine and no descriptor is left.
func Residue(t testing.TB) {
	t.Helper()
	goroutines := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if !t.Failed() { // a test that has failed leaves things behind
			goleak.VerifyNone(t, goroutines)
		}
	})
	fdtest.Snapshot(t)
}

// Poll waits until ok, within Patience, and reports whether it is.
func Poll(ok func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// Logs is a slog handler that keeps what is logged, one line each.
type Logs struct {
	mu    sync.Mutex
	lines []line
}

type line struct {
	text string
	err  error
}

func (l *Logs) Enabled(_ context.Context, level slog.Level) bool { return level > slog.LevelDebug }
func (l *Logs) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *Logs) WithGroup(string) slog.Handler                    { return l }

// Handle implements slog.Handler.
func (l *Logs) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := line{text: r.Message}
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok {
			one.err = err
		}
		return true
	})
	l.lines = append(l.lines, one)
	return nil
}

// Take waits for a line and returns its error.
func (l *Logs) Take(t testing.TB) error {
	t.Helper()
	var one line
	if !Poll(func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.lines) == 0 {
			return false
		}
		one, l.lines = l.lines[0], l.lines[1:]
		return true
	}) {
		t.Fatal("nothing is logged")
	}
	return one.err
}

// Rest returns the lines that are left.
func (l *Logs) Rest() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.lines {
		all = append(all, fmt.Sprint(one.text, ": ", one.err))
	}
	return all
}

// A Server echoes on "pong" what comes on "ping", and floods who opens "flood", for every session of a listener.
type Server struct {
	Log   *Logs
	Addr  string
	Eng   *engine.Engine
	Ended chan error // why each session ended
}

// Start starts a server that the test's end stops.
func Start(t testing.TB, tr Transport, o Options) *Server {
	t.Helper()
	s := &Server{Log: new(Logs), Ended: make(chan error, 1<<16)}
	s.Eng = must(engine.New(engine.Config{Logger: slog.New(s.Log)}))
	o.Engine = s.Eng
	if o.Timeout == 0 {
		o.Timeout = Patience
	}
	ln := tr.Listen(t, o)
	_, s.Addr, _ = strings.Cut(ln.Addr(), "://")
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for sess := range ln.Sessions(ctx) {
			if sess != nil {
				all.Go(func() { s.Ended <- serve(ctx, sess) })
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = ln.Close()
		all.Wait()
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Eng.Shutdown(now)
	})
	return s
}

func serve(ctx context.Context, s *engine.Session) error {
	defer s.Close()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		if _, err := engine.Accept[engine.Raw](ctx, s, "flood"); err == nil {
			out, err := engine.Open[engine.Raw](ctx, s, "water")
			for m := make(engine.Raw, 100); err == nil; {
				err = out.Send(ctx, &m)
			}
		}
	})
	for {
		in, err := engine.Accept[engine.Raw](ctx, s, "ping")
		if err != nil {
			return err
		}
		out, err := engine.Open[engine.Raw](ctx, s, "pong")
		for err == nil {
			var m engine.Raw
			if err = in.Receive(ctx, &m); err == nil {
				err = out.Send(ctx, &m)
			}
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
	}
}

// End waits for a session's end and returns the reason.
func (s *Server) End(t testing.TB) error {
	t.Helper()
	select {
	case err := <-s.Ended:
		return err
	case <-time.After(Patience):
		t.Fatal("no session has ended")
		return nil
	}
}

// A Neighbour is a session that nothing is wrong with.
type Neighbour struct {
	*engine.Session
	ping engine.Sender[engine.Raw]
	pong engine.Receiver[engine.Raw]
	n    int
}

// Meet dials a server.
func Meet(t testing.TB, tr Transport, s *Server) *Neighbour {
	t.Helper()
	ctx := watchdog(t)
	eng := must(engine.New(engine.Config{}))
	n := &Neighbour{Session: must(tr.Dial(ctx, s.Addr, Options{Engine: eng}))}
	n.ping = must(engine.Open[engine.Raw](ctx, n.Session, "ping"))
	n.pong = must(engine.Accept[engine.Raw](ctx, n.Session, "pong"))
	t.Cleanup(func() {
		_ = n.Close()
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = eng.Shutdown(now)
	})
	return n
}

// GoesOn checks that the session works.
func (n *Neighbour) GoesOn(t testing.TB) {
	t.Helper()
	ctx := watchdog(t)
	for range 3 {
		n.n++
		m, back := engine.Raw(fmt.Sprint("message ", n.n)), engine.Raw(nil)
		err := n.ping.Send(ctx, &m)
		if err == nil {
			err = n.pong.Receive(ctx, &back)
		}
		if err != nil || string(m) != string(back) {
			t.Fatalf("a session that nothing was wrong with: %q, %v", back, err)
		}
	}
}

// Hello returns a good HELLO, by hand.
func Hello() []byte {
	b := append([]byte("hanHello"), 1, 0, 1, 0, 40, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, 256<<10)
	b = binary.LittleEndian.AppendUint32(b, 1<<20)
	return append(b, make([]byte, 16)...)
}

// Frame returns a frame, padded.
func Frame(typ byte, attachments uint16, channel, arg uint32, payload string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(16+len(payload)))
	b = append(b, typ, 0)
	b = binary.LittleEndian.AppendUint16(b, attachments)
	b = binary.LittleEndian.AppendUint32(b, channel)
	b = binary.LittleEndian.AppendUint32(b, arg)
	b = append(b, payload...)
	for len(b)%8 != 0 {
		b = append(b, 0xa5)
	}
	return b
}

// Open is a frame that opens a channel of bytes.
func Open(channel uint32, name string) []byte {
	return Frame(1, 0, channel, 0, "\x03raw"+string(rune(len(name)))+name)
}

// greeted connects and shakes hands.
func greeted(t testing.TB, tr Transport, addr string) net.Conn {
	t.Helper()
	c := tr.Connect(t, addr)
	_ = c.SetDeadline(time.Now().Add(Patience))
	must(c.Write(Hello()))
	var b [hello.Size]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		t.Fatalf("the listener's HELLO: %v", err)
	}
	must(hello.Parse(b[:]))
	return c
}

// isEnd reports whether an error is one that the peer's hanging up brings.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrClosed) ||
		strings.Contains(err.Error(), "reset by peer") || strings.Contains(err.Error(), "broken pipe")
}
