package environment

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/corechan/corechan/internal/doctor"
)

// Read describes the machine, and the build that this process runs. It takes some milliseconds.
func Read(ctx context.Context) Environment {
	e := Environment{
		Time:    time.Now().UTC().Truncate(time.Second),
		Command: append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...),
		Arch:    runtime.GOARCH, GOMAXPROCS: runtime.GOMAXPROCS(0), Go: runtime.Version(),
		KernelCommand: text("/proc/cmdline"), CPU: model(text("/proc/cpuinfo")), MemoryBytes: memory(text("/proc/meminfo")),
	}
	fields := map[string]*string{ // by the names that doctor's findings have
		"release": &e.Kernel, "hypervisor": &e.Hypervisor,
		"allowed": &e.Cores, "quota": &e.Quota, "SMT siblings": &e.Siblings, "NUMA nodes": &e.NUMA,
		"isolcpus": &e.Isolated, "nohz_full": &e.NoTick, "rcu_nocbs": &e.NoCallbacks,
		"governor": &e.Governor, "turbo": &e.Turbo, "clocksource": &e.ClockSource,
	}
	for _, f := range doctor.Run(ctx) {
		if to := fields[f.Name]; to != nil && f.Status != doctor.Unknown {
			*to = f.Value
		}
	}
	e.built()
	return e
}

// built says what was built.
func (e *Environment) built() {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	e.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			e.Commit = s.Value
		case "vcs.modified":
			e.Modified = s.Value == "true"
		}
	}
}

// text is what a file holds, or empty if it cannot be read.
func text(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// field is the first value by a name in a file such as /proc/cpuinfo.
func field(file, name string) string {
	for line := range strings.Lines(file) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// model is the processor's name. Of those that have none (arm64), it is who made it, and which of its parts it is.
func model(cpuinfo string) string {
	if name := field(cpuinfo, "model name"); name != "" {
		return name
	}
	if part := field(cpuinfo, "CPU part"); part != "" {
		return "implementer " + field(cpuinfo, "CPU implementer") + ", part " + part
	}
	return ""
}

func memory(meminfo string) int64 {
	kib, err := strconv.ParseInt(strings.TrimSuffix(field(meminfo, "MemTotal"), " kB"), 10, 53)
	if err != nil {
		return 0
	}
	return kib << 10
}
