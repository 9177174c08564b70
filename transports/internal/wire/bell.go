package wire

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/netpoll"
	"github.com/corechan/corechan/ring"
)

// A bell is the doorbell of a session over a stream: to ring is to write what was published, to sleep is to read.
//
// Who sleeps does so in one of two ways. A thread of its own blocks in the read: the fastest to wake, for the few that the
// engine allows at a time, and for patience at most. Else the goroutine parks, and the engine's service loop watches the
// socket, edge-triggered, until a thread does so again. That loop watches every socket for the peer's end in any case.
type bell struct {
	stream   Stream
	passer   Passer         // nil if the stream passes no descriptors
	gatherer Gatherer       // nil if the stream does not gather
	producer *ring.Producer // the session's; of who has its tx token
	consumer *ring.Consumer // likewise, of who has its rx token
	eng      *engine.Engine
	loop     *netpoll.Loop // the service loop
	reg      *netpoll.Registration
	release  func() // of the service loop
	label    string
	in       inbound
	out      outbound
	parked   chan struct{}
	sleeper  engine.Sleeper

	session     atomic.Pointer[engine.Session]
	interrupted atomic.Bool
	down        atomic.Bool
	trimming    atomic.Bool // TrimLater was called
	gone        atomic.Bool
	goneFor     atomic.Pointer[error]
	notify      atomic.Pointer[func()]
	event       atomic.Pointer[fd.Event] // wakes a thread that waits for more than the socket
	reading     atomic.Int32             // the thread that is blocked in the read itself; 0: none

	// Used by the one who sleeps.
	awaited bool            // see await
	watched <-chan struct{} // the context whose end interrupts
	unwatch func() bool

	mu       sync.Mutex // held while the number of a descriptor is used by who has none of the session's tokens
	interest netpoll.Events
	closed   bool // by Close: the session uses the bell no more
	ended    bool // this side's direction was ended
	drained  bool // and the peer's, as seen after Close
	done     bool // the socket is closed
	timeout  *netpoll.Timer
	lingered uint64 // how much had left when timeout was set
	lingers  int
}

// attach tells the bell whose it is.
func (b *bell) attach(s *engine.Session) {
	b.session.Store(s)
	if b.gone.Load() {
		b.tellGone(s)
	}
	s.Space()
}

// peerGone notes that the peer is gone, and why, if that is known.
func (b *bell) peerGone(why error) {
	if why != nil {
		b.goneFor.CompareAndSwap(nil, &why)
	}
	if b.gone.Swap(true) {
		return
	}
	if s := b.session.Load(); s != nil {
		b.tellGone(s)
	}
}

func (b *bell) tellGone(s *engine.Session) {
	if why := b.goneFor.Load(); why != nil {
		s.PeerGoneBecause(*why)
		return
	}
	s.PeerGone()
}

// A watcher is a bell as the service loop sees it.
type watcher bell

// Label names the handler in a loop's statistics.
func (w *watcher) Label() string { return w.label }

// Ready implements netpoll.Handler.
func (w *watcher) Ready(ev netpoll.Events) bool {
	b := (*bell)(w)
	if ev&(netpoll.Out|netpoll.Err|netpoll.Hup) != 0 && !b.out.outlet.Empty() {
		b.pump()
	}
	if ev&(netpoll.RDHup|netpoll.Hup|netpoll.Err) != 0 {
		b.peerGone(nil)
	}
	b.unpark()
	return b.lingering()
}

// want changes what the service loop watches the socket for.
func (b *bell) want(more, less netpoll.Events) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wantLocked(more, less)
}

func (b *bell) wantLocked(more, less netpoll.Events) {
	if b.done {
		return
	}
	b.interest = b.interest&^less | more
	_ = b.reg.Modify(b.interest | netpoll.RDHup | netpoll.Edge)
}

func (b *bell) unpark() {
	select {
	case b.parked <- struct{}{}:
	default:
	}
}

// Interrupt implements engine.Bell.
func (b *bell) Interrupt() {
	b.interrupted.Store(true)
	b.unpark()
	if b.event.Load() != nil {
		b.mu.Lock()
		if e := b.event.Load(); e != nil && !b.closed {
			e.Set()
		}
		b.mu.Unlock()
	}
	b.nudge()
}

// nudge has the loop that reads, if one does, look once more.
func (b *bell) nudge() {
	if f := b.notify.Load(); f != nil {
		(*f)()
	}
}

// Sleep implements engine.Bell.
func (b *bell) Sleep(ctx context.Context, interruptible bool) error {
	thread := b.sleeper.TakeThread() // first, as others may run and send meanwhile
	b.flush()
	// Before interrupted, for whoever writes interrupts when there is space: see unblock and pump.
	writing := b.out.blocked.Load() || b.out.pumping.Load()
	if over, err := b.awake(ctx); over {
		if thread {
			b.sleeper.GiveThread()
		}
		return err
	}
	if !thread {
		return b.park(ctx)
	}
	b.await(false)
	var woken bool
	var err error
	if ctx.Done() == nil && !interruptible && !writing && len(b.in.inlet.Space()) != 0 {
		woken, err = b.blockInRead()
	} else {
		woken, err = b.wait(ctx)
	}
	b.sleeper.GiveThread()
	if err != nil || woken {
		return err
	}
	return b.park(ctx)
}

// awake reports whether there is nothing to sleep for, and what Sleep returns then.
func (b *bell) awake(ctx context.Context) (bool, error) {
	if b.interrupted.Load() && b.interrupted.Swap(false) || b.down.Load() {
		return true, ctx.Err()
	}
	if b.in.more || b.gone.Load() {
		if frame, err := b.read(false); err != nil || frame {
			return true, err
		}
		if b.over() {
			return true, engine.ErrPeerGone
		}
	}
	return false, nil
}

// blockInRead blocks the thread in the read.
func (b *bell) blockInRead() (woken bool, err error) {
	b.reading.Store(int32(fd.Thread()))
	if b.down.Load() { // Shutdown did not see that anybody reads
		b.reading.Store(0)
		return true, nil
	}
	before := b.in.total
	_, err = b.read(true)
	b.reading.Store(0)
	if b.in.over {
		return true, engine.ErrPeerGone
	}
	return b.in.total != before || b.down.Load(), err
}

// wait blocks the thread until there is something to read or, if that is waited for, to write, ctx is done, or Interrupt.
func (b *bell) wait(ctx context.Context) (woken bool, err error) {
	e := b.event.Load()
	if e == nil {
		if e, err = fd.NewEvent(); err != nil {
			return false, nil // out of descriptors: the service loop needs none
		}
		b.event.Store(e)
	}
	b.watch(ctx)
	blocked := b.out.blocked.Load()
	if b.interrupted.Load() && b.interrupted.Swap(false) || b.down.Load() {
		return true, ctx.Err()
	}
	socket := b.stream.Socket()
	if len(b.in.inlet.Space()) == 0 {
		socket = -1 // until the lease is released, which interrupts
	}
	readable, writable, set, err := fd.WaitStream(socket, e.Int(), blocked, patience)
	if err != nil {
		return false, err
	}
	if set {
		e.Clear()
		b.interrupted.Store(false)
	}
	if writable {
		b.pump()
	}
	if readable {
		if _, err := b.read(false); err != nil {
			return false, err
		}
		if b.in.over {
			return true, engine.ErrPeerGone
		}
	}
	return readable || writable || set, ctx.Err()
}

// watch has the end of ctx interrupt. The same context again costs nothing.
func (b *bell) watch(ctx context.Context) {
	done := ctx.Done()
	if done == b.watched {
		return
	}
	if b.unwatch != nil {
		b.unwatch()
		b.unwatch = nil
	}
	if b.watched = done; done != nil {
		b.unwatch = context.AfterFunc(ctx, b.Interrupt)
	}
}

// await has the service loop unpark when something comes, and at once if something is there already, or has it no longer. It costs a
// system call when that changes only.
func (b *bell) await(on bool) {
	if b.awaited == on {
		return
	}
	if b.awaited = on; on {
		b.want(netpoll.In, 0)
	} else {
		b.want(0, netpoll.In)
	}
}

// park parks the goroutine until the service loop sees something on the socket.
func (b *bell) park(ctx context.Context) error {
	b.await(true)
	done := ctx.Done()
	for {
		if done == nil {
			<-b.parked // half the time that it takes to wait for two
		} else {
			select {
			case <-b.parked:
			case <-done:
				return ctx.Err()
			}
		}
		frame, err := b.read(false)
		switch {
		case err != nil || frame:
			return err
		case b.in.over:
			return engine.ErrPeerGone
		case b.interrupted.Swap(false) || b.down.Load() || b.gone.Load() || b.in.more && len(b.in.inlet.Space()) != 0:
			return nil
		}
	}
}

// Descriptor implements engine.Bell.
func (b *bell) Descriptor() int { return b.stream.Socket() }

// Notify implements engine.Bell.
func (b *bell) Notify(f func()) { b.notify.Store(&f) }

// Drain implements engine.Bell: the loop that calls it is about to read.
func (b *bell) Drain() error {
	b.in.more = true
	return b.in.err
}

// Give implements engine.Bell.
func (b *bell) Give(list []engine.Attachment) error {
	if b.passer == nil {
		return errors.ErrUnsupported
	}
	return b.passer.Give(list, b.out.outlet.Published()) // all frames before are published
}

// Take implements engine.Bell.
func (b *bell) Take(n int) ([]engine.Attachment, error) {
	if b.passer == nil {
		return nil, &engine.ProtocolError{What: "a frame has descriptors, which this transport does not pass"}
	}
	return b.passer.Take(n)
}

// Gone implements engine.Bell.
func (b *bell) Gone() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed || b.gone.Load() || fd.HungUp(b.stream.Socket())
}
