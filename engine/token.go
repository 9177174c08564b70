package engine

import (
	"sync"
	"sync/atomic"

	"github.com/corechan/corechan/internal/atomics"
	"github.com/corechan/corechan/internal/goid"
	"github.com/corechan/corechan/internal/membarrier"
)

// A token is a mutex whose waiters can give up, and wait for other things at the same time; and that costs one
// goroutine that takes it again and again no locked instruction.
//
// state: 0 free, 1 held, 2 held and somebody may wait.
//
// # Bias
//
// A locked instruction waits until the stores before it have reached the cache. After publishing a message that is a
// line owned by another core, so a mutex on the path of every message costs a transfer between cores for every message.
// So a token that one goroutine has taken several times in a row becomes biased to it: state stays 1, bias says whose
// it is, and the goroutine takes it by making busy 1 and gives it by making busy 0, with plain stores. Anybody else who
// comes revokes the bias first:
//
//	owner, try                      revoker, under mu
//	  busy = 1                        bias = nil
//	  bias still mine? it is held     membarrier: the owner's stores and loads are in order
//	owner, give                       busy == 0: the token is the revoker's (taken)
//	  busy = 0                        busy == 1: the owner holds it (left), and gives it in the ordinary way
//	  bias still mine? done
//
// An owner that finds its bias gone asks, under mu, which of the two it was. A token that was revoked becomes biased
// again only after twice as many takes in a row as before. The scheme is that of biased locks (D. Dice, M. Moir and W.
// Scherer, "Quickly Reacquirable Locks", 2003).
type token struct {
	bias  atomic.Pointer[bias]
	held  *bias // by which it is held; under the token
	state atomic.Int32
	// freed has a value when the token was given back and somebody may wait.
	freed chan struct{}

	// Under the token, when it is not biased.
	last   uintptr // who took it last
	inARow uint32

	mu       sync.Mutex    // for revoking
	patience atomic.Uint32 // how many takes in a row make it biased; 0: never
}

// A bias is a token's bias to one goroutine.
type bias struct {
	owner uintptr
	busy  uint64         // written by the owner only
	taken bool           // the revoker found it idle and took the token; under token.mu
	_     [128 - 24]byte // busy changes with every message: nobody else's words on its line
}

const (
	minPatience = 16
	maxPatience = 1 << 20
)

// init makes a free token. It is never biased where the kernel has no membarrier, and under the race detector, which
// would not understand.
func (t *token) init() {
	t.freed = make(chan struct{}, 1)
	if !atomics.Race && membarrier.Available() {
		t.patience.Store(minPatience)
	}
}

// try takes the token if it is free. It contains tryBiased: a call less, of those that every message makes.
func (t *token) try() bool {
	if b := t.bias.Load(); b != nil && b.owner == goid.Self() && b.busy == 0 {
		atomics.StoreRelease(&b.busy, 1)
		if t.bias.Load() == b {
			t.held = b
			return true
		}
		if t.leftTo(b) {
			return true
		}
	}
	return t.state.CompareAndSwap(0, 1) || t.bias.Load() != nil && t.revoke()
}

// tryOrWait takes the token if it is free; if not, freed will have a value once it is.
func (t *token) tryOrWait() bool {
	return t.tryBiased() || t.state.Swap(2) == 0 || t.bias.Load() != nil && t.revoke()
}

// tryBiased takes the token if it is biased to this goroutine.
func (t *token) tryBiased() bool {
	b := t.bias.Load()
	if b == nil || b.owner != goid.Self() || atomic.LoadUint64(&b.busy) != 0 {
		return false
	}
	atomics.StoreRelease(&b.busy, 1)
	if t.bias.Load() == b {
		t.held = b
		return true
	}
	return t.leftTo(b)
}

// give gives the token back. It is a full fence only where tokens are never biased.
func (t *token) give() {
	if b := t.held; b != nil {
		t.held = nil
		atomics.StoreRelease(&b.busy, 0)
		if t.bias.Load() == b || !t.leftTo(b) {
			return
		}
	} else if t.patience.Load() != 0 && t.grant() {
		return
	}
	if t.state.Add(-1) != 0 {
		t.state.Store(0)
		select {
		case t.freed <- struct{}{}:
		default:
		}
	}
}

// grant makes the token biased to this goroutine, if it took it often enough, instead of giving it back.
func (t *token) grant() bool {
	self := goid.Self()
	if t.last != self {
		t.last, t.inARow = self, 0
		return false
	}
	if t.inARow++; t.inARow < t.patience.Load() || t.state.Load() != 1 {
		return false
	}
	t.inARow = 0
	b := &bias{owner: self}
	t.bias.Store(b)
	if t.state.Load() == 1 {
		return true // who comes from now on sees the bias
	}
	// Somebody waits who may not have seen it: undone, unless that one has revoked it.
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bias.Load() != b {
		return b.taken
	}
	t.bias.Store(nil)
	return false
}

// revoke ends the bias. It takes the token if the owner does not hold it; if it does, it gives it in the ordinary way.
func (t *token) revoke() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.bias.Load()
	if b == nil {
		return false
	}
	t.patience.Store(min(2*t.patience.Load(), maxPatience))
	t.bias.Store(nil)
	membarrier.Process()
	b.taken = atomic.LoadUint64(&b.busy) == 0
	return b.taken
}

// leftTo reports whether the revoker of b has left the token to b's owner.
func (t *token) leftTo(b *bias) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !b.taken
}

// isHeld reports whether somebody has the token, or its bias, now.
func (t *token) isHeld() bool { return t.state.Load() != 0 }
