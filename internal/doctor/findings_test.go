package doctor

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFindings looks at one finding on machines that differ from the full one.
func TestFindings(t *testing.T) {
	const (
		absent = "-" // content of a file that is not there
		cpu    = "sys/devices/system/cpu/"
		clock  = "sys/devices/system/clocksource/clocksource0/"
		status = "proc/self/status"
		limits = "proc/self/limits"
		cgroup = "proc/self/cgroup"
	)
	without := func(paths ...string) tree {
		files := tree{}
		for _, p := range paths {
			files[p] = absent
		}
		return files
	}
	failing := func(set func(*Probes)) Probes {
		p := works()
		set(&p)
		return p
	}
	tests := []struct {
		finding string
		machine string
		files   tree
		probes  Probes
		value   string
		status  Status
	}{
		{"release", "new", nil, works(), "6.18.0-test", OK},
		{"release", "past its time", tree{"proc/sys/kernel/osrelease": "5.4.1"}, works(), "5.4.1", Warn},
		{"release", "ancient", tree{"proc/sys/kernel/osrelease": "4.19.0"}, works(), "4.19.0", Missing},
		{"release", "odd", tree{"proc/sys/kernel/osrelease": "next"}, works(), "next", Unknown},

		{"memfd seals", "kept", nil, works(), "tried and kept: shrink, grow, future write, seal", OK},
		{
			"memfd seals", "old kernel", nil,
			failing(func(p *Probes) {
				p.FutureWrite = func() error { return fmt.Errorf("F_ADD_SEALS: %w", unix.EINVAL) }
			}),
			"not in this kernel", Missing,
		},
		{
			"memfd seals", "not kept", nil,
			failing(func(p *Probes) { p.FutureWrite = func() error { return &brokenSeal{"write was allowed"} } }),
			"not kept: write was allowed", Missing,
		},
		{"MFD_NOEXEC_SEAL", "works", nil, works(), "works, vm.memfd_noexec is 1", OK},
		{"MFD_NOEXEC_SEAL", "no such setting", without("proc/sys/vm/memfd_noexec"), works(), "works", OK},
		{"pidfd_open", "seccomp", nil, fails(unix.EPERM), "refused: operation not permitted", Missing},
		{"membarrier", "both", nil, works(), "global expedited, private expedited", OK},
		{
			"membarrier", "global only", nil,
			failing(func(p *Probes) { p.Membarrier = func() (uint, error) { return 1, nil } }),
			"no expedited command (0x1)", Missing,
		},

		{"allowed", "all", nil, works(), "0-1 of 0-3 online", OK},
		{"allowed", "one", tree{status: "Cpus_allowed_list:\t3\n"}, works(), "3 of 0-3 online", Warn},
		{"allowed", "no sys", without(cpu + "online"), works(), "0-1", OK},
		{"allowed", "no proc", without(status), works(), "/proc/self/status: file does not exist", Unknown},

		{"quota", "none", nil, works(), "none", OK},
		{"quota", "of the group above", tree{"sys/fs/cgroup/a/cpu.max": "150000 100000"}, works(), "1.5 cores", Warn},
		{
			"quota", "the least counts",
			tree{"sys/fs/cgroup/a/cpu.max": "150000 100000", "sys/fs/cgroup/a/b/cpu.max": "400000 100000"},
			works(), "1.5 cores", Warn,
		},
		{
			"quota", "of a container that sees its path outside",
			tree{cgroup: "0::/../../elsewhere", "sys/fs/cgroup/cpu.max": "100000 100000"},
			works(), "1 core", Warn,
		},
		{
			"quota", "version 1",
			without("sys/fs/cgroup/cgroup.controllers").with(tree{
				cgroup:                                  "3:cpu,cpuacct:/a\n2:memory:/b\n0::/\n",
				"sys/fs/cgroup/cpu/a/cpu.cfs_quota_us":  "50000",
				"sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000",
				"sys/fs/cgroup/cpu/cpu.cfs_quota_us":    "-1",
				"sys/fs/cgroup/cpu/cpu.cfs_period_us":   "100000",
			}),
			works(), "0.5 cores", Warn,
		},
		{"quota", "no cgroups", without(cgroup), works(), "/proc/self/cgroup: file does not exist", Unknown},

		{"GOMAXPROCS", "one", nil, fails(unix.ENOSYS), "1", Warn},
		{"GOMAXPROCS", "as many as cores", nil, works(), "2", OK},
		{
			"GOMAXPROCS", "more than cores", nil,
			failing(func(p *Probes) { p.GOMAXPROCS = func() int { return 8 } }), "8 on 2 cores", Warn,
		},

		{"SMT siblings", "none", nil, works(), "none among the allowed cores", OK},
		{
			"SMT siblings", "a pair",
			tree{cpu + "cpu0/topology/thread_siblings_list": "0,2", cpu + "cpu1/topology/thread_siblings_list": "1,3"},
			works(), "share a core: 0,2; 1,3", OK,
		},
		{
			"SMT siblings", "no topology", without(cpu + "cpu1/topology/thread_siblings_list"),
			works(), "/" + cpu + "cpu1/topology/thread_siblings_list: file does not exist", Unknown,
		},

		{"NUMA nodes", "one", nil, works(), "1", OK},
		{"NUMA nodes", "no NUMA", without("sys/devices/system/node/online"), works(), "1 (the kernel has no NUMA)", OK},
		{
			"NUMA nodes", "allowed on two",
			tree{
				"sys/devices/system/node/online":        "0-1",
				"sys/devices/system/node/node0/cpulist": "0,2",
				"sys/devices/system/node/node1/cpulist": "1,3",
			},
			works(), "node 0: 0,2; node 1: 1,3", Warn,
		},
		{
			"NUMA nodes", "allowed on one of two",
			tree{
				"sys/devices/system/node/online":        "0-1",
				"sys/devices/system/node/node0/cpulist": "0-1",
				"sys/devices/system/node/node1/cpulist": "2-3",
			},
			works(), "2", OK,
		},

		{"isolcpus", "some", nil, works(), "2-3", OK},
		{"isolcpus", "none", tree{cpu + "isolated": "\n"}, works(), "no core", Missing},
		{"nohz_full", "some", nil, works(), "2-3", OK},
		{"nohz_full", "null", tree{cpu + "nohz_full": "(null)\n"}, works(), "no core", Missing},
		{"nohz_full", "not built", without(cpu + "nohz_full"), works(), "not in this kernel", Missing},
		{"rcu_nocbs", "booted with", tree{"proc/cmdline": "quiet rcu_nocbs=1 rcu_nocbs=2-3"}, works(), "2-3", OK},
		{"rcu_nocbs", "to be set later", tree{"proc/cmdline": "rcu_nocbs quiet"}, works(), "as set later", OK},
		{"rcu_nocbs", "implied", nil, works(), "2-3 (by nohz_full)", OK},
		{"rcu_nocbs", "none", without(cpu + "nohz_full"), works(), "no core", Missing},

		{"governor", "performance", nil, works(), "performance", OK},
		{
			"governor", "mixed",
			tree{cpu + "cpu1/cpufreq/scaling_governor": "powersave\n"},
			works(), "performance, powersave", Warn,
		},
		{"governor", "virtual machine", without(cpu + "cpu0/cpufreq/scaling_governor"), works(), "not told here", Unknown},
		{"turbo", "off by Intel's driver", nil, works(), "off", OK},
		{"turbo", "on by Intel's driver", tree{cpu + "intel_pstate/no_turbo": "0"}, works(), "on", Warn},
		{
			"turbo", "on by another driver",
			without(cpu + "intel_pstate/no_turbo").with(tree{cpu + "cpufreq/boost": "1"}), works(), "on", Warn,
		},
		{"turbo", "virtual machine", without(cpu + "intel_pstate/no_turbo"), works(), "not told here", Unknown},
		{"clocksource", "tsc", nil, works(), "tsc", OK},
		{"clocksource", "slow, by choice", tree{clock + "current_clocksource": "hpet"}, works(), "hpet", Warn},
		{
			"clocksource", "slow, by need",
			tree{clock + "current_clocksource": "hpet", clock + "available_clocksource": "hpet acpi_pm"},
			works(), "hpet", Warn,
		},
		{"hypervisor", "none", nil, works(), "none", OK},
		{
			"hypervisor", "by its flag",
			tree{"proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu hypervisor sse\n"},
			works(), "yes", Warn,
		},
		{"hypervisor", "by its name", tree{"sys/hypervisor/type": "xen\n"}, works(), "xen", Warn},
		{
			"hypervisor", "arm64, by its product",
			tree{"proc/cpuinfo": "Features\t: fp\n", "sys/class/dmi/id/product_name": "KVM Virtual Machine\n"},
			works(), "KVM Virtual Machine", Warn,
		},
		{"hypervisor", "arm64, no product", tree{"proc/cpuinfo": "Features\t: fp\n"}, works(), "not told here", Unknown},

		{"shmem", "advise", nil, works(), "advise", OK},
		{
			"shmem", "never",
			tree{"sys/kernel/mm/transparent_hugepage/shmem_enabled": "always advise [never] deny"},
			works(), "never", Missing,
		},
		{
			"shmem", "not built", without("sys/kernel/mm/transparent_hugepage/shmem_enabled"),
			works(), "not in this kernel", Missing,
		},
		{"hugetlb", "some free", nil, works(), "3 of 4 free of 2 MiB", OK},
		{
			"hugetlb", "all taken",
			tree{"sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages": "0"},
			works(), "0 of 4 free of 2 MiB", Warn,
		},
		{
			"hugetlb", "none set aside",
			tree{
				"sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages":    "0",
				"sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages":      "0",
				"sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages": "0",
				"sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages":   "0",
			},
			works(), "0 of 0 free of 2 MiB, 0 of 0 free of 1 GiB", Missing,
		},
		{
			"hugetlb", "half a pool", without("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"),
			works(), "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages: file does not exist", Unknown,
		},

		{"cgroup limit", "none", nil, works(), "none", OK},
		{"cgroup limit", "enough", tree{"sys/fs/cgroup/a/memory.max": "1610612736"}, works(), "1.5 GiB", OK},
		{"cgroup limit", "little", tree{"sys/fs/cgroup/a/b/memory.max": "67108864"}, works(), "64 MiB", Warn},
		{
			"cgroup limit", "version 1, none",
			without("sys/fs/cgroup/cgroup.controllers").with(tree{
				cgroup: "4:memory:/b\n", "sys/fs/cgroup/memory/b/memory.limit_in_bytes": "9223372036854771712",
			}),
			works(), "none", OK,
		},
		{
			"cgroup limit", "version 1, of the group above",
			without("sys/fs/cgroup/cgroup.controllers").with(tree{
				cgroup: "4:memory:/b/c\n", "sys/fs/cgroup/memory/b/memory.limit_in_bytes": "1048576",
			}),
			works(), "1 MiB", Warn,
		},
		{"overcommit", "heuristic", nil, works(), "0 (heuristic)", OK},
		{"overcommit", "strict", tree{"proc/sys/vm/overcommit_memory": "2"}, works(), "2 (strict)", Warn},
		{"swap", "none", nil, works(), "none", OK},
		{"swap", "some", tree{"proc/meminfo": "MemTotal: 5 kB\nSwapTotal:  2097148 kB\n"}, works(), "2.0 GiB", Warn},

		{"descriptors", "enough", nil, works(), "20000, at most 1048576", OK},
		{"descriptors", "few", tree{limits: "Max open files   1024   4096   files\n"}, works(), "1024, at most 4096", Warn},
		{"descriptors", "no line", tree{limits: "Max\n"}, works(), `/proc/self/limits has no "Max open files"`, Unknown},
		{
			"descriptors", "no number",
			tree{limits: "Max open files many files\n"},
			works(), `/proc/self/limits has "Max open files many files"`, Unknown,
		},
		{"locked memory", "root", nil, works(), "unlimited (CAP_IPC_LOCK)", OK},
		{"locked memory", "user", tree{status: user}, works(), "8 MiB", OK},
		{
			"locked memory", "little",
			tree{status: user, limits: "Max locked memory 65536 65536 bytes\n"},
			works(), "64 KiB", Warn,
		},
		{"address space", "unlimited", nil, works(), "unlimited", OK},
		{
			"address space", "limited",
			tree{limits: "Max address space 4294967296 unlimited bytes\n"},
			works(), "4 GiB", Warn,
		},

		{"BPF capabilities", "root", nil, works(), "CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN", OK},
		{"BPF capabilities", "just enough", tree{status: "CapEff:\t000000c000000000\n"}, works(), "CAP_BPF, CAP_PERFMON", OK},
		{"BPF capabilities", "half", tree{status: "CapEff:\t0000008000000000\n"}, works(), "CAP_BPF only", Missing},
		{"BPF capabilities", "user", tree{status: user}, works(), "none", Missing},
		{"BPF capabilities", "no number", tree{status: "CapEff:\tx\n"}, works(), `/proc/self/status has CapEff "x"`, Unknown},
		{"unprivileged BPF", "refused", nil, works(), "2 (refused, can be changed)", OK},
		{
			"unprivileged BPF", "no BPF", without("proc/sys/kernel/unprivileged_bpf_disabled"),
			works(), "the kernel has no bpf()", Missing,
		},
		{"BTF", "there", nil, works(), "3 B", OK},
		{"BTF", "not built", without("sys/kernel/btf/vmlinux"), works(), "no /sys/kernel/btf/vmlinux", Missing},
		{"perf_event_paranoid", "root", nil, works(), "2 (this process is exempt)", OK},
		{"perf_event_paranoid", "user", tree{status: user}, works(), "2 (own processes, user space only)", Warn},
		{
			"perf_event_paranoid", "user, refused",
			tree{status: user, "proc/sys/kernel/perf_event_paranoid": "4"},
			works(), "4 (refused)", Missing,
		},
		{
			"perf_event_paranoid", "user, allowed",
			tree{status: user, "proc/sys/kernel/perf_event_paranoid": "-1"},
			works(), "-1", OK,
		},
		{"hardware counters", "some", nil, works(), "cycles can be counted", OK},
		{"hardware counters", "no PMU", nil, fails(unix.ENOENT), "no counters on this processor", Missing},
		{"hardware counters", "refused", nil, fails(unix.EACCES), "refused: permission denied", Missing},
		{"SCHED_FIFO", "root", nil, works(), "allowed (CAP_SYS_NICE)", OK},
		{"SCHED_FIFO", "user", tree{status: user}, works(), "not allowed", Missing},
		{
			"SCHED_FIFO", "user with a limit",
			tree{status: user, limits: "Max realtime priority     50    50    \n"},
			works(), "allowed up to priority 50", OK,
		},
	}
	for _, tt := range tests {
		t.Run(tt.finding+"/"+tt.machine, func(t *testing.T) {
			files := full.with(tt.files)
			for path, content := range files {
				if content == absent {
					delete(files, path)
				}
			}
			h := &Host{Files: files.files(), Probes: tt.probes}
			f := find(t, h.Run(t.Context()), tt.finding)
			if f.Value != tt.value || f.Status != tt.status {
				t.Errorf("got  %s: %s\nwant %s: %s", f.Status, f.Value, tt.status, tt.value)
			}
			if f.Fix == "" && (f.Status == Warn || f.Status == Missing) {
				t.Error("no fix")
			}
		})
	}
}
