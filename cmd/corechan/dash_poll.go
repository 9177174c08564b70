package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/dash"
	"github.com/corechan/corechan/perf/probe"
)

// polled returns the cores of --poll.
func (c *dashCmd) polled() ([]int, error) {
	if c.Poll == "" {
		return nil, nil
	}
	cores, err := perf.ParseCores(c.Poll)
	if err != nil {
		return nil, err
	}
	var may unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return nil, err
	}
	for _, core := range cores {
		if !may.IsSet(core) {
			return nil, fmt.Errorf("%w: --poll %s: core %d is not there, or not for this process", errUsage, c.Poll, core)
		}
	}
	return cores, nil
}

// startPollers spins on cores until stop.
func startPollers(ctx context.Context, cores []int, cost time.Duration) (list []dash.Poller, stop func(), err error) {
	if len(cores) == 0 {
		return nil, func() {}, nil
	}
	// What they found is explained by what is counted of them alone.
	p, err := probe.Start(probe.Config{PIDs: []int{os.Getpid()}, PinnedOnly: true, Groups: dash.Explaining(), Cores: cores, InterruptCost: cost})
	if err != nil {
		return nil, nil, err
	}
	explains := p
	for _, s := range p.Status() {
		if s.State == probe.Failed {
			explains = nil
		}
	}
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + len(cores)) // these never give theirs back
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, core := range cores {
		one := dash.Poller{Core: core, Gaps: probe.NewGaps(0), Probe: explains}
		list = append(list, one)
		all.Go(func() { _ = dash.Spin(ctx, core, one.Gaps) }) // it may: see above
	}
	return list, func() {
		cancel()
		all.Wait()
		p.Close()
	}, nil
}
