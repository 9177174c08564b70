package main

import (
	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/probe"
)

// probeFlags say what is to be counted.
type probeFlags struct {
	Pid    []int         `placeholder:"PID" help:"Follow these processes only, at most 8. Default: every process."`
	Pinned bool          `help:"Follow only threads that may run on a single core."`
	Cores  string        `placeholder:"LIST" help:"Report on these cores only, for instance 2-3. Default: all."`
	Groups []probe.Group `placeholder:"NAME" help:"What to measure, see corechan trace --help. Default: all but syscalls, tcp and marks."`
	Ports  []uint16      `placeholder:"PORT" help:"For group tcp: connections with one of these ports at either end, at most 8. Default: all."`
}

func (f *probeFlags) config() (probe.Config, error) {
	config := probe.Config{PIDs: f.Pid, PinnedOnly: f.Pinned, Groups: f.Groups, Ports: f.Ports}
	if f.Cores != "" {
		cores, err := perf.ParseCores(f.Cores)
		if err != nil {
			return config, err
		}
		config.Cores = cores
	}
	return config, nil
}
