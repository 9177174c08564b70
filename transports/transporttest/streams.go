package transporttest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/corechan/corechan/engine"
)

// onStreamRoutes runs f with a byte stream: its reader given away, its writer, through a hop, and within the process.
func onStreamRoutes(t *T, f func(t *T, r io.Reader, w io.WriteCloser)) {
	t.sub("readerGiven", func(t *T) {
		l := t.connect()
		r, w := engine.Stream()
		f(t, give[io.Reader](t, l.A, l.B, r), w)
	})
	t.sub("writerGiven", func(t *T) {
		l := t.connect()
		r, w := engine.Stream()
		f(t, r, give[io.WriteCloser](t, l.A, l.B, w))
	})
	t.sub("readerForwarded", func(t *T) {
		l1, l2 := t.connect(), t.connect()
		r, w := engine.Stream()
		f(t, give(t, l2.A, l2.B, give[io.Reader](t, l1.A, l1.B, r)), w)
	})
	t.sub("writerForwarded", func(t *T) {
		l1, l2 := t.connect(), t.connect()
		r, w := engine.Stream()
		f(t, r, give(t, l2.A, l2.B, give[io.WriteCloser](t, l1.A, l1.B, w)))
	})
	t.sub("within", func(t *T) {
		r, w := engine.Stream()
		f(t, r, w)
	})
}

// A closer closes with an error, as both ends of a stream do.
type closer interface{ CloseWithError(err error) error }

// contents makes a file of so many bytes, and returns them and its path.
func contents(t *T, size int) (text []byte, path string) {
	t.Helper()
	text = pattern(size)
	path = filepath.Join(t.TempDir(), "file")
	t.check(os.WriteFile(path, text, 0o600))
	return text, path
}

// pattern returns bytes of which no two pieces are alike.
func pattern(size int) []byte {
	b := make([]byte, size)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// onlyReader hides what else a reader is.
type onlyReader struct{ io.Reader }

func testAFileIsAStream(t *T) {
	l := t.connect()
	text, path := contents(t, 300_000)
	f, err := os.Open(path)
	t.check(err)
	defer f.Close()
	got, err := io.ReadAll(give[io.Reader](t, l.A, l.B, onlyReader{f}))
	t.check(err)
	if !bytes.Equal(got, text) {
		t.Errorf("%d bytes of %d", len(got), len(text))
	}
}

func testAStreamHalfCloses(t *T) {
	l := t.connect()
	near, given := net.Pipe()
	defer near.Close()
	far := give[io.ReadWriteCloser](t, l.A, l.B, given)
	asked := result(func() error {
		_, err := io.WriteString(near, "question")
		return err
	})
	b := make([]byte, 8)
	_, err := io.ReadFull(far, b)
	t.check(err)
	t.check(get(t, asked))
	answered := result(func() error {
		_, err := io.WriteString(far, "answer")
		return errors.Join(err, far.Close())
	})
	b, err = io.ReadAll(near)
	t.check(err)
	if string(b) != "answer" {
		t.Errorf("%q", b)
	}
	t.check(get(t, answered))

	// What is written after the other direction has ended still arrives.
	onTCP(t, func(given, near *net.TCPConn) {
		far := give[io.ReadWriteCloser](t, l.A, l.B, struct{ halfCloser }{given}) // not as a descriptor
		t.check(near.CloseWrite())
		rest, err := io.ReadAll(far)
		if err != nil || len(rest) != 0 {
			t.Fatalf("%q, %v", rest, err)
		}
		_, err = io.WriteString(far, "still here")
		t.check(err)
		t.check(far.(interface{ CloseWrite() error }).CloseWrite())
		b, err := io.ReadAll(near)
		t.check(err)
		if string(b) != "still here" {
			t.Errorf("%q", b)
		}
		t.check(far.Close())
	})
}

type halfCloser interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// onTCP runs f with the two ends of a TCP connection.
func onTCP(t *T, f func(a, b *net.TCPConn)) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	t.check(err)
	defer ln.Close()
	a, err := net.Dial("tcp", ln.Addr().String())
	t.check(err)
	defer a.Close()
	b, err := ln.Accept()
	t.check(err)
	defer b.Close()
	f(a.(*net.TCPConn), b.(*net.TCPConn))
}

func testAStreamEndsWithAnError(t *T) {
	onStreamRoutes(t, func(t *T, r io.Reader, w io.WriteCloser) {
		_, err := io.WriteString(w, "before")
		t.check(err)
		t.check(w.(closer).CloseWithError(&engine.ChannelError{Code: 305, Text: "disk is full"}))
		b, err := io.ReadAll(r)
		t.wantReason(err, 305, "disk is full")
		if string(b) != "before" {
			t.Errorf("%q", b)
		}
	})
}

func testAReaderThatClosesEndsTheWriter(t *T) {
	onStreamRoutes(t, func(t *T, r io.Reader, w io.WriteCloser) {
		_, err := io.WriteString(w, "some")
		t.check(err)
		_, err = io.ReadFull(r, make([]byte, 2))
		t.check(err)
		t.check(r.(io.Closer).Close())
		_, err = r.Read(make([]byte, 2))
		if err == nil {
			_, err = r.Read(make([]byte, 2))
		}
		t.want(err, os.ErrClosed)
		t.want(writeUntilEnd(w), engine.ErrCanceled)
	})
}

func testAStreamKeepsWhatWasWrittenBeforeItIsTaken(t *T) {
	l := t.connect()
	s, r := channel[value[io.Reader]](t, l.A, l.B)
	read, write := engine.Stream()
	t.check(s.Send(t.ctx, &value[io.Reader]{V: engine.Carried[io.Reader]{V: read}}))
	text := pattern(100_000)
	_, err := write.Write(text)
	t.check(err)
	t.check(write.Close())
	var got value[io.Reader]
	t.check(r.Receive(t.ctx, &got))
	b, err := io.ReadAll(got.V.V)
	t.check(err)
	if !bytes.Equal(b, text) {
		t.Errorf("%d bytes of %d", len(b), len(text))
	}
}

func testALargeTransferArrivesWhole(t *T) {
	onStreamRoutes(t, func(t *T, r io.Reader, w io.WriteCloser) {
		text := pattern(1 << 20)
		written := result(func() error {
			n, err := io.Copy(w, onlyReader{bytes.NewReader(text)})
			if err == nil && n != int64(len(text)) {
				err = io.ErrShortWrite
			}
			return errors.Join(err, w.Close())
		})
		var got bytes.Buffer
		n, err := io.Copy(&got, r)
		t.check(err)
		if n != int64(len(text)) || !bytes.Equal(got.Bytes(), text) {
			t.Errorf("%d bytes of %d", n, len(text))
		}
		t.check(get(t, written))
	})
}

func testStreamsHaveDeadlines(t *T) {
	onStreamRoutes(t, func(t *T, r io.Reader, w io.WriteCloser) {
		read := r.(interface{ SetReadDeadline(time.Time) error })
		write := w.(interface{ SetWriteDeadline(time.Time) error })
		b := make([]byte, 100)
		t.check(read.SetReadDeadline(time.Now().Add(time.Millisecond)))
		_, err := r.Read(b)
		t.want(err, os.ErrDeadlineExceeded)
		t.check(write.SetWriteDeadline(time.Now().Add(time.Millisecond)))
		t.want(writeUntilEnd(w), os.ErrDeadlineExceeded)
		t.check(read.SetReadDeadline(time.Time{}))
		t.check(write.SetWriteDeadline(time.Time{}))
		rest := result(func() error { _, err := io.Copy(io.Discard, r); return err })
		_, err = w.Write(b)
		t.check(err)
		t.check(w.Close())
		t.check(get(t, rest))
	})
}

func testAForeignReaderIsRead(t *T) {
	l := t.connect()
	got, err := io.ReadAll(give[io.Reader](t, l.A, l.B, strings.NewReader("some text")))
	t.check(err)
	if string(got) != "some text" {
		t.Errorf("%q", got)
	}
	pr, pw := io.Pipe()
	far := give[io.ReadCloser](t, l.A, l.B, pr)
	written := result(func() error {
		for range 100 {
			if _, err := io.WriteString(pw, "piece "); err != nil {
				return err
			}
		}
		return pw.Close()
	})
	got, err = io.ReadAll(far)
	t.check(err)
	if string(got) != strings.Repeat("piece ", 100) {
		t.Errorf("%q", got)
	}
	t.check(get(t, written))
}

func testAForeignReadersErrorArrives(t *T) {
	l := t.connect()
	pr, pw := io.Pipe()
	far := give[io.Reader](t, l.A, l.B, pr)
	written := result(func() error {
		_, err := io.WriteString(pw, "before")
		return errors.Join(err, pw.CloseWithError(errors.New("disk is on fire")))
	})
	got, err := io.ReadAll(far)
	t.wantReason(err, engine.CodeError, "disk is on fire")
	if string(got) != "before" {
		t.Errorf("%q", got)
	}
	t.check(get(t, written))
}

// A sink is a foreign writer. It tells when it is closed.
type sink struct {
	bytes.Buffer
	fails  error
	once   sync.Once
	closed chan struct{}
}

func (s *sink) Write(b []byte) (int, error) {
	if s.fails != nil {
		return 0, s.fails
	}
	return s.Buffer.Write(b)
}

func (s *sink) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func testAForeignWriterIsWritten(t *T) {
	l := t.connect()
	s := &sink{closed: make(chan struct{})}
	far := give[io.WriteCloser](t, l.A, l.B, s)
	_, err := io.WriteString(far, "some text")
	t.check(err)
	t.check(far.Close())
	get(t, s.closed)
	if s.String() != "some text" {
		t.Errorf("%q", s.String())
	}
}

func testAForeignWritersErrorArrives(t *T) {
	l := t.connect()
	s := &sink{fails: errors.New("disk is full"), closed: make(chan struct{})}
	far := give[io.WriteCloser](t, l.A, l.B, s)
	t.wantReason(writeUntilEnd(far), engine.CodeError, "disk is full")
	get(t, s.closed)
}

func testAForeignConnectionWorksBothWays(t *T) {
	l := t.connect()
	near, given := net.Pipe()
	defer near.Close()
	far := give[net.Conn](t, l.A, l.B, given)
	echoed := result(func() error {
		b := make([]byte, 64)
		for {
			n, err := far.Read(b)
			if errors.Is(err, io.EOF) {
				return far.Close()
			}
			if err == nil {
				_, err = far.Write(b[:n])
			}
			if err != nil {
				return err
			}
		}
	})
	for range 20 {
		_, err := io.WriteString(near, "ping")
		t.check(err)
		b := make([]byte, 4)
		_, err = io.ReadFull(near, b)
		t.check(err)
		if string(b) != "ping" {
			t.Fatalf("%q", b)
		}
	}
	t.check(near.Close())
	t.check(get(t, echoed))
}

// testAForeignReaderThatWaitsIsClosed ends the far end while a Read waits here for bytes that never come.
func testAForeignReaderThatWaitsIsClosed(t *T) {
	for _, how := range []string{"closed", "cut"} {
		t.sub(how, func(t *T) {
			l := t.connect()
			pr, pw := io.Pipe()
			far := give[io.ReadCloser](t, l.A, l.B, pr)
			if how == "closed" { // nobody waits for anything on A's side

				t.check(far.Close())
			} else {
				l.Cut()
			}
			t.want(writeUntilEnd(pw), io.ErrClosedPipe)
		})
	}
}

func testAReaderPartlyReadIsGivenAway(t *T) {
	for _, remote := range []bool{false, true} {
		name := "withinFirst"
		if remote {
			name = "receivedFirst"
		}
		t.sub(name, func(t *T) {
			l := t.connect()
			read, write := engine.Stream()
			var r io.Reader = read
			if remote {
				r = give(t, l.A, l.B, r)
			}
			_, err := io.WriteString(write, "some text")
			t.check(err)
			_, err = io.ReadFull(r, make([]byte, 5))
			t.check(err)
			old := r.(io.ReadCloser)
			r = give(t, l.B, l.A, r)
			_, err = old.Read(make([]byte, 1))
			t.want(err, engine.ErrGiven)
			_, err = io.Copy(io.Discard, old)
			t.want(err, engine.ErrGiven)
			t.want(old.Close(), engine.ErrGiven)
			again, _ := channel[parcel](t, l.B, l.A)
			t.want(again.Send(t.ctx, &parcel{Body: engine.Carried[io.Reader]{V: old}}), engine.ErrGiven)
			_, err = io.WriteString(write, " and more")
			t.check(err)
			t.check(write.Close())
			rest, err := io.ReadAll(r)
			t.check(err)
			if string(rest) != "text and more" {
				t.Errorf("%q", rest)
			}
		})
	}
}

func testStreamsOfAnInterruptedSessionEnd(t *T) {
	l := t.connect()
	r, w := engine.Stream()
	far := give[io.Reader](t, l.A, l.B, r)
	_, err := io.WriteString(w, "before")
	t.check(err)
	l.Cut()
	got, err := io.ReadAll(far)
	t.want(err, engine.ErrPeerGone)
	if string(got) != "before" {
		t.Errorf("%q", got)
	}
	t.want(writeUntilEnd(w), engine.ErrPeerGone)
}
