package doctor

import (
	"slices"
	"strings"
)

func bootRemedies() []remedy {
	return []remedy{
		{"boot options", "isolcpus: no other thread and no movable interrupt on these cores; nohz_full: no timer tick while one thread runs (microseconds at p99.9); " +
			"rcu_nocbs: the kernel's deferred frees elsewhere", bootRemedy},
		{"clock source", "reading the time without a system call, some 20 ns instead of hundreds", clockRemedy},
	}
}

// bootRemedy names the options that do not cover our cores yet: Documentation/admin-guide/kernel-parameters.txt of Linux.
func bootRemedy(h *Host, s split) Remedy {
	list := formatCores(s.mine)
	var options []string
	for _, o := range []struct{ name, value string }{
		{"isolcpus", "domain,managed_irq," + list}, {"nohz_full", list}, {"rcu_nocbs", list}, {"irqaffinity", formatCores(s.rest)},
	} {
		if v, found := h.bootOption(o.name); !found || !covers(o.name, v, s) {
			options = append(options, o.name+"="+o.value)
		}
	}
	if len(options) == 0 {
		return so("these cores are in all of them")
	}
	all := strings.Join(options, " ")
	return atBoot("not set for all of these cores",
		"grubby --update-kernel=ALL --args='"+all+"' # where there is grubby; else:",
		"# add to GRUB_CMDLINE_LINUX in /etc/default/grub, and run update-grub: "+all)
}

// covers says whether an option's value is good for these cores: that of isolcpus begins with flags.
func covers(name, value string, s split) bool {
	parts := slices.DeleteFunc(strings.Split(value, ","), func(p string) bool { return p == "" || p[0] < '0' || p[0] > '9' })
	cores, err := parseCores(strings.Join(parts, ","))
	if err != nil {
		return false
	}
	if name == "irqaffinity" {
		return len(cores) > 0 && len(without(s.mine, cores)) == len(s.mine)
	}
	return len(without(s.mine, cores)) == 0
}

func clockRemedy(h *Host, _ split) Remedy {
	a := clocksource(h)
	command, isCommand := strings.CutPrefix(a.fix, "echo ")
	switch {
	case a.status == OK:
		return so(a.value)
	case isCommand:
		return todo(a.value, "echo "+command)
	}
	return elsewhere(a.value + "; " + a.fix)
}
