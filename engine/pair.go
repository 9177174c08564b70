package engine

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/corechan/corechan/ring"
)

// A pair is the two ends that Pipe made, while it is not known yet where they belong.
//
//	            Send, Close, Reserve; Receiver.Close
//	free ──────────────────────────────────────────────> settled: a ring on the heap
//	  │
//	  └── one end is given to a message ── busy ───────> settled: the other end is a channel of that message's session
//
// A Receive waits until the pair is settled. The ends' port is nil before, and so is that of an end that was given away,
// for good.
type pair struct {
	state   atomic.Uint32
	settled chan struct{} // closed once it is
	s       *sendEnd
	r       *recvEnd
	// Constant once settled: which end was given away.
	sGiven, rGiven bool
}

const (
	pairFree uint32 = iota
	pairBusy
	pairSettled
)

func newPair(enc *encoding) *pair {
	q := &pair{settled: make(chan struct{})}
	q.s = newSendEnd(nil, 0, "", ring.DefaultCapacity-HeaderSize)
	q.r = newRecvEnd(nil, 0, "", enc.codec, 0, ring.MaxCapacity)
	q.s.pair, q.r.pair = q, q
	q.s.setEncoding(enc)
	q.r.enc = enc
	return q
}

// sender sees to it that the sending end can be used.
func (q *pair) sender() error {
	q.settleHere()
	if q.sGiven {
		return errGiven
	}
	return nil
}

// receiver waits until the receiving end can be used.
func (q *pair) receiver(ctx context.Context) error {
	if q.state.Load() != pairSettled {
		select {
		case <-q.settled:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if q.rGiven {
		return errGiven
	}
	return nil
}

// claim takes a pair that is free for whoever is giving one end away: true. If it is settled instead: false.
func (q *pair) claim() bool {
	for {
		switch {
		case q.state.CompareAndSwap(pairFree, pairBusy):
			return true
		case q.state.Load() == pairSettled:
			return false
		}
		runtime.Gosched() // another one has it, for as long as it takes to write a frame
	}
}

// settle ends a claim: one end was given away.
func (q *pair) settle(sGiven bool) {
	q.sGiven, q.rGiven = sGiven, !sGiven
	if sGiven {
		q.s.end(errGiven)
	} else {
		q.r.giveUp()
	}
	q.state.Store(pairSettled)
	close(q.settled)
}

// unclaim ends a claim: nothing was given away.
func (q *pair) unclaim() { q.state.Store(pairFree) }

// settleHere makes the pair a ring on the heap, unless it is settled.
func (q *pair) settleHere() {
	if q.state.Load() == pairSettled || !q.claim() {
		return
	}
	a, b := heapSegments(nil)
	bellA, bellB := NewBells()
	tx := newPort(pipeLink(a, b, bellA), pipeEnd{}, newSpinner(Hybrid, 0, new(spinners)))
	rx := newPort(pipeLink(b, a, bellB), pipeEnd{}, newSpinner(Hybrid, 0, new(spinners)))
	q.s.p, q.s.id = tx, 1
	q.r.p = rx
	q.r.id.Store(1)
	tx.addSend(q.s)
	rx.addRecv(q.r)
	q.state.Store(pairSettled)
	close(q.settled)
}

// closeReceiver closes the receiving end. A sending end that is in this process as well learns of it at once: it may be
// that nobody polls for it.
func (q *pair) closeReceiver(reason error) error {
	err := q.r.close(reason)
	if err == nil && !q.sGiven {
		code, text := reasonOf(reason)
		if reason == nil {
			code = CodeCanceled
		}
		q.s.end(&ChannelError{Code: code, Text: text})
	}
	return err
}

// errGiven is what an end answers that was given away in a message.
var errGiven = fmt.Errorf("engine: %w: make a new one with Pipe", ErrGiven)

// giveUp ends a receiving end that was given away.
func (r *recvEnd) giveUp() {
	r.ended = errGiven
	r.queued.Add(1)
}
