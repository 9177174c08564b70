package netpoll

import (
	"os"
	"sync/atomic"
)

// Group is a loop for each core of a set. It owns its loops; it may be used from any goroutine.
type Group struct {
	loops []*Loop
	turn  atomic.Uint32
	shut  atomic.Bool
}

// NewGroup starts a loop on each core of the set, pinned, in ascending order; cfg's Pinned and Core are ignored. The
// empty set makes one loop that is not pinned. A nil cfg stands for the defaults. Together the loops spin only as far
// as they leave one P of the Go scheduler to the rest of the process.
//
// It fails as [New] does, and with a [*CoresError] that names all cores of the set that the process may not use; no loop
// is left running then.
func NewGroup(cores CoreSet, cfg *Config) (*Group, error) {
	allowed, err := Allowed()
	if err != nil {
		return nil, err
	}
	if err := cores.Check(allowed); err != nil {
		return nil, err
	}
	var c Config
	if cfg != nil {
		c = *cfg
	}
	g, spin := new(Group), newSpinCap()
	start := func() error {
		l, err := newLoop(&c, spin)
		if err == nil {
			g.loops = append(g.loops, l)
		}
		return err
	}
	c.Pinned, c.Core = false, 0
	if cores.Len() == 0 {
		if err := start(); err != nil {
			return nil, err
		}
		return g, nil
	}
	c.Pinned = true
	for _, c.Core = range cores.List() {
		if err := start(); err != nil {
			_ = g.Close()
			return nil, err
		}
	}
	return g, nil
}

// Loops returns the loops, ordered by core. The caller must not change the slice.
func (g *Group) Loops() []*Loop { return g.loops }

// Next returns one loop after the other.
func (g *Group) Next() *Loop { return g.loops[(g.turn.Add(1)-1)%uint32(len(g.loops))] }

// Least returns the loop with the least [Loop.Load]; among equals, the one whose turn it is.
func (g *Group) Least() *Loop {
	best := g.Next()
	for _, l := range g.loops {
		if l.Load() < best.Load() {
			best = l
		}
	}
	return best
}

// Close closes all loops at once, as [Loop.Close] does each, and waits for all of them, but not for one of whose callbacks
// calls it. It returns the first error. Every call but the first waits as well, and returns [os.ErrClosed].
func (g *Group) Close() error {
	first := !g.shut.Swap(true)
	for _, l := range g.loops {
		l.shut()
	}
	var err error
	for _, l := range g.loops {
		if e := l.wait(); err == nil {
			err = e
		}
	}
	if !first {
		return os.ErrClosed
	}
	return err
}
