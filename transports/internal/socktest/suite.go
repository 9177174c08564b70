package socktest

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/hello"
)

// Hostile attacks a transport with peers made by hand.
func Hostile(t *testing.T, tr Transport) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Transport)
	}{
		{"a listener refuses a bad greeting by name", badGreetings},
		{"a dialer refuses a bad greeting by name", badAnswers},
		{"a handshake is cut at every byte", cutHandshake},
		{"the answer to a handshake is cut at every byte", cutAnswer},
		{"a handshake that takes too long is given up", slowHandshake},
		{"a dial that is cancelled ends at once", cancelledDial},
		{"a peer that is not let in is told why", notLetIn},
		{"frames are cut at every byte", cutFrames},
		{"a bad frame ends its session", badFrames},
		{"a peer that never reads is bounded", neverReads},
		{"an address in use is said to be", inUse},
	} {
		t.Run(c.name, func(t *testing.T) {
			Residue(t)
			c.run(t, tr)
		})
	}
}

// A greeting is one that must be refused.
type greeting struct {
	name  string
	bytes []byte
	want  error
}

func greetings() []greeting {
	edited := func(off int, with ...byte) []byte {
		b := Hello()
		copy(b[off:], with)
		return b
	}
	refuse := append([]byte("hanHello"), 1, 0, 2, 0, 20, 0, 0, 0, 'n', 'o', 'p', 'e')
	later := append([]byte{}, refuse...)
	later[8] = 9
	return []greeting{
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), hello.ErrHandshake},
		{"HTTP/2", []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), hello.ErrHandshake},
		{"TLS", append([]byte{22, 3, 1, 2, 0, 1, 0}, make([]byte, 600)...), hello.ErrHandshake},
		{"SSH", []byte("SSH-2.0-OpenSSH_9.2\r\n"), hello.ErrHandshake},
		{"zeros", make([]byte, 40), hello.ErrHandshake},
		{"ones", []byte(strings.Repeat("\xff", 400)), hello.ErrHandshake},
		{"version 0", edited(8, 0), hello.ErrVersion},
		{"version 2", edited(8, 2), hello.ErrVersion},
		{"type 3", edited(10, 3), hello.ErrHandshake},
		{"length 0", edited(12, 0), hello.ErrHandshake},
		{"length 41", edited(12, 41), hello.ErrHandshake},
		{"length 2^32-1", edited(12, 255, 255, 255, 255), hello.ErrHandshake},
		{"window 0", edited(16, 0, 0, 0, 0), hello.ErrHandshake},
		{"largest message 0", edited(20, 0, 0, 0, 0), hello.ErrHandshake},
		{"REFUSE", refuse, hello.ErrRefused},
		{"REFUSE of another version", later, hello.ErrRefused},
		{"REFUSE of 15 bytes", append(append([]byte{}, refuse[:12]...), 15, 0, 0, 0), hello.ErrHandshake},
		{"REFUSE of 257 bytes", append(append([]byte{}, refuse[:12]...), 1, 1, 0, 0), hello.ErrHandshake},
	}
}

// refusal reads the REFUSE that a connection ends with.
func refusal(t *testing.T, c net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil && !isEnd(err) {
		t.Fatal(err)
	}
	if len(b) < 16 || string(b[:8]) != "hanHello" || binary.LittleEndian.Uint16(b[10:]) != 2 || int(binary.LittleEndian.Uint32(b[12:])) != len(b) {
		t.Fatalf("answer %q, %v, not a REFUSE", b, err)
	}
	return string(b[16:])
}

// named checks that an error names the peer and the step.
func named(t *testing.T, err error, peer string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "handshake") || !strings.Contains(err.Error(), peer) {
		t.Errorf("%v does not name the peer, %s, and the step", err, peer)
	}
}

// local is how a connection's own side is named by the other: only for TCP.
func local(c net.Conn) string {
	if a, ok := c.LocalAddr().(*net.TCPAddr); ok {
		return a.String()
	}
	return "pid"
}

func badGreetings(t *testing.T, tr Transport) {
	s := Start(t, tr, Options{})
	neighbour := Meet(t, tr, s)
	for _, g := range greetings() {
		t.Run(g.name, func(t *testing.T) {
			c := tr.Connect(t, s.Addr)
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(Patience))
			_, _ = c.Write(g.bytes) // the peer may hang up in the middle
			text := refusal(t, c)
			err := s.Log.Take(t)
			if !errors.Is(err, g.want) {
				t.Errorf("logged %v, which is not for %q", err, g.want)
			}
			if text == "" || !strings.Contains(err.Error(), text) {
				t.Errorf("told %q, logged %q", text, err)
			}
			named(t, err, local(c))
			neighbour.GoesOn(t)
			if rest := s.Log.Rest(); len(rest) != 0 {
				t.Errorf("more than one line is logged: %q", rest)
			}
		})
	}
}

// dial dials what Serve serves with f, and returns the error.
func dial(t *testing.T, tr Transport, o Options, f func(net.Conn)) error {
	t.Helper()
	addr := tr.Serve(t, func(c net.Conn) {
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(Patience))
		f(c)
	})
	o.Engine = must(engine.New(engine.Config{}))
	defer o.Engine.Shutdown(context.Background())
	if o.Timeout == 0 {
		o.Timeout = Patience
	}
	s, err := tr.Dial(watchdog(t), addr, o)
	if err == nil {
		_ = s.Close()
		t.Fatal("it succeeded")
	}
	named(t, err, addr)
	return err
}

func badAnswers(t *testing.T, tr Transport) {
	for _, g := range greetings() {
		t.Run(g.name, func(t *testing.T) {
			err := dial(t, tr, Options{}, func(c net.Conn) {
				_, _ = io.ReadFull(c, make([]byte, hello.Size))
				_, _ = c.Write(g.bytes)
			})
			if !errors.Is(err, g.want) {
				t.Errorf("%v, which is not for %q", err, g.want)
			}
		})
	}
}

func cutHandshake(t *testing.T, tr Transport) {
	s := Start(t, tr, Options{})
	neighbour := Meet(t, tr, s)
	for n := range hello.Size {
		c := tr.Connect(t, s.Addr)
		if n > 0 {
			must(c.Write(Hello()[:n]))
		}
		_ = c.Close()
		err := s.Log.Take(t)
		named(t, err, "")
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: logged %v", n, err)
		}
	}
	neighbour.GoesOn(t)
	if rest := s.Log.Rest(); len(rest) != 0 {
		t.Errorf("more than one line is logged: %q", rest)
	}
}

func cutAnswer(t *testing.T, tr Transport) {
	for n := 0; n < hello.Size; n += 3 {
		err := dial(t, tr, Options{}, func(c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, hello.Size))
			_, _ = c.Write(Hello()[:n])
		})
		if !isEnd(err) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

func slowHandshake(t *testing.T, tr Transport) {
	s := Start(t, tr, Options{Timeout: 300 * time.Millisecond})
	neighbour := Meet(t, tr, s)
	for _, n := range []int{0, 1, 16, 39} {
		c := tr.Connect(t, s.Addr)
		if n > 0 {
			must(c.Write(Hello()[:n]))
		}
		if err := s.Log.Take(t); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("logged %v", err)
		} else {
			named(t, err, "")
		}
		_ = c.Close()
	}
	neighbour.GoesOn(t)
	over := make(chan struct{})
	err := dial(t, tr, Options{Timeout: 300 * time.Millisecond}, func(c net.Conn) { <-over })
	close(over)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

func cancelledDial(t *testing.T, tr Transport) {
	over := make(chan struct{})
	defer close(over)
	ctx, cancel := context.WithCancel(watchdog(t))
	addr := tr.Serve(t, func(c net.Conn) {
		defer c.Close()
		cancel() // the dialer waits for an answer
		<-over
	})
	eng := must(engine.New(engine.Config{}))
	defer eng.Shutdown(context.Background())
	if _, err := tr.Dial(ctx, addr, Options{Engine: eng, Timeout: time.Hour}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func notLetIn(t *testing.T, tr Transport) {
	errNo := errors.New("not on a Sunday")
	s := Start(t, tr, Options{Authorize: func(engine.Peer) error { return errNo }})
	eng := must(engine.New(engine.Config{}))
	defer eng.Shutdown(context.Background())
	for range 20 {
		_, err := tr.Dial(watchdog(t), s.Addr, Options{Engine: eng, Timeout: Patience})
		if !errors.Is(err, hello.ErrRefused) || !strings.Contains(err.Error(), errNo.Error()) {
			t.Errorf("told %v", err)
		}
		if err := s.Log.Take(t); !errors.Is(err, errNo) {
			t.Errorf("logged %v", err)
		}
	}
}

// cutFrames has a peer open a channel and send two messages, and hang up after each number of bytes.
func cutFrames(t *testing.T, tr Transport) {
	s := Start(t, tr, Options{})
	neighbour := Meet(t, tr, s)
	all := append(Open(1, "ping"), Frame(2, 0, 1, 0, "first")...)
	one := len(all)
	all = append(all, Frame(2, 0, 1, 0, "the second")...)
	for n := 0; n <= len(all); n++ {
		c := greeted(t, tr, s.Addr)
		must(c.Write(all[:n]))
		if n >= one { // what was whole is echoed
			back := len(Open(2, "pong")) + 24
			if _, err := io.ReadFull(c, make([]byte, back)); err != nil {
				t.Errorf("cut after %d bytes: the echo: %v", n, err)
			}
		}
		if tc, ok := c.(*net.TCPConn); ok && n%2 == 1 {
			_ = tc.SetLinger(0) // a reset
		}
		_ = c.Close()
		if err := s.End(t); !errors.Is(err, engine.ErrPeerGone) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	neighbour.GoesOn(t)
}

func badFrames(t *testing.T, tr Transport) {
	s := Start(t, tr, Options{Ring: ring.Options{Capacity: 1 << 16}})
	neighbour := Meet(t, tr, s)
	length := func(n uint32) []byte {
		b := Frame(2, 0, 1, 0, "x")
		binary.LittleEndian.PutUint32(b, n)
		return b
	}
	for name, b := range map[string][]byte{
		"length 0":        length(0),
		"length 15":       length(15),
		"beyond the ring": length(1<<16 + 1),
		"length 2^32-1":   length(1<<32 - 1),
		"unknown type":    Frame(77, 0, 1, 0, ""),
		"no such channel": Frame(2, 0, 9, 0, "x"),
		"its own id":      Open(2, "ping"),
		"attachments":     Frame(2, 1, 1, 1, string([]byte{1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})+"x"),
		"a lane":          Frame(1, 2, 3, 0, "\x03raw\x01x"),
		"garbage":         []byte(strings.Repeat("\x9f\x07\x3c\x51\xee\x80\x12\xd4", 1000)),
		"HTTP":            []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			c := greeted(t, tr, s.Addr)
			defer c.Close()
			must(c.Write(append(append(Open(1, "ping"), Frame(2, 0, 1, 0, "first")...), b...)))
			var p *engine.ProtocolError
			if err := s.End(t); !errors.As(err, &p) {
				t.Errorf("%v, want a ProtocolError", err)
			}
			if _, err := io.Copy(io.Discard, c); err != nil && !isEnd(err) {
				t.Error(err)
			}
			neighbour.GoesOn(t)
		})
	}
}

// neverReads has the server flood a peer that reads nothing, and one that stops after its handshake and hangs up.
func neverReads(t *testing.T, tr Transport) {
	s := Start(t, tr, Options{})
	neighbour := Meet(t, tr, s)
	var stuck []net.Conn
	for range 10 {
		c := greeted(t, tr, s.Addr)
		must(c.Write(append(Open(1, "flood"), Open(3, "ping")...)))
		for i := range 50 { // and asks for more than it reads
			if _, err := c.Write(Frame(2, 0, 3, 0, strings.Repeat("x", 100+i))); err != nil {
				t.Fatal(err)
			}
		}
		stuck = append(stuck, c)
	}
	neighbour.GoesOn(t)
	// All that a session holds is a ring and a window.
	for sess := range s.Eng.Sessions() {
		for c := range sess.Channels() {
			if c.QueuedBytes > 512<<10 || c.Direction == engine.Sends && c.Bytes > 1<<20 {
				t.Errorf("%+v", c)
			}
		}
	}
	for _, c := range stuck {
		_ = c.Close()
		if err := s.End(t); !errors.Is(err, engine.ErrPeerGone) {
			t.Error(err)
		}
	}
	neighbour.GoesOn(t)
}

func inUse(t *testing.T, tr Transport) {
	s := Start(t, tr, Options{})
	eng := must(engine.New(engine.Config{}))
	defer eng.Shutdown(context.Background())
	defer func() {
		if v := recover(); v == nil || !strings.Contains(v.(error).Error(), "in use") || !strings.Contains(v.(error).Error(), s.Addr) {
			t.Errorf("listening at %s again: %v", s.Addr, v)
		}
	}()
	_ = tr.Listen(taken{t, s.Addr}, Options{Engine: eng}).Close()
}

// taken tells Listen to use that address.
type taken struct {
	testing.TB
	addr string
}

// Address returns the address to listen at, if a test has one in mind.
func Address(t testing.TB, otherwise string) string {
	if t, ok := t.(taken); ok {
		return t.addr
	}
	return otherwise
}
