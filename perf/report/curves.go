package report

import (
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/corechan/corechan/perf/result"
)

// curves are percentile curves in one picture, of all results of a kind: how long what part took at most. X is 1/(1-part), on which
// each further nine takes as much room as the one before.
type curves struct {
	Title  string  `json:"title"`
	X      []num   `json:"x"`
	Series []curve `json:"series"`
	Left   int     `json:"left"` // that there was no room for
}

// curve has a value for each X, or none where there are too few times to tell.
type curve struct {
	Name   string `json:"name"`
	System bool   `json:"system"`
	Y      []num  `json:"y"`
}

// num is a number with the digits that can be seen, or null where it is not one.
type num float64

// MarshalJSON implements json.Marshaler.
func (n num) MarshalJSON() ([]byte, error) { return appendNum(nil, float64(n)), nil }

// perDecade is how many points there are between 90 % and 99 %.
const perDecade = 20

// curvesOf makes a picture for each kind that has times.
func curvesOf(all []Named) ([]curves, error) {
	var list []curves
	index := map[string]int{}
	type drawn struct {
		picture, series int
		h               *hdrhistogram.Histogram
		max             float64
	}
	var pending []drawn
	most := map[int]int64{}
	for _, r := range all {
		for i := range r.Result.Subjects {
			s := &r.Result.Subjects[i]
			for j := range s.Timings {
				t := &s.Timings[j]
				if t.Count == 0 {
					continue
				}
				at, known := index[r.Result.Kind]
				if !known {
					at = len(list)
					index[r.Result.Kind] = at
					list = append(list, curves{Title: r.Result.Kind})
				}
				c := &list[at]
				if len(c.Series) == maxCurves {
					c.Left++
					continue
				}
				h, err := t.Decode()
				if err != nil {
					return nil, err
				}
				name := called(s)
				if len(s.Timings) > 1 {
					name += ", " + t.Name
				}
				if len(all) > 1 {
					name = r.Name + ": " + name
				}
				pending = append(pending, drawn{at, len(c.Series), h, t.MaxNs})
				c.Series = append(c.Series, curve{Name: name, System: s.Role == result.System})
				most[at] = max(most[at], t.Count)
			}
		}
	}
	for at := range list {
		points := int(math.Ceil(math.Log10(float64(most[at]))*perDecade)) + 1
		for i := range points {
			list[at].X = append(list[at].X, num(math.Pow(10, float64(i)/perDecade)))
		}
	}
	for _, d := range pending {
		c := &list[d.picture]
		for _, x := range c.X {
			y := math.NaN()
			if float64(x) <= float64(d.h.TotalCount()) {
				y = min(float64(d.h.ValueAtPercentile(100*(1-1/float64(x)))), max(d.max, 1))
			}
			c.Series[d.series].Y = append(c.Series[d.series].Y, num(y))
		}
	}
	return list, nil
}
