package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/probe"
)

// bare runs an eventfd ping-pong between two pinned threads of this process, in slices with and without probes. The slices are short and
// of one pair of threads, so that this is steadier than whole measurements.
func bare(rounds int, config probe.Config) error {
	trip, err := eventfds()
	if err != nil {
		return err
	}
	probes := map[string]*probe.Probe{}
	for _, way := range []string{follow, all} {
		c := config
		if way == follow {
			c.PIDs = []int{os.Getpid()}
		}
		p, err := probe.Start(c)
		if err != nil {
			return err
		}
		defer p.Close()
		if err := p.Pause(); err != nil {
			return err
		}
		probes[way] = p
	}
	ns := map[string][]float64{}
	for range rounds {
		for _, way := range []string{without, follow, all} {
			p := probes[way]
			if p == nil {
				ns[way] = append(ns[way], slice(trip))
				continue
			}
			if err := p.Resume(); err != nil {
				return err
			}
			ns[way] = append(ns[way], slice(trip))
			if err := p.Pause(); err != nil {
				return err
			}
		}
	}
	print(ns)
	return nil
}

// slice returns the median round trip, in ns, of a short time.
func slice(trip func()) float64 {
	const warm, measured = 500, 2000
	times := make([]float64, 0, measured)
	for i := range warm + measured {
		begin := time.Now()
		trip()
		if i >= warm {
			times = append(times, float64(time.Since(begin)))
		}
	}
	return median(times)
}

// eventfds returns what makes one round trip; it locks the calling goroutine to a thread.
func eventfds() (trip func(), err error) {
	there, err := unix.Eventfd(0, 0)
	if err != nil {
		return nil, err
	}
	back, err := unix.Eventfd(0, 0)
	if err != nil {
		return nil, err
	}
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return nil, err
	}
	var cores []int
	for core := 0; len(cores) < min(2, allowed.Count()); core++ {
		if allowed.IsSet(core) {
			cores = append(cores, core)
		}
	}
	if len(cores) < 2 {
		return nil, fmt.Errorf("two cores are needed")
	}
	pin := func(core int) {
		runtime.LockOSThread()
		var set unix.CPUSet
		set.Set(core)
		unix.SchedSetaffinity(0, &set)
	}
	go func() {
		pin(cores[1])
		word := make([]byte, 8)
		for {
			unix.Read(there, word)
			unix.Write(back, word)
		}
	}()
	pin(cores[0])
	word := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	return func() {
		unix.Write(there, word)
		unix.Read(back, word)
	}, nil
}

// print prints the median of each way, and of the rounds' ratios: the runs of a round are close in time, so their ratios are steadier.
func print(ns map[string][]float64) {
	base := median(ns[without])
	for _, way := range []string{without, follow, all} {
		var ratios []float64
		for i := range ns[way] {
			ratios = append(ratios, ns[way][i]/ns[without][i])
		}
		fmt.Printf("%-10s p50 %8.0f ns  %+5.1f %%  median of the rounds' ratios %+5.1f %%  least %.0f\n",
			way, median(ns[way]), 100*(median(ns[way])/base-1), 100*(median(ratios)-1), slices.Min(ns[way]))
	}
}
