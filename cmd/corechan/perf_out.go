package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/export"
	"github.com/corechan/corechan/perf/result"
)

// keepFlags say what a measurement prints, and where its result goes.
type keepFlags struct {
	Out    string `placeholder:"FILE|DIR" help:"Write all that was measured to a file, for perf compare, perf report and perf export: percentiles, histograms, each run, the environment. A folder gets a file named after what was measured and when; a result that was disturbed has .noisy in its name."`
	Format string `placeholder:"FORM" help:"What to print: text, json, or bench (Go benchmark lines, for benchstat). Default: text."`
	JSON   bool   `name:"json" help:"The same as --format json: one JSON object and nothing else."`
}

// prepare refuses what cannot be printed or written, before anything is measured.
func (f *keepFlags) prepare() (*result.Result, error) {
	if f.JSON && f.Format == "" {
		f.Format = "json"
	}
	switch {
	case f.Format == "":
		f.Format = "text"
	case f.Format != "text" && f.Format != "json" && f.Format != "bench":
		return nil, fmt.Errorf("%w: --format %q is unknown; use text, json or bench", perf.ErrConfig, f.Format)
	case f.JSON && f.Format != "json":
		return nil, fmt.Errorf("%w: --json and --format %s are both given; leave one out", perf.ErrConfig, f.Format)
	}
	if f.Out == "" {
		return &result.Result{}, nil
	}
	return &result.Result{}, result.CheckTarget(f.Out)
}

// finish writes the result and prints a report. Writing comes first: who reads standard output may have gone. That the run was
// interrupted is said last, when all is kept.
func (f *keepFlags) finish(a *app, report any, text func(io.Writer), r *result.Result, interrupted bool) error {
	var kept, err error
	if f.Out != "" {
		var path string
		if path, kept = result.Write(f.Out, r); kept == nil {
			fmt.Fprintf(a.stderr, "Written to %s\n", path)
		}
	}
	switch f.Format {
	case "json":
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	case "bench":
		err = export.Bench(a.stdout, []*result.Result{r})
	default:
		text(a.stdout)
	}
	err = errors.Join(kept, err)
	if err == nil && interrupted {
		fmt.Fprintln(a.stderr, "corechan: interrupted; the figures are of what was measured until then")
		return errPartial
	}
	return err
}

// profileFlags say what both processes write about themselves.
type profileFlags struct {
	CPUProfile string `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of each process, for go tool pprof and for the flame graph of perf report. The second one's has .peer in its name. The result counts as noisy."`
	Trace      string `placeholder:"FILE" help:"Write an execution trace of each process, for go tool trace, in the same way."`
}

func (f *profileFlags) profile() perf.Profile { return perf.Profile{CPU: f.CPUProfile, Trace: f.Trace} }
