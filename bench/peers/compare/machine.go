package compare

import (
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is where a comparison was made.
type Machine struct {
	CPU         string `json:"cpu"`
	Cores       int    `json:"cores"`
	Virtual     bool   `json:"virtual"`
	Governor    string `json:"governor"`
	ClockSource string `json:"clock_source"`
	Kernel      string `json:"kernel"`
	CommandLine string `json:"kernel_command_line"`
	Go          string `json:"go"`
	Arch        string `json:"arch"`
	LoadBefore  string `json:"load_before"` // as /proc/loadavg has it
	LoadAfter   string `json:"load_after"`
}

func thisMachine() Machine {
	m := Machine{
		Cores: runtime.NumCPU(), Go: runtime.Version(), Arch: runtime.GOARCH, LoadBefore: load(),
		Governor:    first("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "none"),
		ClockSource: first("/sys/devices/system/clocksource/clocksource0/current_clocksource", "not known"),
		CommandLine: first("/proc/cmdline", "not known"), CPU: "not known",
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	b, _ := os.ReadFile("/proc/cpuinfo")
	for l := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(l, ":")
		switch value = strings.TrimSpace(value); strings.TrimSpace(name) {
		case "model name":
			m.CPU = value
		case "flags":
			m.Virtual = strings.Contains(" "+value+" ", " hypervisor ")
		}
	}
	return m
}

// load is how busy the machine has been in the last minutes.
func load() string {
	f := strings.Fields(first("/proc/loadavg", ""))
	return strings.Join(f[:min(3, len(f))], " ")
}

// first returns the first line of a file, or what to say without it.
func first(path, without string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return without
	}
	l, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(l)
}

// commit is that of the working tree, with + if it has changes.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "not known"
	}
	c := strings.TrimSpace(string(out))
	if out, err = exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err != nil || len(out) > 0 {
		c += "+"
	}
	return c
}
