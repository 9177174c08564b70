package hello_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/hello"
)

// FuzzGreet has both sides greet a peer that says anything. What is accepted is a HELLO, of which not a byte too many is read; whatever
// comes, there is an error of a known kind, and the listener answers with one whole message, if it has read one.
func FuzzGreet(f *testing.F) {
	ours := hello.Hello{Announced: engine.Announced{Window: 1 << 18, MaxMessage: 1 << 20}}
	good := hello.Encode(ours)
	f.Add(good)
	f.Add(append(append([]byte{}, good...), 1, 2, 3))
	f.Add(good[:39])
	f.Add(good[:16])
	f.Add([]byte{})
	f.Add(hello.EncodeRefuse("no"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	for i := range good {
		b := append([]byte{}, good...)
		b[i] ^= 0x81
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, dialer := range []bool{false, true} {
			in, out := bytes.NewReader(b), &bytes.Buffer{}
			said, err := hello.Greet(struct {
				io.Reader
				io.Writer
			}{in, out}, ours, dialer, nil)
			switch {
			case err == nil:
				if in.Len() != len(b)-hello.Size || said.Window == 0 || said.MaxMessage == 0 {
					t.Errorf("read %+v, %d bytes are left", said, in.Len())
				}
			case errors.Is(err, hello.ErrHandshake), errors.Is(err, hello.ErrVersion), errors.Is(err, hello.ErrRefused):
			case errors.Is(err, io.EOF) && len(b) == 0:
			default:
				t.Errorf("an error of no kind: %v", err)
			}
			wrote := out.Bytes()
			switch {
			case len(wrote) == 0 && !dialer && err != nil && errors.Is(err, io.EOF):
			case dialer || err == nil:
				if !bytes.Equal(wrote, good) {
					t.Errorf("said %q", wrote)
				}
			default:
				if _, err := hello.Parse(wrote); !errors.Is(err, hello.ErrRefused) {
					t.Errorf("said %q: %v", wrote, err)
				}
			}
		}
	})
}

// FuzzReceive has a listener that takes tickets hear anything: who is let in has said a whole HELLO, or a whole JOIN with the ticket.
func FuzzReceive(f *testing.F) {
	ours := hello.Hello{Announced: engine.Announced{Window: 1 << 18, MaxMessage: 1 << 20}}
	ticket := hello.Ticket{1, 2, 3}
	var join, no bytes.Buffer
	for to, t := range map[*bytes.Buffer]hello.Ticket{&join: ticket, &no: {}} {
		_ = hello.Join(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(nil), to}, t)
		f.Add(to.Bytes())
		f.Add(append(to.Bytes(), "raw"...))
		f.Add(to.Bytes()[:47])
	}
	f.Add(hello.Encode(ours))
	f.Add(hello.EncodeRefuse("no"))
	errTicket := errors.New("no such ticket")
	f.Fuzz(func(t *testing.T, b []byte) {
		in, out := bytes.NewReader(b), &bytes.Buffer{}
		_, joined, err := hello.Receive(struct {
			io.Reader
			io.Writer
		}{in, out}, ours, nil, func(t hello.Ticket) error {
			if t != ticket {
				return errTicket
			}
			return nil
		})
		switch {
		case joined:
			if err != nil || !bytes.HasPrefix(b, join.Bytes()) || in.Len() != len(b)-join.Len() || out.Len() != hello.PrefixSize {
				t.Errorf("%q joined: %v; %d bytes are left; told %q", b, err, in.Len(), out.Bytes())
			}
		case err == nil:
			if in.Len() != len(b)-hello.Size || !bytes.Equal(out.Bytes(), hello.Encode(ours)) {
				t.Errorf("%d bytes are left; told %q", in.Len(), out.Bytes())
			}
		case errors.Is(err, io.EOF) && out.Len() == 0:
		default:
			if _, perr := hello.Parse(out.Bytes()); !errors.Is(perr, hello.ErrRefused) {
				t.Errorf("%v, and told %q", err, out.Bytes())
			}
		}
	})
}
