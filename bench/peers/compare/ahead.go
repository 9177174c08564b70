package compare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/corechan/corechan/bench/peers/peer"
)

// Behind is a figure at which corechan is not ahead.
type Behind struct {
	Case   peer.Case `json:"case"`
	Figure string    `json:"figure"` // what: round trip, rate, CPU, memory
	Ours   string    `json:"ours"`   // the best of ours that compares
	Rival  string    `json:"rival"`
	// Factor is how much better the rival's median is: 1 is equal, 1.1 is a tenth.
	Factor float64 `json:"factor"`
	// Rounds is in how many rounds of all the rival was ahead.
	Rounds int `json:"rounds"`
	Of     int `json:"of"`
}

// behindLines says the same in a line for each figure of each case: ours, and who is ahead of it, by which factor, in how many rounds.
func behindLines(all []Behind) (lines []string) {
	var heads []string
	rivals := map[string][]string{}
	for i := range all {
		b := &all[i]
		head := fmt.Sprintf("%s, %s: %s is behind", b.Case, b.Figure, b.Ours)
		if rivals[head] == nil {
			heads = append(heads, head)
		}
		rivals[head] = append(rivals[head], fmt.Sprintf("%s (%.2f; %d of %d)", b.Rival, b.Factor, b.Rounds, b.Of))
	}
	for _, h := range heads {
		lines = append(lines, h+" "+strings.Join(rivals[h], ", "))
	}
	return lines
}

// nowhere says why there is nothing that corechan is behind.
func (r *Report) nowhere() string {
	ours, others := false, false
	for _, c := range r.Cases {
		for _, row := range c.Rows {
			ours, others = ours || row.Ours, others || !row.Ours
		}
	}
	if !ours || !others {
		return "Nothing was compared: this run has not both corechan and others."
	}
	return "Nowhere in this run."
}

// serviceKind is what stands for the services' round trips in a list of cases.
const serviceKind peer.Kind = "service"

// NotAhead returns where a rival is ahead of the best of ours. A rival over shared memory or a Unix socket is held against whatever
// of ours works within a machine; over TCP, also against ours over TCP. What differs by less than a hundredth counts as ahead
// for nobody, and is not reported. The worst comes first.
func NotAhead(r *Report) (all []Behind) {
	cases := slices.Clone(r.Cases)
	if r.Services != nil {
		s := r.Services.Case
		s.Kind = serviceKind
		cases = append(cases, s)
	}
	for i := range cases {
		c := &cases[i]
		for _, rival := range c.Rows {
			if rival.Ours {
				continue
			}
			fields := [][]string{{"shm", "unix", "tcp"}}
			if rival.Network != "shm" {
				fields = append(fields, []string{rival.Network})
			}
			for _, networks := range fields {
				for _, b := range c.behind(&rival, networks) {
					if !slices.Contains(all, b) { // the best of a network may be the best of all
						all = append(all, b)
					}
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Behind) int {
		switch {
		case a.Factor > b.Factor:
			return -1
		case a.Factor < b.Factor:
			return 1
		}
		return 0
	})
	return all
}

// behind holds a rival against those of ours over these networks, by each figure.
func (c *CaseReport) behind(rival *Row, networks []string) (all []Behind) {
	speed := "rate"
	if lowIsGood(c.Kind) {
		speed = "round trip"
	}
	low := lowIsGood(c.Kind)
	for _, f := range []struct {
		name   string
		low    bool
		of     func(*Row) float64
		rounds func(*Row) []float64
	}{
		{speed, low, func(r *Row) float64 { return r.Ratio }, func(r *Row) []float64 { return r.Rounds }},
		{"CPU time", true, func(r *Row) float64 { return r.CPU }, func(r *Row) []float64 { return r.CPUs }},
	} {
		var best *Row
		for i := range c.Rows {
			row := &c.Rows[i]
			if row.Ours && slices.Contains(networks, row.Network) &&
				(best == nil || f.low == (f.of(row) < f.of(best)) && f.of(row) != f.of(best)) {
				best = row
			}
		}
		if best == nil {
			continue
		}
		factor := f.of(rival) / f.of(best)
		if f.low {
			factor = 1 / factor
		}
		if factor < 1.01 {
			continue
		}
		b := Behind{Case: c.Case, Figure: f.name, Ours: best.ID, Rival: rival.ID, Factor: factor}
		mine, theirs := f.rounds(best), f.rounds(rival)
		for i := range min(len(mine), len(theirs)) {
			b.Of++
			if f.low == (theirs[i] < mine[i]) {
				b.Rounds++
			}
		}
		all = append(all, b)
	}
	return all
}
