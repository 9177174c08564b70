package probe

import (
	"encoding/json"
	"strings"
	"time"
)

// Source is what interrupts a thread on its core.
type Source string

// The sources, in the order of enum source in bpf/stolen.h. The kernel's number of a softirq is its place after Hard, from 0.
const (
	Hard         Source = "irq"
	SoftHigh     Source = "softirq hi"
	SoftTimer    Source = "softirq timer"
	SoftNetTx    Source = "softirq net_tx"
	SoftNetRx    Source = "softirq net_rx"
	SoftBlock    Source = "softirq block"
	SoftIRQPoll  Source = "softirq irq_poll"
	SoftTasklet  Source = "softirq tasklet"
	SoftSched    Source = "softirq sched"
	SoftHRTimer  Source = "softirq hrtimer"
	SoftRCU      Source = "softirq rcu"
	Timer        Source = "timer"
	Reschedule   Source = "reschedule"
	FunctionCall Source = "function call"
	IRQWork      Source = "irq work"
	Other        Source = "other"
)

// sourceCount is how many sources there are.
const sourceCount = 16

// Sources returns all sources, in the order of StolenStats.Sources.
func Sources() [sourceCount]Source {
	return [sourceCount]Source{
		Hard, SoftHigh, SoftTimer, SoftNetTx, SoftNetRx, SoftBlock, SoftIRQPoll, SoftTasklet, SoftSched, SoftHRTimer, SoftRCU,
		Timer, Reschedule, FunctionCall, IRQWork, Other,
	}
}

// StolenStats says what interrupted threads on this core, and for how long. What interrupts an interrupt is counted for itself alone,
// so the sources are disjoint. Interrupts of an idle core are not counted, as they take time from nobody.
type StolenStats struct {
	// Seen is how many interrupts ended; each is in one of the sources.
	Seen uint64
	// Lost is how many were not counted: their end was not seen.
	Lost uint64
	// Outside is what entering and leaving the interrupts took, by Config.InterruptCost: an estimate, 0 if that is not set.
	Outside time.Duration
	// BySource has a histogram for each of Sources, of what happened between the kernel's two events: in the handlers.
	BySource [sourceCount]Histogram
}

// Of returns the histogram of one source.
func (s *StolenStats) Of(source Source) *Histogram {
	for i, name := range Sources() {
		if name == source {
			return &s.BySource[i]
		}
	}
	return nil
}

// Sum returns the time that all sources took, with Outside.
func (s *StolenStats) Sum() (d time.Duration) {
	d = s.Outside
	for i := range s.BySource {
		d += s.BySource[i].Sum()
	}
	return d
}

// estimate sets Outside. Softirqs run within the interrupts that raise them, so they are not entered for themselves.
func (s *StolenStats) estimate(cost time.Duration) {
	for i, source := range Sources() {
		if !source.isSoft() {
			s.Outside += time.Duration(s.BySource[i].Count()) * cost
		}
	}
}

func (s Source) isSoft() bool { return strings.HasPrefix(string(s), "softirq") }

func (s *StolenStats) clone() *StolenStats { c := *s; return &c }

func (s *StolenStats) sub(before *StolenStats) {
	s.Seen -= min(before.Seen, s.Seen)
	s.Lost -= min(before.Lost, s.Lost)
	s.Outside -= min(before.Outside, s.Outside)
	for i := range s.BySource {
		s.BySource[i].Sub(&before.BySource[i])
	}
}

// MarshalJSON writes seen, lost, outside_ns, and by_source: a histogram for each source that interrupted at all.
func (s *StolenStats) MarshalJSON() ([]byte, error) {
	bySource := make(map[Source]*Histogram)
	for i, source := range Sources() {
		if h := &s.BySource[i]; h.max > 0 {
			bySource[source] = h
		}
	}
	return json.Marshal(struct {
		Seen     uint64                `json:"seen"`
		Lost     uint64                `json:"lost"`
		Outside  time.Duration         `json:"outside_ns"`
		BySource map[Source]*Histogram `json:"by_source"`
	}{s.Seen, s.Lost, s.Outside, bySource})
}
