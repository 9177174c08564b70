package coremap

import (
	"context"
	"strconv"

	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

// Result is the map in the form that it has on disk: a subject for each pair.
func (m *Map) Result(ctx context.Context) *result.Result {
	r := &result.Result{
		Kind: "cores", Environment: environment.Read(context.WithoutCancel(ctx)), Interrupted: m.Interrupted, Marks: m.Marks,
		Config: map[string]string{"cores": rig.FormatCores(m.Cores), "trips": strconv.Itoa(m.Trips), "rounds": strconv.Itoa(m.Rounds)},
	}
	for i := range m.Cores {
		for j := i + 1; j < len(m.Cores); j++ {
			if ns := m.P50Ns[i][j]; ns != nil {
				r.Subjects = append(r.Subjects, result.Subject{
					Name: "cache line", Role: result.System, Config: map[string]string{"pair": strconv.Itoa(m.Cores[i]) + "," + strconv.Itoa(m.Cores[j])},
					Figures: []result.Figure{result.NewFigure("p50", result.Nanoseconds, result.Lower, *ns)},
				})
			}
		}
	}
	return r
}
