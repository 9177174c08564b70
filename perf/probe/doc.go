// Package probe says where each core's time goes: how long threads wait for a core after a wake or a preemption, who took it from
// them, what interrupts stole, where pages faulted, what the hypervisor kept, what Go's own runtime did.
//
// Most of it is counted in the kernel, by small programs (eBPF, attached to tracepoints) that add to counters which user space has mapped. So
// events cost no copy, no wake and no system call, and none is lost for want of room in a buffer; what is not counted is
// counted as such.
//
//	p, err := probe.Start(probe.Config{PIDs: []int{pid}, PinnedOnly: true})
//	...
//	before, err := p.Snapshot()
//	... // a second later
//	after, err := p.Snapshot()
//	for _, core := range after.Sub(before).Cores {
//		fmt.Println(core.ID, core.RunQueue.Preempted.Quantile(0.99), core.Stolen.Sum())
//	}
//	err = p.Close()
//
// # Groups, and what they need
//
// Each [Group] is loaded and attached on its own: what this kernel or machine refuses of one leaves the others at work, and
// [Probe.Status] says what is missing and how to get it. Those in the kernel need CAP_BPF and CAP_PERFMON (or root), Linux 5.11 and its
// description of its own types (CONFIG_DEBUG_INFO_BTF); once attached, the capabilities may be dropped: [DropCapabilities]. Groups
// steal and runtime, and [Gaps], need nothing.
//
//	group     events (tracepoints)                            kept for each core
//	runq      sched_waking, sched_wakeup_new, sched_switch    4 histograms: doorbell, woken, preempted, stopped
//	preempt   sched_switch                                    up to 256 threads: how often, how long
//	migrate   sched_migrate_task                              3 counters
//	irq       irq_handler_entry, _exit                        1 histogram
//	softirq   softirq_entry, _exit                            10 histograms
//	vectors   local_timer_, reschedule_, call_function_,      5 histograms
//	          call_function_single_, irq_work_entry, _exit
//	          (on arm64: ipi_entry, _exit)
//	faults    page_fault_user                                 3 counters
//	syscalls  sys_enter, sys_exit                             1 histogram, 512 pairs of counters
//	tcp       tcp_probe                                       1 histogram
//	marks     uprobes of package internal/mark's functions    4 counters, 2 histograms
//
// Group marks needs no description of types, but CAP_SYS_ADMIN too with kernels since July 2025 (Linux 6.16 and what was corrected then: CVE-2025-38466).
// It finds its functions in stripped programs too, but for those that were linked with C code.
//
// Groups runq and preempt share a program where both are on, as calling one costs more than what it does. A program exists in two forms. The one that reads the kernel's types in place (tp_btf) comes first; where a kernel refuses it, the one
// that copies them (a raw tracepoint) stands in.
//
// # Who holds what
//
// [Probe] holds programs, links and mapped memory. Nothing is pinned in a file system: when the process ends, however it
// does, the kernel detaches and frees everything. Any number of Probes may be at work at the same time, in any number of processes.
//
// # In the kernel
//
// The sources are in perf/probe/bpf; what is compiled of them is in perf/probe/internal/objects, so that nobody needs a compiler for
// them. Which processes are followed, and whether only pinned threads, are constants when a program is loaded: the kernel drops the
// branches for all else. Beyond the call itself, an event of a thread that is not followed costs two loads and a
// comparison.
//
// What a core counts is one value of an array, at its id:
//
//	core 0            core 1            core 2
//	+-----------------+-----------------+--
//	| counters        | counters        |        8 bytes each, in the order of the struct in bpf/GROUP.h or .c
//	| histogram       | histogram       |
//	| histogram       | ...             |
//	+-----------------+-----------------+--
//
// Only the core itself writes its value, but for counters that say so, to which cores add atomically. User space reads. Each word is read
// whole, but two words may be from before and after an event; they agree when nothing happens.
//
// A histogram is
//
//	offset  0        8        16                                       16 + 8 * 1024
//	        +--------+--------+--------+--------+-- ... --+--------+
//	        |  sum   |  max   |  b[0]  |  b[1]  |         | b[1023]|
//	        +--------+--------+--------+--------+-- ... --+--------+
//
// where b[i] counts the values (ns) from low up to, and not including, low + width:
//
//	i            low                              width
//	0 to 31      i                                1
//	32 to 1023   (32 + i mod 32) << (i/32 - 1)    1 << (i/32 - 1)
//
// So a bucket is 1/32 of its values wide at most, and its middle 1/64 off at most. Values from 2^36 ns (69 s) on count in the last.
//
// What begins in one event and ends in another is kept in between in a slot of a table, the thread's id modulo 65,536. Where ids
// are larger, two threads may share a slot; then the first one's end finds it taken and is counted as missed. For marks it is the message's stamp,
// modulo 16,384 after it was scattered.
//
// The counters of a core take 32 KiB for runq, 129 KiB for the interrupts together, 12 KiB for preempt, 16 KiB for syscalls, 8 KiB for tcp, 16 KiB
// for marks, for each core that the machine could have; the tables take 1 MiB for runq, 1 MiB for syscalls, 512 KiB for preempt, 256 KiB for
// marks.
package probe
