package result

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// maxHistogram bounds a histogram's text. One of three digits with a different count in each of its buckets stays below.
const maxHistogram = 512 << 10

// decodeHistogram reads a histogram that a stranger may have written. The library checks all but how much memory the geometry
// takes that the text claims, so that is read beforehand: with three digits it is half a megabyte at most.
func decodeHistogram(text string) (*hdrhistogram.Histogram, error) {
	if len(text) > maxHistogram {
		return nil, fmt.Errorf("%w: a histogram of %d characters; %d at most", ErrTooLarge, len(text), maxHistogram)
	}
	digits, err := digitsOf(text)
	if err != nil {
		return nil, fmt.Errorf("%w: histogram: %w", ErrMalformed, err)
	}
	if digits > maxDigits {
		return nil, fmt.Errorf("%w: a histogram with %d digits; %d at most", ErrTooLarge, digits, maxDigits)
	}
	h, err := hdrhistogram.Decode([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%w: histogram: %w", ErrMalformed, err)
	}
	return h, nil
}

// digitsOf reads the number of significant digits out of the header that is compressed with the counts: its fourth word of 32
// bits, in big endian. See the V2 encoding of HdrHistogram.
func digitsOf(text string) (int32, error) {
	const outer, at, size = 8, 12, 4 // cookie and length; the word's place within
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return 0, err
	}
	if len(b) < outer {
		return 0, io.ErrUnexpectedEOF
	}
	z, err := zlib.NewReader(bytes.NewReader(b[outer:]))
	if err != nil {
		return 0, err
	}
	var header [at + size]byte
	if _, err := io.ReadFull(z, header[:]); err != nil {
		return 0, err
	}
	return int32(binary.BigEndian.Uint32(header[at:])), nil
}
