package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/corechan/corechan/perf/result"
)

// group is one subject as often as a side has measured it.
type group struct {
	kind    string
	config  map[string]string // of the result and the subject together
	subject *result.Subject
	names   []string // of the figures, in order
	figures map[string]*result.Figure
}

// effort are settings that change how exact a figure is, and not what it is.
var effort = []string{"runs", "count", "seconds", "bytes", "seed", "warm", "rounds", "round", "trips"}

// groups takes what one side has measured of the same subject together.
func groups(all []*result.Result) (list []*group) {
	index := map[string]*group{}
	for _, r := range all {
		for i := range r.Subjects {
			s := &r.Subjects[i]
			g := &group{kind: r.Kind, config: map[string]string{}, subject: s, figures: map[string]*result.Figure{}}
			maps.Copy(g.config, r.Config)
			maps.Copy(g.config, s.Config)
			key := g.key()
			if index[key] == nil {
				index[key] = g
				list = append(list, g)
			}
			index[key].add(s)
		}
	}
	return list
}

// add adds the runs of the same subject.
func (g *group) add(s *result.Subject) {
	for i := range s.Figures {
		f := &s.Figures[i]
		runs := f.Runs
		if len(runs) == 0 {
			runs = []float64{f.Value}
		}
		have := g.figures[f.Name]
		if have == nil {
			have = &result.Figure{Name: f.Name, Unit: f.Unit, Better: f.Better}
			g.figures[f.Name] = have
			g.names = append(g.names, f.Name)
		}
		have.Runs = append(have.Runs, runs...)
	}
}

// key is the same for what was measured in the same way.
func (g *group) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q", g.kind, g.subject.Role, g.subject.Name)
	for _, k := range slices.Sorted(maps.Keys(g.config)) {
		if !slices.Contains(effort, k) {
			fmt.Fprintf(&b, " %q=%q", k, g.config[k])
		}
	}
	return b.String()
}

// String names a group for a reader.
func (g *group) String() string {
	return fmt.Sprintf("%s: %s %s", g.kind, g.subject.Role, g.subject.Name)
}

// matched are two groups that are the same, or one that has no partner.
type matched struct{ a, b *group }

// match finds the partners. What was asked for in the same way is the same. Of what is left, the only system of a kind at one side
// is the partner of the only one at the other: that is how two settings, transports or builds are compared. So it is for limits and
// rivals of the same name.
func match(as, bs []*group) (all []matched) {
	left := slices.Clone(bs)
	partner := map[*group]*group{}
	take := func(a *group, i int) {
		partner[a] = left[i]
		left = slices.Delete(left, i, i+1)
	}
	for _, a := range as {
		if i := slices.IndexFunc(left, func(b *group) bool { return a.key() == b.key() }); i >= 0 {
			take(a, i)
		}
	}
	alone := slices.DeleteFunc(slices.Clone(as), func(a *group) bool { return partner[a] != nil })
	for _, a := range alone {
		like := func(o *group) bool { return sameSort(a, o) }
		if i := slices.IndexFunc(left, like); i >= 0 && number(alone, like) == 1 && number(left, like) == 1 {
			take(a, i)
		}
	}
	for _, a := range as {
		all = append(all, matched{a, partner[a]})
	}
	for _, b := range left {
		all = append(all, matched{nil, b})
	}
	return all
}

func number(all []*group, like func(*group) bool) (n int) {
	for _, g := range all {
		if like(g) {
			n++
		}
	}
	return n
}

// sameSort says whether two groups could be partners although they were asked for differently.
func sameSort(a, b *group) bool {
	return a.kind == b.kind && a.subject.Role == b.subject.Role && (a.subject.Role == result.System || a.subject.Name == b.subject.Name)
}
