package engine

import (
	"context"
	"os"

	"github.com/corechan/corechan/internal/membarrier"
	"github.com/corechan/corechan/ring"
)

// Pipe returns the two ends of a channel, to be used within the process, or to be given away: an end that is put into a
// message goes to whoever receives it, and the other end is then a channel of that message's session. It costs little until
// it is used. An end that was given away answers ErrGiven.
//
// Within the process it holds as much as a default ring, 256 KiB of encoded messages: beyond that, Send blocks until something
// is received. Sender.Close ends it, and so does Receiver.Close; its memory is the garbage collector's.
//
// It panics if T has no codec: that is known when the program is written.
func Pipe[T any]() (Receiver[T], Sender[T]) {
	enc, err := encodingOf[T]()
	if err != nil {
		panic(err)
	}
	q := newPair(enc)
	return Receiver[T]{end: q.r}, Sender[T]{end: q.s}
}

// heapSegments returns two segments for a ring in one direction: a's owner produces.
func heapSegments(o *ring.Options) (a, b *ring.Segment) {
	a, err := ring.NewHeap(o)
	if err != nil {
		panic(err)
	}
	b, err = ring.NewHeap(&ring.Options{Capacity: max(ring.MinCapacity, os.Getpagesize())})
	if err != nil {
		panic(err)
	}
	return a, b
}

func pipeLink(own, peer *ring.Segment, bell Bell) *Link {
	return &Link{
		Producer: ring.NewProducer(own, peer), Consumer: ring.NewConsumer(own, peer), Bell: bell,
		Barrier: ProcessBarrier(), Close: func() error { return nil },
	}
}

// ProcessBarrier returns what Link.Barrier is where both ends are in this process; nil if the kernel has no such thing.
func ProcessBarrier() func() {
	if !membarrier.Available() {
		return nil
	}
	return membarrier.Process
}

// A pipeEnd is the owner of a port with one channel and nothing else.
type pipeEnd struct{}

func (pipeEnd) handleFrame(h header, _ []byte) error {
	return violation("%v in a ring with one channel", h.typ)
}
func (pipeEnd) everOpened(id uint32) bool      { return id == 1 }
func (pipeEnd) portFailed(error)               {}
func (pipeEnd) lastWord(context.Context) error { return ErrPeerGone }
