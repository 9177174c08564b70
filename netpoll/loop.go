package netpoll

import (
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/internal/goid"
)

// Loop is an OS thread (with Config.Unlocked a goroutine) with an epoll set of its own. It is made by [New] or [NewGroup], may be used from any goroutine,
// and is ended by Close, which releases the thread and the descriptors of the loop. It does not own the descriptors
// that are registered with it.
//
//	running ──Close──> closing: posts that were accepted run, nothing else does ──> ended: Done is closed
type Loop struct {
	// Read by the loop in every turn, written by others now and then.
	sleeper
	mail atomic.Bool // there is something under mu for the loop's thread
	_    [128]byte

	posts postQueue
	_     [128]byte

	timers timerHeap

	// Set by New, or before it returns, and constant since.
	cfg   Config
	ep    epoll
	spin  *spinCap
	epoch time.Time // zero of the loop's clock
	done  chan struct{}
	onlyP bool // GOMAXPROCS is 1, and the loop has a thread

	tid     atomic.Int32   // of the loop's thread, 0 before and after, and without one
	self    atomic.Uintptr // the loop's goroutine, if it has no thread
	load    atomic.Int32   // registrations and pollers
	current atomic.Pointer[source]

	mu          sync.Mutex      // may be held while epoll_ctl is called; never while a callback or timers.mu is
	table       []*Registration // by descriptor
	generation  int32           // of the last registration
	arrivals    []*PollerRegistration
	closing     bool
	closeCalled bool
	ended       bool // the loop's descriptors are closed
	err         error

	published [statCount]atomic.Uint64
	busiest   atomic.Pointer[meter]
	_         [128]byte

	// The rest belongs to the loop's thread.
	n         [statCount]uint64
	inside    *source // what current was set to
	now       int64   // the clock at the last look at epoll
	sinceLook int     // items and empty turns since then
	active    bool    // something was done since then
	idleSince int64   // the clock when something was last known to be done
	spinning  bool    // holds a token of spin
	ready     readyList
	hot       []*PollerRegistration // to be polled in every turn
	rung      []*PollerRegistration // to become hot

	postMeter, timerMeter meter
	top                   *meter
	topScore              uint64
}

// New starts a loop. A nil cfg stands for the defaults. It returns when the thread runs, pinned if that was asked for.
//
// It fails with a [*CoresError] for a core that the process may not use, and with an [*OpError] for a field out of
// range or descriptors that cannot be had; nothing is left behind then.
func New(cfg *Config) (*Loop, error) { return newLoop(cfg, newSpinCap()) }

func newLoop(cfg *Config, spin *spinCap) (*Loop, error) {
	c, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Loop{
		cfg:        c,
		spin:       spin,
		epoch:      time.Now(),
		done:       make(chan struct{}),
		onlyP:      !c.Unlocked && runtime.GOMAXPROCS(0) == 1,
		postMeter:  meter{label: "posted functions"},
		timerMeter: meter{label: "timers"},
	}
	l.posts.init(c.PostLimit)
	l.timers.next.Store(math.MaxInt64)
	if err := l.ep.open(c.MaxEvents); err != nil {
		return nil, err
	}
	if c.Unlocked {
		if err := l.ep.unlock(); err != nil {
			l.ep.close()
			return nil, err
		}
		go func() {
			l.self.Store(goid.Self())
			l.run()
		}()
		return l, nil
	}
	started := make(chan error)
	go l.thread(started)
	if err := <-started; err != nil {
		l.ep.close()
		return nil, err
	}
	return l, nil
}

// thread makes its goroutine's thread the loop's, and runs the loop. The thread ends with the loop, since the
// goroutine ends without unlocking it, and with it whatever was set for it.
func (l *Loop) thread(started chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		// The main thread cannot end, and its mask is what other programs take for that of the process. While this
		// goroutine keeps it, the next one gets another.
		elsewhere := make(chan error)
		go l.thread(elsewhere)
		err := <-elsewhere
		runtime.UnlockOSThread()
		started <- err
		return
	}
	if l.cfg.Pinned {
		if err := Pin(l.cfg.Core); err != nil {
			runtime.UnlockOSThread()
			started <- err
			return
		}
	}
	// Timers are late by up to 50 us otherwise. Where it is refused, they are.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	l.tid.Store(int32(unix.Gettid()))
	started <- nil
	l.run()
}

func (l *Loop) run() {
	finished := false
	defer func() {
		if !finished {
			if v := recover(); v != nil {
				panic(v) // it is to end the process; if Done were closed first, main might end it without a word
			}
			l.fail(errGoexit)
		}
		l.end()
	}()
	for l.turn() {
	}
	l.leave()
	l.drainPosts()
	finished = true
}

// fail makes the loop end; Close will return err.
func (l *Loop) fail(err error) {
	l.mu.Lock()
	l.closing = true
	if l.err == nil {
		l.err = err
	}
	l.mu.Unlock()
	l.mail.Store(true)
}

// end releases everything. No callback runs any more.
func (l *Loop) end() {
	l.leave()
	l.dropSpin()
	l.posts.seal()
	l.timers.close()
	l.disconnect()
	l.mu.Lock()
	l.ended = true
	l.ep.close()
	l.table, l.arrivals = nil, nil
	l.mu.Unlock()
	l.ready, l.hot, l.rung = readyList{}, nil, nil
	l.publish()
	l.tid.Store(0)
	l.self.Store(0)
	close(l.done)
}

// Close ends the loop. From now on Post and Register fail with [os.ErrClosed]. Functions posted before are run; no
// handler, poller or timer is called any more, and descriptors stay open. Close waits until the thread is done, unless
// it is called by one of the loop's callbacks: then the loop ends after that callback, and [Loop.Done] tells when.
//
// It returns nil, or an [*OpError] if the loop had ended before by itself. Every call but the first waits as well, and
// returns [os.ErrClosed].
func (l *Loop) Close() error {
	first := l.shut()
	err := l.wait()
	if !first {
		return os.ErrClosed
	}
	return err
}

// wait returns when the loop has ended, with the reason if it is not Close, or at once on its own thread.
func (l *Loop) wait() error {
	if l.InLoop() {
		return nil
	}
	<-l.done
	if l.err != nil {
		return opError("loop", -1, l.err)
	}
	return nil
}

// shut starts closing without waiting, and reports whether this is the first time.
func (l *Loop) shut() bool {
	l.mu.Lock()
	first := !l.closeCalled
	l.closeCalled, l.closing = true, true
	l.mu.Unlock()
	l.posts.seal()
	l.mail.Store(true) // W1
	l.Wake()
	return first
}

// Done returns a channel that is closed when the loop has ended.
func (l *Loop) Done() <-chan struct{} { return l.done }

// InLoop reports whether the caller is one of the loop's callbacks. It costs a gettid(2) where the loop has a thread.
func (l *Loop) InLoop() bool {
	if l.cfg.Unlocked {
		return l.self.Load() == goid.Self()
	}
	return l.tid.Load() == int32(unix.Gettid())
}

// Core returns the core that the loop is pinned to, or -1.
func (l *Loop) Core() int {
	if !l.cfg.Pinned {
		return -1
	}
	return l.cfg.Core
}

// Budget returns [Config.Budget]: what a handler should handle in one call, at most, before it returns true.
func (l *Loop) Budget() int { return l.cfg.Budget }

// Load returns how many registrations and pollers the loop has now.
func (l *Loop) Load() int { return int(l.load.Load()) }

// clock returns nanoseconds of CLOCK_MONOTONIC, which epoll's timeouts use too, since the loop was made.
func (l *Loop) clock() int64 { return int64(time.Since(l.epoch)) }
