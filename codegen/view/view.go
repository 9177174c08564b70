// Package view is what generated views call: it finds the parts of an encoded message without decoding the rest.
//
// The bytes may be memory that a peer writes to, also while they are read: each length is read once and checked, nothing is
// trusted that was seen before, and no value is nested too deep to be passed over. A hostile peer can make a view return
// errors or any values, and nothing else.
package view

import (
	"fmt"
	"iter"

	"github.com/corechan/corechan/engine/codec"
)

var (
	errTruncated = fmt.Errorf("%w: %w", codec.ErrPayload, codec.ErrTruncated)
	errByte      = fmt.Errorf("%w: no value begins with 0xc1", codec.ErrPayload)
	errMap       = fmt.Errorf("%w: not the map of a struct", codec.ErrPayload)
	errArray     = fmt.Errorf("%w: not an array", codec.ErrPayload)
)

// Wrap returns an error that says which field could not be read; nil for nil. All are codec.ErrPayload's.
func Wrap(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: field %s: %w", codec.ErrPayload, field, err)
}

// IsNil reports whether b begins with nil, or is nil itself, as that of a field that is not there.
func IsNil(b []byte) bool { return b == nil || len(b) != 0 && b[0] == 0xc0 }

// Field returns what b, which begins with the map of a struct, has from the value of a field on. key is the field's name as it is
// encoded. It returns nil if there is no such field, or instead of the map nil.
func Field(b []byte, key string) ([]byte, error) {
	n, b, err := header(b, 0x80, 0xde, errMap)
	for ; n > 0; n-- {
		if len(b) >= len(key) && string(b[:len(key)]) == key {
			return b[len(key):], nil
		}
		if b, err = skip(b, 2); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// Element returns what b, which begins with the array of a tuple, has from an element on. It returns nil if there are not as many.
func Element(b []byte, i int) ([]byte, error) {
	n, b, err := header(b, 0x90, 0xdc, errArray)
	if err != nil || uint64(i) >= n {
		return nil, err
	}
	return skip(b, i)
}

// List returns the elements of an array, as views; nil is an empty one. err is that of finding the array, which becomes the only pair.
// field is for errors.
func List[V any](field string, b []byte, err error, view func([]byte) V) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		var zero V
		n, b, err := uint64(0), b, err
		if err == nil {
			n, b, err = header(b, 0x90, 0xdc, errArray)
		}
		for ; err == nil && n > 0; n-- {
			var rest []byte
			if rest, err = skip(b, 1); err == nil {
				if !yield(view(b), nil) {
					return
				}
				b = rest
			}
		}
		if err != nil {
			yield(zero, Wrap(field, err))
		}
	}
}

// header reads the header of a map or array: fix is the byte of an empty one, long that of one with a count of two bytes, and that of
// four follows. It counts nil as empty.
func header(b []byte, fix, long byte, wrong error) (n uint64, rest []byte, err error) {
	if b == nil {
		return 0, nil, nil
	}
	if len(b) == 0 {
		return 0, nil, errTruncated
	}
	switch c := b[0]; {
	case c&0xf0 == fix:
		return uint64(c & 0xf), b[1:], nil
	case c == long:
		if len(b) < 3 {
			return 0, nil, errTruncated
		}
		return uint64(b[1])<<8 | uint64(b[2]), b[3:], nil
	case c == long+1:
		if len(b) < 5 {
			return 0, nil, errTruncated
		}
		return uint64(b[1])<<24 | uint64(b[2])<<16 | uint64(b[3])<<8 | uint64(b[4]), b[5:], nil
	case c == 0xc0:
		return 0, nil, nil
	}
	return 0, nil, wrong
}

// whole has the length of each value that its first byte tells, in bytes; 0 for the others.
var whole = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c < 0x80 || c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3: // fixint, nil, false, true
			t[c] = 1
		case c >= 0xa0 && c < 0xc0: // fixstr
			t[c] = uint8(1 + c&0x1f)
		case c == 0xcc || c == 0xd0: // 8 bits
			t[c] = 2
		case c == 0xcd || c == 0xd1:
			t[c] = 3
		case c == 0xca || c == 0xce || c == 0xd2:
			t[c] = 5
		case c == 0xcb || c == 0xcf || c == 0xd3:
			t[c] = 9
		case c >= 0xd4 && c <= 0xd8: // fixext1 to fixext16
			t[c] = uint8(2 + 1<<(c-0xd4))
		}
	}
	return t
}()

// skip returns what is behind a number of values. It does not recurse: what is within a value is counted as further values.
func skip(b []byte, n int) ([]byte, error) {
	i := 0
	for n > 0 && i < len(b) {
		c := b[i]
		n--
		if size := whole[c]; size != 0 {
			i += int(size)
			continue
		}
		switch {
		case c < 0x90: // fixmap
			i, n = i+1, n+2*int(c&0xf)
		case c < 0xa0: // fixarray
			i, n = i+1, n+int(c&0xf)
		default:
			size, inner := long(b[i:])
			if size == 0 {
				return nil, errByte
			}
			if size > uint64(len(b)-i) || inner > uint64(len(b)) { // each takes at least a byte
				return nil, errTruncated
			}
			i, n = i+int(size), n+int(inner)
		}
	}
	if n > 0 || i > len(b) {
		return nil, errTruncated
	}
	return b[i:], nil
}

// long returns the length of what begins with a length or count of its own, and how many values are within; more than there is if that is
// cut off, 0 for what begins no value.
func long(b []byte) (size, inner uint64) {
	number := func(width int) uint64 {
		if len(b) < 1+width {
			return 1 << 40
		}
		n := uint64(0)
		for _, c := range b[1 : 1+width] {
			n = n<<8 | uint64(c)
		}
		return n
	}
	switch b[0] {
	case 0xc4, 0xd9: // bin8, str8
		return 2 + number(1), 0
	case 0xc5, 0xda:
		return 3 + number(2), 0
	case 0xc6, 0xdb:
		return 5 + number(4), 0
	case 0xc7: // ext8
		return 3 + number(1), 0
	case 0xc8:
		return 4 + number(2), 0
	case 0xc9:
		return 6 + number(4), 0
	case 0xdc: // array16
		return 3, number(2)
	case 0xdd:
		return 5, number(4)
	case 0xde: // map16
		return 3, 2 * number(2)
	case 0xdf:
		return 5, 2 * number(4)
	}
	return 0, 0
}
