package dash

import (
	"math/bits"
	"strings"

	"github.com/corechan/corechan/perf/probe"
)

// reduce makes what is shown of what was counted in an interval.
func reduce(d *probe.Snapshot, polled []polled, g grain) *Sample {
	s := &Sample{Kind: "sample", Time: d.Time.UnixMilli(), Span: d.Span, Cores: make([]Core, 0, len(d.Cores)), Ended: d.Ended}
	for i := range d.Cores {
		c := reduceCore(&d.Cores[i], g)
		for at := range polled {
			if p := &polled[at]; p.core == c.ID {
				c.Gaps = histogram(&p.gaps, g)
				if p.known != nil {
					c.Unexplained = new(probe.Unexplained(&p.gaps, p.known))
				}
			}
		}
		s.Cores = append(s.Cores, c)
	}
	if d.Runtime != nil {
		s.SchedulerLatency = histogram(&d.Runtime.SchedulerLatency, g)
		s.GCPauses = histogram(&d.Runtime.GCPauses, g)
	}
	return s
}

func reduceCore(from *probe.Core, g grain) Core {
	c := Core{ID: from.ID}
	if q := from.RunQueue; q != nil {
		c.Waits = map[string]*Histogram{
			"doorbell": histogram(&q.Doorbell, g), "woken": histogram(&q.Woken, g),
			"preempted": histogram(&q.Preempted, g), "stopped": histogram(&q.Stopped, g),
		}
	}
	if s := from.Stolen; s != nil {
		c.Stolen, c.Outside = make(map[probe.Source]*Histogram), new(s.Outside)
		for i, source := range probe.Sources() {
			if h := histogram(&s.BySource[i], g); h.Count > 0 {
				c.Stolen[source] = h
			}
		}
	}
	if from.Steal != nil {
		c.Steal = new(from.Steal.Steal)
	}
	if f := from.Faults; f != nil {
		c.Faults, c.Storm = new(f.Count), new(f.Storm)
	}
	if m := from.Migrate; m != nil {
		c.Moves, c.PinnedMoves = new(m.Left), m.PinnedLeft
	}
	if p := from.Preempt; p != nil {
		c.By = reducePreemptors(p.By)
	}
	if from.Syscalls != nil {
		c.Syscalls = histogram(&from.Syscalls.All, g)
	}
	if from.TCP != nil {
		c.RTT = histogram(&from.TCP.RTT, g)
	}
	return c
}

// reducePreemptors names the costliest, and adds up the others.
func reducePreemptors(by []probe.Preemptor) []Preemptor {
	list := make([]Preemptor, 0, min(len(by), MaxPreemptors))
	var others Preemptor
	for _, p := range by {
		if p.TID == 0 || len(list) == MaxPreemptors-1 {
			others.Count += p.Count
			others.Time += p.Time
			continue
		}
		list = append(list, Preemptor{p.TID, p.PID, strings.ToValidUTF8(p.Command, "?"), p.Count, p.Time})
	}
	if others != (Preemptor{}) {
		list = append(list, others)
	}
	return list
}

// bucketBelow returns the number of the bucket that ends at high: see package probe's documentation.
func bucketBelow(high uint64) uint64 {
	const subBits = 5
	ns := high - 1
	if ns < 1<<subBits {
		return ns
	}
	e := uint64(bits.Len64(ns) - 1)
	return (e-subBits+1)<<subBits + ns>>(e-subBits)&(1<<subBits-1)
}
