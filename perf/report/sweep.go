package report

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/corechan/corechan/perf/result"
)

// sweep is how figures go with a setting that was a number and changed from subject to subject, such as the rate or the size.
type sweep struct {
	Title  string  `json:"title"`
	By     string  `json:"by"` // the setting
	X      []num   `json:"x"`
	Series []curve `json:"series"`
	Unit   string  `json:"unit"`
}

// swept are the figures of a sweep that are drawn.
var swept = []string{"p50", "p99", "p99.9"}

// sweepsOf finds sweeps: of the subjects of one result and name, at least three that differ in the same setting alone.
func sweepsOf(all []Named) (list []sweep) {
	for _, r := range all {
		type key struct{ by, rest string }
		found := map[key][]point{}
		var order []key
		for i := range r.Result.Subjects {
			s := &r.Result.Subjects[i]
			if s.Role != result.System {
				continue
			}
			for by, text := range s.Config {
				x, err := strconv.ParseFloat(text, 64)
				if err != nil || !(x > 0) {
					continue
				}
				rest := result.Subject{Role: s.Role, Name: s.Name, Config: maps.Clone(s.Config)}
				delete(rest.Config, by)
				k := key{by, called(&rest)}
				if found[k] == nil {
					order = append(order, k)
				}
				found[k] = append(found[k], point{x, s})
			}
		}
		slices.SortFunc(order, func(a, b key) int { return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(a.rest, b.rest)) })
		for _, k := range order {
			if points := found[k]; len(points) >= 3 && len(list) < maxHeats {
				list = append(list, sweepOf(r.Name+": "+k.rest, k.by, points))
			}
		}
	}
	return list
}

type point struct {
	x float64
	s *result.Subject
}

func sweepOf(title, by string, points []point) sweep {
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	w := sweep{Title: title, By: by, Unit: result.Nanoseconds}
	for _, p := range points {
		w.X = append(w.X, num(p.x))
	}
	for _, name := range swept {
		c := curve{Name: name, System: true}
		any := false
		for _, p := range points {
			v, ok := percentileOf(p.s, name)
			any = any || ok
			c.Y = append(c.Y, num(v))
		}
		if any {
			w.Series = append(w.Series, c)
		}
	}
	return w
}

// percentileOf is a figure or a percentile of the first times; a number that is none if there is neither.
func percentileOf(s *result.Subject, name string) (float64, bool) {
	if f := s.Figure(name); f != nil {
		return max(f.Value, 1), true
	}
	for _, t := range s.Timings {
		for _, p := range t.Percentiles {
			if p.Name() == name {
				return max(p.Ns, 1), true
			}
		}
	}
	return nan, false
}
