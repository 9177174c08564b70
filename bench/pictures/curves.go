package main

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/corechan/corechan/perf/result"
)

// line is a curve to be.
type line struct {
	name   string
	limit  bool // it is what a system is held against
	timing *result.Timing
}

// perDecade is how many points a curve has between 90 % and 99 %.
const perDecade = 20

// percentiles draws how long what part took at most. X is 1/(1-part): each further nine takes as much room as the one before. A curve
// ends where there was but one longer time.
func percentiles(title string, lines []line) ([]byte, error) {
	p := newPlot(title + ": how long what part took at most")
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, times{}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, parts{}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(8), vg.Points(-4)
	p.Legend.Padding, p.Legend.ThumbnailWidth = vg.Points(3), vg.Points(22)
	rule := plotter.NewGrid()
	rule.Vertical.Color, rule.Horizontal.Color = grid.standIn(), grid.standIn()
	rule.Vertical.Dashes, rule.Horizontal.Dashes = nil, nil
	p.Add(rule)
	for i, l := range lines {
		h, err := l.timing.Decode()
		if err != nil {
			return nil, err
		}
		var points plotter.XYs
		for n := 0; ; n++ {
			x := math.Pow(10, float64(n)/perDecade)
			if x > float64(h.TotalCount()) {
				break
			}
			ns := float64(h.ValueAtPercentile(100 * (1 - 1/x)))
			points = append(points, plotter.XY{X: x, Y: max(min(ns, l.timing.MaxNs), 1)})
		}
		curve, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		curve.Color, curve.Width = of(i).standIn(), vg.Points(2)
		if l.limit {
			curve.Width, curve.Dashes = vg.Points(1.4), []vg.Length{vg.Points(5), vg.Points(3)}
		}
		p.Add(curve)
		p.Legend.Add(l.name, curve)
	}
	p.Y.Min, p.Y.Max = p.Y.Min*0.8, p.Y.Max*math.Pow(10, 0.12*float64(len(lines))) // room for the legend
	return render(p, 7.5*vg.Inch, 4*vg.Inch)
}

// parts are the ticks at 0, 90, 99 % and so on.
type parts struct{}

// Ticks returns them.
func (parts) Ticks(_, high float64) (ticks []plot.Tick) {
	for nines := 0; math.Pow(10, float64(nines)) <= high; nines++ {
		label := "0 %"
		if nines > 0 {
			label = strconv.FormatFloat(100*(1-math.Pow(10, -float64(nines))), 'f', max(nines-2, 0), 64) + " %"
		}
		ticks = append(ticks, plot.Tick{Value: math.Pow(10, float64(nines)), Label: label})
	}
	return ticks
}
