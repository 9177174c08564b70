package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// MaxAttachments bounds what a peer may have given and nobody taken, on one session.
const MaxAttachments = 1024

// NewBells returns a pair of bells within the process, each ringing the other.
func NewBells() (a, b *ProcessBell) {
	x, y := newProcessBell(), newProcessBell()
	x.peer, y.peer = y, x
	return x, y
}

// A ProcessBell is a Bell whose peer is in the same process: a channel wakes a goroutine.
type ProcessBell struct {
	peer   *ProcessBell
	rung   chan struct{}
	down   chan struct{} // closed by Shutdown
	notify atomic.Pointer[func()]

	mu    sync.Mutex
	shut  bool
	gone  func()
	given []Attachment
}

func newProcessBell() *ProcessBell {
	return &ProcessBell{rung: make(chan struct{}, 1), down: make(chan struct{})}
}

// OnGone has f called once, when the peer has shut its bell down; at once if it has.
func (b *ProcessBell) OnGone(f func()) {
	b.peer.mu.Lock()
	shut := b.peer.shut
	if !shut {
		b.gone = f
	}
	b.peer.mu.Unlock()
	if shut {
		f()
	}
}

// Ring implements Bell.
func (b *ProcessBell) Ring() { b.peer.Interrupt() }

// Interrupt implements Bell.
func (b *ProcessBell) Interrupt() {
	select {
	case b.rung <- struct{}{}:
	default:
	}
	if f := b.notify.Load(); f != nil {
		(*f)()
	}
}

// Sleep implements Bell: it parks the goroutine. What ends it comes as a ring, the peer's Shutdown and one's own too: to
// wait for one channel takes half the time that it takes to wait for four.
func (b *ProcessBell) Sleep(ctx context.Context, _ bool) error {
	select {
	case <-b.rung:
		return nil
	default:
	}
	if b.Gone() {
		return ErrPeerGone
	}
	select {
	case <-b.down:
		return nil
	default:
	}
	done := ctx.Done()
	if done == nil {
		<-b.rung
		return nil
	}
	select {
	case <-b.rung:
		return nil
	case <-done:
		return ctx.Err()
	}
}

// Descriptor implements Bell: there is none.
func (b *ProcessBell) Descriptor() int { return -1 }

// Notify implements Bell.
func (b *ProcessBell) Notify(f func()) { b.notify.Store(&f) }

// Drain implements Bell.
func (b *ProcessBell) Drain() error {
	select {
	case <-b.rung:
	default:
	}
	select {
	case <-b.peer.down:
		return ErrPeerGone
	default:
		return nil
	}
}

// Gone implements Bell.
func (b *ProcessBell) Gone() bool {
	select {
	case <-b.peer.down:
		return true
	default:
		return false
	}
}

// Give implements Bell.
func (b *ProcessBell) Give(a []Attachment) error {
	p := b.peer
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return ErrPeerGone
	}
	if len(p.given)+len(a) > MaxAttachments {
		return fmt.Errorf("%w: %w", ErrBellFull, &LimitError{What: "attachments that the peer has not taken", Limit: MaxAttachments})
	}
	p.given = append(p.given, a...)
	return nil
}

// Take implements Bell.
func (b *ProcessBell) Take(n int) ([]Attachment, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > len(b.given) {
		return nil, violation("a frame has %d attachments, %d came", n, len(b.given))
	}
	a := append([]Attachment(nil), b.given[:n]...)
	b.given = append(b.given[:0], b.given[n:]...)
	return a, nil
}

// Shutdown implements Bell.
func (b *ProcessBell) Shutdown() {
	b.mu.Lock()
	if b.shut {
		b.mu.Unlock()
		return
	}
	b.shut = true
	gone := b.peer.gone
	b.peer.gone = nil
	b.mu.Unlock()
	close(b.down)
	select {
	case b.rung <- struct{}{}:
	default:
	}
	if f := b.notify.Load(); f != nil {
		(*f)() // a loop sleeps for this bell
	}
	b.peer.Interrupt()
	if gone != nil {
		gone()
	}
}

// Close implements Bell: what was given and not taken is closed.
func (b *ProcessBell) Close() error {
	b.mu.Lock()
	given := b.given
	b.given = nil
	b.mu.Unlock()
	for _, a := range given {
		_ = a.Close()
	}
	return nil
}
