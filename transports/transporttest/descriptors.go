package transporttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/corechan/corechan/engine"
)

func testAFileArrivesAsAFile(t *T) {
	l := t.connect()
	text, path := contents(t, 200_000)
	f, err := os.Open(path)
	t.check(err)
	defer f.Close()
	got := give(t, l.A, l.B, f)
	defer got.Close()
	b, err := io.ReadAll(got)
	t.check(err)
	if !bytes.Equal(b, text) {
		t.Errorf("%d bytes of %d", len(b), len(text))
	}
	here, err := f.Stat() // the sender keeps its own
	t.check(err)
	there, err := got.Stat()
	t.check(err)
	if os.SameFile(here, there) != t.tr.Descriptors {
		t.Errorf("the same file: %t; the link carries descriptors: %t", !t.tr.Descriptors, t.tr.Descriptors)
	}
}

func testAFileWrittenThereIsWrittenHere(t *T) {
	l := t.connect()
	r, w, err := os.Pipe() // so that its end shows
	t.check(err)
	defer r.Close()
	got := give(t, l.A, l.B, w)
	_, err = io.WriteString(got, "written there")
	t.check(err)
	t.check(got.Close())
	b := make([]byte, len("written there"))
	_, err = io.ReadFull(r, b)
	t.check(err)
	if string(b) != "written there" {
		t.Errorf("%q", b)
	}
	t.check(w.Close())
	if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

func testAPipeArrives(t *T) {
	l := t.connect()
	r, w, err := os.Pipe()
	t.check(err)
	defer w.Close()
	got := give(t, l.A, l.B, r)
	defer got.Close()
	if t.tr.Descriptors { // the peer has its own
		t.check(r.Close())
	} else {
		defer r.Close()
	}
	_, err = io.WriteString(w, "through the pipe")
	t.check(err)
	t.check(w.Close())
	b, err := io.ReadAll(got)
	t.check(err)
	if string(b) != "through the pipe" {
		t.Errorf("%q", b)
	}
}

func testATCPConnectionArrives(t *T) {
	l := t.connect()
	onTCP(t, func(given, near *net.TCPConn) {
		got := give[net.Conn](t, l.A, l.B, given)
		defer got.Close()
		if _, same := got.(*net.TCPConn); same != t.tr.Descriptors {
			t.Errorf("it arrives as a %T", got)
		}
		if t.tr.Descriptors {
			t.check(given.Close())
		}
		exchange(t, got, near)
	})
}

// testATCPConnectionThatBreaksIsNotTakenForComplete breaks it at either side of the session.
func testATCPConnectionThatBreaksIsNotTakenForComplete(t *T) {
	l := t.connect()
	for _, here := range []bool{true, false} {
		onTCP(t, func(given, near *net.TCPConn) {
			got := give[net.Conn](t, l.A, l.B, given)
			defer got.Close()
			if t.tr.Descriptors {
				t.check(given.Close())
			}
			_, err := io.WriteString(near, "some")
			t.check(err)
			_, err = io.ReadFull(got, make([]byte, 4))
			t.check(err)
			var reader io.Reader = got
			if here {
				t.check(near.SetLinger(0))
				t.check(near.Close())
			} else {
				breakOff(t, got)
				reader = near
			}
			if rest, err := io.ReadAll(reader); err == nil || len(rest) != 0 {
				t.Errorf("broken at its own side: %t; read %q, %v", here, rest, err)
			}
		})
	}
}

// breakOff ends a connection as one that has failed.
func breakOff(t *T, c net.Conn) {
	t.Helper()
	if tcp, ok := c.(*net.TCPConn); ok {
		t.check(tcp.SetLinger(0))
		t.check(tcp.Close())
		return
	}
	t.check(c.(*engine.StreamConn).StreamWriter.CloseWithError(errors.New("broken")))
}

// exchange talks over a connection both ways, and closes one half after the other.
func exchange(t *T, got net.Conn, near halfCloser) {
	t.Helper()
	_, err := io.WriteString(near, "question")
	t.check(err)
	t.check(near.CloseWrite())
	b, err := io.ReadAll(got)
	t.check(err)
	if string(b) != "question" {
		t.Errorf("%q", b)
	}
	_, err = io.WriteString(got, "answer")
	t.check(err)
	t.check(got.(interface{ CloseWrite() error }).CloseWrite())
	b, err = io.ReadAll(near)
	t.check(err)
	if string(b) != "answer" {
		t.Errorf("%q", b)
	}
}

func testAUnixConnectionArrives(t *T) {
	l := t.connect()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	t.check(err)
	defer ln.Close()
	given, err := net.Dial("unix", ln.Addr().String())
	t.check(err)
	defer given.Close()
	near, err := ln.Accept()
	t.check(err)
	defer near.Close()
	got := give(t, l.A, l.B, given)
	defer got.Close()
	if _, same := got.(*net.UnixConn); same != t.tr.Descriptors {
		t.Errorf("it arrives as a %T", got)
	}
	if t.tr.Descriptors {
		t.check(given.Close())
	}
	exchange(t, got, near.(*net.UnixConn))
}

func testAUDPSocketArrives(t *T) {
	l := t.connect()
	given, err := net.ListenPacket("udp", "127.0.0.1:0")
	t.check(err)
	defer given.Close()
	if !t.tr.Descriptors {
		wantNoStream(t, l, given)
		wantNoStream[net.Conn](t, l, given.(*net.UDPConn)) // its packets would run into each other
		wantNoStream[io.ReadWriter](t, l, given.(*net.UDPConn))
		return
	}
	got := give(t, l.A, l.B, given)
	defer got.Close()
	if _, ok := got.(*net.UDPConn); !ok {
		t.Errorf("it arrives as a %T", got)
	}
	near, err := net.Dial("udp", given.LocalAddr().String())
	t.check(err)
	defer near.Close()
	t.check(given.Close())
	_, err = io.WriteString(near, "datagram")
	t.check(err)
	b := make([]byte, 100)
	n, from, err := got.ReadFrom(b)
	t.check(err)
	if string(b[:n]) != "datagram" || from.String() != near.LocalAddr().String() {
		t.Errorf("%q from %v", b[:n], from)
	}
}

// wantNoStream checks that a value is refused where there are no descriptors, that the error says what to do, and that the channel goes
// on.
func wantNoStream[V any](t *T, l Link, v V) {
	t.Helper()
	s, r := channel[value[V]](t, l.A, l.B)
	err := s.Send(t.ctx, &value[V]{V: engine.Carried[V]{V: v}})
	t.want(err, errors.ErrUnsupported)
	for _, text := range []string{fmt.Sprintf("%T", v), "no descriptors", "send its address"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not say %q", err, text)
		}
	}
	t.check(s.Send(t.ctx, &value[V]{}))
	t.check(r.Receive(t.ctx, &value[V]{}))
}

func testAListenerArrives(t *T) {
	l := t.connect()
	given, err := net.Listen("tcp", "127.0.0.1:0")
	t.check(err)
	defer given.Close()
	if !t.tr.Descriptors {
		wantNoStream(t, l, given)
		return
	}
	got := give(t, l.A, l.B, given)
	defer got.Close()
	t.check(given.Close())
	near, err := net.Dial("tcp", got.Addr().String())
	t.check(err)
	defer near.Close()
	c, err := got.Accept()
	t.check(err)
	defer c.Close()
	exchange(t, c, near.(*net.TCPConn))
}

func testAFileGoesThroughAHop(t *T) {
	text, path := contents(t, 200_000)
	f, err := os.Open(path)
	t.check(err)
	defer f.Close()
	t.sub("receivedAndSent", func(t *T) {
		l1, l2 := t.connect(), t.connect()
		hop := give(t, l1.A, l1.B, f)
		got := give(t, l2.A, l2.B, hop)
		b, err := io.ReadAll(got)
		t.check(err)
		if !bytes.Equal(b, text) {
			t.Errorf("%d bytes of %d", len(b), len(text))
		}
		t.check(hop.Close())
		t.check(got.Close())
	})
	_, err = f.Seek(0, io.SeekStart)
	t.check(err)
	t.sub("forwarded", func(t *T) {
		l1, l2 := t.connect(), t.connect()
		r, s := engine.Pipe[value[*os.File]]()
		feed := pass(t, l2.A, l2.B, pass(t, l1.A, l1.B, &files{Feed: r})).Feed
		t.check(s.Send(t.ctx, &value[*os.File]{V: engine.Carried[*os.File]{V: f}}))
		var got value[*os.File]
		t.check(feed.Receive(t.ctx, &got))
		b, err := io.ReadAll(got.V.V)
		t.check(err)
		if !bytes.Equal(b, text) {
			t.Errorf("%d bytes of %d", len(b), len(text))
		}
		t.check(got.V.V.Close())
	})
}

// testDescriptorsThatNobodyTakesAreClosed relies on the check of what is open at the end.
func testDescriptorsThatNobodyTakesAreClosed(t *T) {
	_, path := contents(t, 100)
	f, err := os.Open(path)
	t.check(err)
	defer f.Close()
	m := &value[*os.File]{V: engine.Carried[*os.File]{V: f}}
	t.sub("notReceived", func(t *T) {
		l := t.connect()
		s, _ := channel[value[*os.File]](t, l.A, l.B)
		t.check(s.Send(t.ctx, m))
	})
	t.sub("notRead", func(t *T) {
		l := t.connect()
		s, r := channel[value[*os.File]](t, l.A, l.B)
		last, seen := channel[note](t, l.A, l.B)
		t.check(s.Send(t.ctx, m))
		sendNumbers(t, last, 0, 1)
		wantNumbers(t, seen, 0, 1)
		t.check(r.Close())
	})
	t.sub("notTaken", func(t *T) {
		l := t.connect()
		s, r := channelAs[value[*os.File], careless](t, l.A, l.B)
		t.check(s.Send(t.ctx, m))
		t.check(r.Receive(t.ctx, &careless{}))
	})
	t.sub("notSent", func(t *T) {
		l := t.connect()
		s, _ := channel[value[*os.File]](t, l.A, l.B)
		t.check(s.Close())
		t.want(s.Send(t.ctx, m), os.ErrClosed)
	})
	t.sub("peerGone", func(t *T) {
		l := t.connect()
		s, r := channel[value[*os.File]](t, l.A, l.B)
		t.check(s.Send(t.ctx, m))
		l.Cut()
		var got value[*os.File]
		if t.tr.Descriptors { // what was sent before is there
			t.check(r.Receive(t.ctx, &got))
			t.check(got.V.V.Close())
		}
	})
}
