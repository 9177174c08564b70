package environment

import (
	"fmt"
	"math"
	"time"
)

// The bounds of what is no disturbance. They leave p99.9 to what was measured: less than one thousandth of the time.
const (
	MaxSteal     = 0.001 // of the time
	MaxPreempted = 10.0  // per second
	MaxWaited    = 0.001 // of the time, of a thread that never sleeps
	MaxFaults    = 10.0  // per second
	MaxFrequency = 0.05  // change, of the rate before
)

// sleeps is how often in a second a thread waits for something that is not to be judged by what it waited for the core: each time
// it wakes, it waits a little.
const sleeps = 10.0

// Marks judges what came in the way of the hot threads of a run.
func Marks(all []Disturbance) (marks []Mark) {
	for i := range all {
		marks = append(marks, all[i].marks()...)
	}
	return marks
}

// marks judges one thread.
func (d *Disturbance) marks() (marks []Mark) {
	if d.Time <= 0 {
		return nil
	}
	seconds := d.Time.Seconds()
	who := d.Thread
	if d.Core >= 0 {
		who += fmt.Sprintf(" (core %d)", d.Core)
	}
	mark := func(k Kind, value, bound float64, unit, text string) {
		if value > bound {
			marks = append(marks, Mark{Kind: k, Value: value, Bound: bound, Unit: unit, Text: who + " " + text})
		}
	}
	share := func(t time.Duration) float64 { return t.Seconds() / seconds }
	mark(Steal, share(d.Steal), MaxSteal, "of the time",
		fmt.Sprintf("lost %v of %v to the host", d.Steal, d.Time.Round(time.Millisecond)))
	if d.Core >= 0 {
		mark(Migrated, float64(d.Migrations), 0, "times", fmt.Sprintf("changed cores %d times, although it was pinned", d.Migrations))
	}
	preempted := fmt.Sprintf("was preempted %d times in %v, and waited for the core for %v", d.Involuntary,
		d.Time.Round(time.Millisecond), d.Waited.Round(time.Microsecond))
	before := len(marks)
	mark(Preempted, float64(d.Involuntary)/seconds, MaxPreempted, "per second", preempted)
	if len(marks) == before && float64(d.Voluntary)/seconds < sleeps {
		mark(Preempted, share(d.Waited), MaxWaited, "of the time", preempted)
	}
	mark(Faults, float64(d.MinorFaults+d.MajorFaults)/seconds, MaxFaults, "per second",
		fmt.Sprintf("had %d page faults, %d of them from disk", d.MinorFaults+d.MajorFaults, d.MajorFaults))
	if change, text := d.frequency(); change > 0 {
		mark(Frequency, change, MaxFrequency, "of the rate before", text)
	}
	return marks
}

// frequency is how much the clock rate has changed, by what the kernel says or else by what a step takes.
func (d *Disturbance) frequency() (change float64, text string) {
	switch {
	case d.KHzBefore > 0 && d.KHzAfter > 0:
		return math.Abs(float64(d.KHzAfter)/float64(d.KHzBefore) - 1),
			fmt.Sprintf("ran at %d MHz before and at %d MHz after", d.KHzBefore/1000, d.KHzAfter/1000)
	case d.StepBefore > 0 && d.StepAfter > 0:
		return math.Abs(d.StepBefore/d.StepAfter - 1),
			fmt.Sprintf("took %.3f ns for a step before and %.3f ns after", d.StepBefore, d.StepAfter)
	}
	return 0, ""
}
