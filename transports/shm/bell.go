package shm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/netpoll"
)

// A bell is a stream socket between two processes. A byte on it is a ring; a byte with descriptors brings these; its
// end is the peer's.
//
// A stream socket, and not an eventfd, because its two ends are two open files: whatever the peer does to its own, a
// send here does not block, and a receive here sees the peer's death. It costs the same (docs/architecture.md).
//
// Who sleeps does so in one of two ways. A thread of its own blocks in recvmsg on the socket: the fastest to wake, for the few
// that the engine allows at a time, and for patience at most. Else the goroutine parks, and the engine's service loop watches the
// socket, edge-triggered, until a thread does so again. That loop watches every socket for the peer's end in any case.
type bell struct {
	sock    *fd.FD
	eng     *engine.Engine
	reg     *netpoll.Registration
	release func() // of the service loop
	parked  chan struct{}
	sleeper engine.Sleeper

	interrupted atomic.Bool
	down        atomic.Bool
	gone        atomic.Bool
	notify      atomic.Pointer[func()]
	event       atomic.Pointer[fd.Event] // wakes a thread that waits for a context too

	// Used by the one who sleeps.
	recv    fd.Receiver
	buf     [64]byte
	more    bool            // the socket may have something that was not read, of which the loop says nothing more
	given   []*fd.FD        // nil: those of one message, which were lost
	awaited bool            // see await
	watched <-chan struct{} // the context whose end interrupts
	unwatch func() bool

	mu     sync.Mutex // held while the number of a descriptor is used by who has none of the engine's tokens
	atGone func()
	closed bool
}

// patience is how long a thread sleeps for one session before it leaves that to the service loop, so that idle sessions hold no
// threads.
const patience = 200 * time.Millisecond

// newBell makes a bell of a connected socket, which it owns if there is no error.
func newBell(sock *fd.FD, eng *engine.Engine) (*bell, error) {
	loop, release, err := eng.Service()
	if err != nil {
		return nil, err
	}
	b := &bell{sock: sock, eng: eng, release: release, parked: make(chan struct{}, 1), sleeper: eng.NewSleeper()}
	if err := fd.SetReceiveTimeout(sock.Int(), patience); err != nil {
		release()
		return nil, err
	}
	b.mu.Lock() // until reg is known
	defer b.mu.Unlock()
	b.reg, err = loop.Register(sock.Int(), netpoll.RDHup|netpoll.Edge, (*watcher)(b))
	if err != nil {
		release()
		return nil, err
	}
	return b, nil
}

// A watcher is a bell as the service loop sees it.
type watcher bell

// Ready implements netpoll.Handler.
func (w *watcher) Ready(ev netpoll.Events) bool {
	b := (*bell)(w)
	if ev&(netpoll.RDHup|netpoll.Hup|netpoll.Err) != 0 && !b.gone.Swap(true) {
		b.mu.Lock()
		f := b.atGone
		b.mu.Unlock()
		if f != nil {
			f()
		}
	}
	b.unpark()
	return false
}

// Label names the handler in a loop's statistics.
func (w *watcher) Label() string { return "shm session" }

// OnGone has f called once when the peer is gone; at once if it is.
func (b *bell) OnGone(f func()) {
	b.mu.Lock()
	b.atGone = f
	b.mu.Unlock()
	if b.gone.Load() {
		f() // perhaps for the second time, which does nothing
	}
}

func (b *bell) unpark() {
	select {
	case b.parked <- struct{}{}:
	default:
	}
}

// Ring implements engine.Bell.
func (b *bell) Ring() { fd.Poke(b.sock.Int()) }

// Interrupt implements engine.Bell.
func (b *bell) Interrupt() {
	b.interrupted.Store(true)
	b.unpark()
	b.mu.Lock()
	if e := b.event.Load(); e != nil && !b.closed {
		e.Set()
	}
	b.mu.Unlock()
	if f := b.notify.Load(); f != nil {
		(*f)()
	}
}

// Sleep implements engine.Bell.
func (b *bell) Sleep(ctx context.Context, interruptible bool) error {
	thread := b.sleeper.TakeThread()
	if b.interrupted.Load() && b.interrupted.Swap(false) || b.down.Load() {
		if thread {
			b.sleeper.GiveThread()
		}
		return ctx.Err()
	}
	if !thread {
		return b.park(ctx)
	}
	var rung bool
	var err error
	_ = b.await(false)
	if ctx.Done() == nil && !interruptible {
		rung, err = b.read(0)
	} else {
		rung, err = b.wait(ctx)
	}
	b.sleeper.GiveThread()
	if err != nil || rung {
		return err
	}
	return b.park(ctx)
}

// read takes what has come on the socket; it blocks for at most patience, or not at all with fd.DontWait. It says
// whether anything came.
func (b *bell) read(flags int) (rung bool, err error) {
	n, fds, err := b.recv.Recv(b.sock.Int(), b.buf[:], flags)
	b.more = n == len(b.buf) || fds != nil || err != nil // descriptors end what one call receives
	if fds != nil {
		b.given = append(b.given, fds...)
	} else if errors.Is(err, fd.ErrTruncated) {
		// This process is out of descriptors, for which the peer is not to blame: Take says so.
		b.given = append(b.given, nil)
		err = nil
	}
	if len(b.given) > engine.MaxAttachments {
		return false, &engine.ProtocolError{What: fmt.Sprintf("%d descriptors that no frame speaks of", len(b.given))}
	}
	switch {
	case err == nil:
		return true, nil
	case err == syscall.EAGAIN: //nolint:errorlint // documented to be bare, and this is the blocking path
		b.more = false
		return false, nil
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return false, engine.ErrPeerGone
	default:
		return false, fmt.Errorf("shm: control socket: %w", err)
	}
}

// wait blocks the thread until there is something to read, ctx is done, or Interrupt.
func (b *bell) wait(ctx context.Context) (rung bool, err error) {
	e := b.event.Load()
	if e == nil {
		if e, err = fd.NewEvent(); err != nil {
			return false, nil // out of descriptors: the service loop needs none
		}
		b.event.Store(e)
	}
	b.watch(ctx)
	if b.interrupted.Load() || b.down.Load() {
		return true, ctx.Err()
	}
	readable, set, err := fd.WaitReadable(b.sock.Int(), e.Int(), patience)
	if err != nil {
		return false, err
	}
	if set {
		e.Clear()
		b.interrupted.Store(false)
	}
	if readable {
		if _, err := b.read(fd.DontWait); err != nil {
			return false, err
		}
	}
	return readable || set, ctx.Err()
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
func (b *bell) await(on bool) error {
	if b.awaited == on {
		return nil
	}
	ev := netpoll.RDHup | netpoll.Edge
	if on {
		ev |= netpoll.In
	}
	if err := b.reg.Modify(ev); err != nil {
		return err
	}
	b.awaited = on
	return nil
}

// park parks the goroutine until the service loop sees something on the socket.
func (b *bell) park(ctx context.Context) error {
	if b.gone.Load() {
		if rung, err := b.read(fd.DontWait); err != nil || rung {
			return err
		}
		return engine.ErrPeerGone
	}
	if err := b.await(true); err != nil {
		return b.parkFailed(err)
	}
	done := ctx.Done()
	for {
		if b.more {
			b.unpark()
		}
		if done == nil {
			<-b.parked // half the time that it takes to wait for two
		} else {
			select {
			case <-b.parked:
			case <-done:
				return ctx.Err()
			}
		}
		rung, err := b.read(fd.DontWait)
		if err != nil || rung || b.interrupted.Swap(false) || b.down.Load() || b.gone.Load() {
			return err
		}
	}
}

// parkFailed is about a registration that is closed, as it is after Close and with the loop.
func (b *bell) parkFailed(err error) error {
	if b.down.Load() {
		return nil
	}
	return fmt.Errorf("shm: wait for the peer: %w", err)
}

// Descriptor implements engine.Bell.
func (b *bell) Descriptor() int { return b.sock.Int() }

// Notify implements engine.Bell.
func (b *bell) Notify(f func()) { b.notify.Store(&f) }

// Drain implements engine.Bell.
func (b *bell) Drain() error {
	for len(b.given) < engine.MaxAttachments-fd.MaxFDs { // the others stay in the socket until these are taken
		rung, err := b.read(fd.DontWait)
		if err != nil || !rung {
			return err
		}
	}
	return nil
}

// Give implements engine.Bell.
func (b *bell) Give(list []engine.Attachment) error {
	fds := make([]int, len(list))
	for i, a := range list {
		f, ok := a.(*fd.FD)
		if !ok {
			return fmt.Errorf("shm: give a %T: %w", a, errors.ErrUnsupported)
		}
		fds[i] = f.Int()
	}
	_, err := fd.SendMsg(b.sock.Int(), []byte{1}, fds, fd.DontWait)
	if errors.Is(err, syscall.EPIPE) {
		return engine.ErrPeerGone
	}
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.ETOOMANYREFS) {
		return fmt.Errorf("shm: give descriptors: %w: %w", engine.ErrBellFull, err)
	}
	if err != nil {
		return fmt.Errorf("shm: give descriptors: %w", err)
	}
	for _, a := range list {
		_ = a.Close()
	}
	return nil
}

// Take implements engine.Bell.
func (b *bell) Take(n int) ([]engine.Attachment, error) {
	for len(b.given) < n && !b.lost() {
		rung, err := b.read(fd.DontWait)
		if err != nil {
			return nil, err
		}
		if !rung {
			return nil, &engine.ProtocolError{What: fmt.Sprintf("a frame has %d descriptors, %d came", n, len(b.given))}
		}
	}
	if b.lost() {
		b.given = b.given[1:]
		return nil, fmt.Errorf("shm: %d descriptors of a frame did not arrive: %w", n, fd.ErrExhausted)
	}
	list := make([]engine.Attachment, n)
	for i := range n {
		if b.given[i] == nil {
			return nil, &engine.ProtocolError{What: fmt.Sprintf("a frame has %d descriptors, %d came", n, i)}
		}
		list[i] = b.given[i]
	}
	b.given = append(b.given[:0], b.given[n:]...)
	return list, nil
}

// lost reports whether what would be taken next did not arrive.
func (b *bell) lost() bool { return len(b.given) != 0 && b.given[0] == nil }

// Shutdown implements engine.Bell.
func (b *bell) Shutdown() {
	if b.down.Swap(true) {
		return
	}
	b.mu.Lock()
	if !b.closed {
		_ = fd.Shutdown(b.sock.Int()) // wakes a thread that blocks in recvmsg
	}
	b.mu.Unlock()
	b.Interrupt()
}

// Gone implements engine.Bell.
func (b *bell) Gone() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed || b.gone.Load() || fd.HungUp(b.sock.Int())
}

// Close implements engine.Bell.
func (b *bell) Close() error {
	b.mu.Lock()
	closed := b.closed
	b.closed = true
	b.mu.Unlock()
	if closed {
		return nil
	}
	_ = b.reg.Close()
	b.release()
	if b.unwatch != nil {
		b.unwatch()
	}
	if e := b.event.Load(); e != nil {
		_ = e.Close()
	}
	closeFDs(b.given)
	return b.sock.Close()
}
