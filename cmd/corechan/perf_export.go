package main

import (
	"errors"
	"fmt"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/export"
	"github.com/corechan/corechan/perf/result"
)

type exportCmd struct {
	Files   []string `arg:"" help:"Results, or folders of them."`
	As      string   `required:"" placeholder:"FORM" help:"bench (Go benchmark lines, for benchstat), hgrm (HdrHistogram's percentile file) or hlog (HdrHistogram's log)."`
	Subject string   `placeholder:"NAME" help:"Of hgrm: whose times. Default: the first that has any."`
	Times   string   `placeholder:"NAME" help:"Of hgrm: which of its times, such as service of perf load. Default: the first, of perf load response."`
}

// Help is the long help.
func (exportCmd) Help() string {
	return `Prints results in a form that other tools read.

bench has a line for each run of each subject, so that benchstat sees repeats. hlog has a line for each distribution of times, with a
tag. An hgrm is one distribution: give one result, and --subject where the first is not the one.

Examples:

  corechan perf export before.json --as bench > before.txt && benchstat before.txt after.txt
  corechan perf export r.json --as hgrm --subject "cache line" > limit.hgrm
  corechan perf export results/ --as hlog > all.hlog`
}

// Run prints.
func (e *exportCmd) Run(a *app) error {
	var all []*result.Result
	for _, path := range e.Files {
		some, err := result.ReadAll(path)
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		all = append(all, some...)
	}
	var err error
	switch e.As {
	case "bench":
		err = export.Bench(a.stdout, all)
	case "hlog":
		err = export.Log(a.stdout, all)
	case "hgrm":
		err = e.percentiles(a, all)
	default:
		return fmt.Errorf("%w: --as %q is unknown; use bench, hgrm or hlog", perf.ErrConfig, e.As)
	}
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

func (e *exportCmd) percentiles(a *app, all []*result.Result) error {
	if len(all) != 1 {
		return fmt.Errorf("%w: an hgrm is of one result, and there are %d; give one file", perf.ErrConfig, len(all))
	}
	var names []string
	for i := range all[0].Subjects {
		s := &all[0].Subjects[i]
		if len(s.Timings) == 0 {
			continue
		}
		if e.Subject == "" || e.Subject == s.Name {
			t, err := e.times(s)
			if err != nil {
				return err
			}
			return export.Percentiles(a.stdout, t)
		}
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return errors.New("no subject of it has times; streams are not timed message by message")
	}
	return fmt.Errorf("%w: no subject %q has times; those that have: %q", perf.ErrConfig, e.Subject, names)
}

// times are those of a subject that were asked for.
func (e *exportCmd) times(s *result.Subject) (*result.Timing, error) {
	var names []string
	for i := range s.Timings {
		if e.Times == "" || e.Times == s.Timings[i].Name {
			return &s.Timings[i], nil
		}
		names = append(names, s.Timings[i].Name)
	}
	return nil, fmt.Errorf("%w: %s has no %q times; it has: %q", perf.ErrConfig, s.Name, e.Times, names)
}
