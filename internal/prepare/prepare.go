// Package prepare gives a process what makes its times steady, before it becomes another program: a core, a place in the scheduler,
// memory near the core, and cores that do not sleep deeply. All of it outlives execve(2), which is why it can be done for any command.
//
// What needs a privilege that is not there is left out, and said with its reason; the rest is done.
package prepare

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/rig"
)

// Bounds of real-time priorities: sched(7).
const (
	MinPriority     = 1
	MaxPriority     = 99
	DefaultPriority = 10
)

// ErrPlan is wrapped by what Check returns.
var ErrPlan = errors.New("cannot prepare this")

// Plan is what to prepare. The zero value prepares nothing.
type Plan struct {
	Cores    []int  // to run on; none: as before
	Policy   string // of the scheduler: fifo, rr, batch, idle or other; empty: as before
	Priority int    // of fifo and rr; default 10
	Lock     bool   // raise how much memory may be locked as far as it goes
	NUMA     bool   // take memory from the node of the cores
	Awake    bool   // keep all cores out of deep sleep while the process and its children live
}

// Step is one thing that was prepared, or that could not be.
type Step struct {
	What string // in words
	Done bool
	Why  string // it was not done, with the privilege that it needs; or what else there is to know
}

// policies of the scheduler, by the names that chrt(1) has for them.
var policies = map[string]uint32{
	"other": unix.SCHED_NORMAL, "batch": unix.SCHED_BATCH, "idle": unix.SCHED_IDLE, "fifo": unix.SCHED_FIFO, "rr": unix.SCHED_RR,
}

// Check finds what cannot be prepared by anyone, and fills in defaults.
func (p *Plan) Check(m rig.Machine) error {
	if len(p.Cores) > 0 {
		if err := m.Check(p.Cores...); err != nil {
			return err
		}
	}
	realTime := p.Policy == "fifo" || p.Policy == "rr"
	if _, known := policies[p.Policy]; !known && p.Policy != "" {
		return fmt.Errorf("%w: scheduler policy %q is unknown; use fifo, rr, batch, idle or other", ErrPlan, p.Policy)
	}
	switch {
	case p.Priority != 0 && !realTime:
		return fmt.Errorf("%w: only fifo and rr have a priority", ErrPlan)
	case realTime && p.Priority == 0:
		p.Priority = DefaultPriority
	case realTime && (p.Priority < MinPriority || p.Priority > MaxPriority):
		return fmt.Errorf("%w: priority %d; give %d to %d", ErrPlan, p.Priority, MinPriority, MaxPriority)
	}
	if p.NUMA && len(p.Cores) == 0 {
		return fmt.Errorf("%w: memory near which core? Name one too", ErrPlan)
	}
	return nil
}

// Apply prepares the calling thread, which must be locked by runtime.LockOSThread and be the one that calls execve(2).
func (p *Plan) Apply() (steps []Step) {
	add := func(wanted bool, do func() Step) {
		if wanted {
			steps = append(steps, do())
		}
	}
	add(p.NUMA, p.nearMemory) // first: pages are taken from here on
	add(p.Lock, lockLimit)
	add(p.Awake, awake)
	add(len(p.Cores) > 0, p.pin)
	add(p.Policy != "", p.schedule) // last: what was before should not run at real-time priority
	return steps
}

func (p *Plan) pin() Step {
	s := Step{What: "run on core " + rig.FormatCores(p.Cores) + " alone"}
	if len(p.Cores) > 1 {
		s.What = "run on cores " + rig.FormatCores(p.Cores) + " alone"
	}
	var set unix.CPUSet
	for _, c := range slices.Sorted(slices.Values(p.Cores)) {
		set.Set(c)
	}
	return s.ended(unix.SchedSetaffinity(0, &set), "")
}

func (p *Plan) schedule() Step {
	s := Step{What: "be scheduled as " + p.Policy}
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policies[p.Policy]}
	if p.Priority > 0 {
		s.What += fmt.Sprintf(" with priority %d", p.Priority)
		attr.Priority = uint32(p.Priority)
	}
	s = s.ended(unix.SchedSetAttr(0, &attr, 0), fmt.Sprintf("needs CAP_SYS_NICE, or a limit RLIMIT_RTPRIO of %d or more, which is %s here: ulimit -r, "+
		"rtprio in /etc/security/limits.conf, or LimitRTPRIO= in the systemd unit", p.Priority, limitOf(unix.RLIMIT_RTPRIO)))
	if s.Done && p.Priority > 0 {
		s.Why = realTimeShare()
	}
	return s
}

// ended makes the step what an error says. What is not permitted has a privilege that it needs.
func (s Step) ended(err error, privilege string) Step {
	s.Done = err == nil
	switch {
	case err == nil:
	case privilege != "" && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)):
		s.Why = privilege
	default:
		s.Why = err.Error()
	}
	return s
}
