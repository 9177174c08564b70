package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/corechan/corechan/netpoll"
)

// A Trimmer has memory that it can do without for as long as it is quiet.
type Trimmer interface {
	// Trim gives memory back that was not used since the last call, and reports whether some is left that was: then it is
	// called again. It is called on the service loop.
	Trim() (again bool)
}

const (
	// trimEvery is how long something is quiet, at least, before its memory is given back.
	trimEvery = time.Second
	// trimBatch is how many Trims run in a row on the service loop, which others wait for.
	trimBatch = 64
)

// trims are those that are to be trimmed. There is one timer for all, and none while nothing is to be done.
type trims struct {
	list    map[Trimmer]struct{}
	now     []Trimmer // of this round, to come
	running bool      // the timer is set, or a round runs
}

// TrimLater has t trimmed from now on, until its Trim returns false. It may be called again at any time, which does nothing before
// that. For transports, which call it when something is used for the first time since. It must hold a use of Service.
func (e *Engine) TrimLater(t Trimmer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.service == nil {
		return
	}
	if e.trims.list == nil {
		e.trims.list = map[Trimmer]struct{}{}
	}
	e.trims.list[t] = struct{}{}
	if !e.trims.running {
		e.trims.running = true
		e.trimAfter(e.service, trimEvery)
	}
}

func (e *Engine) trimAfter(loop *netpoll.Loop, d time.Duration) {
	loop.AfterFunc(d, func() { e.trim(loop) })
}

// trim does a part of a round, on the service loop.
func (e *Engine) trim(loop *netpoll.Loop) {
	e.mu.Lock()
	t := &e.trims
	if e.service != loop { // the last user has left meanwhile
		e.mu.Unlock()
		return
	}
	if len(t.now) == 0 {
		t.now = slices.Collect(maps.Keys(t.list))
		t.list = nil
	}
	batch := t.now[:min(len(t.now), trimBatch)]
	t.now = t.now[len(batch):]
	e.mu.Unlock()

	var again []Trimmer
	for _, one := range batch {
		if one.Trim() {
			again = append(again, one)
		}
	}

	e.mu.Lock()
	defer e.mu.Unlock()
	if e.service != loop {
		return
	}
	if len(again) != 0 && t.list == nil {
		t.list = map[Trimmer]struct{}{}
	}
	for _, one := range again {
		t.list[one] = struct{}{}
	}
	switch {
	case len(t.now) != 0:
		e.trimAfter(loop, 0)
	case len(t.list) != 0:
		t.now = nil
		e.trimAfter(loop, trimEvery)
	default:
		*t = trims{}
	}
}

// IfNotSending calls f while nobody can send, unless somebody is sending at this moment, and reports whether it did: the ring of what
// is sent is f's until it returns. For transports; f must not use the session.
func (s *Session) IfNotSending(f func()) bool {
	if !s.port.tx.try() {
		return false
	}
	f()
	s.port.giveTx()
	return true
}
