package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
)

// A guard measures figures and judges them.
type guard struct {
	figures  []figure
	seconds  float64
	recorded *record
	// base measures a figure with another build; nil: there is none.
	base     func(ctx context.Context, f *figure) (float64, error)
	progress func(what string)
}

// A verdict is what was found out about a figure.
type verdict struct {
	Name     string    `json:"name"`
	Command  string    `json:"command"`
	High     bool      `json:"high_is_good"`
	Recorded float64   `json:"recorded"`       // median; 0: it is not in the record
	Base     []float64 `json:"base,omitempty"` // what strict rounds are compared with
	Rounds   []float64 `json:"rounds"`
	Noisy    int       `json:"disturbed_rounds"` // of them: others came in the way of what was measured
	Ratio    float64   `json:"ratio"`            // median of the rounds
	Worse    float64   `json:"worse"`            // than the record, or the base: above 1 is worse
	Failed   bool      `json:"failed"`
}

// add adds a round.
func (v *verdict) add(r round) {
	v.Rounds = append(v.Rounds, r.ratio)
	if r.disturbed {
		v.Noisy++
	}
}

func (f *figure) verdict() verdict {
	return verdict{Name: f.name, Command: "corechan perf " + f.command, High: f.high}
}

// loose measures each figure until it is clear of suspicion, five times at most. On an error it returns what it has.
func (g *guard) loose(ctx context.Context) (all []verdict, err error) {
	for i := range g.figures {
		f := &g.figures[i]
		v := f.verdict()
		recorded, known := g.recorded.of(f.name)
		for round := 1; round <= looseRounds; round++ {
			g.progress(fmt.Sprintf("%s, round %d", f.name, round))
			r, err := f.measure(ctx, g.seconds)
			if err != nil {
				return all, fmt.Errorf("%s: %w", f.name, err)
			}
			v.add(r)
			if !known || !f.suspect(v.Rounds, recorded.Ratio) {
				break
			}
		}
		v.Ratio = median(v.Rounds)
		if known {
			v.Recorded = recorded.Ratio
			v.Worse = f.worsened(v.Ratio, v.Recorded)
			v.Failed = len(v.Rounds) == looseRounds && f.suspect(v.Rounds, v.Recorded)
		}
		all = append(all, v)
	}
	return all, nil
}

// strict measures rounds of all figures, and of the base's beside them. On an error it returns nothing: half of them say nothing.
func (g *guard) strict(ctx context.Context, rounds int) ([]verdict, error) {
	all, before, err := g.rounds(ctx, rounds)
	if err != nil {
		return nil, err
	}
	for i := range g.figures {
		f, v := &g.figures[i], &all[i]
		recorded, known := g.recorded.of(f.name)
		if known {
			v.Recorded, v.Base = recorded.Ratio, recorded.Rounds
		}
		if g.base != nil {
			v.Base = before[i]
		}
		if len(v.Base) > 0 {
			v.Worse = f.worsened(v.Ratio, median(v.Base))
			v.Failed = f.slower(v.Rounds, v.Base)
		}
	}
	return all, nil
}

// rounds measures all figures in turn, so many times; and the base's, first or second in turn, so that neither has the better place.
func (g *guard) rounds(ctx context.Context, rounds int) (now []verdict, before [][]float64, err error) {
	for i := range g.figures {
		now = append(now, g.figures[i].verdict())
	}
	before = make([][]float64, len(g.figures))
	for round := range rounds {
		for i := range g.figures {
			f := &g.figures[i]
			g.progress(fmt.Sprintf("round %d of %d, %s", round+1, rounds, f.name))
			sides := []bool{false}
			if g.base != nil {
				sides = []bool{round%2 == 1, round%2 == 0}
			}
			for _, ofBase := range sides {
				if ofBase {
					r, err := g.base(ctx, f)
					if err != nil {
						return nil, nil, fmt.Errorf("the base's %s: %w", f.name, err)
					}
					before[i] = append(before[i], r)
					continue
				}
				r, err := f.measure(ctx, g.seconds)
				if err != nil {
					return nil, nil, fmt.Errorf("%s: %w", f.name, err)
				}
				now[i].add(r)
			}
		}
	}
	for i := range now {
		now[i].Ratio = median(now[i].Rounds)
	}
	return now, before, nil
}

// failed says whether any figure has.
func failed(all []verdict) bool {
	for _, v := range all {
		if v.Failed {
			return true
		}
	}
	return false
}

// printVerdicts writes the table.
func printVerdicts(w io.Writer, all []verdict, against string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "figure\tratio to the limit\trounds\tdisturbed\t%s\tworse by\t\t\n", against)
	for _, v := range all {
		base, worse, word := "-", "-", "not recorded"
		if v.Worse != 0 {
			was := v.Recorded
			if len(v.Base) > 0 {
				was = median(v.Base)
			}
			base, worse, word = fmt.Sprintf("%.2f", was), fmt.Sprintf("%.2f x", v.Worse), "ok"
		}
		if v.Failed {
			word = "SLOWER: " + v.Command
		}
		good := "low is good"
		if v.High {
			good = "high is good"
		}
		fmt.Fprintf(t, "%s\t%.2f (%s)\t%d\t%d\t%s\t%s\t%s\t\n", v.Name, v.Ratio, good, len(v.Rounds), v.Noisy, base, worse, word)
	}
	return t.Flush()
}
