package engine_test

import (
	"runtime"
	"testing"

	"github.com/corechan/corechan/engine"
)

// With as many sessions at work as there are processors each may take a thread; with one more nobody may, until that one is quiet.
func TestThreadsAreForNoMoreSessionsThanProcessors(t *testing.T) {
	eng := newEngine(t, engine.Config{})
	procs := min(runtime.GOMAXPROCS(0), 16)
	all := make([]engine.Sleeper, procs+1)
	for i := range all {
		all[i] = eng.NewSleeper()
	}
	take := func(s engine.Sleeper) bool {
		if s.TakeThread() {
			s.GiveThread()
			return true
		}
		return false
	}
	for i, s := range all[:procs] {
		if !take(s) {
			t.Fatalf("session %d of %d got no thread; there are %d processors", i, procs, procs)
		}
	}
	wait(t, func() bool { // not at once where this was kept from running meanwhile
		for _, s := range all[:procs] {
			take(s)
		}
		return !take(all[procs])
	})
	wait(t, func() bool { return take(all[0]) })

	for i := range procs {
		if !all[0].TakeThread() {
			t.Fatalf("thread %d of %d was refused", i, procs)
		}
	}
	if all[0].TakeThread() {
		t.Errorf("more than %d threads", procs)
	}
}
