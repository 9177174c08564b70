package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
	"sync/atomic"
)

// A Merge makes one of many Receivers, which come and go: workers that register themselves each give it the channel of
// their results. Its methods may be used by several goroutines at once.
//
// Its channels take turns: of those that messages have arrived on, each gives one before any gives a second. It holds no
// messages of its own: a channel that is not received from fills its window, or its ring and 16 KiB, and its sender waits.
//
// A goroutine polls each session, lane and Pipe that it has channels of, until the last of these has ended. Close ends it.
type Merge[T any] struct{ set mergeSet }

// NewMerge returns a Merge without channels. Close frees it.
func NewMerge[T any]() *Merge[T] {
	m := &Merge[T]{mergeSet{
		members: map[*recvEnd]*member{}, ports: map[*port]*mergePort{},
		changed: make(chan struct{}, 1), over: make(chan struct{}),
	}}
	m.set.ctx, m.set.cancel = context.WithCancel(context.Background())
	return m
}

// A MergeError is the error of one channel of a Merge, which goes on with the others.
type MergeError[T any] struct {
	// From is the channel, as Add got it.
	From Receiver[T]
	// Err is what its Receive would have returned. It is the channel's end, unless it is ErrMalformed.
	Err error
}

func (e *MergeError[T]) Error() string {
	return fmt.Sprintf("engine: merged channel %q: %v", e.From.Name(), e.Err)
}

// Unwrap returns Err.
func (e *MergeError[T]) Unwrap() error { return e.Err }

// Add gives r to the merge, which receives from it until it ends, and closes it when it is closed itself. Nobody else
// should receive from it. r.Close takes it out again. A Receiver that is in it already is refused with os.ErrExist; after Close,
// any is with os.ErrClosed, and stays the caller's.
func (m *Merge[T]) Add(r Receiver[T]) error {
	if r.end == nil {
		return errZero
	}
	return m.set.add(r.end)
}

// Len returns how many channels there are that have not ended, or whose last messages were not received.
func (m *Merge[T]) Len() int {
	m.set.mu.Lock()
	defer m.set.mu.Unlock()
	return len(m.set.members)
}

// Receive waits for the next message of any channel and decodes it into v, as Receiver.Receive does. It waits also while
// there are no channels.
//
// A channel that ends is taken out: silently at a clean end, else with a *MergeError, once, after which the others go on. A
// malformed message is a *MergeError too, and its channel stays. The other errors: the context's; os.ErrClosed after Close.
func (m *Merge[T]) Receive(ctx context.Context, v *T) error {
	for {
		b, err := m.set.next(ctx)
		if err != nil {
			return err
		}
		l, err := b.r.takeSettled()
		switch {
		case l.buf != nil:
			if err := decodeLetter(ctx, b.r, l, v); err != nil {
				return &MergeError[T]{Receiver[T]{end: b.r}, err}
			}
			return nil
		case err == nil:
			continue // somebody else has received it
		}
		first := m.set.remove(b)
		if first && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
			return &MergeError[T]{Receiver[T]{end: b.r}, err}
		}
	}
}

// All returns the messages as they come. A message is good until the next turn of the loop: each turn decodes into the
// same T, reset to its zero value. A *MergeError comes without a message, and the loop goes on. Close ends the loop; ctx ends it with
// its error.
func (m *Merge[T]) All(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		var zero T
		for v := new(T); ; {
			*v = zero
			err := m.Receive(ctx, v)
			var one *MergeError[T]
			switch {
			case err == nil:
				if !yield(v, nil) {
					return
				}
			case errors.As(err, &one):
				if !yield(nil, err) {
					return
				}
			case errors.Is(err, os.ErrClosed):
				return
			default:
				yield(nil, err)
				return
			}
		}
	}
}

// Close closes the channels, as Receiver.Close does: messages that were not received are lost. It waits until nothing of the
// Merge runs any more, which is soon; Receives return os.ErrClosed. A second call returns that too.
func (m *Merge[T]) Close() error { return m.set.close() }

// A mergeSet is a Merge of whatever type.
//
// Lock order: port.mu, then mu.
type mergeSet struct {
	ctx    context.Context // done when over
	cancel context.CancelFunc
	tasks  sync.WaitGroup // no more are added once closed

	changed chan struct{} // ready has something
	over    chan struct{} // closed by Close

	mu      sync.Mutex
	closed  bool
	members map[*recvEnd]*member
	ports   map[*port]*mergePort
	ready   []*member // those that have something, in the order of their turns
	first   int       // ready[:first] is taken
}

// A member is a channel of a Merge.
type member struct {
	set *mergeSet
	r   *recvEnd
	// Under set.mu.
	port   *mergePort // nil while its Pipe is not settled
	listed bool       // in ready
	gone   bool       // taken out
}

// A mergePort is a port with channels of a Merge. It is the condition that one of them is ready.
type mergePort struct {
	cancel  context.CancelFunc
	members int // under set.mu
	ready   atomic.Int32
	changed chan struct{} // ready is not 0 any more
	taken   chan struct{} // ready is 0 again
}

func (m *mergePort) met() bool               { return m.ready.Load() != 0 }
func (m *mergePort) signal() <-chan struct{} { return m.changed }

func signalTo(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (s *mergeSet) add(r *recvEnd) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	if s.members[r] != nil {
		s.mu.Unlock()
		return fmt.Errorf("engine: the Merge has that Receiver: %w", os.ErrExist)
	}
	b := &member{set: s, r: r}
	s.members[r] = b
	wait := false
	if q := r.pair; q != nil && q.state.Load() != pairSettled {
		wait = true
		s.tasks.Go(func() {
			_ = q.receiver(s.ctx)
			s.attach(b)
		})
	}
	s.mu.Unlock()
	if !wait {
		s.attach(b)
	}
	return nil
}

// attach has a member's port polled, and the member listed when it has something.
func (s *mergeSet) attach(b *member) {
	p, given := b.r.settled()
	s.mu.Lock()
	if s.closed || b.gone || p == nil && !given {
		s.mu.Unlock()
		return
	}
	if !given {
		mp := s.ports[p]
		if mp == nil {
			mp = &mergePort{changed: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
			ctx, cancel := context.WithCancel(s.ctx)
			mp.cancel = cancel
			s.ports[p] = mp
			s.tasks.Go(func() { mp.poll(ctx, p) })
		}
		mp.members++
		b.port = mp
	}
	s.mu.Unlock()
	b.r.gather().add(b)
	b.notify()
}

// poll reads what comes for the members of a port, as soon as what came before is taken.
func (m *mergePort) poll(ctx context.Context, p *port) {
	for {
		if _, _, err := p.await(ctx, m, nil); err != nil {
			return // if the port has failed, its members have ended
		}
		for m.met() {
			select {
			case <-m.taken:
			case <-ctx.Done():
				return
			}
		}
	}
}

// notify: see watcher. It lists the member if it has something.
func (b *member) notify() {
	if b.r.queued.Load() == 0 {
		return
	}
	s := b.set
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.listed || b.gone || s.closed {
		return
	}
	b.listed = true
	s.ready = append(s.ready, b)
	signalTo(s.changed)
	if b.port != nil {
		b.port.ready.Add(1)
		signalTo(b.port.changed)
	}
}

// next waits for a member that has something, and takes it off the list.
func (s *mergeSet) next(ctx context.Context) (*member, error) {
	for {
		if err := ctx.Err(); err != nil {
			signalTo(s.changed) // the signal may have come here: for the next one who waits
			return nil, err
		}
		if b, err := s.tryNext(); b != nil || err != nil {
			return b, err
		}
		select {
		case <-s.changed:
		case <-s.over:
		case <-ctx.Done():
		}
	}
}

func (s *mergeSet) tryNext() (*member, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.first == len(s.ready) {
		return nil, nil
	}
	b := s.ready[s.first]
	s.ready[s.first] = nil
	s.first++
	switch {
	case s.first == len(s.ready):
		s.ready, s.first = s.ready[:0], 0
	case s.first >= 64 && 2*s.first >= len(s.ready):
		n := copy(s.ready, s.ready[s.first:])
		clear(s.ready[n:])
		s.ready, s.first = s.ready[:n], 0
	}
	if len(s.ready) != s.first {
		signalTo(s.changed) // for the next one who waits
	}
	b.listed = false
	if b.port != nil && b.port.ready.Add(-1) == 0 {
		signalTo(b.port.taken)
	}
	return b, nil
}

// remove takes a member out. It reports whether it was the first to do so.
func (s *mergeSet) remove(b *member) bool {
	b.r.gather().remove(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.gone {
		return false
	}
	b.gone = true
	delete(s.members, b.r)
	if mp := b.port; mp != nil {
		if mp.members--; mp.members == 0 {
			mp.cancel()
			delete(s.ports, b.r.p)
		}
	}
	return true
}

func (s *mergeSet) close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	s.closed = true
	left := s.members
	s.members, s.ready, s.first = nil, nil, 0
	s.mu.Unlock()
	s.cancel()
	close(s.over)
	s.tasks.Wait()
	for r, b := range left {
		r.gather().remove(b)
		_ = Receiver[Raw]{end: r}.Close()
	}
	return nil
}
