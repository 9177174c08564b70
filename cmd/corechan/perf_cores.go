package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/coremap"
)

type coresCmd struct {
	Cores  string `placeholder:"LIST" help:"Cores to measure, for instance 0-3,8. Default: all that this process may use."`
	Trips  int    `default:"2000" placeholder:"N" help:"Round trips of a slice. Default: 2000."`
	Rounds int    `default:"5" placeholder:"N" help:"Slices of each pair, of which the median counts. Default: 5."`
	keepFlags
}

// Help is the long help.
func (coresCmd) Help() string {
	return `Measures the bare ping-pong of a cache line between each two cores: what is near, what is far. Two threads that talk to each
other are best put on cores that are near. Prints the median round trip in nanoseconds as a table, and draws it: on a terminal in
colours, elsewhere in shades, the farther the darker. Cores that are hyperthreads of one physical core are named below it.

JSON fields: cores, p50_ns (a matrix in the order of cores; null of a core with itself), siblings, trips, rounds, seconds, marks; further ones may be added.

Examples:

  corechan perf cores                   all cores
  corechan perf cores --cores 0-7       some of them
  corechan perf cores --json | jq .p50_ns`
}

// Run measures and prints.
func (c *coresCmd) Run(a *app) error {
	if _, err := c.prepare(); err != nil {
		return err
	}
	config := coremap.Config{Trips: c.Trips, Rounds: c.Rounds}
	switch {
	case c.Trips <= 0:
		return fmt.Errorf("%w: --trips %d; give at least 1", perf.ErrConfig, c.Trips)
	case c.Rounds <= 0:
		return fmt.Errorf("%w: --rounds %d; give at least 1", perf.ErrConfig, c.Rounds)
	}
	if c.Cores != "" {
		var err error
		if config.Cores, err = perf.ParseCores(c.Cores); err != nil {
			return err
		}
	}
	p := progress{to: a.stderr, on: a.progress}
	m, err := coremap.Measure(a.ctx, config, func(s coremap.Progress) {
		p.phase(fmt.Sprintf("%3.0f %%  cores %d and %d: %s", 100*s.Done, s.A, s.B, nanoseconds(s.Ns)))
	})
	p.clear()
	if errors.Is(err, coremap.ErrNothing) {
		return perf.ErrInterrupted
	}
	if err != nil {
		return err
	}
	return c.finish(a, &m, func(w io.Writer) { printCores(w, &m, a.colours) }, m.Result(a.ctx), m.Interrupted)
}

// widest is how many cores a table has at most: a larger one is only drawn.
const widest = 24

func printCores(w io.Writer, m *coremap.Map, colours bool) {
	fmt.Fprintf(w, "Round trips of a cache line between two cores, ns: median of %d slices\n\n", m.Rounds)
	low, high := rangeOf(m)
	if len(m.Cores) <= widest {
		t := newTable()
		fmt.Fprint(t, "core\t")
		for _, c := range m.Cores {
			fmt.Fprintf(t, "%d\t", c)
		}
		fmt.Fprintln(t)
		for i, c := range m.Cores {
			fmt.Fprintf(t, "%d\t", c)
			for _, ns := range m.P50Ns[i] {
				if ns == nil {
					fmt.Fprint(t, "-\t")
				} else {
					fmt.Fprintf(t, "%.0f\t", *ns)
				}
			}
			fmt.Fprintln(t)
		}
		t.print(w)
		fmt.Fprintln(w)
	}
	for i, c := range m.Cores {
		var row strings.Builder
		for _, ns := range m.P50Ns[i] {
			row.WriteString(heat(ns, low, high, colours))
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%6d  %s", c, &row), " "))
	}
	fmt.Fprintf(w, "\nNearest: %.0f ns. Farthest: %.0f ns.\n", low, high)
	for _, s := range m.Siblings {
		fmt.Fprintf(w, "Hyperthreads of one core: %s.\n", perf.FormatCores(s))
	}
	for _, m := range m.Marks {
		fmt.Fprintf(w, "Noisy (%s): %s.\n", m.Kind, m.Text)
	}
}

// rangeOf is the shortest and the longest round trip.
func rangeOf(m *coremap.Map) (low, high float64) {
	low = math.Inf(1)
	for _, row := range m.P50Ns {
		for _, ns := range row {
			if ns != nil {
				low, high = min(low, *ns), max(high, *ns)
			}
		}
	}
	return low, high
}

// heat draws a cell, two characters wide: near ones light or blue, far ones dark or red, on a scale of ratios.
func heat(ns coremap.Cell, low, high float64, colours bool) string {
	if ns == nil {
		return "  "
	}
	at := 0.0
	if high > low {
		at = math.Log(*ns/low) / math.Log(high/low)
	}
	if colours {
		ramp := []int{27, 33, 39, 44, 48, 82, 118, 154, 190, 220, 214, 208, 202, 196} // of the 256 colours of a terminal
		return fmt.Sprintf("\x1b[48;5;%dm  \x1b[0m", ramp[min(int(at*float64(len(ramp))), len(ramp)-1)])
	}
	shades := []string{"░░", "▒▒", "▓▓", "██"}
	return shades[min(int(at*float64(len(shades))), len(shades)-1)]
}
