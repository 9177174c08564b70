package probe

import (
	"cmp"
	"slices"
	"time"
)

// SyscallStats counts system calls that threads made on this core.
type SyscallStats struct {
	Entered uint64 `json:"entered"` // begun here
	// Missed ended here, and their beginning was not seen.
	Missed uint64 `json:"missed"`
	// All has how long those took that ended here.
	All Histogram `json:"all"`
	// Calls are those that ended here, by number, the costliest first. A number of 511 stands for all from there on.
	Calls []Syscall `json:"calls"`
}

// Syscall is one system call.
type Syscall struct {
	Number int           `json:"number"` // see ausyscall(8)
	Count  uint64        `json:"count"`
	Time   time.Duration `json:"time_ns"`
}

func (s *SyscallStats) sort() {
	slices.SortFunc(s.Calls, func(a, b Syscall) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Number, b.Number))
	})
}

func (s *SyscallStats) clone() *SyscallStats {
	c := *s
	c.Calls = slices.Clone(s.Calls)
	return &c
}

func (s *SyscallStats) sub(before *SyscallStats) {
	s.Entered -= min(before.Entered, s.Entered)
	s.Missed -= min(before.Missed, s.Missed)
	s.All.Sub(&before.All)
	for i := range s.Calls {
		now := &s.Calls[i]
		at := slices.IndexFunc(before.Calls, func(c Syscall) bool { return c.Number == now.Number })
		if at < 0 {
			continue
		}
		now.Count -= min(before.Calls[at].Count, now.Count)
		now.Time -= min(before.Calls[at].Time, now.Time)
	}
	s.Calls = slices.DeleteFunc(s.Calls, func(c Syscall) bool { return c.Count == 0 })
	s.sort()
}
