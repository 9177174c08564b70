package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchmath"

	"github.com/corechan/corechan/perf/result"
)

// Verdict is what is said of a figure.
type Verdict string

// The verdicts. B is what is judged, and A is what it is held against.
const (
	Better    Verdict = "better"
	Worse     Verdict = "worse"
	Same      Verdict = "same"      // no difference is shown beyond noise
	Undecided Verdict = "undecided" // fewer runs than could show one
)

// Options say when a difference counts. The zero value, and nil, stand for the defaults.
type Options struct {
	Alpha float64 // p below which a difference is not taken for noise; default 0.05
	Least float64 // difference, as a part of A, that is worth to be named; default 0.02
}

// The defaults of Options.
const (
	DefaultAlpha = 0.05
	DefaultLeast = 0.02
)

// Comparison is B held against A.
type Comparison struct {
	Pairs    []Pair   `json:"pairs"`
	Warnings []string `json:"warnings"` // what else differs, and what disturbed either side
	OnlyA    []string `json:"only_a"`   // what the other side did not measure
	OnlyB    []string `json:"only_b"`
	Better   int      `json:"better"` // figures of systems with that verdict
	Worse    int      `json:"worse"`
	Same     int      `json:"same"`
	Unsure   int      `json:"undecided"`
}

// Pair is one subject that both sides measured.
type Pair struct {
	Kind    string            `json:"kind"`
	Role    result.Role       `json:"role"`
	NameA   string            `json:"a"`
	NameB   string            `json:"b"`
	Config  map[string]string `json:"config"` // what was asked for at A
	Figures []Figure          `json:"figures"`
}

// Figure is one figure of both sides.
type Figure struct {
	Name    string        `json:"name"`
	Unit    string        `json:"unit"`
	Wanted  result.Better `json:"wanted"` // lower or higher
	A       Side          `json:"a"`
	B       Side          `json:"b"`
	Change  *float64      `json:"change"` // B/A - 1; null if A is 0
	P       float64       `json:"p"`      // 1 where there are too few runs
	Verdict Verdict       `json:"verdict"`
}

// Side is what one side measured.
type Side struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
	Runs   int     `json:"runs"`
}

// Compare holds the results b against a. Those of one side that measured the same are taken together, as repeats.
func Compare(a, b []*result.Result, o *Options) *Comparison {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Alpha == 0 {
		opts.Alpha = DefaultAlpha
	}
	if opts.Least == 0 {
		opts.Least = DefaultLeast
	}
	c := &Comparison{Pairs: []Pair{}, Warnings: warnings(a, b), OnlyA: []string{}, OnlyB: []string{}}
	as, bs := groups(a), groups(b)
	for _, m := range match(as, bs) {
		switch {
		case m.b == nil:
			c.OnlyA = append(c.OnlyA, m.a.String())
		case m.a == nil:
			c.OnlyB = append(c.OnlyB, m.b.String())
		default:
			c.add(m, &opts)
		}
	}
	return c
}

// add compares two subjects.
func (c *Comparison) add(m matched, o *Options) {
	p := Pair{Kind: m.a.kind, Role: m.a.subject.Role, NameA: m.a.subject.Name, NameB: m.b.subject.Name, Config: m.a.config, Figures: []Figure{}}
	for _, name := range m.a.names {
		fa, fb := m.a.figures[name], m.b.figures[name]
		if fb == nil || fa.Better == result.Neither || fa.Better != fb.Better || fa.Unit != fb.Unit || strings.HasSuffix(name, result.FigureMax) {
			continue // one time says nothing of the largest there could be
		}
		f := judge(name, fa, fb, o)
		p.Figures = append(p.Figures, f)
		if p.Role == result.System {
			c.count(f.Verdict)
		}
	}
	if p.Role == result.Limit {
		c.warnOfMachine(&p)
	}
	c.Pairs = append(c.Pairs, p)
}

func (c *Comparison) count(v Verdict) {
	switch v {
	case Better:
		c.Better++
	case Worse:
		c.Worse++
	case Same:
		c.Same++
	case Undecided:
		c.Unsure++
	}
}

// warnOfMachine says so if what the machine itself allows has changed: then the ratios still hold, and times do not.
func (c *Comparison) warnOfMachine(p *Pair) {
	for _, f := range p.Figures {
		if (f.Verdict == Better || f.Verdict == Worse) && f.Change != nil {
			c.Warnings = append(c.Warnings, fmt.Sprintf("the limit (%s, %s) is %s by %.0f %% at B: the machine was not the same, so trust the ratios, not the times",
				p.NameA, f.Name, f.Verdict, 100*math.Abs(*f.Change)))
			return
		}
	}
}

// judge compares the repeats of a figure.
func judge(name string, a, b *result.Figure, o *Options) Figure {
	f := Figure{Name: name, Unit: a.Unit, Wanted: a.Better, A: side(a.Runs), B: side(b.Runs), P: 1}
	if f.A.Median != 0 {
		change := f.B.Median/f.A.Median - 1
		f.Change = &change
	}
	if min(f.A.Runs, f.B.Runs) == 0 || smallestP(f.A.Runs, f.B.Runs) >= o.Alpha {
		f.Verdict = Undecided
		return f
	}
	t := &benchmath.Thresholds{CompareAlpha: o.Alpha}
	test := benchmath.AssumeNothing.Compare(
		benchmath.NewSample(slices.Clone(a.Runs), t), benchmath.NewSample(slices.Clone(b.Runs), t))
	f.P, f.Verdict = test.P, Same
	far := f.A.Median == 0 && f.B.Median != 0 || f.Change != nil && math.Abs(*f.Change) >= o.Least
	if test.P < o.Alpha && far {
		f.Verdict = Worse
		if (f.B.Median < f.A.Median) == (a.Better == result.Lower) {
			f.Verdict = Better
		}
	}
	return f
}

// smallestP is the p of two samples of which one lies above the other as a whole: two of all the ways to choose n of n+m.
func smallestP(n, m int) float64 {
	ways := 1.0
	for i := 1; i <= n; i++ {
		ways *= float64(m+i) / float64(i)
	}
	return min(2/ways, 1)
}

func side(runs []float64) Side {
	if len(runs) == 0 {
		return Side{}
	}
	return Side{
		Median: result.NewFigure("", "", "", runs...).Value, Least: slices.Min(runs), Most: slices.Max(runs), Runs: len(runs),
	}
}
