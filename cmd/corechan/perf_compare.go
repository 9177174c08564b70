package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/compare"
	"github.com/corechan/corechan/perf/result"
)

// Exit codes of compare, beside the usual ones.
const (
	exitWorse     exitStatus = 3
	exitUndecided exitStatus = 4
)

// exitStatus is an error that was said already: it is only the process's exit code.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

type compareCmd struct {
	A     string  `arg:"" help:"A result, or a folder of results: what to hold against. perf pingpong and others write one with --out."`
	B     string  `arg:"" help:"The same of what is judged."`
	Alpha float64 `default:"0.05" placeholder:"P" help:"How likely noise alone may look like a difference: p below this is one. Default: 0.05."`
	Least float64 `default:"2" placeholder:"PERCENT" help:"Name no difference of fewer percent. Default: 2."`
	JSON  bool    `name:"json" help:"Print one JSON object and nothing else."`
}

// Help is the long help.
func (compareCmd) Help() string {
	return `Says which figures of B differ from those of A by more than noise. Each figure is judged by its repeats (--runs of the
measurement, and all files of a folder that measured the same), with the Mann-Whitney U test, which assumes nothing of how they are
distributed. Four runs on each side are the fewest that can show a difference at p < 0.05; ten are better. One in twenty figures that did
not change is said to have, at that p: look at several, or lower --alpha.

The two sides are matched by what was measured. If they were asked for differently (another transport, another way to wait, another
size), the only measurement of a kind at A is compared with the only one at B. What differs between the machines, and what was noisy, is
said first. On a shared or virtual machine, measure A and B in turns, and trust the ratios to the limit rather than the times.

The max is not judged: it is one time.

Exit codes: 0 nothing is worse beyond noise, 3 something is, 4 nothing could be decided (fewer than four runs, or nothing measured
on both sides), 1 failed, 2 wrong usage.

JSON: pairs (kind, role, a, b, config, figures: name, unit, wanted, a and b with median, least, most, runs; change, p, verdict), warnings,
only_a, only_b, and how many figures of systems are better, worse, same, undecided.

Examples:

  corechan perf pingpong --runs 10 --out before.json
  corechan perf pingpong --runs 10 --out after.json
  corechan perf compare before.json after.json
  corechan perf compare results/v1 results/v2 --alpha 0.01`
}

// Run compares and prints.
func (c *compareCmd) Run(a *app) error {
	switch {
	case !(c.Alpha > 0 && c.Alpha < 1):
		return fmt.Errorf("%w: --alpha %v; give more than 0 and less than 1", perf.ErrConfig, c.Alpha)
	case !(c.Least >= 0 && c.Least < math.MaxFloat64):
		return fmt.Errorf("%w: --least %v; give 0 or more", perf.ErrConfig, c.Least)
	}
	before, err := result.ReadAll(c.A)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	after, err := result.ReadAll(c.B)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	o := &compare.Options{Alpha: c.Alpha, Least: c.Least / 100}
	if c.Least == 0 {
		o.Least = math.SmallestNonzeroFloat64 // 0 stands for the default there
	}
	got := compare.Compare(before, after, o)
	if c.JSON {
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(got)
	} else {
		printComparison(a.stdout, got)
	}
	switch {
	case err != nil:
		return err
	case got.Worse > 0:
		return exitWorse
	case got.Better+got.Same == 0:
		return exitUndecided
	}
	return nil
}

func printComparison(w io.Writer, c *compare.Comparison) {
	for _, warning := range c.Warnings {
		fmt.Fprintf(w, "! %s\n", warning)
	}
	for i, p := range c.Pairs {
		if i > 0 || len(c.Warnings) > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s%s\n\n", p.Kind, pairName(&p), settings(p.Config))
		t := newTable()
		fmt.Fprint(t, "\tA\tB\tchange\tp\truns\t\t\n")
		for _, f := range p.Figures {
			change, chance := "", "-"
			if f.Change != nil {
				change = fmt.Sprintf("%+.1f %%", 100**f.Change)
			}
			if f.Verdict != compare.Undecided {
				chance = fmt.Sprintf("%.3f", f.P)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d+%d\t%s\t\n", f.Name, inUnit(f.A.Median, f.Unit), inUnit(f.B.Median, f.Unit), change, chance,
				f.A.Runs, f.B.Runs, f.Verdict)
		}
		t.print(w)
	}
	for _, side := range []struct {
		name string
		only []string
	}{{"A", c.OnlyA}, {"B", c.OnlyB}} {
		if len(side.only) > 0 {
			fmt.Fprintf(w, "\nOnly %s measured: %s.\n", side.name, strings.Join(side.only, "; "))
		}
	}
	fmt.Fprintf(w, "\nOf what is measured: %d worse, %d better, %d the same within noise, %d undecided.\n", c.Worse, c.Better, c.Same, c.Unsure)
	if c.Unsure > 0 {
		fmt.Fprintln(w, "Fewer than four runs on a side show no difference beyond noise: measure with --runs 10.")
	}
}

func pairName(p *compare.Pair) string {
	name := p.NameA
	if p.NameB != p.NameA {
		name += " against " + p.NameB
	}
	if p.Role != result.System {
		name = string(p.Role) + " " + name
	}
	return name
}

// settings are those that a reader looks for first.
func settings(config map[string]string) string {
	var parts []string
	for _, name := range []string{"size", "mode", "wait", "rate", "sessions", "inflight", "pause"} {
		if v := config[name]; v != "" {
			parts = append(parts, name+" "+v)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ", " + strings.Join(slices.Clip(parts), ", ")
}

// inUnit writes a figure of a result.
func inUnit(v float64, unit string) string {
	switch unit {
	case result.Nanoseconds:
		return nanoseconds(v)
	case result.PerSecond:
		return perSecond(v)
	case result.BytesPerSecond:
		return scaled(v, "B") + "/s"
	}
	return fmt.Sprintf("%.3f", v)
}
