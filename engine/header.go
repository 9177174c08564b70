package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// A Header is what travels with a channel's opening or with a message and is not the message: a trace's context, a tenant's name.
// A key has 1 to 255 bytes of UTF-8, a value any number, and all of it with 3 bytes a pair takes at most 8 KiB.
type Header map[string]string

// maxHeader bounds an encoded header in bytes.
const maxHeader = 8 << 10

// appendTo appends the header as it travels: u16 length of what follows; for each, u8 length of key, key, u16 length of
// value, value.
func (h Header) appendTo(b []byte) ([]byte, error) {
	if len(h) == 0 {
		return b, nil
	}
	at := len(b)
	b = append(b, 0, 0)
	for _, k := range slices.Sorted(maps.Keys(h)) {
		v := h[k]
		if k == "" || len(k) > 255 || !utf8.ValidString(k) || !utf8.ValidString(v) {
			return nil, fmt.Errorf("engine: header %q: a key has 1 to 255 bytes, and both are UTF-8", k)
		}
		if len(b)-at-2+3+len(k)+len(v) > maxHeader {
			return nil, &LimitError{What: "bytes of a header", Limit: maxHeader, Hint: "send it in the message"}
		}
		b = append(append(b, byte(len(k))), k...)
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(v))), v...)
	}
	binary.LittleEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	return b, nil
}

var errHeader = errors.New("header is malformed")

// readHeaders reads a header from the beginning of b, a private copy or not: each byte is read once.
func readHeaders(b []byte) (h Header, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, errHeader
	}
	n := int(binary.LittleEndian.Uint16(b))
	if n == 0 || n > maxHeader || len(b) < 2+n {
		return nil, nil, errHeader
	}
	block := string(b[2 : 2+n])
	h = Header{}
	for len(block) != 0 {
		k := int(block[0])
		if k == 0 || len(block) < 1+k+2 {
			return nil, nil, errHeader
		}
		key := block[1 : 1+k]
		block = block[1+k:]
		v := int(block[0]) | int(block[1])<<8
		if len(block) < 2+v {
			return nil, nil, errHeader
		}
		value := block[2 : 2+v]
		block = block[2+v:]
		if _, twice := h[key]; twice || !utf8.ValidString(key) || !utf8.ValidString(value) {
			return nil, nil, errHeader
		}
		h[key] = value
	}
	return h, b[2+n:], nil
}

// SendOptions say how a message is sent. The zero value, and nil, is what Send does.
type SendOptions struct {
	// Header travels with the message: see Receiver.ReceiveWith and HeaderFrom.
	Header Header
	// Last ends the channel with this message, cleanly, as a Close right after it would.
	Last bool
}

// SendWith is Send with options.
func (s Sender[T]) SendWith(ctx context.Context, v *T, o *SendOptions) error {
	if s.end == nil {
		return errZero
	}
	if o == nil {
		return s.Send(ctx, v)
	}
	if s.end.given.Load() {
		return errGiven
	}
	if s.end.pair != nil {
		if err := s.end.pair.sender(); err != nil {
			return err
		}
	}
	return s.end.sendMore(ctx, any(v), o)
}

// A Meta is what came with a message.
type Meta struct {
	// Header is nil if there was none.
	Header Header
}

// ReceiveWith is Receive, and says what came with the message.
func (r Receiver[T]) ReceiveWith(ctx context.Context, v *T, m *Meta) error {
	if r.end == nil {
		return errZero
	}
	if r.end.given.Load() {
		return errGiven
	}
	if r.end.pair != nil {
		if err := r.end.pair.receiver(ctx); err != nil {
			return err
		}
	}
	*m = Meta{}
	return receiveMessage(ctx, r.end, v, m)
}

// Header returns what the channel was opened with, nil if nothing. It is not to be changed.
func (r Receiver[T]) Header() Header {
	if r.end == nil {
		return nil
	}
	return r.end.header
}

type headerKey struct{}

// WithHeader returns a context from which HeaderFrom returns h: for who calls handlers of its own.
func WithHeader(ctx context.Context, h Header) context.Context {
	return context.WithValue(ctx, headerKey{}, h)
}

// HeaderFrom returns the header of the message that a handler was called with; nil if there was none.
func HeaderFrom(ctx context.Context) Header {
	h, _ := ctx.Value(headerKey{}).(Header)
	return h
}
