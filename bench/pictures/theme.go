package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// role is what a colour is for. The library writes colours as they are, so each role has one that stands for it, and the finished
// picture has a variable in its place, whose value the reader's colour scheme decides.
type role uint8

const (
	text role = iota
	soft
	grid
	series // and those after it
)

const seriesColours = 8

// light and dark are the colours of the roles.
var (
	light = []string{"#1b1f24", "#5b6570", "#e0e4ea", "#0066cc", "#c04800", "#14804a", "#9c2f9c", "#8a6d00", "#007c89", "#b3261e", "#5a5f66"}
	dark  = []string{"#e7eaee", "#9aa5b1", "#343b45", "#6cb2ff", "#ff9e5e", "#5fd39b", "#e08be0", "#e3c04d", "#58cfd8", "#ff8a80", "#b7bec7"}
)

// standIn is the colour that stands for a role while the picture is drawn: one that no scheme has.
func (r role) standIn() color.Color { return color.NRGBA{R: 1, G: 2, B: 100 + uint8(r), A: 255} }

// of is the role of a curve.
func of(i int) role { return series + role(i%seriesColours) }

// level is how strong a colour is that lies beneath others.
type level uint8

const levels = 10

// standIn is the colour that stands for the first series' colour in that strength.
func (l level) standIn() color.Color { return color.NRGBA{R: 1, G: 3, B: 100 + uint8(l), A: 255} }

func (l level) opacity() float64 { return 0.1 + 0.7*float64(l)/(levels-1) }

// newPlot makes an empty picture in the roles' colours.
func newPlot(title string) *plot.Plot {
	p := plot.New()
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	p.Title.Text = title
	p.Title.TextStyle.Font, p.Title.TextStyle.Font.Size = sans, vg.Points(13)
	p.Title.TextStyle.Color, p.Title.Padding = text.standIn(), vg.Points(8)
	p.Legend.TextStyle.Font, p.Legend.TextStyle.Font.Size, p.Legend.TextStyle.Color = sans, vg.Points(10), text.standIn()
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Tick.Color = soft.standIn(), soft.standIn()
		a.Label.TextStyle.Font, a.Label.TextStyle.Font.Size, a.Label.TextStyle.Color = sans, vg.Points(10), soft.standIn()
		a.Tick.Label.Font, a.Tick.Label.Font.Size, a.Tick.Label.Color = sans, vg.Points(10), soft.standIn()
	}
	p.BackgroundColor = color.Transparent
	return p
}

// render writes the picture, and puts variables in the places of the colours.
func render(p *plot.Plot, width, height vg.Length) ([]byte, error) {
	canvas := vgsvg.New(width, height)
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	svg := b.Bytes()
	style := "<style>\n:root{"
	for i, c := range light {
		style += fmt.Sprintf("--c%d:%s;", i, c)
	}
	style += "}\n@media (prefers-color-scheme:dark){:root{"
	for i, c := range dark {
		style += fmt.Sprintf("--c%d:%s;", i, c)
		svg = bytes.ReplaceAll(svg, inHex(role(i).standIn()), []byte("var(--c"+strconv.Itoa(i)+")"))
	}
	style += "}}\n</style>\n"
	for l := range level(levels) {
		strong := fmt.Sprintf("var(--c%d);fill-opacity:%.2f", series, l.opacity())
		svg = bytes.ReplaceAll(svg, inHex(l.standIn()), []byte(strong))
	}
	svg = bytes.ReplaceAll(svg, []byte("font-family:Liberation Sans"), []byte("font-family:system-ui,Liberation Sans,DejaVu Sans,sans-serif"))
	at := bytes.Index(svg, []byte("<g "))
	if at < 0 {
		return nil, fmt.Errorf("the library wrote no drawing")
	}
	return append(svg[:at:at], append([]byte(style), svg[at:]...)...), nil
}

// inHex is how the library writes a colour.
func inHex(c color.Color) []byte {
	r, g, b, _ := c.RGBA()
	return fmt.Appendf(nil, "#%02X%02X%02X", r>>8, g>>8, b>>8)
}

// nanoseconds is a short form of a time.
func nanoseconds(ns float64) string {
	for _, s := range []struct {
		from float64
		unit string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		if ns >= s.from*0.9995 {
			return strconv.FormatFloat(ns/s.from, 'g', 3, 64) + " " + s.unit
		}
	}
	return strconv.FormatFloat(ns, 'g', 3, 64) + " ns"
}

// times are the ticks of a logarithmic axis of times: the powers of ten, and where there are few of them 2 and 5 times each.
type times struct{}

// Ticks returns them.
func (times) Ticks(low, high float64) (ticks []plot.Tick) {
	factors := []float64{1}
	if math.Log10(high/low) < 3 {
		factors = []float64{1, 2, 5}
	}
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, f := range factors {
			if v := f * math.Pow(10, e); v >= low*0.999 && v <= high*1.001 {
				ticks = append(ticks, plot.Tick{Value: v, Label: nanoseconds(v)})
			}
		}
	}
	return ticks
}
