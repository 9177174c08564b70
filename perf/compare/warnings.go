package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/result"
)

// warnings say what a reader has to know before the figures.
func warnings(a, b []*result.Result) []string {
	all := []string{}
	for _, side := range []struct {
		name    string
		results []*result.Result
	}{{"A", a}, {"B", b}} {
		n, kinds := 0, map[environment.Kind]bool{}
		for _, r := range side.results {
			if r.Noisy() {
				n++
			}
			marks := slices.Clone(r.Marks)
			for i := range r.Subjects {
				marks = append(marks, r.Subjects[i].Marks...)
			}
			for _, m := range marks {
				kinds[m.Kind] = true
			}
		}
		if n > 0 {
			var names []string
			for k := range kinds {
				names = append(names, string(k))
			}
			slices.Sort(names)
			all = append(all, fmt.Sprintf("%s: %d of %d results are noisy (%s): measure them again before you trust a difference",
				side.name, n, len(side.results), strings.Join(names, ", ")))
		}
	}
	if len(a) == 0 || len(b) == 0 {
		return all
	}
	ea, eb := &a[0].Environment, &b[0].Environment
	for _, f := range []struct{ name, a, b string }{
		{"kernel", ea.Kernel, eb.Kernel},
		{"kernel command line", ea.KernelCommand, eb.KernelCommand},
		{"processor", ea.CPU, eb.CPU},
		{"hypervisor", ea.Hypervisor, eb.Hypervisor},
		{"allowed cores", ea.Cores, eb.Cores},
		{"isolated cores", ea.Isolated, eb.Isolated},
		{"governor", ea.Governor, eb.Governor},
		{"turbo", ea.Turbo, eb.Turbo},
		{"clock source", ea.ClockSource, eb.ClockSource},
		{"Go", ea.Go, eb.Go},
		{"GOMAXPROCS", fmt.Sprint(ea.GOMAXPROCS), fmt.Sprint(eb.GOMAXPROCS)},
	} {
		if f.a != f.b {
			all = append(all, fmt.Sprintf("not the same %s: %s at A, %s at B", f.name, orNone(f.a), orNone(f.b)))
		}
	}
	if a[0].Kind == b[0].Kind {
		all = append(all, askedDifferently(a[0].Config, b[0].Config)...)
	}
	return all
}

// askedDifferently says which flags differ.
func askedDifferently(a, b map[string]string) (all []string) {
	names := maps.Clone(a)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, b)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if a[name] != b[name] && !slices.Contains(effort, name) {
			all = append(all, fmt.Sprintf("not asked for in the same way: --%s is %s at A, %s at B", name, orNone(a[name]), orNone(b[name])))
		}
	}
	return all
}

func orNone(s string) string {
	if s == "" {
		return "not told"
	}
	return s
}
