package json

import (
	"bytes"

	"github.com/corechan/corechan/engine/codec"
)

// tooDeep says whether objects and arrays are nested deeper than codec.MaxDepth. It takes any bytes, and is right for
// JSON.
func tooDeep(b []byte) bool {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			if depth++; depth > codec.MaxDepth {
				return true
			}
		case '}', ']':
			depth--
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		}
	}
	return false
}

// replaced says whether the encoder found bytes that are not UTF-8, for which it writes the escape \ufffd. A U+FFFD that a
// string had before it writes as it is.
func replaced(encoded []byte) bool {
	escape := []byte(`\ufffd`)
	for {
		i := bytes.Index(encoded, escape)
		if i < 0 {
			return false
		}
		slashes := 0
		for j := i; j >= 0 && encoded[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 1 {
			return true
		}
		encoded = encoded[i+len(escape):]
	}
}
