package report

import (
	"math"
	"strconv"

	"github.com/corechan/corechan/perf/result"
)

// heat is how times went: columns are intervals, rows are bands of times, and each cell says how many there were.
type heat struct {
	Title  string    `json:"title"`
	System bool      `json:"system"`
	At     []num     `json:"at"`  // begin of each interval, s
	End    []num     `json:"end"` // and its end, or the begin of the next one
	P50    []num     `json:"p50"` // ns
	P99    []num     `json:"p99"`
	Max    []num     `json:"max"`
	Cells  [][]int64 `json:"cells"` // of each interval: band, count, band, count, …
	Bands  []num     `json:"bands"` // where each band begins, ns, from band 0 to one after the last
}

// heatsOf makes a picture of each timing that has a course, those of the systems first.
func heatsOf(all []Named) (list []heat, left int) {
	for _, system := range []bool{true, false} {
		for _, r := range all {
			for i := range r.Result.Subjects {
				s := &r.Result.Subjects[i]
				if (s.Role == result.System) != system {
					continue
				}
				for j := range s.Timings {
					if len(s.Timings[j].Intervals) < 2 {
						continue
					}
					if len(list) == maxHeats {
						left++
						continue
					}
					h := heatOf(&s.Timings[j])
					h.Title, h.System = r.Name+": "+called(s)+", "+s.Timings[j].Name, system
					list = append(list, h)
				}
			}
		}
	}
	return list, left
}

func heatOf(t *result.Timing) (h heat) {
	top := 0
	for i, v := range t.Intervals {
		h.At = append(h.At, num(v.At))
		h.P50, h.P99, h.Max = append(h.P50, above(v.P50Ns)), append(h.P99, above(v.P99Ns)), append(h.Max, above(v.MaxNs))
		cells := []int64{}
		for _, b := range v.Bands {
			cells = append(cells, int64(b.Index), b.Count)
			top = max(top, b.Index)
		}
		h.Cells = append(h.Cells, cells)
		h.End = append(h.End, num(result.Until(t.Intervals, i)))
	}
	for b := range top + 2 {
		h.Bands = append(h.Bands, num(result.BandFrom(b)))
	}
	return h
}

// above is a time for an axis that has no zero.
func above(ns int64) num { return num(max(ns, 1)) }

var nan = math.NaN()

// appendNum writes five digits, and null for what is no number.
func appendNum(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, v, 'g', 6, 64)
}
