package engine

import (
	"context"
	"os"

	"github.com/corechan/corechan/internal/membarrier"
	"github.com/corechan/corechan/ring"
)

// Pipe returns the two ends of a channel within the process. It holds as much as a default ring, 256 KiB of encoded
// messages: beyond that, Send blocks until something is received. Sender.Close ends it, and so does Receiver.Close;
// its memory is the garbage collector's.
//
// It panics if T has no codec: that is known when the program is written.
func Pipe[T any]() (Receiver[T], Sender[T]) {
	codec, err := codecOf[T]()
	if err != nil {
		panic(err)
	}
	a, b := heapSegments(nil)
	bellA, bellB := NewBells()
	tx := newPort(pipeLink(a, b, bellA), pipeEnd{}, newSpinner(Hybrid, 0, new(spinners)))
	rx := newPort(pipeLink(b, a, bellB), pipeEnd{}, newSpinner(Hybrid, 0, new(spinners)))
	s := newSendEnd(tx, 1, "", a.MaxRecord()-HeaderSize)
	s.codec = codec
	r := newRecvEnd(rx, 1, "", codec, 0, ring.MaxCapacity)
	tx.sends[1] = s
	rx.recvs[1] = r
	return Receiver[T]{r}, Sender[T]{s}
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
func (pipeEnd) everOpened(id uint32) bool         { return id == 1 }
func (pipeEnd) portFailed(error)                  {}
func (pipeEnd) lastWord(context.Context) error    { return ErrPeerGone }
