package compare

import (
	"fmt"
	"slices"
	"strings"
)

// missing says, a line for each reason, what was not measured; what has failed comes first.
func (r *Report) missing() (lines []string) {
	type group struct {
		why    string
		failed bool
		ids    []string
		cases  []string
		all    bool // no case at all
	}
	var groups []*group
	for _, n := range r.NotMeasured {
		i := slices.IndexFunc(groups, func(g *group) bool { return g.why == n.Why && g.failed == n.Failed })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{why: n.Why, failed: n.Failed})
		}
		g := groups[i]
		if !slices.Contains(g.ids, n.ID) {
			g.ids = append(g.ids, n.ID)
		}
		if n.Case == nil {
			g.all = true
		} else if c := n.Case.String(); !slices.Contains(g.cases, c) {
			g.cases = append(g.cases, c)
		}
	}
	slices.SortStableFunc(groups, func(a, b *group) int {
		switch {
		case a.failed == b.failed:
			return 0
		case a.failed:
			return -1
		}
		return 1
	})
	for _, g := range groups {
		line := strings.Join(g.ids, ", ")
		if !g.all {
			line += " (" + strings.Join(g.cases, "; ") + ")"
		}
		if g.failed {
			line = "FAILED: " + line
		}
		lines = append(lines, fmt.Sprintf("%s: %s", line, g.why))
	}
	return lines
}
