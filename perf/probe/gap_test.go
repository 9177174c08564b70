package probe

import (
	"testing"
	"time"
)

func TestAGapIsTheTimeBetweenTwoTurns(t *testing.T) {
	g := NewGaps(5 * time.Millisecond)
	time.Sleep(10 * time.Millisecond)
	if gap := g.Tick(); gap != 0 {
		t.Errorf("a gap of %v before the first turn", gap)
	}
	begin := time.Now()
	time.Sleep(10 * time.Millisecond)
	gap := g.Tick()
	if most := time.Since(begin) + time.Millisecond; gap < 10*time.Millisecond || gap > most {
		t.Errorf("a gap of %v, want 10 ms to %v", gap, most)
	}
	g.Rest()
	time.Sleep(10 * time.Millisecond)
	if gap := g.Tick(); gap != 0 {
		t.Errorf("a gap of %v while at rest", gap)
	}
	h := g.Snapshot()
	if h.Count() != 1 || h.Sum() != gap || h.Max() != gap {
		t.Errorf("%d gaps, %v, %v; want %v", h.Count(), h.Sum(), h.Max(), gap)
	}
}

func TestWhatProbesDoNotExplainIsUnexplained(t *testing.T) {
	var gaps Histogram
	gaps.Record(time.Second)
	c := &Core{}
	if d := Unexplained(&gaps, c); d != time.Second {
		t.Errorf("%v without probes", d)
	}
	c.RunQueue, c.Stolen, c.Faults = &RunQueueStats{}, &StolenStats{Outside: time.Millisecond}, &FaultStats{Storm: time.Millisecond}
	c.RunQueue.Preempted.Record(500 * time.Millisecond)
	c.RunQueue.Stopped.Record(100 * time.Millisecond)
	c.RunQueue.Woken.Record(time.Second) // it slept, so that is no gap
	c.Stolen.Of(Timer).Record(98 * time.Millisecond)
	if d := Unexplained(&gaps, c); d != 300*time.Millisecond {
		t.Errorf("%v, want 300ms", d)
	}
	c.RunQueue.Preempted.Record(time.Hour)
	if d := Unexplained(&gaps, c); d != 0 {
		t.Errorf("%v of a gap that is more than explained", d)
	}
}

func TestATickDoesNotAlloc(t *testing.T) {
	g := NewGaps(time.Nanosecond)
	if n := testing.AllocsPerRun(1000, func() { g.Tick() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTick(b *testing.B) {
	g := NewGaps(0)
	for b.Loop() {
		g.Tick()
	}
}

func BenchmarkSnapshot(b *testing.B) {
	p, err := Start(Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	before, err := p.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := p.Snapshot()
		if err != nil {
			b.Fatal(err)
		}
		s.Sub(before)
	}
}
