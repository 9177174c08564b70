package probe

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrConfig says that a Config asks for what cannot be. What is returned wraps it, and says what to do instead.
var ErrConfig = errors.New("cannot probe this")

// Group is one kind of measurement. Each is loaded, attached and refused on its own.
type Group string

// The groups. What each counts stands at the field of Core or Snapshot that holds it.
const (
	RunQueue Group = "runq"     // Core.RunQueue: waits for a core, and what a wake costs
	Preempt  Group = "preempt"  // Core.Preempt: who took the core
	Migrate  Group = "migrate"  // Core.Migrate: moves to another core
	IRQ      Group = "irq"      // Core.Stolen: interrupts of devices
	SoftIRQ  Group = "softirq"  // Core.Stolen: softirqs
	Vectors  Group = "vectors"  // Core.Stolen: the timer, and what cores send each other
	Faults   Group = "faults"   // Core.Faults: page faults
	Syscalls Group = "syscalls" // Core.Syscalls: system calls; slows each of every process, so not by default
	TCP      Group = "tcp"      // Core.TCP: round-trip times of connections; not by default
	Marks    Group = "marks"    // Core.Marks: how long messages took, seen by the kernel; needs Config.PIDs, not by default

	// These need no privilege.

	Steal   Group = "steal"   // Core.Steal: time that the hypervisor kept
	Runtime Group = "runtime" // Snapshot.Runtime: Go's scheduler and collector, of this process
)

// Groups returns all groups, in the order that they are reported in.
func Groups() []Group {
	return []Group{RunQueue, Preempt, Migrate, IRQ, SoftIRQ, Vectors, Faults, Syscalls, TCP, Marks, Steal, Runtime}
}

// Default returns the groups that are on if a Config names none.
func Default() []Group {
	return []Group{RunQueue, Preempt, Migrate, IRQ, SoftIRQ, Vectors, Faults, Steal, Runtime}
}

// Bounds of a Config.
const (
	MaxProcesses = 8
	MaxPorts     = 8
)

// Config says what to watch. Its zero value watches every process with the default groups.
type Config struct {
	// PIDs are the processes to follow, at most MaxProcesses; none: every process. What happens to the threads of others is not
	// counted, which also makes it cheap.
	PIDs []int
	// PinnedOnly follows only those threads that may run on a single core: of a Go process its pinned pollers, not the runtime's
	// own threads. Group Marks follows all of a process.
	PinnedOnly bool
	// Groups are what to measure; none: Default().
	Groups []Group
	// Cores are those to report on; none: all.
	Cores []int
	// Ports choose the connections of group TCP, by the port of either end, at most MaxPorts; none: all connections.
	Ports []uint16
	// InterruptCost is what an interrupt takes beyond its handler, see InterruptCost; 0: count handlers alone.
	InterruptCost time.Duration
}

// check says what is wrong with a configuration, as far as the configuration alone shows it.
func (c *Config) check() error {
	if len(c.PIDs) > MaxProcesses {
		return fmt.Errorf("%w: %d processes; give at most %d, or none to follow all", ErrConfig, len(c.PIDs), MaxProcesses)
	}
	if len(c.Ports) > MaxPorts {
		return fmt.Errorf("%w: %d ports; give at most %d, or none for all connections", ErrConfig, len(c.Ports), MaxPorts)
	}
	if slices.Contains(c.Ports, 0) {
		return fmt.Errorf("%w: port 0; give 1 to 65535", ErrConfig)
	}
	if c.InterruptCost < 0 {
		return fmt.Errorf("%w: an interrupt cost of %v; give 0 or more", ErrConfig, c.InterruptCost)
	}
	for _, g := range c.Groups {
		if !slices.Contains(Groups(), g) {
			return fmt.Errorf("%w: group %q is unknown; there are %v", ErrConfig, g, Groups())
		}
	}
	if c.wants(Marks) && len(c.PIDs) == 0 {
		return fmt.Errorf("%w: group %s is attached to processes; give the ids of those that send and those that receive", ErrConfig, Marks)
	}
	for _, core := range c.Cores {
		if core < 0 {
			return fmt.Errorf("%w: core %d; give 0 or more", ErrConfig, core)
		}
	}
	return nil
}

// wants says whether a group is asked for.
func (c *Config) wants(g Group) bool {
	if len(c.Groups) == 0 {
		return slices.Contains(Default(), g)
	}
	return slices.Contains(c.Groups, g)
}
