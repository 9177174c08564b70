package msgpack

import (
	"encoding/binary"
	"fmt"

	"github.com/corechan/corechan/engine/codec"
)

// Valid checks that the payload is one msgpack value and nothing else: every length within the payload, containers nested no
// deeper than codec.MaxDepth. It reads each byte of a header once, does not recurse and allocates nothing. Run it
// before generated methods too: those allocate as many elements as a header says.
//
// Its errors are codec.ErrPayload's, with ErrTruncated, ErrTrailing or ErrDepth as further cause.
func Valid(payload []byte) error {
	var left [codec.MaxDepth]int // how many values each open container still lacks
	depth := 0
	for i := 0; ; {
		if i == len(payload) {
			return invalid(codec.ErrTruncated, i, "a value is missing")
		}
		h, ok := headOf(payload[i:])
		if !ok {
			return invalid(codec.ErrTruncated, i, "a header is cut off")
		}
		if h.size == 0 {
			return invalid(nil, i, fmt.Sprintf("no value begins with %#x", payload[i]))
		}
		at := i
		i += h.size
		rest := uint64(len(payload) - i)
		if h.body > rest {
			return invalid(codec.ErrTruncated, at, fmt.Sprintf("a value of %d bytes, and %d bytes are left", h.body, rest))
		}
		if h.elements > rest {
			return invalid(codec.ErrTruncated, at, fmt.Sprintf("%d elements, and %d bytes are left", h.elements, rest))
		}
		i += int(h.body)
		if h.container && depth == codec.MaxDepth {
			return invalid(codec.ErrDepth, at, "a container")
		}
		if h.elements > 0 {
			left[depth] = int(h.elements)
			depth++
			continue
		}
		for depth > 0 {
			left[depth-1]--
			if left[depth-1] > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			if i != len(payload) {
				return invalid(codec.ErrTrailing, i, fmt.Sprintf("%d bytes", len(payload)-i))
			}
			return nil
		}
	}
}

func invalid(cause error, at int, what string) error {
	if cause == nil {
		return fmt.Errorf("%w: byte %d: %s", codec.ErrPayload, at, what)
	}
	return fmt.Errorf("%w: %w: byte %d: %s", codec.ErrPayload, cause, at, what)
}

// A head is what a value's first bytes say.
type head struct {
	size      int    // of the header itself, in bytes; 0 if no value begins so
	body      uint64 // bytes that follow it and are no values
	elements  uint64 // values that follow it
	container bool
}

// headOf reads the header that b, not empty, begins with; !ok if it is cut off.
func headOf(b []byte) (h head, ok bool) {
	switch c := b[0]; {
	case c < 0x80 || c >= 0xe0: // fixint
		return head{size: 1}, true
	case c < 0x90: // fixmap
		return head{size: 1, elements: 2 * uint64(c&0xf), container: true}, true
	case c < 0xa0: // fixarray
		return head{size: 1, elements: uint64(c & 0xf), container: true}, true
	case c < 0xc0: // fixstr
		return head{size: 1, body: uint64(c & 0x1f)}, true
	}
	switch b[0] {
	case 0xc0, 0xc2, 0xc3: // nil, false, true
		return head{size: 1}, true
	case 0xc4, 0xd9: // bin8, str8
		return long(b, 1, 0)
	case 0xc5, 0xda:
		return long(b, 2, 0)
	case 0xc6, 0xdb:
		return long(b, 4, 0)
	case 0xc7: // ext8: the type is in front of the body
		return long(b, 1, 1)
	case 0xc8:
		return long(b, 2, 1)
	case 0xc9:
		return long(b, 4, 1)
	case 0xca, 0xce, 0xd2: // float32, uint32, int32
		return head{size: 1, body: 4}, true
	case 0xcb, 0xcf, 0xd3:
		return head{size: 1, body: 8}, true
	case 0xcc, 0xd0: // uint8, int8
		return head{size: 1, body: 1}, true
	case 0xcd, 0xd1:
		return head{size: 1, body: 2}, true
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8: // fixext1, 2, 4, 8, 16
		return head{size: 1, body: 1 + 1<<(b[0]-0xd4)}, true
	case 0xdc: // array16
		return container(b, 2, 1)
	case 0xdd:
		return container(b, 4, 1)
	case 0xde: // map16
		return container(b, 2, 2)
	case 0xdf:
		return container(b, 4, 2)
	}
	return head{}, true // 0xc1
}

// long reads the header of a value with a length of width bytes.
func long(b []byte, width int, extra uint64) (head, bool) {
	n, ok := number(b, width)
	return head{size: 1 + width, body: n + extra}, ok
}

// container reads the header of an array or map with a count of width bytes.
func container(b []byte, width int, each uint64) (head, bool) {
	n, ok := number(b, width)
	return head{size: 1 + width, elements: n * each, container: true}, ok
}

func number(b []byte, width int) (uint64, bool) {
	if len(b) < 1+width {
		return 0, false
	}
	switch width {
	case 1:
		return uint64(b[1]), true
	case 2:
		return uint64(binary.BigEndian.Uint16(b[1:])), true
	}
	return uint64(binary.BigEndian.Uint32(b[1:])), true
}
