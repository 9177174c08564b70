package doctor

import (
	"bytes"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// four is a machine with four cores on which nothing is prepared.
var four = full.with(tree{
	"proc/cmdline":                                              "quiet\n",
	"proc/irq/24/smp_affinity_list":                             "0-3\n",
	"proc/irq/25/smp_affinity_list":                             "0\n",
	"proc/irq/default_smp_affinity":                             "f\n",
	"proc/self/limits":                                          "Limit Soft Hard\nMax open files  1024  4096  files\nMax locked memory  8388608  8388608  bytes\nMax realtime priority  0  0\n",
	"proc/meminfo":                                              "MemTotal:  16384 kB\nSwapTotal:   2048 kB\n",
	"proc/sys/kernel/nmi_watchdog":                              "1\n",
	"proc/sys/kernel/numa_balancing":                            "0\n",
	"proc/sys/kernel/sched_rt_runtime_us":                       "950000\n",
	"sys/devices/system/cpu/isolated":                           "\n",
	"sys/devices/system/cpu/intel_pstate/no_turbo":              "0\n",
	"sys/devices/system/cpu/cpu2/cpufreq/scaling_governor":      "powersave\n",
	"sys/devices/system/cpu/cpu3/cpufreq/scaling_governor":      "performance\n",
	"sys/devices/system/cpu/cpu2/topology/thread_siblings_list": "1-2\n",
	"sys/devices/system/cpu/cpu3/topology/thread_siblings_list": "3\n",
	"sys/devices/system/cpu/cpu2/cpuidle/state0/latency":        "0\n",
	"sys/devices/system/cpu/cpu2/cpuidle/state0/disable":        "0\n",
	"sys/devices/system/cpu/cpu2/cpuidle/state1/latency":        "133\n",
	"sys/devices/system/cpu/cpu2/cpuidle/state1/disable":        "0\n",
	"sys/devices/virtual/workqueue/cpumask":                     "f\n",
	"sys/kernel/mm/transparent_hugepage/enabled":                "[always] madvise never\n",
	"sys/kernel/mm/transparent_hugepage/shmem_enabled":          "always within_size advise [never] deny force\n",
})

func TestWhatIsNotPreparedGetsItsCommands(t *testing.T) {
	h := &Host{Files: four.files(), Probes: works()}
	cores, all, err := h.Remedies(t.Context(), "")
	if err != nil || cores != "2-3" {
		t.Fatalf("cores %s, %v", cores, err)
	}
	for name, want := range map[string][]string{
		"governor":             {"echo performance > /sys/devices/system/cpu/cpu2/cpufreq/scaling_governor"},
		"turbo":                {"echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo"},
		"C-states":             {"echo 1 > /sys/devices/system/cpu/cpu2/cpuidle/state1/disable # takes 133 us to leave"},
		"interrupts":           {"echo 3 > /proc/irq/default_smp_affinity", "echo 0-1 > \"$f\""},
		"workqueues":           {"echo 3 > /sys/devices/virtual/workqueue/cpumask"},
		"isolated cpuset":      {"echo 2-3 > /sys/fs/cgroup/corechan/cpuset.cpus", "echo isolated"},
		"SMT siblings":         {"echo 0 > /sys/devices/system/cpu/cpu1/online # shares a core with 2"},
		"watchdog":             {"sysctl -w kernel.nmi_watchdog=0"},
		"real-time share":      {"sysctl -w kernel.sched_rt_runtime_us=-1"},
		"huge pages on demand": {"echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"},
		"huge pages for rings": {"echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled"},
		"swap":                 {"swapoff -a"},
		"locked memory":        {"memlock unlimited", "LimitMEMLOCK"},
		"real-time priority":   {"rtprio 99", "LimitRTPRIO"},
		"descriptors":          {"nofile 1048576"},
		"boot options":         {"isolcpus=domain,managed_irq,2-3 nohz_full=2-3 rcu_nocbs=2-3 irqaffinity=0-1"},
	} {
		i := slices.IndexFunc(all, func(r Remedy) bool { return r.Name == name })
		if i < 0 || all[i].Status != Warn || all[i].Gives == "" || all[i].Now == "" {
			t.Errorf("%s: %+v", name, all)
			continue
		}
		for _, w := range want {
			if !strings.Contains(strings.Join(all[i].Commands, "\n"), w) {
				t.Errorf("%s: %q does not say %q", name, all[i].Commands, w)
			}
		}
	}
	for name, want := range map[string]Status{"NUMA balancing": OK, "statistics": Unknown, "clock source": OK} {
		i := slices.IndexFunc(all, func(r Remedy) bool { return r.Name == name })
		if all[i].Status != want || len(all[i].Commands) != 0 {
			t.Errorf("%+v", all[i])
		}
	}
}

// Cores that the system needs are not switched off.
func TestTheLastCoresStayOn(t *testing.T) {
	h := &Host{Files: four.with(tree{
		"sys/devices/system/cpu/cpu2/topology/thread_siblings_list": "0,2\n",
		"sys/devices/system/cpu/cpu3/topology/thread_siblings_list": "1,3\n",
	}).files(), Probes: works()}
	_, all, err := h.Remedies(t.Context(), "2-3")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(r Remedy) bool { return r.Name == "SMT siblings" })
	if all[i].Status != Unknown || len(all[i].Commands) != 0 || !strings.Contains(all[i].Now, "--cores") {
		t.Errorf("%+v", all[i])
	}
}

func TestWhatIsPreparedIsLeftAlone(t *testing.T) {
	ready := four.with(tree{
		"proc/cmdline":                                              "isolcpus=domain,managed_irq,2-3 nohz_full=2,3 rcu_nocbs=1-3 irqaffinity=0-1\n",
		"proc/irq/24/smp_affinity_list":                             "0-1\n",
		"sys/devices/system/cpu/isolated":                           "2-3\n",
		"sys/devices/virtual/workqueue/cpumask":                     "3\n",
		"sys/devices/system/cpu/cpu2/topology/thread_siblings_list": "2\n",
		"sys/devices/system/cpu/cpu3/topology/thread_siblings_list": "3\n",
	})
	h := &Host{Files: ready.files(), Probes: works()}
	_, all, err := h.Remedies(t.Context(), "2-3")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		switch r.Name {
		case "boot options", "interrupts", "isolated cpuset", "workqueues", "SMT siblings":
			if r.Status != OK || len(r.Commands) != 0 {
				t.Errorf("%+v", r)
			}
		}
	}
}

func TestCoresThatCannotBePreparedAreRefused(t *testing.T) {
	for list, says := range map[string]string{"7": "no core 7", "0-3": "leave one", "x": "not a list"} {
		h := &Host{Files: four.files(), Probes: works()}
		if _, _, err := h.Remedies(t.Context(), list); !errors.Is(err, ErrNoCores) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v does not say %q", list, err, says)
		}
	}
	one := &Host{Files: four.with(tree{"sys/devices/system/cpu/online": "0\n"}).files(), Probes: works()}
	if _, _, err := one.Remedies(t.Context(), ""); !errors.Is(err, ErrNoCores) {
		t.Errorf("one core: %v", err)
	}
}

// A shell reads what is printed; sh -n runs nothing.
func TestRemediesAreAScript(t *testing.T) {
	h := &Host{Files: four.files(), Probes: works()}
	cores, all, err := h.Remedies(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := PrintRemedies(&b, cores, all); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-n")
	cmd.Stdin = bytes.NewReader(b.Bytes())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s\n%s", err, out, &b)
	}
	if !strings.Contains(b.String(), "# Already so: ") || strings.Index(b.String(), "boot options") < strings.Index(b.String(), "swapoff") {
		t.Errorf("%s", &b)
	}
}

func TestMasksAreWrittenAsTheKernelDoes(t *testing.T) {
	for want, cores := range map[string][]int{"0": {}, "1": {0}, "f": {0, 1, 2, 3}, "1,00000001": {0, 32}, "80000000,00000000,00000000": {95}} {
		if got := mask(cores); got != want {
			t.Errorf("%v: %s, want %s", cores, got, want)
		}
	}
}
