package wire

import (
	"errors"
	"time"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/netpoll"
)

// Shutdown implements engine.Bell: what was published still leaves, then this side's direction ends.
func (b *bell) Shutdown() {
	if b.down.Swap(true) {
		return
	}
	b.pump()
	b.rouse()
	b.Interrupt()
}

// rouse ends a read that blocks. The thread may not be in the system call yet, so this is done again until it has returned.
func (b *bell) rouse() {
	if thread := b.reading.Load(); thread != 0 {
		fd.Rouse(int(thread))
		b.loop.AfterFunc(time.Millisecond, b.rouse)
	}
}

// written is called when all that was published has left.
func (b *bell) written() {
	if !b.down.Load() {
		return
	}
	b.mu.Lock()
	if !b.ended && !b.done {
		b.ended = true
		_ = b.stream.CloseWrite()
	}
	b.mu.Unlock()
}

// Close implements engine.Bell. The socket is closed once everything has left and the peer has ended its direction too.
func (b *bell) Close() error {
	b.mu.Lock()
	closed := b.closed
	b.closed = true
	if t := b.out.timer; t != nil {
		t.Stop()
	}
	if !closed {
		b.lingered = b.out.outlet.Left()
		b.timeout = b.loop.AfterFunc(linger, b.expire)
	}
	b.mu.Unlock()
	if closed {
		return nil
	}
	if b.unwatch != nil {
		b.unwatch()
	}
	if e := b.event.Load(); e != nil {
		_ = e.Close()
	}
	b.want(netpoll.In, 0) // reports what is there already
	b.lingering()
	return nil
}

// lingering closes the socket of a bell that is closed, if there is nothing to wait for any more. It reports whether it has to
// be called again. On the service loop, or by Close.
func (b *bell) lingering() (again bool) {
	b.mu.Lock()
	if !b.closed || b.done {
		b.mu.Unlock()
		return false
	}
	// What comes now is for nobody, but has to be read: the peer may be waiting for that before it reads what is written here.
	var buf [4096]byte
	for n := 0; n < 16 && !b.drained; n++ {
		_, err := b.stream.Read(buf[:], false)
		if again = err == nil; !again {
			b.drained = !errors.Is(err, ErrAgain)
			break
		}
	}
	over := b.out.dead.Load() || b.ended && b.drained
	b.mu.Unlock()
	if over {
		b.finish()
		return false
	}
	return again
}

// expire gives up waiting, unless something has left since the last time.
func (b *bell) expire() {
	b.mu.Lock()
	left := b.out.outlet.Left()
	again := left != b.lingered && b.lingers < maxLingers
	b.lingered, b.lingers = left, b.lingers+1
	if again && !b.done {
		b.timeout.Reset(linger)
	}
	b.mu.Unlock()
	if !again {
		b.finish()
	}
}

// finish closes the socket and frees the rings.
func (b *bell) finish() {
	b.mu.Lock()
	if b.done {
		b.mu.Unlock()
		return
	}
	b.done = true
	t := b.timeout
	b.mu.Unlock()
	if t != nil {
		t.Stop()
	}
	// On the loop, behind a timer or a handler of this bell that may run there now.
	if err := b.loop.Post(b.free); err != nil {
		b.loop.AfterFunc(0, b.free)
	}
}

func (b *bell) free() {
	_ = b.reg.Close()
	_ = b.stream.Close()
	_ = b.out.seg.Close()
	b.release()
}
