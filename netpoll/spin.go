package netpoll

import (
	"runtime"
	"sync/atomic"
)

// spinCap counts how many more loops may spin. It is shared by the loops of a group, and touched only when one of them
// starts or stops spinning.
type spinCap struct {
	free atomic.Int32
}

// newSpinCap leaves one P of the Go scheduler, as of now, to the rest of the process.
func newSpinCap() *spinCap {
	c := new(spinCap)
	c.free.Store(int32(runtime.GOMAXPROCS(0) - 1))
	return c
}

// maySpin reports whether the loop, which has nothing to do, goes on rather than sleeps.
func (l *Loop) maySpin() bool {
	switch l.cfg.Wait {
	case Block:
		return false
	case Hybrid:
		// The time is known as of the last look; what was done since is newer than that.
		if len(l.hot) == 0 || !l.active && l.now-l.idleSince >= int64(l.cfg.SpinFor) {
			return false
		}
	}
	return l.spinning || l.takeSpin()
}

func (l *Loop) takeSpin() bool {
	if l.spin.free.Load() <= 0 {
		return false
	}
	if l.spin.free.Add(-1) < 0 {
		l.spin.free.Add(1)
		return false
	}
	l.spinning = true
	return true
}

func (l *Loop) dropSpin() {
	if l.spinning {
		l.spinning = false
		l.spin.free.Add(1)
	}
}
