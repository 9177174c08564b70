package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

func powerRemedies() []remedy {
	return []remedy{
		{"governor", "cores at full clock rate at once: a core that saves power needs time to speed up, so the first messages after a pause are slow; costs power", governorRemedy},
		{"turbo", "figures that agree from run to run: the rate no longer depends on load and heat. For measuring; in service leave it on", turboRemedy},
		{"C-states", "a sleeping core that wakes in a microsecond instead of up to a few hundred: matters to receivers that block; costs power", sleepRemedy},
	}
}

func governorRemedy(h *Host, s split) Remedy {
	var commands []string
	now := ""
	for _, c := range s.mine {
		file := fmt.Sprintf("sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", c)
		g, err := h.text(file)
		if err != nil {
			return elsewhere("a virtual machine's host, or the firmware, decides")
		}
		now = g
		if g != "performance" {
			commands = append(commands, "echo performance > /"+file)
		}
	}
	if len(commands) == 0 {
		return so(now)
	}
	return todo("not performance", commands...)
}

func turboRemedy(h *Host, _ split) Remedy {
	a := turbo(h)
	switch a.status {
	case OK:
		return so(a.value)
	case Unknown:
		return elsewhere("a virtual machine's host, or the firmware, decides")
	}
	command, _, _ := strings.Cut(a.fix, " while") // what stands before the advice
	return todo(a.value, command)
}

// shallow is how many microseconds a state may take to leave that is not worth to be forbidden.
const shallow = 10

// sleepRemedy forbids the states of idle cores that take long to leave: Documentation/admin-guide/pm/cpuidle.rst of Linux.
func sleepRemedy(h *Host, s split) Remedy {
	var commands []string
	seen := false
	for _, c := range s.mine {
		for n := range 16 {
			dir := fmt.Sprintf("sys/devices/system/cpu/cpu%d/cpuidle/state%d", c, n)
			latency, err := h.number(dir + "/latency")
			if err != nil {
				break
			}
			seen = true
			if off, err := h.number(dir + "/disable"); err == nil && off == 0 && latency > shallow {
				commands = append(commands, "echo 1 > /"+dir+"/disable # takes "+strconv.FormatInt(latency, 10)+" us to leave")
			}
		}
	}
	switch {
	case !seen:
		return elsewhere("a virtual machine's host, or the firmware, decides")
	case len(commands) == 0:
		return so("none that takes more than " + strconv.Itoa(shallow) + " us to leave")
	}
	return todo("deep states are allowed; corechan run --awake forbids them for one command alone", commands...)
}
