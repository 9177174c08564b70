package probe

import (
	"cmp"
	"slices"
	"time"
)

// PreemptStats says who ran on this core while threads that were preempted here waited to run on.
type PreemptStats struct {
	// By are the threads that did, the costliest first. The kernel has room for 256 of them for each core; those that had to make room for
	// others are one entry, the one with a TID of 0.
	By []Preemptor `json:"by"`
	// Lost is how many waits ended unseen.
	Lost uint64 `json:"lost"`
}

// Preemptor is a thread that ran instead.
type Preemptor struct {
	TID     int    `json:"tid"`
	PID     int    `json:"pid"`
	Command string `json:"command"` // of the thread, when it was first seen
	// Count is how often it was what came right after a thread that could have run on.
	Count uint64 `json:"count"`
	// Time is how long it ran while such a thread waited.
	Time time.Duration `json:"time_ns"`
	// Max is the longest of that at a stretch, since Start.
	Max time.Duration `json:"max_ns"`
}

// Count returns how often threads were preempted.
func (s *PreemptStats) Count() (n uint64) {
	for i := range s.By {
		n += s.By[i].Count
	}
	return n
}

// Time returns how long others ran while preempted threads waited.
func (s *PreemptStats) Time() (d time.Duration) {
	for i := range s.By {
		d += s.By[i].Time
	}
	return d
}

func (s *PreemptStats) sort() {
	slices.SortFunc(s.By, func(a, b Preemptor) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(b.Count, a.Count), cmp.Compare(a.TID, b.TID))
	})
}

func (s *PreemptStats) clone() *PreemptStats {
	return &PreemptStats{By: slices.Clone(s.By), Lost: s.Lost}
}

// sub takes away what was before. What an entry had that has made room since is among the others now, and so is taken away there.
func (s *PreemptStats) sub(before *PreemptStats) {
	s.Lost -= min(before.Lost, s.Lost)
	var moved Preemptor
	for _, was := range before.By {
		at := slices.IndexFunc(s.By, func(p Preemptor) bool { return p.TID == was.TID })
		if was.TID == 0 || at < 0 || s.By[at].Time < was.Time || s.By[at].Count < was.Count {
			moved.Count += was.Count
			moved.Time += was.Time
			continue
		}
		s.By[at].Count -= was.Count
		s.By[at].Time -= was.Time
	}
	if at := slices.IndexFunc(s.By, func(p Preemptor) bool { return p.TID == 0 }); at >= 0 {
		s.By[at].Count -= min(moved.Count, s.By[at].Count)
		s.By[at].Time -= min(moved.Time, s.By[at].Time)
	}
	s.By = slices.DeleteFunc(s.By, func(p Preemptor) bool { return p.Count == 0 && p.Time == 0 })
	s.sort()
}
