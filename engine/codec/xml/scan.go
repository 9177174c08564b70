package xml

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/corechan/corechan/engine/codec"
)

// errDoctype is for a payload that would define entities or have others defined.
var errDoctype = errors.New("no <!DOCTYPE> or other declaration is accepted in a message")

// scan checks that elements are nested no deeper than codec.MaxDepth and that there is no DOCTYPE. It takes any bytes; of
// what is not XML it may say nothing, as the decoder will.
func scan(b []byte) error {
	depth := 0
	for {
		i := bytes.IndexByte(b, '<')
		if i < 0 {
			return nil
		}
		b = b[i+1:]
		switch {
		case bytes.HasPrefix(b, []byte("!--")):
			b = after(b[3:], "-->")
		case bytes.HasPrefix(b, []byte("![CDATA[")):
			b = after(b, "]]>")
		case bytes.HasPrefix(b, []byte("?")):
			b = after(b, "?>")
		case bytes.HasPrefix(b, []byte("!")):
			return errDoctype
		case bytes.HasPrefix(b, []byte("/")):
			depth--
			b = after(b, ">")
		default:
			end := tagEnd(b)
			if end > 0 && b[end-1] == '/' {
				b = b[end:]
				continue
			}
			if depth++; depth > codec.MaxDepth {
				return fmt.Errorf("element %d: %w", depth, codec.ErrDepth)
			}
			b = b[end:]
		}
	}
}

// after returns what follows the first end in b.
func after(b []byte, end string) []byte {
	_, rest, _ := bytes.Cut(b, []byte(end))
	return rest
}

// tagEnd returns the index of the > that ends the tag at the beginning of b, or len(b).
func tagEnd(b []byte) int {
	var quote byte
	for i, c := range b {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i
		}
	}
	return len(b)
}
