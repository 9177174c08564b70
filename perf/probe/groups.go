package probe

import (
	"github.com/cilium/ebpf"

	"github.com/corechan/corechan/perf/probe/internal/objects"
)

// object is what a group of the kernel's is made of.
type object struct {
	group Group
	load  func() (*ebpf.CollectionSpec, error)
	cores string // the map with what each core counted
	// sets are events that make sense together only: none of a set is attached if the kernel lacks one of it, and the group is
	// active with at least one set. They are attached in this order, so that an end never lacks its beginning's program.
	sets [][]string
}

// stolenCores is the map that the groups of interrupts share.
const stolenCores = objects.IrqMapStolenCores

// kernelGroups returns the groups that are loaded into the kernel, in the order of Groups.
func kernelGroups() []object {
	return []object{
		{RunQueue, objects.LoadRunq, objects.RunqMapRunqCores, [][]string{{"sched_switch", "sched_wakeup_new", "sched_waking"}}},
		{Preempt, objects.LoadPreempt, objects.PreemptMapPreemptCores, [][]string{{"sched_switch"}}},
		{Migrate, objects.LoadMigrate, objects.MigrateMapMigrateCores, [][]string{{"sched_migrate_task"}}},
		{IRQ, objects.LoadIrq, stolenCores, [][]string{{"irq_handler_exit", "irq_handler_entry"}}},
		{SoftIRQ, objects.LoadSoftirq, stolenCores, [][]string{{"softirq_exit", "softirq_entry"}}},
		{Vectors, objects.LoadVectors, stolenCores, vectorSets()},
		{Faults, objects.LoadFaults, objects.FaultsMapFaultsCores, [][]string{{"page_fault_user"}}},
		{Syscalls, objects.LoadSyscalls, objects.SyscallsMapSyscallsCores, [][]string{{"sys_exit", "sys_enter"}}},
		{TCP, objects.LoadTcp, objects.TcpMapTcpCores, [][]string{{"tcp_probe"}}},
	}
}
