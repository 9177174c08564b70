package wire

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/netpoll"
	"github.com/corechan/corechan/ring"
)

// outbound is the direction to the peer.
type outbound struct {
	seg    *ring.Segment
	outlet *ring.Outlet

	// pumping is held by who writes; again is set by who would have, so that the other does it too.
	pumping atomic.Bool
	again   atomic.Bool

	blocked atomic.Bool // the socket is full
	corked  atomic.Bool // a loop is in a turn of this session, and pumps at its end
	// holding: messages gather.
	holding atomic.Bool
	dead    atomic.Bool // the peer reads no more: what is written is lost
	taken   int         // what the stream has taken and not flushed yet; of who has pumping
	later   atomic.Bool // a timer will pump

	fence   atomic.Uint32
	rewound uint64 // how much had left when the loop that corks rewound the ring last

	parts [3][]byte // for Gather; of who has pumping

	quiet, trimmed uint64 // how much was published when that was looked at, and when the ring was trimmed, last; see trim.go

	// row is how many writes came in a row, with nothing read in between; began is when the second did. Neither has to be
	// exact: they decide only about gathering.
	row   atomic.Int32
	began time.Time      // under the tx token
	timer *netpoll.Timer // under bell.mu
	seen  uint64         // on the service loop: how much had left at the last tick
}

const (
	// tick is how long messages gather at most.
	tick = 100 * time.Microsecond
	// rowLength is how many messages in a row are written one by one before they gather, if they came rowPace apart at
	// most on average: a caller who sends a few waits for none of them.
	rowLength = 8
	rowPace   = 10 * time.Microsecond
)

// Ring implements engine.Bell: it writes what was published.
func (b *bell) Ring() {
	o := &b.out
	if o.corked.Load() {
		return
	}
	if n := o.row.Add(1); n == 2 { // who answers each message at once is never here
		o.began = time.Now()
	} else if n >= rowLength {
		if time.Since(o.began) < rowLength*rowPace {
			b.hold()
			return
		}
		o.row.Store(0)
	}
	b.pump()
	b.rewind()
}

// rewindAt is how far from a ring's start it begins anew once it is empty: what stays in a cache, with the rings of many sessions.
const rewindAt = 4 << 10

// rewind has what is sent next begin at the ring's start, if nothing is in the ring. Called with the session's tx token held.
func (b *bell) rewind() {
	o := &b.out
	if b.producer.Offset() <= rewindAt || !o.pumping.CompareAndSwap(false, true) {
		return
	}
	if o.taken == 0 {
		o.outlet.Rewind(b.producer)
	}
	o.pumping.Store(false)
	if o.again.Load() {
		b.pump()
	}
}

// hold begins to gather.
func (b *bell) hold() {
	o := &b.out
	if o.holding.Swap(true) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
	case o.timer == nil:
		o.timer = b.loop.AfterFunc(tick, b.tick)
	default:
		o.timer.Reset(tick)
	}
}

// tick is called on the service loop while messages gather: it writes those that nobody has written since the last tick, and ends
// the gathering when there are none.
func (b *bell) tick() {
	o := &b.out
	if !o.holding.Load() {
		return
	}
	idle := o.outlet.Left() == o.seen // for a whole tick
	if idle && (o.outlet.Empty() || o.blocked.Load()) {
		o.holding.Store(false)
		b.pump() // arms; or, blocked, leaves that to when the socket takes more
		return
	}
	if idle {
		b.pump()
	}
	o.seen = o.outlet.Left()
	b.mu.Lock()
	if !b.closed {
		o.timer.Reset(tick)
	}
	b.mu.Unlock()
}

// flush writes what was held back. See engine.Link; also called by who is about to wait.
func (b *bell) flush() {
	if !b.out.outlet.Empty() && !b.out.blocked.Load() {
		b.pump()
	}
}

// cork: see engine.Link.
func (b *bell) cork(on bool) {
	o := &b.out
	o.corked.Store(on)
	if on {
		return
	}
	b.flush()
	if left := o.outlet.Left(); left-o.rewound > rewindAt {
		if s := b.session.Load(); s != nil && s.IfNotSending(b.rewind) {
			o.rewound = left
		}
	}
}

// pump writes until nothing is left or the socket is full. It may be called by any goroutine; one of them does it for all.
func (b *bell) pump() {
	o := &b.out
	o.again.Store(true)
	for o.again.Load() && o.pumping.CompareAndSwap(false, true) {
		o.again.Store(false)
		b.pumpLocked()
		o.pumping.Store(false)
	}
}

// pumpLocked is pump for who has o.pumping.
func (b *bell) pumpLocked() {
	o := &b.out
	for {
		err := b.write()
		o.fence.Add(1) // a full fence between Done and MustRing
		if o.outlet.MustRing() {
			if s := b.session.Load(); s != nil {
				s.Space()
			}
			b.Interrupt()
		}
		switch {
		case err == nil && o.holding.Load() && !b.down.Load():
			b.unblock()
			return // not armed: who publishes goes on
		case err == nil:
			b.unblock()
			o.outlet.Arm()
			if o.outlet.Empty() {
				b.written()
				return
			}
		case errors.Is(err, ErrAgain):
			b.block()
			return
		case errors.Is(err, ErrLater):
			if !o.later.Swap(true) {
				b.loop.AfterFunc(time.Millisecond, b.pumpLater)
			}
			return
		default:
			o.dead.Store(true)
			if !isEnd(err) && !b.down.Load() {
				b.eng.Logger().Warn("write failed", "reason", err)
			}
			b.peerGone(err)
		}
	}
}

// pumpLater is pump on the service loop, unless the link was freed meanwhile.
func (b *bell) pumpLater() {
	b.out.later.Store(false)
	b.mu.Lock()
	done := b.done
	b.mu.Unlock()
	if done {
		return
	}
	b.pump()
	b.want(0, 0) // has what is there reported: see lingering
}

// write writes what there is. What the stream has taken counts as gone when it has been flushed.
func (b *bell) write() error {
	o := &b.out
	for {
		if !o.dead.Load() {
			if err := b.stream.Flush(); err != nil {
				return err
			}
		}
		if o.taken != 0 {
			o.outlet.Done(o.taken)
			o.taken = 0
		}
		p := o.outlet.Bytes()
		switch {
		case len(p) == 0:
			return nil
		case o.dead.Load():
			o.taken = len(p)
			continue
		}
		n, err := b.stream.Write(p)
		o.taken = n
		b.used()
		if err != nil {
			return err
		}
	}
}

// block has the service loop go on when the socket takes more.
func (b *bell) block() {
	if b.out.blocked.Swap(true) {
		return
	}
	b.want(netpoll.Out, 0)
}

func (b *bell) unblock() {
	if b.out.blocked.Load() {
		b.Interrupt() // before: who sees that nothing is blocked may sleep where Interrupt does not reach
		b.out.blocked.Store(false)
		b.want(0, netpoll.Out)
	}
}
