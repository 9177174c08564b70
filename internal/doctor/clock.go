package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

func clockGroup() group {
	return group{"clock and power", []check{
		{"governor", "a core that saves power needs time to speed up: the first messages after a pause are slow", governor},
		{"turbo", "clock rates above the base come and go with load and heat, so figures differ between runs", turbo},
		{"clocksource", "reading the time without a system call, which deadlines and histograms do all the time", clocksource},
		{"hypervisor", "a virtual core may stand still while its host runs another: the tails of a histogram then show the host", hypervisor},
	}}
}

func governor(h *Host) answer {
	mine, err := h.allowed()
	if err != nil {
		return unread(err)
	}
	var names []string
	for _, c := range mine {
		g, err := h.text(fmt.Sprintf("sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", c))
		if errors.Is(err, fs.ErrNotExist) {
			return unknown("not told here", "a virtual machine's host, or the firmware, decides")
		}
		if err != nil {
			return unread(err)
		}
		if !slices.Contains(names, g) {
			names = append(names, g)
		}
	}
	value := strings.Join(names, ", ")
	if value != "performance" {
		return warn(value, "cpupower frequency-set -g performance")
	}
	return ok(value)
}

func turbo(h *Host) answer {
	const (
		noTurbo = "sys/devices/system/cpu/intel_pstate/no_turbo"
		boost   = "sys/devices/system/cpu/cpufreq/boost"
	)
	if off, err := h.number(noTurbo); err == nil {
		return turboIs(off == 0, "echo 1 > /"+noTurbo)
	}
	if on, err := h.number(boost); err == nil {
		return turboIs(on != 0, "echo 0 > /"+boost)
	}
	return unknown("not told here", "a virtual machine's host, or the firmware, decides")
}

func turboIs(on bool, off string) answer {
	if on {
		return warn("on", off+" while measuring; in service it may stay on")
	}
	return ok("off")
}

func clocksource(h *Host) answer {
	const dir = "sys/devices/system/clocksource/clocksource0/"
	now, err := h.text(dir + "current_clocksource")
	if err != nil {
		return unread(err)
	}
	switch now {
	case "tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page":
		return ok(now) // each is read in user space
	}
	if have, err := h.text(dir + "available_clocksource"); err == nil && slices.Contains(strings.Fields(have), "tsc") {
		return warn(now, "echo tsc > /"+dir+"current_clocksource")
	}
	return warn(now, "boot with tsc=reliable if the kernel gave up on the TSC, and see why in its log")
}

func hypervisor(h *Host) answer {
	const fix = "for figures to publish: hardware of its own, or an instance with dedicated cores"
	if kind, err := h.text("sys/hypervisor/type"); err == nil && kind != "" {
		return warn(kind, fix)
	}
	product, _ := h.text("sys/class/dmi/id/product_name")
	flags, err := h.field("proc/cpuinfo", "flags")
	switch {
	case err == nil && slices.Contains(strings.Fields(flags), "hypervisor"):
		return warn(cmp.Or(product, "yes"), fix)
	case err == nil:
		return ok("none")
	case virtualProduct(product): // arm64 has no such flag
		return warn(product, fix)
	}
	return unknown(cmp.Or(product, "not told here"), "")
}

func virtualProduct(name string) bool {
	for _, v := range []string{"KVM", "QEMU", "Virtual", "VMware", "HVM domU"} {
		if strings.Contains(name, v) {
			return true
		}
	}
	return false
}
