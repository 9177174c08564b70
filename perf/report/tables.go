package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/corechan/corechan/perf/compare"
	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/result"
)

// noise is what disturbed one result.
type noise struct {
	Name  string
	Marks []environment.Mark
}

func noises(all []Named) (list []noise) {
	for _, r := range all {
		n := noise{Name: r.Name, Marks: slices.Clone(r.Result.Marks)}
		if r.Result.Interrupted {
			n.Marks = append(n.Marks, environment.Mark{Kind: "interrupted", Text: "less was measured than was asked for"})
		}
		for i := range r.Result.Subjects {
			s := &r.Result.Subjects[i]
			for _, m := range s.Marks {
				m.Text = called(s) + ": " + m.Text
				n.Marks = append(n.Marks, m)
			}
		}
		if len(n.Marks) > 0 {
			list = append(list, n)
		}
	}
	return list
}

// called is what a subject is called, with what tells it from others of its result.
func called(s *result.Subject) string {
	name := s.Name
	for _, k := range slices.Sorted(maps.Keys(s.Config)) {
		name += ", " + k + " " + s.Config[k]
	}
	return name
}

// row is a line of the summary.
type row struct {
	Result string // empty where it is that of the line above
	Kind   string
	Name   string
	System bool
	Noisy  bool
	Cells  []cell
}

// cell is a figure, and its spread.
type cell struct {
	Value, Spread string
}

// shownFigures are the columns of the summary that there may be. A result has times or rates.
var shownFigures = []string{
	result.FigureRatio, "p50", "p90", "p99", "p99.9", "p99.99", result.FigureMax, result.FigureRate, result.FigureBytes, result.FigureAllocs, result.FigureBusy,
}

// summary has a column for each figure that any subject has.
func summary(all []Named) (columns []string, rows []row) {
	for _, name := range shownFigures {
		if slices.ContainsFunc(all, func(r Named) bool {
			return slices.ContainsFunc(r.Result.Subjects, func(s result.Subject) bool { return cellOf(&s, name) != cell{} })
		}) {
			columns = append(columns, name)
		}
	}
	for _, r := range all {
		for i := range r.Result.Subjects {
			s := &r.Result.Subjects[i]
			line := row{Name: called(s), System: s.Role == result.System, Noisy: len(r.Result.Marks)+len(s.Marks) > 0}
			if i == 0 {
				line.Result, line.Kind = r.Name, r.Result.Kind
			}
			if len(s.Timings) < 2 {
				for _, name := range columns {
					line.Cells = append(line.Cells, cellOf(s, name))
				}
				rows = append(rows, line)
				continue
			}
			for j := range s.Timings { // each of several kinds of times has a line
				one := *s
				one.Timings = s.Timings[j : j+1]
				if j > 0 {
					one.Figures, line.Result, line.Cells = nil, "", nil
				}
				for _, name := range columns {
					line.Cells = append(line.Cells, cellOf(&one, name))
				}
				line.Name = called(s) + ", " + s.Timings[j].Name
				rows = append(rows, line)
			}
		}
	}
	return columns, rows
}

// cellOf is the figure by that name; a percentile that is none is taken from the times.
func cellOf(s *result.Subject, name string) cell {
	f := s.Figure(name)
	if f == nil {
		for _, t := range s.Timings {
			for _, p := range t.Percentiles {
				if p.Name() == name {
					return cell{Value: inUnit(p.Ns, result.Nanoseconds)}
				}
			}
			if name == result.FigureMax {
				return cell{Value: inUnit(t.MaxNs, result.Nanoseconds)}
			}
		}
		return cell{}
	}
	c := cell{Value: inUnit(f.Value, f.Unit)}
	if f.Low != 0 || f.High != 0 {
		c.Spread = inUnit(f.Low, f.Unit) + " to " + inUnit(f.High, f.Unit)
	}
	return c
}

// inUnit writes a figure for a table.
func inUnit(v float64, unit string) string {
	switch unit {
	case result.Nanoseconds:
		switch {
		case v < 10e3:
			return fmt.Sprintf("%.0f ns", v)
		case v < 1e6:
			return fmt.Sprintf("%.1f µs", v/1e3)
		case v < 1e9:
			return fmt.Sprintf("%.2f ms", v/1e6)
		}
		return fmt.Sprintf("%.2f s", v/1e9)
	case result.PerSecond:
		return scaled(v, "/s")
	case result.BytesPerSecond:
		return scaled(v, "B/s")
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".")
}

func scaled(v float64, unit string) string {
	for _, s := range []struct {
		from   float64
		prefix string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= s.from {
			return fmt.Sprintf("%.2f %s%s", v/s.from, s.prefix, unit)
		}
	}
	return fmt.Sprintf("%.0f %s", v, unit)
}

// compared is a result held against the first of its kind.
type compared struct {
	A, B     string
	Warnings []string
	Pairs    []comparedPair
}

type comparedPair struct {
	Name    string
	Figures []comparedFigure
}

type comparedFigure struct {
	Name, A, B, Change, P, Runs string
	Verdict                     compare.Verdict
}

// comparisons hold every result against the first of its kind.
func comparisons(all []Named) (list []compared) {
	for i, other := range all {
		first := all[slices.IndexFunc(all, func(r Named) bool { return r.Result.Kind == other.Result.Kind })]
		if first.Result == all[i].Result {
			continue
		}
		got := compare.Compare([]*result.Result{first.Result}, []*result.Result{other.Result}, nil)
		if len(got.Pairs) == 0 {
			continue
		}
		c := compared{A: first.Name, B: other.Name, Warnings: got.Warnings}
		for _, p := range got.Pairs {
			pair := comparedPair{Name: string(p.Role) + " " + p.NameA}
			if p.NameA != p.NameB {
				pair.Name += " against " + p.NameB
			}
			for _, f := range p.Figures {
				line := comparedFigure{
					Name: f.Name, A: inUnit(f.A.Median, f.Unit), B: inUnit(f.B.Median, f.Unit), Verdict: f.Verdict,
					Runs: fmt.Sprintf("%d+%d", f.A.Runs, f.B.Runs),
				}
				if f.Change != nil {
					line.Change = fmt.Sprintf("%+.1f %%", 100**f.Change)
				}
				if f.Verdict != compare.Undecided {
					line.P = fmt.Sprintf("%.3f", f.P)
				}
				pair.Figures = append(pair.Figures, line)
			}
			c.Pairs = append(c.Pairs, pair)
		}
		list = append(list, c)
	}
	return list
}
