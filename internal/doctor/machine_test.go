package doctor

import "testing/fstest"

// tree is a fake proc and sys: paths and contents.
type tree map[string]string

func (t tree) with(more tree) tree {
	sum := tree{}
	for _, m := range []tree{t, more} {
		for path, content := range m {
			sum[path] = content
		}
	}
	return sum
}

func (t tree) files() fstest.MapFS {
	fsys := fstest.MapFS{}
	for path, content := range t {
		fsys[path] = &fstest.MapFile{Data: []byte(content)}
	}
	return fsys
}

// works are the probes of a machine on which everything works.
func works() Probes {
	yes := func() error { return nil }
	return Probes{
		FutureWrite: yes, NoexecSeal: yes, PeerPidfd: yes, PidfdOpen: yes, EpollPwait2: yes, HardwareCounter: yes,
		Membarrier: func() (uint, error) { return globalExpedited | privateExpedited, nil },
		GOMAXPROCS: func() int { return 2 },
	}
}

// fails are the probes of a machine on which every system call fails with err.
func fails(err error) Probes {
	no := func() error { return err }
	return Probes{
		FutureWrite: no, NoexecSeal: no, PeerPidfd: no, PidfdOpen: no, EpollPwait2: no, HardwareCounter: no,
		Membarrier: func() (uint, error) { return 0, err },
		GOMAXPROCS: func() int { return 1 },
	}
}

const user = "CapEff:\t0000000000000000\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n"

// full is a machine that has it all, run as root.
var full = tree{
	"proc/cmdline":                              "quiet isolcpus=2-3 nohz_full=2-3\n",
	"proc/cpuinfo":                              "processor\t: 0\nflags\t\t: fpu sse\n",
	"proc/meminfo":                              "MemTotal:  16384 kB\nSwapTotal:   0 kB\n",
	"proc/self/cgroup":                          "0::/a/b\n",
	"proc/self/limits":                          "Limit Soft Hard\nMax open files  20000  1048576  files\nMax locked memory  8388608  8388608  bytes\nMax address space  unlimited  unlimited  bytes\nMax realtime priority  0  0\n",
	"proc/self/status":                          "CapEff:\t000001ffffffffff\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n",
	"proc/sys/kernel/osrelease":                 "6.18.0-test\n",
	"proc/sys/kernel/perf_event_paranoid":       "2\n",
	"proc/sys/kernel/unprivileged_bpf_disabled": "2\n",
	"proc/sys/vm/memfd_noexec":                  "1\n",
	"proc/sys/vm/overcommit_memory":             "0\n",

	"sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet acpi_pm \n",
	"sys/devices/system/clocksource/clocksource0/current_clocksource":   "tsc\n",

	"sys/devices/system/cpu/online":                             "0-3\n",
	"sys/devices/system/cpu/isolated":                           "2-3\n",
	"sys/devices/system/cpu/nohz_full":                          "2-3\n",
	"sys/devices/system/cpu/intel_pstate/no_turbo":              "1\n",
	"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor":      "performance\n",
	"sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0\n",
	"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor":      "performance\n",
	"sys/devices/system/cpu/cpu1/topology/thread_siblings_list": "1\n",
	"sys/devices/system/node/online":                            "0\n",
	"sys/devices/system/node/node0/cpulist":                     "0-3\n",

	"sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
	"sys/fs/cgroup/a/b/cpu.max":        "max 100000\n",
	"sys/fs/cgroup/a/b/memory.max":     "max\n",

	"sys/kernel/btf/vmlinux":                                  "btf",
	"sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages":   "4\n",
	"sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages": "3\n",
	"sys/kernel/mm/transparent_hugepage/shmem_enabled":        "always within_size [advise] never deny force\n",
}
