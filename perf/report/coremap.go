package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

// coreMap is how far cores are apart: a table of the round trips of a bare cache line between each two.
type coreMap struct {
	Name  string
	Cores []int
	Rows  []coreRow
}

type coreRow struct {
	Core  int
	Cells []coreCell
}

// coreCell is a pair. Part is where it lies between the nearest and the farthest, from 0 to 100; -1 where nothing was measured.
type coreCell struct {
	Text string
	Part int
}

// maxMapped bounds how many cores a table has.
const maxMapped = 256

// coreMaps makes a table of each result whose subjects are pairs of cores.
func coreMaps(all []Named) (maps []coreMap) {
	for _, r := range all {
		type pair struct{ a, b int }
		found := map[pair]float64{}
		var cores []int
		least, most := math.Inf(1), 0.0
		for i := range r.Result.Subjects {
			s := &r.Result.Subjects[i]
			two, err := rig.ParseCores(s.Config["pair"])
			f := s.Figure("p50")
			if err != nil || len(two) != 2 || f == nil || f.Unit != result.Nanoseconds || !(f.Value > 0) {
				continue
			}
			found[pair{two[0], two[1]}], found[pair{two[1], two[0]}] = f.Value, f.Value
			cores = append(cores, two...)
			least, most = min(least, f.Value), max(most, f.Value)
		}
		slices.Sort(cores)
		if cores = slices.Compact(cores); len(cores) == 0 || len(cores) > maxMapped {
			continue
		}
		m := coreMap{Name: r.Name, Cores: cores}
		for _, a := range cores {
			row := coreRow{Core: a}
			for _, b := range cores {
				c := coreCell{Part: -1}
				if ns, known := found[pair{a, b}]; known {
					c = coreCell{Text: fmt.Sprintf("%.0f", ns)}
					if most > least {
						c.Part = int(100 * math.Log(ns/least) / math.Log(most/least))
					}
				}
				row.Cells = append(row.Cells, c)
			}
			m.Rows = append(m.Rows, row)
		}
		maps = append(maps, m)
	}
	return maps
}
