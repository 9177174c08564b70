package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/matrix"
	"github.com/corechan/corechan/perf/rig"
)

type matrixCmd struct {
	Transports []string      `default:"shm" placeholder:"NAME,..." help:"What carries the messages: shm, unix, tcp, tls, h2, ws, inmem. Default: shm."`
	Sizes      []int         `default:"64" placeholder:"BYTES,..." help:"Bytes of a message. Default: 64."`
	Waits      []string      `default:"spin" placeholder:"HOW,..." help:"spin, hybrid, block. Default: spin."`
	Sessions   []int         `default:"1" placeholder:"N,..." help:"Connections, with one message under way in each. Default: 1."`
	Cores      string        `placeholder:"A,B" help:"Cores of the first and the second thread. Default: the first two allowed that are not siblings."`
	Ring       *int          `placeholder:"BYTES" help:"Capacity of each ring: a power of two from 4096 to 1073741824. Default: 262144, over sockets and HTTP 1048576."`
	Repeats    int           `default:"5" placeholder:"N" help:"Repeat all so often. Default: 5."`
	Time       time.Duration `default:"500ms" placeholder:"DURATION" help:"How long to measure a cell, each time; warm-up and limit take about as long again. Default: 500ms."`
	Seed       uint64        `default:"1" placeholder:"N" help:"Of the order: the same seed has the same order. Default: 1."`
	keepFlags
}

// Help is the long help.
func (matrixCmd) Help() string {
	return `Measures round trips (a closed loop) in each combination of transports, sizes, ways to wait and numbers of sessions, each held
against the machine's own limit in the same seconds. One session is measured as perf pingpong does it. Several have one message under
way each, sent by one thread and answered by a loop; their round trip is elapsed time by number of round trips.

The cells come in random order, another one in each repeat, by the seed alone. Figures are medians of the repeats. The spread of a
ratio is how far the repeats are apart, by the median: what differs by less is no difference. Combinations that do not exist are named.

JSON fields: cells (each transport, size, wait, sessions, trip_ns, p50_ns, p99_ns, rate, limit_ns, limit_name, ratio, ratios, spread, marks), skipped,
repeats, seed, spread (median), spread_worst; further ones may be added.

Examples:

  corechan perf matrix --transports shm,unix,tcp --sizes 64,4096 --waits spin,block
  corechan perf matrix --sessions 1,8,64 --repeats 3
  corechan perf matrix --transports shm,tcp --out results/    keep it, for perf report and perf compare`
}

// Run measures and prints.
func (m *matrixCmd) Run(a *app) error {
	if _, err := m.prepare(); err != nil {
		return err
	}
	c, err := m.config()
	if err != nil {
		return err
	}
	p := progress{to: a.stderr, on: a.progress}
	r, err := matrix.Run(a.ctx, c, &matrix.Options{Progress: func(s matrix.Progress) {
		p.phase(fmt.Sprintf("%d of %d: %v", s.Done+1, s.Of, s.Next))
	}})
	p.clear()
	if err != nil {
		return err
	}
	return m.finish(a, &r, func(w io.Writer) { printMatrix(w, &r) }, r.Result(a.ctx), r.Interrupted)
}

func (m *matrixCmd) config() (c matrix.Config, err error) {
	c = matrix.Config{Sizes: m.Sizes, Sessions: m.Sessions, Repeats: m.Repeats, Time: m.Time, Seed: m.Seed}
	if err := setRing(&c.Ring, m.Ring); err != nil {
		return c, err
	}
	switch {
	case m.Repeats <= 0:
		return c, fmt.Errorf("%w: --repeats %d; give at least 1", perf.ErrConfig, m.Repeats)
	case m.Time <= 0:
		return c, fmt.Errorf("%w: --time %v; give at least %v", perf.ErrConfig, m.Time, matrix.MinTime)
	}
	for _, t := range m.Transports {
		c.Transports = append(c.Transports, rig.Transport(t))
	}
	for _, w := range m.Waits {
		c.Waits = append(c.Waits, perf.Wait(w))
	}
	if m.Cores != "" {
		c.Cores, err = perf.ParseCores(m.Cores)
	}
	return c, err
}

// noisy says which kinds of marks there are.
func noisy(marks []environment.Mark) string {
	var kinds []string
	for _, m := range marks {
		if !slices.Contains(kinds, string(m.Kind)) {
			kinds = append(kinds, string(m.Kind))
		}
	}
	if len(kinds) == 0 {
		return ""
	}
	return "noisy: " + strings.Join(kinds, ", ")
}

func printMatrix(w io.Writer, r *matrix.Report) {
	fmt.Fprintf(w, "Round trips, one message under way in each session; medians of %d repeats, order by seed %d\n\n", r.Repeats, r.Seed)
	t := newTable()
	fmt.Fprint(t, "transport\tbytes\twait\tsessions\tround trip\tp50\tp99\tper second\tlimit\tratio\tspread\t\t\n")
	for i := range r.Cells {
		f := &r.Cells[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%.2f\t%.0f %%\t%s\t\n", f.Transport, grouped(float64(f.Size)), f.Wait, f.Sessions,
			nanoseconds(f.TripNs), nanoseconds(f.P50Ns), nanoseconds(f.P99Ns), scaled(f.Rate, ""), nanoseconds(f.LimitNs), f.Ratio, 100*f.Spread, noisy(f.Marks))
	}
	t.print(w)
	fmt.Fprintf(w, "\nRatio: a round trip by the limit's, measured in the same seconds. Spread of the ratios: %.0f %% in the median, %.0f %% at most.\n",
		100*r.Spread, 100*r.SpreadMax)
	for _, s := range r.Skipped {
		fmt.Fprintf(w, "Left out: %v: %s.\n", s.Cell, s.Why)
	}
}
