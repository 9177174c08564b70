package netpoll

import (
	"errors"
	"os"
)

// Poller is a source in memory that can be asked for work without a system call. Its methods are called on the loop's
// thread, one at a time; each call of Arm is followed by one of Disarm before the next Poll.
type Poller interface {
	// Poll handles up to budget items and returns how many it has handled. A return of budget means that there may be
	// more; it is called again in the next turn in any case.
	Poll(budget int) (done int)
	// Arm is called before the loop stops polling. It makes sure that whoever produces from now on wakes the loop, and
	// then looks once more: true says that there is something already, and the loop goes on polling.
	Arm() (ready bool)
	// Disarm says that the loop polls again, and need not be woken.
	Disarm()
}

// PollerRegistration is a poller's registration with a loop. Close may be called from any goroutine.
type PollerRegistration struct {
	source
	loop   *Loop
	poller Poller
	bell   *Registration // nil without a doorbell of its own

	// The rest belongs to the loop's thread.
	hot    bool // in Loop.hot
	armed  bool // Arm has been called, Disarm has not
	rung   bool // in Loop.rung
	active bool // has done something since the last look at epoll
	last   int64
}

// AddPoller polls p in every turn. When it is armed, producers wake the loop by a descriptor that is registered with it,
// or by [Loop.Wake]; every wake makes the loop poll all such pollers. It fails with an [*OpError] whose cause is
// [os.ErrClosed] if the loop is being closed.
func (l *Loop) AddPoller(p Poller) (*PollerRegistration, error) {
	r, err := l.newPoller(p)
	if err != nil {
		return nil, err
	}
	return r, l.arrive(r)
}

// AddPollerDoorbell is AddPoller for a poller that has a doorbell of its own: an eventfd that producers write to when
// the poller is armed. The loop registers it, edge-triggered, and never reads it; it stays the caller's, to be closed
// after the PollerRegistration. A poller that has been idle for [Config.SpinFor] is armed and not polled again until
// its doorbell rings, so that idle ones cost nothing; Loop.Wake alone does not make it polled. Loops that Spin poll it
// in every turn nevertheless.
//
// Errors are those of AddPoller and of [Loop.Register].
func (l *Loop) AddPollerDoorbell(p Poller, eventfd int) (*PollerRegistration, error) {
	r, err := l.newPoller(p)
	if err != nil {
		return nil, err
	}
	if r.bell, err = l.register(eventfd, In|Edge, (*bellHandler)(r), 0); err != nil {
		return nil, err
	}
	if err := l.arrive(r); err != nil {
		_ = r.bell.Close()
		return nil, err
	}
	return r, nil
}

func (l *Loop) newPoller(p Poller) (*PollerRegistration, error) {
	if p == nil {
		return nil, opError("add poller", -1, errors.New("nil poller"))
	}
	r := &PollerRegistration{loop: l, poller: p}
	r.meter = newMeter(p, -1)
	return r, nil
}

// arrive leaves the poller for the loop's thread.
func (l *Loop) arrive(r *PollerRegistration) error {
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		return opError("add poller", -1, os.ErrClosed)
	}
	l.arrivals = append(l.arrivals, r)
	l.mu.Unlock()
	l.load.Add(1)
	l.mail.Store(true) // W1
	l.Wake()
	return nil
}

// Close ends polling. When it returns, no method of the poller runs and none will be called; a poller that is armed at
// that time stays so. Waiting, and the result of a second call, are those of [Registration.Close].
func (r *PollerRegistration) Close() error {
	l := r.loop
	first := !r.closed.Swap(true) // D1
	var err error
	if first {
		l.load.Add(-1)
		if r.bell != nil {
			err = r.bell.Close()
		}
		l.mail.Store(true) // W1: so that the loop forgets it
		l.Wake()
	}
	l.quiesce(&r.source)
	if !first {
		return os.ErrClosed
	}
	return err
}

// bellHandler is a PollerRegistration as the handler of its doorbell.
type bellHandler PollerRegistration

func (b *bellHandler) Ready(Events) bool {
	r := (*PollerRegistration)(b)
	if !r.rung && !r.hot {
		r.rung = true
		r.loop.rung = append(r.loop.rung, r)
	}
	return false
}

// Label names the doorbell by its poller.
func (b *bellHandler) Label() string { return "doorbell of " + b.meter.name() }

// The rest of this file runs on the loop's thread.

// runPollers polls every hot poller once, and returns how many items were handled.
func (l *Loop) runPollers() int {
	if len(l.rung) > 0 {
		for i, r := range l.rung {
			r.rung = false
			l.rung[i] = nil
			l.heat(r)
		}
		l.rung = l.rung[:0]
	}
	total := 0
	for _, r := range l.hot {
		if !l.enter(&r.source) {
			continue
		}
		done := l.poll(r)
		if done <= 0 {
			continue
		}
		r.active = true
		total += done
		if done >= l.cfg.Budget {
			l.n[statExhausted]++
		}
	}
	l.n[statItems] += uint64(total)
	return total
}

func (l *Loop) poll(r *PollerRegistration) (done int) {
	if l.cfg.OnPanic != nil {
		defer l.rescue(r)
	}
	start := l.start()
	if done = r.poller.Poll(l.cfg.Budget); done > 0 {
		l.charge(r.meter, uint64(done), start)
	}
	return done
}

// heat makes the loop poll r, which is new or whose doorbell has rung.
func (l *Loop) heat(r *PollerRegistration) {
	if r.hot || r.closed.Load() {
		return
	}
	l.disarm(r)
	r.hot = true
	r.last = l.clock()
	l.active = true
	l.hot = append(l.hot, r)
}

// cool arms pollers with a doorbell that have been idle for long enough, and polls them no more.
func (l *Loop) cool() {
	kept := l.hot[:0]
	for _, r := range l.hot {
		if r.active {
			r.active = false
			r.last = l.now
		}
		if r.bell != nil && l.cfg.Wait != Spin && l.now-r.last >= int64(l.cfg.SpinFor) {
			if ready := l.arm(r); !ready {
				r.hot = false
				continue
			}
			l.disarm(r)
			r.last = l.now
		}
		kept = append(kept, r)
	}
	clear(l.hot[len(kept):])
	l.hot = kept
}

// armAll arms all hot pollers, before the loop sleeps. It returns false, with none armed, if one has work. Otherwise
// those with a doorbell are hot no more.
func (l *Loop) armAll() bool {
	for _, r := range l.hot {
		if l.arm(r) {
			l.disarmAll()
			l.leave()
			return false
		}
	}
	kept := l.hot[:0]
	for _, r := range l.hot {
		if r.bell != nil {
			r.hot = false
			continue
		}
		kept = append(kept, r)
	}
	clear(l.hot[len(kept):])
	l.hot = kept
	l.leave()
	return true
}

func (l *Loop) disarmAll() {
	for _, r := range l.hot {
		l.disarm(r)
	}
}

func (l *Loop) arm(r *PollerRegistration) (ready bool) {
	if !l.enter(&r.source) {
		return false
	}
	if l.cfg.OnPanic != nil {
		defer l.rescue(r)
	}
	r.armed = true
	return r.poller.Arm()
}

func (l *Loop) disarm(r *PollerRegistration) {
	if !r.armed || !l.enter(&r.source) {
		return
	}
	if l.cfg.OnPanic != nil {
		defer l.rescue(r)
	}
	r.armed = false
	r.poller.Disarm()
}

// dropClosedPollers forgets pollers that have been closed. One of them may be the source that the loop is in, and will
// not be entered again to find out, so the loop leaves it here.
func (l *Loop) dropClosedPollers() {
	l.leave()
	kept := l.hot[:0]
	for _, r := range l.hot {
		if r.closed.Load() {
			r.hot = false
			continue
		}
		kept = append(kept, r)
	}
	clear(l.hot[len(kept):])
	l.hot = kept
}
