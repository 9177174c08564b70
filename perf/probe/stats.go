package probe

import "time"

// RunQueueStats says how long threads waited for this core before they ran on it.
type RunQueueStats struct {
	// Seen is how often a thread was put on this core. Each time it is counted in exactly one of: Doorbell, Woken, Preempted,
	// Missed, Discarded.
	Seen uint64 `json:"seen"`
	// Missed: the beginning of the wait was not seen, as it was before Start, or the thread was woken while it went to sleep.
	Missed uint64 `json:"missed"`
	// Discarded: the wait would have been negative, by clocks that differ between cores.
	Discarded uint64 `json:"discarded"`
	// Doorbell is from when a thread woke another one until that ran: what it costs to block.
	Doorbell Histogram `json:"doorbell"`
	// Woken is the same after a wake by anything else: a timer, a device, a thread of the kernel.
	Woken Histogram `json:"woken"`
	// Preempted is from when a thread that could have run on was taken off a core until it ran again.
	Preempted Histogram `json:"preempted"`
	// Stopped is how long threads were stopped by a signal or a tracer, at the core that they had. A wait to run follows it, in
	// Doorbell or Woken.
	Stopped Histogram `json:"stopped"`
}

func (s *RunQueueStats) clone() *RunQueueStats { c := *s; return &c }

func (s *RunQueueStats) sub(before *RunQueueStats) {
	s.Seen -= min(before.Seen, s.Seen)
	s.Missed -= min(before.Missed, s.Missed)
	s.Discarded -= min(before.Discarded, s.Discarded)
	s.Doorbell.Sub(&before.Doorbell)
	s.Woken.Sub(&before.Woken)
	s.Preempted.Sub(&before.Preempted)
	s.Stopped.Sub(&before.Stopped)
}

// MigrateStats says how often threads were moved between cores, most often as they were woken.
type MigrateStats struct {
	Left    uint64 `json:"left"`    // moved away from this core
	Arrived uint64 `json:"arrived"` // moved to it
	// PinnedLeft: of those that left, how many may run on a single core: somebody pinned them anew, or took the core offline.
	PinnedLeft uint64 `json:"pinned_left"`
}

func (s *MigrateStats) clone() *MigrateStats { c := *s; return &c }

func (s *MigrateStats) sub(before *MigrateStats) {
	s.Left -= min(before.Left, s.Left)
	s.Arrived -= min(before.Arrived, s.Arrived)
	s.PinnedLeft -= min(before.PinnedLeft, s.PinnedLeft)
}

// FaultStats counts page faults in user space. The kernel says when a fault begins and not when it ends, so there is no time of a
// single one; but of a storm there is.
type FaultStats struct {
	Count uint64 `json:"count"`
	// Storm is the time within storms: from each fault to the next of the same thread, where that is less than 50 us.
	Storm time.Duration `json:"storm_ns"`
	// StormFaults are the faults that followed another one that closely.
	StormFaults uint64 `json:"storm_faults"`
}

func (s *FaultStats) clone() *FaultStats { c := *s; return &c }

func (s *FaultStats) sub(before *FaultStats) {
	s.Count -= min(before.Count, s.Count)
	s.Storm -= min(before.Storm, s.Storm)
	s.StormFaults -= min(before.StormFaults, s.StormFaults)
}

// TCPStats has the round-trip times of TCP connections, as the kernel smooths them, at each segment that this core received.
type TCPStats struct {
	Seen uint64 `json:"seen"`
	// Unknown: of Seen, how often the connection had no round-trip time yet. The others are in RTT.
	Unknown uint64    `json:"unknown"`
	RTT     Histogram `json:"rtt"`
}

func (s *TCPStats) clone() *TCPStats { c := *s; return &c }

func (s *TCPStats) sub(before *TCPStats) {
	s.Seen -= min(before.Seen, s.Seen)
	s.Unknown -= min(before.Unknown, s.Unknown)
	s.RTT.Sub(&before.RTT)
}

// StealStats says how long the hypervisor let something else run, in steps of 10 ms, as /proc/stat does.
type StealStats struct {
	Steal time.Duration `json:"steal_ns"`
}

func (s *StealStats) clone() *StealStats { c := *s; return &c }

func (s *StealStats) sub(before *StealStats) { s.Steal -= min(before.Steal, s.Steal) }
