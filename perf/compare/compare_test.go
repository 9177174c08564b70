package compare

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/result"
)

// of is a result of a ping-pong with these figures.
func of(name string, config map[string]string, figures ...result.Figure) *result.Result {
	return &result.Result{Kind: "pingpong", Config: config, Subjects: []result.Subject{
		{Name: name, Role: result.System, Figures: figures},
	}}
}

func p50(runs ...float64) result.Figure {
	return result.NewFigure("p50", result.Nanoseconds, result.Lower, runs...)
}

func rate(runs ...float64) result.Figure {
	return result.NewFigure(result.FigureRate, result.PerSecond, result.Higher, runs...)
}

func TestAFigureIsJudgedByItsRepeats(t *testing.T) {
	for _, test := range []struct {
		name string
		a, b result.Figure
		want Verdict
	}{
		{"apart, lower is better", p50(10, 11, 12, 10, 11), p50(20, 21, 22, 20, 21), Worse},
		{"apart, the other way", p50(20, 21, 22, 20), p50(10, 11, 12, 10), Better},
		{"apart, higher is better", rate(10, 11, 12, 10), rate(20, 21, 22, 20), Better},
		{"apart, higher is better, the other way", rate(20, 21, 22, 20), rate(10, 11, 12, 10), Worse},
		{"among each other", p50(10, 12, 14, 16, 18), p50(11, 13, 15, 17, 19), Same},
		{"the same", p50(10, 10, 10, 10), p50(10, 10, 10, 10), Same},
		{"apart, by less than matters", p50(1000, 1001, 1002, 1003), p50(1010, 1011, 1012, 1013), Same},
		{"too few runs", p50(10, 10, 10), p50(20, 20, 20), Undecided},
		{"one run", p50(10), p50(20), Undecided},
		{"few, but enough of the other", p50(10, 11, 12), p50(20, 21, 22, 23, 24, 25), Worse},
		{"from nothing to something", p50(0, 0, 0, 0, 0), p50(1, 1, 1, 1, 1), Worse},
		{"a single value", result.Figure{Name: "p50", Unit: result.Nanoseconds, Better: result.Lower, Value: 3}, p50(1, 1, 1, 1), Undecided},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Compare([]*result.Result{of("shm", nil, test.a)}, []*result.Result{of("shm", nil, test.b)}, nil)
			if len(c.Pairs) != 1 || len(c.Pairs[0].Figures) != 1 {
				t.Fatalf("%+v", c)
			}
			if f := c.Pairs[0].Figures[0]; f.Verdict != test.want {
				t.Errorf("%+v; want %s", f, test.want)
			}
		})
	}
}

// The claim of the test itself: without a difference, one in twenty at most is said to differ.
func TestNoiseIsSeldomTakenForADifference(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sample := func() []float64 {
		runs := make([]float64, 6)
		for i := range runs {
			runs[i] = 100 * (1 + random.ExpFloat64()) // skewed, as times are
		}
		return runs
	}
	const tries = 2000
	wrong := 0
	for range tries {
		f := judge("p50", &result.Figure{Better: result.Lower, Runs: sample()}, &result.Figure{Better: result.Lower, Runs: sample()},
			&Options{Alpha: DefaultAlpha, Least: DefaultLeast})
		if f.Verdict != Same {
			wrong++
		}
	}
	if wrong > tries/20 || wrong == 0 {
		t.Errorf("%d of %d were said to differ", wrong, tries)
	}
}

func TestRepeatsOfAFolderAreTakenTogether(t *testing.T) {
	var a, b []*result.Result
	for i := range 5 {
		v := float64(i)
		a = append(a, of("shm", map[string]string{"size": "64", "seconds": "2"}, p50(100+v)))
		b = append(b, of("shm", map[string]string{"size": "64", "seconds": "3"}, p50(200+v)))
		b = append(b, of("shm", map[string]string{"size": "4096"}, p50(300+v)))
	}
	c := Compare(a, b, nil)
	if len(c.Pairs) != 1 || c.Pairs[0].Figures[0].A.Runs != 5 || c.Pairs[0].Figures[0].B.Median != 202 || c.Worse != 1 || len(c.OnlyB) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestTwoSettingsAreCompared(t *testing.T) {
	a := of("shm", map[string]string{"wait": "spin"}, p50(1, 1, 1, 1))
	b := of("unix", map[string]string{"wait": "block"}, p50(3, 3, 3, 3))
	b.Environment.Governor = "powersave"
	a.Subjects = append(a.Subjects, result.Subject{Name: "cache line", Role: result.Limit, Figures: []result.Figure{p50(1, 1, 1, 1)}})
	b.Subjects = append(b.Subjects, result.Subject{Name: "blocking calls", Role: result.Limit, Figures: []result.Figure{p50(1, 1, 1, 1)}})
	c := Compare([]*result.Result{a}, []*result.Result{b}, nil)
	if len(c.Pairs) != 1 || c.Pairs[0].NameA != "shm" || c.Pairs[0].NameB != "unix" || len(c.OnlyA) != 1 || len(c.OnlyB) != 1 {
		t.Errorf("%+v", c)
	}
	text := strings.Join(c.Warnings, "\n")
	for _, want := range []string{"--wait is spin at A, block at B", "governor: not told at A, powersave at B"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
	}
}

func TestADifferentMachineAndNoiseAreSaidFirst(t *testing.T) {
	a, b := of("shm", nil, p50(1, 1, 1, 1)), of("shm", nil, p50(1, 1, 1, 1))
	limit := func(runs ...float64) result.Subject {
		return result.Subject{Name: "cache line", Role: result.Limit, Figures: []result.Figure{p50(runs...)}}
	}
	a.Subjects = append(a.Subjects, limit(1, 1, 1, 1))
	b.Subjects = append(b.Subjects, limit(2, 2, 2, 2))
	b.Marks = []environment.Mark{{Kind: environment.Steal}}
	c := Compare([]*result.Result{a}, []*result.Result{b}, nil)
	if len(c.Warnings) != 2 || !strings.Contains(c.Warnings[0], "steal") || !strings.Contains(c.Warnings[1], "trust the ratios") {
		t.Errorf("%q", c.Warnings)
	}
	if c.Worse != 0 || c.Same != 1 {
		t.Errorf("the limit was judged as a system is: %+v", c)
	}
}

func TestTheSmallestPIsThatOfSamplesThatLieApart(t *testing.T) {
	for n, want := range map[int]float64{3: 0.1, 4: 2.0 / 70, 5: 2.0 / 252} {
		if got := smallestP(n, n); got < want*0.999 || got > want*1.001 {
			t.Errorf("%d runs: %v, want %v", n, got, want)
		}
	}
	if !slices.IsSorted([]float64{smallestP(9, 9), smallestP(3, 9), smallestP(1, 9)}) {
		t.Error("fewer runs show more")
	}
}
