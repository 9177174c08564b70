package probe

import "time"

// Snapshot is what was counted until one moment, or, after Sub, between two. It is the caller's; nothing changes it later.
type Snapshot struct {
	Time time.Time `json:"time"`
	// Span is how long it counted: since Start, or, after Sub, since the earlier snapshot.
	Span  time.Duration `json:"span_ns"`
	Cores []Core        `json:"cores"`
	// Runtime is of this process, whichever others are followed; nil if the group is not active.
	Runtime *RuntimeStats `json:"runtime,omitempty"`
	// Ended are the followed processes that exist no more.
	Ended []int `json:"ended,omitempty"`
}

// Core is what was counted on one core. A group that is not active has nil. Times are of followed threads.
type Core struct {
	ID       int            `json:"core"`
	RunQueue *RunQueueStats `json:"runq,omitempty"`
	Preempt  *PreemptStats  `json:"preempt,omitempty"`
	Migrate  *MigrateStats  `json:"migrate,omitempty"`
	Stolen   *StolenStats   `json:"stolen,omitempty"`
	Faults   *FaultStats    `json:"faults,omitempty"`
	Syscalls *SyscallStats  `json:"syscalls,omitempty"`
	TCP      *TCPStats      `json:"tcp,omitempty"`
	Marks    *MarkStats     `json:"marks,omitempty"`
	Steal    *StealStats    `json:"steal,omitempty"`
}

// Core returns one core's part, or nil.
func (s *Snapshot) Core(id int) *Core {
	for i := range s.Cores {
		if s.Cores[i].ID == id {
			return &s.Cores[i]
		}
	}
	return nil
}

// Sub returns what was counted between an earlier snapshot of the same Probe and this one. Neither is changed. A core or group that
// the earlier one does not have counts from 0.
func (s *Snapshot) Sub(before *Snapshot) *Snapshot {
	d := &Snapshot{Time: s.Time, Span: s.Time.Sub(before.Time), Ended: s.Ended}
	for i := range s.Cores {
		c := &s.Cores[i]
		was := before.Core(c.ID)
		if was == nil {
			was = &Core{}
		}
		d.Cores = append(d.Cores, Core{
			ID:       c.ID,
			RunQueue: difference(c.RunQueue, was.RunQueue),
			Preempt:  difference(c.Preempt, was.Preempt),
			Migrate:  difference(c.Migrate, was.Migrate),
			Stolen:   difference(c.Stolen, was.Stolen),
			Faults:   difference(c.Faults, was.Faults),
			Syscalls: difference(c.Syscalls, was.Syscalls),
			TCP:      difference(c.TCP, was.TCP),
			Marks:    difference(c.Marks, was.Marks),
			Steal:    difference(c.Steal, was.Steal),
		})
	}
	d.Runtime = difference(s.Runtime, before.Runtime)
	return d
}

// difference returns a copy of now less before; nil if there is no now.
func difference[T any, P interface {
	*T
	clone() *T
	sub(before *T)
}](now, before P,
) *T {
	if now == nil {
		return nil
	}
	d := now.clone()
	if before != nil {
		P(d).sub(before)
	}
	return d
}
