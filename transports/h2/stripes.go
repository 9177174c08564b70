package h2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A session with several requests has its bytes cut into chunks, which go to the requests in turn, from the first one on. Both
// sides know whose turn it is, so that nothing is kept to be put in order.
//
//	┌────────┬──────────┐
//	│ length │ bytes    │   a chunk: the length is a u32, little-endian, from 1 to maxChunk
//	└────────┴──────────┘
const (
	chunkHeader = 4
	maxChunk    = 1 << 20
)

// ErrChunk is a peer that has cut its bytes as it must not.
var errChunk = errors.New("malformed chunk")

// joined reads what comes in chunks.
type joined struct {
	bodies []io.Reader
	turn   int
	left   int // of the chunk that is being read
}

// Read implements io.Reader. The end of the body whose turn it is is the end of all.
func (j *joined) Read(p []byte) (int, error) {
	body := j.bodies[j.turn]
	if j.left == 0 {
		var h [chunkHeader]byte
		if _, err := io.ReadFull(body, h[:]); err != nil {
			return 0, err // io.ErrUnexpectedEOF within a header
		}
		n := binary.LittleEndian.Uint32(h[:])
		if n == 0 || n > maxChunk {
			return 0, fmt.Errorf("%w of %d bytes", errChunk, n)
		}
		j.left = int(n)
	}
	n, err := body.Read(p[:min(len(p), j.left)])
	j.left -= n
	switch {
	case err == nil || n > 0 && j.left == 0: // an error comes again
		err = nil
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	if j.left == 0 {
		j.turn = (j.turn + 1) % len(j.bodies)
	}
	return n, err
}

// dealt writes in chunks.
type dealt struct {
	all  []*conversation
	turn int
}

// write writes one chunk, which leaves at once.
func (d *dealt) write(p []byte) error {
	for len(p) > 0 {
		c := d.all[d.turn]
		n := min(len(p), maxChunk)
		if _, err := c.w.Write(binary.LittleEndian.AppendUint32(c.header[:0], uint32(n))); err != nil {
			return err
		}
		if err := c.write(p[:n]); err != nil {
			return err
		}
		p, d.turn = p[n:], (d.turn+1)%len(d.all)
	}
	return nil
}

func (d *dealt) closeWrite() {
	for _, c := range d.all {
		c.closeWrite()
	}
}

func (d *dealt) abort() {
	for _, c := range d.all {
		c.abort()
	}
}
