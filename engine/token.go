package engine

import (
	"sync/atomic"
)

// A token is a mutex whose waiters can give up, and wait for other things at the same time.
//
// state: 0 free, 1 held, 2 held and somebody may wait. Taking it uncontended is one compare-and-swap, giving it back
// one add. Both are full fences on amd64 and arm64, and the engine relies on the second: it stands between publishing
// a position and reading the peer's sleep word (see package ring).
type token struct {
	state atomic.Int32
	// freed has a value when the token was given back and somebody may wait.
	freed chan struct{}
}

func newToken() token { return token{freed: make(chan struct{}, 1)} }

// try takes the token if it is free.
func (t *token) try() bool { return t.state.CompareAndSwap(0, 1) }

// tryOrWait takes the token if it is free; if not, freed will have a value once it is.
func (t *token) tryOrWait() bool { return t.state.Swap(2) == 0 }

// give gives the token back.
func (t *token) give() {
	if t.state.Add(-1) != 0 {
		t.giveSlow()
	}
}

func (t *token) giveSlow() {
	t.state.Store(0)
	select {
	case t.freed <- struct{}{}:
	default:
	}
}

// held reports whether somebody has the token now.
func (t *token) held() bool { return t.state.Load() != 0 }
