package netpoll

import (
	"fmt"
	"reflect"
	"runtime"
	"sync/atomic"
	"time"
)

// Stats is what a loop has done since it was started. All numbers only grow.
type Stats struct {
	Turns      uint64 `json:"turns"`       // times around
	Looks      uint64 `json:"looks"`       // calls of epoll_wait, those that slept included
	Wakes      uint64 `json:"wakes"`       // returns from a call of epoll_wait that could sleep
	EmptyPolls uint64 `json:"empty_polls"` // looks that found no event
	Events     uint64 `json:"events"`      // events reported by epoll, wakes by other goroutines included
	Stale      uint64 `json:"stale"`       // events of registrations that had been closed; they were dropped
	Rings      uint64 `json:"rings"`       // writes to the loop's eventfd, by which other goroutines woke it

	Posts       uint64 `json:"posts"`        // posted functions run
	Timers      uint64 `json:"timers"`       // timers fired
	PollerItems uint64 `json:"poller_items"` // items handled by pollers
	Exhausted   uint64 `json:"exhausted"`    // times that a source used up its budget and had more to do

	// Busiest is the source that took most time, if Config.Profile is set, or was called most.
	Busiest Busiest `json:"busiest"`
}

// Busiest is one handler or poller of a loop, or all of its posted functions, or all of its timers.
type Busiest struct {
	Label string        `json:"label"`   // what it calls itself, or its type or function, and the descriptor; "" if nothing was called
	Calls uint64        `json:"calls"`   // calls, or items for a poller
	Time  time.Duration `json:"time_ns"` // time spent in it; 0 without Config.Profile
}

// Stats returns the counters. It takes no lock and does not disturb the loop. The loop publishes its counters each time
// it looks at epoll, so they lag behind by less than 100 turns, and are exact when it sleeps or has ended.
func (l *Loop) Stats() Stats {
	get := func(i int) uint64 { return l.published[i].Load() }
	s := Stats{
		Turns:       get(statTurns),
		Looks:       get(statLooks),
		Wakes:       get(statWakes),
		EmptyPolls:  get(statEmpty),
		Events:      get(statEvents),
		Stale:       get(statStale),
		Rings:       l.rings.Load(),
		Posts:       get(statPosts),
		Timers:      get(statTimers),
		PollerItems: get(statItems),
		Exhausted:   get(statExhausted),
	}
	if m := l.busiest.Load(); m != nil {
		s.Busiest = Busiest{Label: m.name(), Calls: m.publishedCalls.Load(), Time: time.Duration(m.publishedNanos.Load())}
	}
	return s
}

// Indexes of Loop.n and Loop.published.
const (
	statTurns = iota
	statLooks
	statWakes
	statEmpty
	statEvents
	statStale
	statPosts
	statTimers
	statItems
	statExhausted
	statCount
)

// publish makes the loop's own counters visible. It stores what has changed only: an atomic store costs more than a load.
func (l *Loop) publish() {
	for i, v := range l.n {
		if l.published[i].Load() != v {
			l.published[i].Store(v)
		}
	}
	m := l.top
	if m == nil || m.publishedCalls.Load() == m.calls && l.busiest.Load() == m {
		return
	}
	m.publishedCalls.Store(m.calls)
	m.publishedNanos.Store(m.nanos)
	l.busiest.Store(m)
}

// meter counts the calls of one source. It is apart from the source, so that the busiest one can be told after it has
// been closed, and does not keep it from being collected.
type meter struct {
	label string       // or "", and then it is made when asked for:
	typ   reflect.Type // what is called
	pc    uintptr      // the function if it is a HandlerFunc
	fd    int          // or -1

	calls, nanos                   uint64 // loop's thread only
	publishedCalls, publishedNanos atomic.Uint64
}

func newMeter(called any, fd int) *meter {
	m := &meter{typ: reflect.TypeOf(called), fd: fd}
	switch c := called.(type) {
	case *bellHandler:
		m.label = c.Label()
	case interface{ Label() string }:
		m.label = c.Label()
	case HandlerFunc:
		m.pc = reflect.ValueOf(c).Pointer()
	}
	return m
}

func (m *meter) name() string {
	if m.label != "" {
		return m.label
	}
	name := m.typ.String()
	if m.pc != 0 {
		name = runtime.FuncForPC(m.pc).Name()
	}
	if m.fd < 0 {
		return name
	}
	return fmt.Sprintf("%s (descriptor %d)", name, m.fd)
}

// start returns the time if it is measured.
func (l *Loop) start() int64 {
	if !l.cfg.Profile {
		return 0
	}
	return l.clock()
}

// charge counts what m's source did since start.
func (l *Loop) charge(m *meter, calls uint64, start int64) {
	m.calls += calls
	score := m.calls
	if l.cfg.Profile {
		m.nanos += uint64(l.clock() - start)
		score = m.nanos
	}
	if score > l.topScore {
		l.top, l.topScore = m, score
	}
}
