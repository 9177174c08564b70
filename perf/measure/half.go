package measure

import (
	"errors"
	"sync/atomic"
	"time"
)

// ErrStopped is what Run returns when Stop ended it.
var ErrStopped = errors.New("slice stopped")

// Side says which half of an exchange a thread runs.
type Side bool

// The two sides: Near leads and keeps the time.
const (
	Near Side = false
	Far  Side = true
)

// Half is one side of one thing that is measured. Run is called by one thread, always the same; Stop by any.
type Half interface {
	// Run makes one slice. Both halves are given the same Index, Warm and Count.
	Run(s *Slice) error

	// Stop makes a Run in progress return soon and later ones fail. It is for a run that has gone wrong, for instance
	// because the peer has died: a slice that goes well ends by itself.
	Stop()

	// Close releases what the half holds. It must not be called during Run.
	Close() error
}

// Slice is what one Run is told, and what it reports back.
type Slice struct {
	Index int // of the slices of this half, from 0
	Warm  int // exchanges to make before those that count; a stream makes none
	Count int // exchanges that count: round trips, or messages of a stream

	// Pause is how long the near half of a ping-pong thinks between one answer and its next message, busy. It is not
	// part of any sample.
	Pause time.Duration

	// Samples has room for Count round trips, in nanoseconds, on the near half of a ping-pong; nil elsewhere.
	Samples []int64

	// Begin and End are read from a Clock: Begin by the near half just before its first message (of a ping-pong: its
	// first that counts), End by the far half of a stream after it has consumed the last message, and by the near half
	// of a ping-pong after the last answer.
	Begin, End int64
}

// Stop is the flag behind Half.Stop. Its zero value is ready to use.
type Stop struct {
	set atomic.Bool
	_   [127]byte // keep the flag, which pollers read, off the lines that others write
}

// Set makes every later IsSet true.
func (s *Stop) Set() { s.set.Store(true) }

// IsSet says whether Set was called.
func (s *Stop) IsSet() bool { return s.set.Load() }
