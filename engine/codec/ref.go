package codec

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/tinylib/msgp/msgp"
)

// A Ref stands in an encoded message for a carried value (a channel, a stream or a descriptor): a number that the
// frame's attachment table explains. 0 stands for none, and comes back as the field's zero value.
//
// Each codec writes it in one way, wherever it stands, and refuses all others:
//
//	msgpack   extension type 7, always as fixext4: d6 07 and four bytes, big endian; nil for 0
//	JSON      {"@ref":7}, an object with this sole key; null for 0
//	XML       7, in decimal; empty text for 0
//	protobuf  what the message's author chose; see Lister
//
// Decoded into an any, it is a Ref again, except that msgpack's nil and JSON's null are nil there. Ref has the methods
// that tinylib/msgp generates, so that a field of generated code can be one.
type Ref uint32

// RefExtension is the msgpack extension type of a Ref.
const RefExtension = 7

// refSize is that of a fixext4.
const refSize = 6

// RefKey is the sole key of the JSON object for a Ref.
const RefKey = "@ref"

// MarshalMsg appends the Ref's msgpack.
func (r Ref) MarshalMsg(b []byte) ([]byte, error) {
	if r == 0 {
		return msgp.AppendNil(b), nil
	}
	e := r.fixext4()
	return append(b, e[:]...), nil
}

func (r Ref) fixext4() (e [refSize]byte) {
	e[0], e[1] = 0xd6, RefExtension
	binary.BigEndian.PutUint32(e[2:], uint32(r))
	return e
}

// UnmarshalMsg reads a Ref from the beginning of b and returns the rest. Its errors are ErrRef's.
func (r *Ref) UnmarshalMsg(b []byte) ([]byte, error) {
	if len(b) > 0 && msgp.IsNil(b) {
		*r = 0
		return b[1:], nil
	}
	if len(b) < refSize {
		return b, fmt.Errorf("%w: %d bytes of msgpack are too few: %w", ErrRef, len(b), ErrTruncated)
	}
	if b[0] != 0xd6 || b[1] != RefExtension {
		return b, fmt.Errorf("%w: msgpack % x is neither nil nor a fixext4 of type %d", ErrRef, b[:2], RefExtension)
	}
	n := binary.BigEndian.Uint32(b[2:refSize])
	if n == 0 {
		return b, fmt.Errorf("%w: 0 is written as nil", ErrRef)
	}
	*r = Ref(n)
	return b[refSize:], nil
}

// Msgsize returns the most that MarshalMsg appends, in bytes.
func (r Ref) Msgsize() int { return refSize }

// EncodeMsg writes what MarshalMsg appends.
func (r Ref) EncodeMsg(w *msgp.Writer) error {
	if r == 0 {
		return w.WriteNil()
	}
	e := r.fixext4()
	return w.Append(e[:]...)
}

// DecodeMsg reads what UnmarshalMsg does.
func (r *Ref) DecodeMsg(from *msgp.Reader) error {
	if from.IsNil() {
		*r = 0
		return from.ReadNil()
	}
	b, err := from.R.Next(refSize)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRef, err)
	}
	_, err = r.UnmarshalMsg(b)
	return err
}

// MarshalJSON returns the Ref's JSON.
func (r Ref) MarshalJSON() ([]byte, error) {
	if r == 0 {
		return []byte("null"), nil
	}
	b := append(make([]byte, 0, 24), `{"`+RefKey+`":`...)
	b = strconv.AppendUint(b, uint64(r), 10)
	return append(b, '}'), nil
}

// UnmarshalJSON reads one JSON value. Its errors are ErrRef's.
func (r *Ref) UnmarshalJSON(b []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil {
		return fmt.Errorf("%w: %w", ErrRef, err)
	}
	if object == nil {
		*r = 0
		return nil
	}
	number, ok := object[RefKey]
	if !ok || len(object) != 1 {
		return fmt.Errorf("%w: not an object with the sole key %q", ErrRef, RefKey)
	}
	n, err := parseRef(string(number))
	if err != nil {
		return err
	}
	*r = n
	return nil
}

// MarshalText returns the Ref as XML's text.
func (r Ref) MarshalText() ([]byte, error) {
	if r == 0 {
		return nil, nil
	}
	return strconv.AppendUint(nil, uint64(r), 10), nil
}

// UnmarshalText reads what MarshalText returns. Its errors are ErrRef's.
func (r *Ref) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = 0
		return nil
	}
	n, err := parseRef(string(text))
	if err != nil {
		return err
	}
	*r = n
	return nil
}

// parseRef reads a number other than 0 as strconv.AppendUint writes it.
func parseRef(s string) (Ref, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 || s[0] == '0' || s[0] == '+' {
		return 0, fmt.Errorf("%w: %.20q is no number in 1..4294967295", ErrRef, s)
	}
	return Ref(n), nil
}
