package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/corechan/corechan/perf/probe"
)

// traceRow is what is shown of one core.
type traceRow struct {
	core      int
	span      time.Duration
	woken     probe.Histogram // after a wake, by whomever
	preempted probe.Histogram
	stopped   time.Duration
	stolen    [stolenKinds]time.Duration
	steal     time.Duration
	faults    uint64
	storm     time.Duration
	moves     uint64
	by        string
	lacks     map[string]bool // columns without figures
}

// Kinds of stolen time, as the bar shows them.
const (
	stolenVectors = iota
	stolenHard
	stolenSoft
	stolenOutside
	stolenKinds
)

func traceRows(d *probe.Snapshot) []traceRow {
	rows := make([]traceRow, 0, len(d.Cores))
	for i := range d.Cores {
		rows = append(rows, newTraceRow(&d.Cores[i], d.Span))
	}
	return rows
}

func newTraceRow(c *probe.Core, span time.Duration) traceRow {
	r := traceRow{core: c.ID, span: span, lacks: map[string]bool{
		"runq": c.RunQueue == nil, "stolen": c.Stolen == nil, "steal": c.Steal == nil,
		"faults": c.Faults == nil, "migrate": c.Migrate == nil,
	}}
	if q := c.RunQueue; q != nil {
		r.woken = q.Doorbell
		r.woken.Add(&q.Woken)
		r.preempted = q.Preempted
		r.stopped = q.Stopped.Sum()
	}
	if c.Stolen != nil {
		for i, source := range probe.Sources() {
			r.stolen[stolenKind(source)] += c.Stolen.BySource[i].Sum()
		}
		r.stolen[stolenOutside] = c.Stolen.Outside
	}
	if c.Steal != nil {
		r.steal = c.Steal.Steal
	}
	if c.Faults != nil {
		r.faults, r.storm = c.Faults.Count, c.Faults.Storm
	}
	if c.Migrate != nil {
		r.moves = c.Migrate.Left
	}
	if c.Preempt != nil && len(c.Preempt.By) > 0 {
		r.by = preemptorName(&c.Preempt.By[0])
	}
	return r
}

func stolenKind(s probe.Source) int {
	switch {
	case s == probe.Hard:
		return stolenHard
	case strings.HasPrefix(string(s), "softirq"):
		return stolenSoft
	default:
		return stolenVectors
	}
}

func (r *traceRow) stolenSum() (d time.Duration) {
	for _, v := range r.stolen {
		d += v
	}
	return d
}

func traceHeader() string {
	return "core\twoken p50\tp99\tp99.9\tmax\tpreempted\ttime\tp99\tmax\tstopped\tstolen\tsteal\tfaults\tstorms\tmoves\tmostly by\t"
}

// text is the row's cells, each ended by a tab.
func (r *traceRow) text() string {
	cells := []string{fmt.Sprint(r.core)}
	cells = append(cells, r.cells("runq", quantileCells(&r.woken, 0.5, 0.99, 0.999)...)...)
	cells = append(cells, r.cells("runq", grouped(float64(r.preempted.Count())), share(r.preempted.Sum(), r.span))...)
	cells = append(cells, r.cells("runq", quantileCells(&r.preempted, 0.99)...)...)
	cells = append(cells, r.cells("runq", share(r.stopped, r.span))...)
	cells = append(cells, r.cells("stolen", share(r.stolenSum(), r.span))...)
	cells = append(cells, r.cells("steal", share(r.steal, r.span))...)
	cells = append(cells, r.cells("faults", grouped(float64(r.faults)), share(r.storm, r.span))...)
	cells = append(cells, r.cells("migrate", grouped(float64(r.moves)))...)
	return strings.Join(append(cells, r.by), "\t") + "\t"
}

// cells returns the figures, or dashes if their group is not active.
func (r *traceRow) cells(group string, figures ...string) []string {
	if r.lacks[group] {
		for i := range figures {
			figures[i] = "-"
		}
	}
	return figures
}

// quantileCells are some quantiles and the maximum, blank where nothing was counted.
func quantileCells(h *probe.Histogram, quantiles ...float64) []string {
	cells := make([]string, len(quantiles)+1)
	if h.Count() == 0 {
		return cells
	}
	for i, q := range quantiles {
		cells[i] = nanoseconds(float64(h.Quantile(q)))
	}
	cells[len(quantiles)] = nanoseconds(float64(h.Max()))
	return cells
}

// share is a part of a time; of several threads on one core it can be more than all.
func share(part, of time.Duration) string {
	if part == 0 || of <= 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(of))
}

// preemptorName is a thread as people know it.
func preemptorName(p *probe.Preemptor) string {
	if p.TID == 0 {
		return "others"
	}
	return fmt.Sprintf("%s %d", printable(p.Command), p.TID)
}

// printable is text without what a terminal would obey: a thread may have any name.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\ufffd' {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// traceTables are those below the one of the cores; those without text have nothing to say.
func traceTables(d *probe.Snapshot) []table {
	return []table{preemptorTable(d), sourceTable(d), syscallTable(d), tcpTable(d), markTable(d)}
}

func preemptorTable(d *probe.Snapshot) table {
	type line struct {
		core int
		by   probe.Preemptor
	}
	var lines []line
	for i := range d.Cores {
		if p := d.Cores[i].Preempt; p != nil {
			for _, by := range p.By {
				lines = append(lines, line{d.Cores[i].ID, by})
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(b.by.Time, a.by.Time) })
	if len(lines) == 0 {
		return table{}
	}
	t := newTable()
	fmt.Fprintln(t, "preempted by\tof process\ton core\ttimes\ttime\t")
	for _, l := range lines[:min(traceLines, len(lines))] {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t\n", preemptorName(&l.by), l.by.PID, l.core,
			grouped(float64(l.by.Count)), nanoseconds(float64(l.by.Time)))
	}
	return t
}

func sourceTable(d *probe.Snapshot) table {
	t := newTable()
	fmt.Fprintln(t, "interrupted by\ton core\ttimes\ttime\tp50\tp99\tmax\t")
	some := false
	for i := range d.Cores {
		c := &d.Cores[i]
		if c.Stolen == nil {
			continue
		}
		for at, source := range probe.Sources() {
			if h := &c.Stolen.BySource[at]; h.Count() > 0 {
				some = true
				fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t\n", source, c.ID, grouped(float64(h.Count())),
					nanoseconds(float64(h.Sum())), strings.Join(quantileCells(h, 0.5, 0.99), "\t"))
			}
		}
	}
	if !some {
		return table{}
	}
	return t
}

func syscallTable(d *probe.Snapshot) table {
	t := newTable()
	fmt.Fprintln(t, "system call\ton core\ttimes\ttime\t")
	some := false
	for i := range d.Cores {
		if c := d.Cores[i].Syscalls; c != nil {
			for _, call := range c.Calls[:min(traceLines, len(c.Calls))] {
				some = true
				fmt.Fprintf(t, "number %d\t%d\t%s\t%s\t\n", call.Number, d.Cores[i].ID, grouped(float64(call.Count)),
					nanoseconds(float64(call.Time)))
			}
		}
	}
	if !some {
		return table{}
	}
	return t
}

func tcpTable(d *probe.Snapshot) table {
	t := newTable()
	fmt.Fprintln(t, "tcp round trip\ton core\tsegments\tp50\tp99\tmax\t")
	some := false
	for i := range d.Cores {
		if c := d.Cores[i].TCP; c != nil && c.RTT.Count() > 0 {
			some = true
			fmt.Fprintf(t, "\t%d\t%s\t%s\t\n", d.Cores[i].ID, grouped(float64(c.Seen)),
				strings.Join(quantileCells(&c.RTT, 0.5, 0.99), "\t"))
		}
	}
	if !some {
		return table{}
	}
	return t
}

// traceNotes says what the figures are without, groups of one reason together.
func traceNotes(d *probe.Snapshot, cost time.Duration, status []probe.Status) []string {
	var notes []string
	if slices.ContainsFunc(d.Cores, func(c probe.Core) bool { return c.Stolen != nil }) {
		note := "The machine was too busy to measure what it takes to enter and leave an interrupt: stolen is without it."
		if cost > 0 {
			note = fmt.Sprintf("Stolen includes %s to enter and leave each interrupt.", nanoseconds(float64(cost)))
		}
		notes = append(notes, note)
	}
	var reasons []string
	failed := make(map[string][]string)
	for _, s := range status {
		name := string(s.Group)
		switch {
		case s.State == probe.Failed:
			if failed[s.Why] == nil {
				reasons = append(reasons, s.Why)
			}
			failed[s.Why] = append(failed[s.Why], name)
		case len(s.Missing) > 0:
			notes = append(notes, fmt.Sprintf("%s counts without %s, which this kernel does not have.", name, strings.Join(s.Missing, ", ")))
		}
		if s.Lost > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d events came in the middle of another one and were not counted.", name, s.Lost))
		}
	}
	for _, why := range reasons {
		notes = append(notes, fmt.Sprintf("No %s: %s.", strings.Join(failed[why], ", "), why))
	}
	for _, pid := range d.Ended {
		notes = append(notes, fmt.Sprintf("Process %d has ended.", pid))
	}
	return notes
}
