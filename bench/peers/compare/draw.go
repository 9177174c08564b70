package compare

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Colours of the pictures.
var (
	oursColour   = color.RGBA{R: 0xd1, G: 0x49, B: 0x1f, A: 0xff}
	othersColour = color.RGBA{R: 0x3a, G: 0x5a, B: 0x8c, A: 0xff}
	limitColour  = color.RGBA{R: 0x70, G: 0x70, B: 0x70, A: 0xff}
)

// draw makes a picture of a case: a dot for each, the best at the top, with a line from the worst round to the best, on a logarithmic
// axis, and the limit.
func draw(c *CaseReport) ([]byte, error) {
	p := plot.New()
	unit, scale := "per second", 1.0
	if lowIsGood(c.Kind) {
		unit, scale = "µs, p50", 1e-3
	}
	p.Title.Text = c.Case.String()
	p.X.Label.Text = unit + "; the line is the machine's limit (" + c.Limit.Name + ")"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{}
	rows := slices.Clone(c.Rows)
	slices.SortStableFunc(rows, func(a, b Row) int { // the best last, as the axis goes up
		less := a.Ratio < b.Ratio
		switch {
		case a.Ratio == b.Ratio:
			return 0
		case less == lowIsGood(c.Kind):
			return 1
		}
		return -1
	})
	limit := c.Limit.Figure * scale
	least, most := limit, limit
	var names []string
	for i, row := range rows {
		names = append(names, row.Name+", "+row.Network)
		colour := color.Color(othersColour)
		if row.Ours {
			colour = oursColour
		}
		// The spread is that of the ratios: it is without the drift of the machine.
		low, high := limit*row.Least, limit*row.Most
		at := limit * row.Ratio
		least, most = min(least, low), max(most, high)
		line, err := plotter.NewLine(plotter.XYs{{X: low, Y: float64(i)}, {X: high, Y: float64(i)}})
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = colour, vg.Points(1.2)
		dot, err := plotter.NewScatter(plotter.XYs{{X: at, Y: float64(i)}})
		if err != nil {
			return nil, err
		}
		dot.GlyphStyle = dotStyle(colour)
		p.Add(line, dot)
	}
	mark, err := plotter.NewLine(plotter.XYs{{X: limit, Y: -0.5}, {X: limit, Y: float64(len(rows)) - 0.5}})
	if err != nil {
		return nil, err
	}
	mark.Color, mark.Dashes = limitColour, []vg.Length{vg.Points(4), vg.Points(3)}
	p.Add(mark)
	p.NominalY(names...)
	p.X.Min, p.X.Max = math.Pow(10, math.Floor(math.Log10(least))), math.Pow(10, math.Ceil(math.Log10(most)))
	p.Y.Min, p.Y.Max = -0.5, float64(len(rows))-0.5
	return render(p, len(rows))
}

func render(p *plot.Plot, rows int) ([]byte, error) {
	canvas := vgsvg.New(7*vg.Inch, vg.Length(rows)*0.19*vg.Inch+vg.Inch)
	p.Draw(vgdraw.New(canvas))
	var b bytes.Buffer
	_, err := canvas.WriteTo(&b)
	return b.Bytes(), err
}

func dotStyle(c color.Color) vgdraw.GlyphStyle {
	return vgdraw.GlyphStyle{Color: c, Radius: vg.Points(3), Shape: vgdraw.CircleGlyph{}}
}

// decades are the ticks of a logarithmic axis: one for each power of ten, with its unit.
type decades struct{}

// Ticks returns them.
func (decades) Ticks(low, high float64) (ticks []plot.Tick) {
	for v := low; v <= high*1.001; v *= 10 {
		ticks = append(ticks, plot.Tick{Value: v, Label: short(v)})
	}
	return ticks
}

func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%g M", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%g k", v/1e3)
	}
	return fmt.Sprintf("%g", v)
}
