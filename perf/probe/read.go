package probe

import (
	"time"

	"github.com/cilium/ebpf"

	"github.com/corechan/corechan/perf/probe/internal/objects"
)

// reader copies what the kernel counted. Its buffers are for one use at a time.
type reader struct {
	runq     objects.RunqRunqCore
	preempt  objects.PreemptPreemptCore
	migrate  objects.MigrateMigrateCore
	stolen   objects.IrqStolenCore
	faults   objects.FaultsFaultsCore
	syscalls objects.SyscallsSyscallsCore
	tcp      objects.TcpTcpCore
	marks    objects.MarksMarksCore
}

// read fills in the part of a core that a group has counted.
func (r *reader) read(g Group, m *ebpf.Memory, into *Core) error {
	switch g {
	case RunQueue:
		return r.readRunQueue(m, into)
	case Preempt:
		return r.readPreempt(m, into)
	case Migrate:
		return r.readMigrate(m, into)
	case IRQ, SoftIRQ, Vectors:
		if into.Stolen != nil {
			return nil // they have one map between them
		}
		return r.readStolen(m, into)
	case Faults:
		return r.readFaults(m, into)
	case Syscalls:
		return r.readSyscalls(m, into)
	case TCP:
		return r.readTCP(m, into)
	case Marks:
		return r.readMarks(m, into)
	}
	return nil
}

func (r *reader) readRunQueue(m *ebpf.Memory, into *Core) error {
	if err := readCore(m, into.ID, &r.runq); err != nil {
		return err
	}
	s := &RunQueueStats{Seen: r.runq.Seen, Missed: r.runq.Missed, Discarded: r.runq.Discarded}
	s.Doorbell.set(r.runq.Doorbell.Sum, r.runq.Doorbell.Max, &r.runq.Doorbell.Buckets)
	s.Woken.set(r.runq.Woken.Sum, r.runq.Woken.Max, &r.runq.Woken.Buckets)
	s.Preempted.set(r.runq.Preempted.Sum, r.runq.Preempted.Max, &r.runq.Preempted.Buckets)
	s.Stopped.set(r.runq.Stopped.Sum, r.runq.Stopped.Max, &r.runq.Stopped.Buckets)
	into.RunQueue = s
	return nil
}

func (r *reader) readPreempt(m *ebpf.Memory, into *Core) error {
	if err := readCore(m, into.ID, &r.preempt); err != nil {
		return err
	}
	s := &PreemptStats{Lost: r.preempt.Lost}
	if others := &r.preempt.Others; others.Count > 0 {
		s.By = append(s.By, Preemptor{
			Count: others.Count, Time: time.Duration(others.Ns), Max: time.Duration(others.Max),
		})
	}
	for i := range r.preempt.By {
		if by := &r.preempt.By[i]; by.Pid != 0 {
			s.By = append(s.By, Preemptor{
				TID: int(by.Pid), PID: int(by.Tgid), Command: text(by.Comm[:]),
				Count: by.Count, Time: time.Duration(by.Ns), Max: time.Duration(by.Max),
			})
		}
	}
	s.sort()
	into.Preempt = s
	return nil
}

func (r *reader) readMigrate(m *ebpf.Memory, into *Core) error {
	if err := readCore(m, into.ID, &r.migrate); err != nil {
		return err
	}
	into.Migrate = &MigrateStats{Left: r.migrate.Left, Arrived: r.migrate.Arrived, PinnedLeft: r.migrate.PinnedLeft}
	return nil
}

func (r *reader) readStolen(m *ebpf.Memory, into *Core) error {
	if err := readCore(m, into.ID, &r.stolen); err != nil {
		return err
	}
	s := &StolenStats{Seen: r.stolen.Seen, Lost: r.stolen.Lost}
	for i := range s.BySource {
		s.BySource[i].set(r.stolen.Sources[i].Sum, r.stolen.Sources[i].Max, &r.stolen.Sources[i].Buckets)
	}
	into.Stolen = s
	return nil
}

func (r *reader) readFaults(m *ebpf.Memory, into *Core) error {
	if err := readCore(m, into.ID, &r.faults); err != nil {
		return err
	}
	into.Faults = &FaultStats{
		Count: r.faults.Count, Storm: time.Duration(r.faults.StormNs), StormFaults: r.faults.StormFaults,
	}
	return nil
}

func (r *reader) readSyscalls(m *ebpf.Memory, into *Core) error {
	if err := readCore(m, into.ID, &r.syscalls); err != nil {
		return err
	}
	s := &SyscallStats{Entered: r.syscalls.Entered, Missed: r.syscalls.Missed}
	s.All.set(r.syscalls.All.Sum, r.syscalls.All.Max, &r.syscalls.All.Buckets)
	for number := range r.syscalls.Calls {
		if c := &r.syscalls.Calls[number]; c.Count > 0 {
			s.Calls = append(s.Calls, Syscall{Number: number, Count: c.Count, Time: time.Duration(c.Ns)})
		}
	}
	s.sort()
	into.Syscalls = s
	return nil
}

func (r *reader) readTCP(m *ebpf.Memory, into *Core) error {
	if err := readCore(m, into.ID, &r.tcp); err != nil {
		return err
	}
	s := &TCPStats{Seen: r.tcp.Seen, Unknown: r.tcp.Unknown}
	s.RTT.set(r.tcp.Rtt.Sum, r.tcp.Rtt.Max, &r.tcp.Rtt.Buckets)
	into.TCP = s
	return nil
}

func (r *reader) readMarks(m *ebpf.Memory, into *Core) error {
	if err := readCore(m, into.ID, &r.marks); err != nil {
		return err
	}
	s := &MarkStats{Sent: r.marks.Sent, Received: r.marks.Received, Missed: r.marks.Missed, Discarded: r.marks.Discarded}
	s.Times.set(r.marks.Times.Sum, r.marks.Times.Max, &r.marks.Times.Buckets)
	s.Stamped.set(r.marks.Stamped.Sum, r.marks.Stamped.Max, &r.marks.Stamped.Buckets)
	into.Marks = s
	return nil
}

// text is a C string of at most as many characters.
func text(c []int8) string {
	b := make([]byte, 0, len(c))
	for _, v := range c {
		if v == 0 {
			break
		}
		b = append(b, byte(v))
	}
	return string(b)
}
