package h2

import (
	"encoding/binary"
	"io"
	"sync"

	"github.com/corechan/corechan/transports/internal/pump"
)

// bodies are those of a session's requests, of which the library reads each on a goroutine of its own. What the pump has goes to
// them in turn, in chunks, once deal has said how many there are; to a single one it goes as it is.
type bodies struct {
	pump *pump.Pump

	mu    sync.Mutex
	moved sync.Cond
	of    int // how many there are; 0: not known yet
	turn  int
	busy  bool // whose turn it is waits for the pump
	ended bool
}

func newBodies(p *pump.Pump) *bodies {
	b := &bodies{pump: p}
	b.moved.L = &b.mu
	return b
}

// deal says how many requests there are. Before, no body has more than what is to leave before all else.
func (b *bodies) deal(of int) {
	b.mu.Lock()
	b.of = of
	b.mu.Unlock()
	b.moved.Broadcast()
}

// take waits for the i-th one's turn; false: there will be none.
func (b *bodies) take(i int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.ended && (b.of == 0 || b.turn != i || b.busy) {
		b.moved.Wait()
	}
	b.busy = !b.ended
	return b.busy
}

// pass ends a turn; over: all turns.
func (b *bodies) pass(over bool) {
	b.mu.Lock()
	b.turn, b.busy, b.ended = (b.turn+1)%b.of, false, b.ended || over
	b.mu.Unlock()
	b.moved.Broadcast()
}

// A body is that of the i-th request.
type body struct {
	all    *bodies
	i      int
	prefix []byte // leaves before all else; set before the library knows the body
	rest   []byte // of a chunk that was larger than what the library wanted
	buf    []byte
}

// leastRead is for how much room a chunk is fetched straight into it.
const leastRead = 512

// Read implements io.Reader for the library.
func (b *body) Read(p []byte) (int, error) {
	for _, first := range []*[]byte{&b.prefix, &b.rest} {
		if len(*first) != 0 {
			n := copy(p, *first)
			*first = (*first)[n:]
			return n, nil
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	if !b.all.take(b.i) {
		return 0, io.EOF
	}
	if b.all.of == 1 {
		n, err := b.all.pump.Read(p)
		b.all.pass(err != nil)
		return n, err
	}
	to := p
	if len(p) < leastRead {
		if b.buf == nil {
			b.buf = make([]byte, leastRead)
		}
		to = b.buf
	}
	to = to[:min(len(to), chunkHeader+maxChunk)]
	n, err := b.all.pump.Read(to[chunkHeader:])
	b.all.pass(err != nil)
	if err != nil {
		return 0, err
	}
	binary.LittleEndian.PutUint32(to, uint32(n))
	n += chunkHeader
	if len(p) < leastRead {
		b.rest = to[:n]
		n = copy(p, b.rest)
		b.rest = b.rest[n:]
	}
	return n, nil
}

// Close implements io.Closer for the library, which takes nothing more of this one: without it there is no session.
func (b *body) Close() error {
	b.all.close()
	return nil
}

func (b *bodies) close() {
	b.mu.Lock()
	b.ended = true
	b.mu.Unlock()
	b.moved.Broadcast()
	_ = b.pump.Close()
}
