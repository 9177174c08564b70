package netpoll

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/corechan/corechan/fd/fdtest"
)

func startGroup(t testing.TB, cores CoreSet, cfg *Config) *Group {
	t.Helper()
	if _, ok := t.(*testing.T); ok {
		fdtest.Snapshot(t)
	}
	g, err := NewGroup(cores, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

func TestAGroupHasALoopPinnedToEachCore(t *testing.T) {
	cores, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	g := startGroup(t, cores, nil)
	if len(g.Loops()) != cores.Len() {
		t.Fatalf("%d loops for cores %v", len(g.Loops()), cores)
	}
	for i, core := range cores.List() {
		l := g.Loops()[i]
		if l.Core() != core {
			t.Errorf("loop %d is on core %d, want %d", i, l.Core(), core)
		}
		if l != g.Next() {
			t.Errorf("Next is not loop %d", i)
		}
	}
	if g.Next() != g.Loops()[0] {
		t.Error("Next does not start over")
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	for _, l := range g.Loops() {
		await(t, l.Done())
	}
	if err := g.Close(); err != os.ErrClosed {
		t.Errorf("second Close: %v", err)
	}
}

func TestTheEmptySetMakesOneLoop(t *testing.T) {
	g := startGroup(t, CoreSet{}, &Config{Pinned: true, Core: 1 << 30})
	if len(g.Loops()) != 1 || g.Next().Core() != -1 {
		t.Errorf("%d loops, first on %d", len(g.Loops()), g.Next().Core())
	}
}

func TestTheLeastLoadedLoopIsFound(t *testing.T) {
	cores, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	if cores.Len() < 2 {
		t.Skip("needs two cores")
	}
	g := startGroup(t, cores, nil)
	for i, l := range g.Loops() {
		for range i + 1 {
			register(t, l, eventfd(t), In, never(t))
		}
	}
	for range 3 {
		if g.Least() != g.Loops()[0] {
			t.Error("not the least loaded")
		}
	}
}

func TestAGroupMayBeClosedByACallback(t *testing.T) {
	cores, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	g := startGroup(t, cores, nil)
	on(t, g.Loops()[0], func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, l := range g.Loops() {
		await(t, l.Done())
	}
}

func TestLoopsOfAGroupLeaveAPWhenTheySpin(t *testing.T) {
	cores, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	old := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(old)
	if cores.Len() < 2 {
		t.Skip("needs two cores")
	}
	g := startGroup(t, cores, &Config{Wait: Spin})
	var handled atomic.Int64
	for _, l := range g.Loops() {
		q := &queue{wake: l.Wake}
		q.onPoll = func() { handled.Add(1) }
		addPoller(t, l, q)
	}
	until(t, "all but one sleep", func() bool {
		awake := 0
		for _, l := range g.Loops() {
			if !l.asleep.Load() {
				awake++
			}
		}
		return awake == 1
	})
	if free := g.Loops()[0].spin.free.Load(); free != 0 {
		t.Errorf("%d may still spin", free)
	}
}
