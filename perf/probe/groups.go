package probe

import (
	"github.com/cilium/ebpf"

	"github.com/corechan/corechan/perf/probe/internal/objects"
)

// object is what is loaded for a group of the kernel's, or for several that share programs.
type object struct {
	cores map[Group]string // for each group, the map with what each core counted
	load  func() (*ebpf.CollectionSpec, error)
	// sets are events that make sense together only: none of a set is attached if the kernel lacks one of it, and the object is
	// at work with at least one set. They are attached in this order, so that an end never lacks its beginning's program.
	sets [][]string
	// marks says that its programs are attached to the functions of package mark in the followed processes, and that it has no sets.
	marks bool
	// apart are objects for the same groups one by one, to fall back to.
	apart []object
}

// stolenCores is the map that the groups of interrupts share.
const stolenCores = objects.IrqMapStolenCores

// groups returns the object's groups, in the order of Groups.
func (o *object) groups() (all []Group) {
	for _, g := range Groups() {
		if o.cores[g] != "" {
			all = append(all, g)
		}
	}
	return all
}

// InKernel says whether a group's events are counted in the kernel, which takes privileges.
func (g Group) InKernel() bool { return g != Steal && g != Runtime }

// one is an object for one group.
func one(g Group, cores string, load func() (*ebpf.CollectionSpec, error), sets ...[]string) object {
	return object{cores: map[Group]string{g: cores}, load: load, sets: sets}
}

// kernelObjects returns what is to be loaded for the groups of the kernel that a configuration asks for.
func kernelObjects(c *Config) (chosen []object) {
	waits := []string{"sched_switch", "sched_wakeup_new", "sched_waking"}
	runq := one(RunQueue, objects.RunqMapRunqCores, objects.LoadRunq, waits)
	preempt := one(Preempt, objects.PreemptMapPreemptCores, objects.LoadPreempt, []string{"sched_switch"})
	all := []object{
		runq,
		preempt,
		one(Migrate, objects.MigrateMapMigrateCores, objects.LoadMigrate, []string{"sched_migrate_task"}),
		one(IRQ, stolenCores, objects.LoadIrq, []string{"irq_handler_exit", "irq_handler_entry"}),
		one(SoftIRQ, stolenCores, objects.LoadSoftirq, []string{"softirq_exit", "softirq_entry"}),
		one(Vectors, stolenCores, objects.LoadVectors, vectorSets()...),
		one(Faults, objects.FaultsMapFaultsCores, objects.LoadFaults, []string{"page_fault_user"}),
		one(Syscalls, objects.SyscallsMapSyscallsCores, objects.LoadSyscalls, []string{"sys_exit", "sys_enter"}),
		one(TCP, objects.TcpMapTcpCores, objects.LoadTcp, []string{"tcp_probe"}),
		{cores: map[Group]string{Marks: objects.MarksMapMarksCores}, load: objects.LoadMarks, marks: true},
	}
	if c.wants(RunQueue) && c.wants(Preempt) {
		chosen = append(chosen, object{
			cores: map[Group]string{RunQueue: objects.SchedMapRunqCores, Preempt: objects.SchedMapPreemptCores},
			load:  objects.LoadSched, sets: [][]string{waits}, apart: all[:2],
		})
		all = all[2:]
	}
	for _, o := range all {
		if c.wants(o.groups()[0]) {
			chosen = append(chosen, o)
		}
	}
	return chosen
}
