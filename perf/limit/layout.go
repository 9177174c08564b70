package limit

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/corechan/corechan/perf/measure"
)

// line is the distance between words that different cores write: two cache lines, because the prefetcher of many
// processors fetches lines in pairs.
const line = 128

// ErrSize reports memory too small, or a payload that makes no sense.
var ErrSize = errors.New("size out of range")

// The ping-pong's memory is a row of spots:
//
//	0          128        256                256+p              256+2p   p: payload size, rounded up to 128
//	+----------+----------+------------------+------------------+
//	| near seq | far seq  | near payload     | far payload      |
//	+----------+----------+------------------+------------------+
//
// The near half writes the near fields, the far half the far ones. A spot is at rest when both words are equal.
const (
	spotNearSeq = 0
	spotFarSeq  = line
	spotPayload = 2 * line

	maxSpots     = 64
	maxSpotBytes = 4 << 20 // all spots together, unless one alone is larger
)

func spotBytes(size int) int { return spotPayload + 2*roundUp(size, line) }

func spotCount(size int) int { return min(max(maxSpotBytes/spotBytes(size), 1), maxSpots) }

// PingBytes is the memory that a ping-pong of this payload size uses.
func PingBytes(size int) int { return spotCount(size) * spotBytes(size) }

// spot is one spot as one half sees it.
type spot struct {
	mine, theirs *uint64
	out, in      []byte
}

func spots(mem []byte, size int, side measure.Side) ([]spot, error) {
	if size < 1 || len(mem) < PingBytes(size) {
		return nil, fmt.Errorf("%w: ping-pong of %d bytes in %d bytes of memory", ErrSize, size, len(mem))
	}
	all := make([]spot, spotCount(size))
	for i := range all {
		m := mem[i*spotBytes(size):]
		near, far := m[spotPayload:][:size:size], m[spotPayload+roundUp(size, line):][:size:size]
		if side == measure.Near {
			all[i] = spot{mine: word(m, spotNearSeq), theirs: word(m, spotFarSeq), out: near, in: far}
		} else {
			all[i] = spot{mine: word(m, spotFarSeq), theirs: word(m, spotNearSeq), out: far, in: near}
		}
	}
	return all, nil
}

// share is the part of n that falls to one of the spots.
func share(n, spot, spots int) int {
	each := n / spots
	if spot < n%spots {
		each++
	}
	return each
}

// The stream's memory is pairs of positions, of which a slice uses one, and the records:
//
//	0          128        256        ...        4096
//	+----------+----------+----------+----------+------------------------+
//	| tail 0   | head 0   | tail 1   | ...      | records                |
//	+----------+----------+----------+----------+------------------------+
//
// The near half, which produces, writes tails and records; the far half, which consumes, writes heads. Positions count
// records since the memory was made. Between slices the ring is empty.
const (
	streamPairs   = 16
	streamRecords = streamPairs * 2 * line

	minRecords = 3 // Go channels need one in use at each end, and one between
)

// recordBytes keeps each record on cache lines of its own.
func recordBytes(size int) int { return roundUp(size, 64) }

// StreamBytes is the memory that a stream over a ring of this capacity uses.
func StreamBytes(capacity int) int { return streamRecords + capacity }

// MaxStreamSize is the largest payload that a stream over a ring of this capacity takes.
func MaxStreamSize(capacity int) int { return capacity / minRecords / 64 * 64 }

func checkStream(mem []byte, size, capacity int) error {
	if size < 1 || size > MaxStreamSize(capacity) || len(mem) < StreamBytes(capacity) {
		return fmt.Errorf("%w: stream of %d bytes over a ring of %d in %d bytes of memory", ErrSize, size, capacity, len(mem))
	}
	return nil
}

func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }

// await polls until the word is want. It gives up when stop is set, which it looks at so rarely that it costs nothing.
func await(w *uint64, want uint64, stop *measure.Stop) bool {
	for {
		for range 1 << 14 {
			if atomic.LoadUint64(w) == want {
				return true
			}
		}
		if stop.IsSet() {
			return false
		}
	}
}

// awaitChange polls until the word is no longer old, and returns it.
func awaitChange(w *uint64, old uint64, stop *measure.Stop) (uint64, bool) {
	for {
		for range 1 << 14 {
			if now := atomic.LoadUint64(w); now != old {
				return now, true
			}
		}
		if stop.IsSet() {
			return old, false
		}
	}
}
