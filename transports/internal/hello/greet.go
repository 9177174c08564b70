package hello

import (
	"errors"
	"fmt"
	"io"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

// Ours is what this side says of its limits, where r is the ring that it reads what comes into: no larger messages than that
// holds.
func Ours(eng *engine.Engine, r *ring.Options) Hello {
	l := eng.Limits()
	capacity := ring.DefaultCapacity
	if r.Capacity != 0 {
		capacity = r.Capacity
	}
	return Hello{Announced: engine.Announced{Window: l.Window, MaxMessage: min(l.MaxMessage, uint32(capacity-engine.HeaderSize))}}
}

// Greet does either side of the handshake on a byte stream: the dialer speaks first. It reads not a byte more than the
// peer's message has. The caller bounds it, by a deadline of the stream.
//
// accept, which may be nil, decides at the listener's side about what the dialer has said; its error is told to the
// dialer and returned.
func Greet(rw io.ReadWriter, ours Hello, dialer bool, accept func(Hello) error) (Hello, error) {
	if dialer {
		if _, err := rw.Write(Encode(ours)); err != nil {
			// A listener may have refused and hung up before it was greeted; then what it said can be read all the same.
			if said, rerr := read(rw); rerr != nil && errors.Is(rerr, ErrRefused) {
				return said, rerr
			}
			return Hello{}, fmt.Errorf("send HELLO: %w", err)
		}
		return read(rw)
	}
	said, err := read(rw)
	if err == nil && accept != nil {
		err = accept(said)
	}
	if err != nil {
		if !errors.Is(err, io.EOF) {
			_, _ = rw.Write(EncodeRefuse(err.Error()))
		}
		return said, err
	}
	if _, err := rw.Write(Encode(ours)); err != nil {
		return said, fmt.Errorf("send HELLO: %w", err)
	}
	return said, nil
}

// read reads one message.
func read(r io.Reader) (Hello, error) {
	var b [MaxSize]byte
	if n, err := io.ReadFull(r, b[:PrefixSize]); err != nil {
		if n > 0 {
			err = fmt.Errorf("%w: %d bytes, %q%s, then %w", ErrHandshake, n, b[:n], Whose(b[:n]), err)
		} else {
			err = fmt.Errorf("read HELLO: %w", err)
		}
		return Hello{}, err
	}
	_, n, err := ParsePrefix(b[:])
	if err != nil {
		return Hello{}, err
	}
	if m, err := io.ReadFull(r, b[PrefixSize:n]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Hello{}, fmt.Errorf("%w: %d bytes of %d, then %w", ErrHandshake, PrefixSize+m, n, err)
	}
	return Parse(b[:n])
}

// Whose says which other protocol a handshake's first bytes are of, if that is known.
func Whose(b []byte) string {
	for _, p := range []struct{ begins, is string }{
		{"\x16\x03", " (TLS: this end speaks none, or none at this stage)"},
		{"\x15\x03", " (a TLS alert)"},
		{"HTTP/", " (an HTTP server)"},
		{"PRI * HT", " (an HTTP/2 client)"},
		{"GET ", " (an HTTP client)"},
		{"POST ", " (an HTTP client)"},
		{"PUT ", " (an HTTP client)"},
		{"HEAD ", " (an HTTP client)"},
		{"CONNECT ", " (an HTTP client)"},
		{"OPTIONS ", " (an HTTP client)"},
		{"SSH-", " (SSH)"},
	} {
		if len(b) >= len(p.begins) && string(b[:len(p.begins)]) == p.begins {
			return p.is
		}
	}
	return ""
}
