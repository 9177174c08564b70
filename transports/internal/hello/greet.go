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
	return Hello{Announced: engine.Announced{
		Window: eng.WindowFor(r.Capacity), MaxMessage: min(eng.Limits().MaxMessage, uint32(r.Capacity-engine.HeaderSize)),
	}}
}

// Ring completes the options of the rings beside a socket: four times a shared one's capacity, for what is under way takes longer.
func Ring(o ring.Options) ring.Options {
	if o.Capacity == 0 {
		o.Capacity = 4 * ring.DefaultCapacity
	}
	return o
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
			if said, rerr := readHello(rw); rerr != nil && errors.Is(rerr, ErrRefused) {
				return said, rerr
			}
			return Hello{}, fmt.Errorf("send HELLO: %w", err)
		}
		return readHello(rw)
	}
	said, _, err := Receive(rw, ours, accept, nil)
	return said, err
}

// Receive is the listener's side of Greet, for peers that may say JOIN instead of HELLO if join is set: it decides about the
// ticket as accept does about a Hello, and joined is true where it has let the peer in.
func Receive(rw io.ReadWriter, ours Hello, accept func(Hello) error, join func(Ticket) error) (said Hello, joined bool, err error) {
	wanted := []uint16{typeHello}
	if join != nil {
		wanted = append(wanted, typeJoin)
	}
	typ, b, err := read(rw, wanted...)
	reply := Encode(ours)
	switch {
	case err != nil:
	case typ == typeJoin:
		reply = appendPrefix(nil, typeJoined, PrefixSize)
		err = join(Ticket(b[PrefixSize:]))
	default:
		if said, err = Parse(b); err == nil && accept != nil {
			err = accept(said)
		}
	}
	if err != nil {
		if !errors.Is(err, io.EOF) {
			_, _ = rw.Write(EncodeRefuse(err.Error()))
		}
		return said, false, err
	}
	if _, err := rw.Write(reply); err != nil {
		return said, false, fmt.Errorf("answer: %w", err)
	}
	return said, typ == typeJoin, nil
}

// readHello reads a HELLO.
func readHello(r io.Reader) (Hello, error) {
	_, b, err := read(r, typeHello)
	if err != nil {
		return Hello{}, err
	}
	return Parse(b)
}

// read reads one message of the types wanted; that of a REFUSE is an error.
func read(r io.Reader, wanted ...uint16) (typ uint16, message []byte, err error) {
	var b [MaxSize]byte
	if n, err := io.ReadFull(r, b[:PrefixSize]); err != nil {
		if n > 0 {
			err = fmt.Errorf("%w: %d bytes, %q%s, then %w", ErrHandshake, n, b[:n], Whose(b[:n]), err)
		} else {
			err = fmt.Errorf("read HELLO: %w", err)
		}
		return 0, nil, err
	}
	typ, n, err := parsePrefix(b[:], wanted...)
	if err != nil {
		return 0, nil, err
	}
	if m, err := io.ReadFull(r, b[PrefixSize:n]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, fmt.Errorf("%w: %d bytes of %d, then %w", ErrHandshake, PrefixSize+m, n, err)
	}
	if typ == typeRefuse {
		return 0, nil, refused(b[:n])
	}
	return typ, b[:n], nil
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
