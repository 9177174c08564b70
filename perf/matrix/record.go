package matrix

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/result"
)

// Result is the report in the form that it has on disk: a subject for each cell, and one of its limit.
func (r *Report) Result(ctx context.Context) *result.Result {
	c := &r.config
	out := &result.Result{
		Kind: "matrix", Environment: environment.Read(context.WithoutCancel(ctx)), Interrupted: r.Interrupted,
		Config: map[string]string{
			"transports": joined(c.Transports), "sizes": joined(c.Sizes), "waits": joined(c.Waits), "sessions": joined(c.Sessions),
			"repeats": strconv.Itoa(r.Repeats), "seed": strconv.FormatUint(r.Seed, 10), "time": c.Time.String(),
		},
	}
	for i := range r.Cells {
		f := &r.Cells[i]
		over := func(field func(once) float64) (all []float64) {
			for _, one := range f.repeated {
				all = append(all, field(one))
			}
			return all
		}
		config := map[string]string{"size": strconv.Itoa(f.Size), "wait": string(f.Wait), "sessions": strconv.Itoa(f.Sessions)}
		out.Subjects = append(out.Subjects, result.Subject{
			Name: string(f.Transport), Role: result.System, Config: config, Marks: f.Marks, Figures: []result.Figure{
				result.NewFigure("p50", result.Nanoseconds, result.Lower, over(func(o once) float64 { return o.p50 })...),
				result.NewFigure("p99", result.Nanoseconds, result.Lower, over(func(o once) float64 { return o.p99 })...),
				result.NewFigure(result.FigureRate, result.PerSecond, result.Higher, over(func(o once) float64 { return o.rate })...),
				result.NewFigure(result.FigureRatio, result.None, result.Lower, over(func(o once) float64 { return o.ratio })...),
			},
		}, result.Subject{
			Name: fmt.Sprintf("%s, limit: %s", f.Transport, f.Limit), Role: result.Limit, Config: config, Figures: []result.Figure{
				result.NewFigure("p50", result.Nanoseconds, result.Lower, over(func(o once) float64 { return o.limit })...),
			},
		})
	}
	return out
}

func joined[T any](all []T) string {
	words := make([]string, len(all))
	for i, v := range all {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ",")
}
