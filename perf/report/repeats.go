package report

import (
	"slices"

	"github.com/corechan/corechan/perf/result"
)

// strip is one figure of one subject: a dot for each run, on a line from the least to the most of all results.
type strip struct {
	Figure string
	Lines  []stripLine
}

type stripLine struct {
	Name   string
	Dots   []float64 // from 0 to 100
	Low    float64   // of the runs, on the same scale
	Width  float64
	Median float64
	Text   string
	System bool
}

// figures of which the runs are shown.
var stripped = []string{result.FigureRatio, "p50", "p99", result.FigureRate}

// repeats shows how far the runs are apart, where there are several.
func repeats(all []Named) (strips []strip) {
	for _, name := range stripped {
		type line struct {
			name string
			f    *result.Figure
		}
		var lines []line
		least, most, several := 0.0, 0.0, false
		for _, r := range all {
			for i := range r.Result.Subjects {
				s := &r.Result.Subjects[i]
				f := s.Figure(name)
				if s.Role != result.System || f == nil || len(f.Runs) == 0 {
					continue
				}
				if len(lines) == 0 {
					least, most = f.Runs[0], f.Runs[0]
				}
				least, most = min(least, slices.Min(f.Runs)), max(most, slices.Max(f.Runs))
				several = several || len(f.Runs) > 1
				title := called(s)
				if len(all) > 1 {
					title = r.Name + ": " + title
				}
				lines = append(lines, line{title, f})
			}
		}
		if !several && len(lines) < 2 {
			continue
		}
		span := most - least
		if span == 0 {
			span = 1
		}
		at := func(v float64) float64 { return 100 * (v - least) / span }
		s := strip{Figure: name}
		for _, l := range lines {
			low, high := slices.Min(l.f.Runs), slices.Max(l.f.Runs)
			out := stripLine{Name: l.name, Low: at(low), Width: at(high) - at(low), Median: at(l.f.Value), Text: inUnit(l.f.Value, l.f.Unit)}
			if len(l.f.Runs) > 1 {
				out.Text += " (" + inUnit(low, l.f.Unit) + " to " + inUnit(high, l.f.Unit) + ")"
			}
			for _, v := range l.f.Runs {
				out.Dots = append(out.Dots, at(v))
			}
			s.Lines = append(s.Lines, out)
		}
		strips = append(strips, s)
	}
	return strips
}
