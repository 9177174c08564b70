package main

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/corechan/corechan/perf/result"
)

// heatMap draws how many times of each length there were in each moment, and above them p50, p99 and the longest.
func heatMap(title string, t *result.Timing) ([]byte, error) {
	p := newPlot(title)
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, times{}
	p.X.Tick.Marker = seconds{}
	p.Add(cells{t})
	var lines [3]plotter.XYs
	for _, v := range t.Intervals {
		for i, ns := range []int64{v.P50Ns, v.P99Ns, v.MaxNs} {
			lines[i] = append(lines[i], plotter.XY{X: v.At + v.For/2, Y: float64(max(ns, 1))})
		}
	}
	p.Legend.Top, p.Legend.ThumbnailWidth, p.Legend.Padding = true, vg.Points(22), vg.Points(3)
	for i, name := range []string{"p50", "p99", "longest"} {
		l, err := plotter.NewLine(lines[i])
		if err != nil {
			return nil, err
		}
		l.Color, l.Width = of([]int{2, 1, 7}[i]).standIn(), vg.Points(1.3)
		p.Add(l)
		p.Legend.Add(name, l)
	}
	p.Y.Max *= 30 // room for the legend
	return render(p, 7.5*vg.Inch, 3.2*vg.Inch)
}

// cells are a plotter: each count is a box, the stronger the larger its logarithm.
type cells struct{ timing *result.Timing }

// Plot implements plot.Plotter.
func (c cells) Plot(canvas draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&canvas)
	most := int64(1)
	for _, v := range c.timing.Intervals {
		for _, b := range v.Bands {
			most = max(most, b.Count)
		}
	}
	for i, v := range c.timing.Intervals {
		end := result.Until(c.timing.Intervals, i)
		for n := 0; n < len(v.Bands); {
			level := levelOf(v.Bands[n].Count, most)
			last := n // of the boxes that become one, as they are alike
			for last+1 < len(v.Bands) && v.Bands[last+1].Index == v.Bands[last].Index+1 && levelOf(v.Bands[last+1].Count, most) == level {
				last++
			}
			canvas.SetColor(level.standIn())
			left, right := x(v.At), x(end)
			bottom, top := y(result.BandFrom(v.Bands[n].Index)), y(result.BandFrom(v.Bands[last].Index+1))
			var box vg.Path
			box.Move(vg.Point{X: left, Y: bottom})
			box.Line(vg.Point{X: right, Y: bottom})
			box.Line(vg.Point{X: right, Y: top})
			box.Line(vg.Point{X: left, Y: top})
			box.Close()
			canvas.Fill(box)
			n = last + 1
		}
	}
}

// levelOf is how strong a count is, on a logarithmic scale.
func levelOf(count, most int64) level {
	return level(math.Round((levels - 1) * math.Log1p(float64(count)) / math.Log1p(float64(most))))
}

// DataRange implements plot.DataRanger.
func (c cells) DataRange() (left, right, bottom, top float64) {
	all := c.timing.Intervals
	left, right, bottom, top = all[0].At, all[len(all)-1].At+all[len(all)-1].For, math.Inf(1), 1
	for _, v := range all {
		for _, b := range v.Bands {
			bottom, top = min(bottom, result.BandFrom(b.Index)), max(top, result.BandFrom(b.Index+1))
		}
	}
	return left, right, min(bottom, top), top
}

// seconds are the ticks of the time since the begin.
type seconds struct{}

// Ticks returns the library's own with their unit.
func (seconds) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = fmt.Sprintf("%g s", ticks[i].Value)
		}
	}
	return ticks
}
