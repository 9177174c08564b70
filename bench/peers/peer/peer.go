package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Kind is what is measured.
type Kind string

// The kinds.
const (
	Trip   Kind = "trip"   // a message there and back, one at a time
	Stream Kind = "stream" // messages one way, as fast as they go
	Calls  Kind = "calls"  // messages there and back, many at a time on one connection
	Crowd  Kind = "crowd"  // one at a time on each of many connections
)

// Kinds are all kinds, in the order in which they are reported.
func Kinds() []Kind { return []Kind{Trip, Stream, Calls, Crowd} }

// Case is one piece of work that all are given.
type Case struct {
	Kind     Kind `json:"kind"`
	Size     int  `json:"size"`     // bytes of a message
	Conns    int  `json:"conns"`    // connections
	Inflight int  `json:"inflight"` // messages that wait for an answer at once, on each connection
}

func (c Case) String() string {
	switch c.Kind {
	case Trip:
		return "round trip, " + Bytes(c.Size)
	case Stream:
		return "one way, " + Bytes(c.Size)
	case Calls:
		return fmt.Sprintf("%d calls in flight, %s", c.Inflight, Bytes(c.Size))
	case Crowd:
		return fmt.Sprintf("%d connections, %s", c.Conns, Bytes(c.Size))
	}
	return string(c.Kind)
}

// Bytes writes a size as people do.
func Bytes(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// ErrCannot is returned, wrapped, by a peer that does not do a case. The text says why, and is reported.
var ErrCannot = errors.New("not measured")

// Cannot makes such an error.
func Cannot(why string) error { return fmt.Errorf("%w: %s", ErrCannot, why) }

// A Peer is one way for two processes to exchange messages. Each process makes one, and calls either Serve or Dial.
type Peer interface {
	// Serve checks and answers what comes to an address, until Close. It returns once one can dial, with the address to dial,
	// which differs from the one given if that has port 0. What fails later, it reports to Fail.
	Serve(ctx context.Context, addr string) (string, error)

	// Dial connects. It is called once for each connection, and what it returns is a Channel or a Caller.
	Dial(ctx context.Context, addr string) (Conn, error)

	// Close ends all that Serve has begun.
	Close() error
}

// A Conn is one connection of the near side.
type Conn interface{ Close() error }

// A Channel sends messages and receives answers in their order. One goroutine may send while another receives.
type Channel interface {
	Conn

	// Send sends a message, which remains the caller's. It may be held back until Flush.
	Send(msg []byte) error

	// Flush sends what was held back.
	Flush() error

	// Receive returns the next answer. It may be in buf, which has its size, or in memory that is good until the next Receive.
	Receive(buf []byte) ([]byte, error)
}

// A Caller sends a message and waits for its answer. Many goroutines may call at once.
type Caller interface {
	Conn

	// Call returns the answer, which may be in buf, which has its size.
	Call(ctx context.Context, msg, buf []byte) ([]byte, error)
}

// Locked is implemented by a Peer whose connections are best used by a goroutine that is locked to its thread.
type Locked interface{ LocksThread() bool }

// Fail ends this process because of what went wrong on the side that serves, where nobody else can be told.
func Fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
