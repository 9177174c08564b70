package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/probe"
)

// programs prints what each program in the kernel takes of an eventfd ping-pong between two pinned threads of this process, by the
// kernel's own count. To keep that costs too: a program that does nothing is counted with some 35 ns.
func programs(rounds int, config probe.Config, way string) error {
	trip, err := eventfds()
	if err != nil {
		return err
	}
	before, err := loaded()
	if err != nil {
		return err
	}
	if way == follow {
		config.PIDs = []int{os.Getpid()}
	}
	p, err := probe.Start(config)
	if err != nil {
		return err
	}
	defer p.Close()
	after, err := loaded()
	if err != nil {
		return err
	}
	var own []*ebpf.Program
	for _, id := range after {
		if slices.Contains(before, id) {
			continue
		}
		one, err := ebpf.NewProgramFromID(id)
		if err != nil {
			return err
		}
		defer one.Close()
		own = append(own, one)
	}
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		return err
	}
	defer stats.Close()
	const trips = 10_000
	type figures struct{ runs, each, all []float64 }
	of := make([]figures, len(own))
	for range rounds {
		was := make([]*ebpf.ProgramStats, len(own))
		for i, one := range own {
			if was[i], err = one.Stats(); err != nil {
				return err
			}
		}
		for range trips {
			trip()
		}
		for i, one := range own {
			now, err := one.Stats()
			if err != nil {
				return err
			}
			runs, took := float64(now.RunCount-was[i].RunCount), float64(now.Runtime-was[i].Runtime)
			of[i].runs = append(of[i].runs, runs/trips)
			of[i].each = append(of[i].each, took/max(runs, 1))
			of[i].all = append(of[i].all, took/trips)
		}
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "program\truns a round trip\tns a run\tns a round trip\t")
	sum := 0.0
	for i, one := range own {
		info, err := one.Info()
		if err != nil {
			return err
		}
		if median(of[i].runs) < 0.005 {
			continue
		}
		fmt.Fprintf(t, "%s\t%.2f\t%.0f\t%.0f\t\n", info.Name, median(of[i].runs), median(of[i].each), median(of[i].all))
		sum += median(of[i].all)
	}
	fmt.Fprintf(t, "all\t\t\t%.0f\t\n", sum)
	return t.Flush()
}

// loaded returns the programs that there are in the kernel.
func loaded() (all []ebpf.ProgramID, err error) {
	for id := ebpf.ProgramID(0); ; all = append(all, id) {
		if id, err = ebpf.ProgramGetNextID(id); errors.Is(err, os.ErrNotExist) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
	}
}
