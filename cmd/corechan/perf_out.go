package main

import (
	"fmt"
	"strings"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/result"
)

// outFlags say what a measurement leaves behind beside what it prints.
type outFlags struct {
	Out        string `placeholder:"FILE|DIR" help:"Write all that was measured to a file, for perf compare and perf report: percentiles, histograms, each run, the environment. A folder gets a file named after what was measured and when; a result that was disturbed has .noisy in its name."`
	CPUProfile string `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of each process, for go tool pprof and for the flame graph of perf report. The second one's has .peer in its name. The result counts as noisy."`
	Trace      string `placeholder:"FILE" help:"Write an execution trace of each process, for go tool trace, in the same way."`
}

// prepare says what to collect, and refuses a place that cannot be written to before anything is measured.
func (f *outFlags) prepare(c *perf.Config, o *perf.Options) error {
	c.Profile = perf.Profile{CPU: f.CPUProfile, Trace: f.Trace}
	if f.Out == "" {
		return nil
	}
	o.Result = &result.Result{}
	return result.CheckTarget(f.Out)
}

// write writes what was collected, and says where it is, and what to think of it.
func (f *outFlags) write(a *app, r *result.Result) error {
	if r == nil {
		return nil
	}
	path, err := result.Write(f.Out, r)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "Written to %s\n", path)
	for _, m := range r.Marks {
		fmt.Fprintf(a.stderr, "Noisy: %s (%s)\n", strings.TrimSpace(m.Text), m.Kind)
	}
	return nil
}
