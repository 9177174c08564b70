package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/corechan/corechan/perf"
)

// isAB reads a flag that asks for slices with something beside those without.
func isAB(name, value string) (bool, error) {
	switch value {
	case "":
		return false, nil
	case "ab":
		return true, nil
	}
	return false, fmt.Errorf("%w: %s %q is unknown; use ab, or leave it out", perf.ErrConfig, name, value)
}

// printCost prints slices with something beside those without.
func printCost(w io.Writer, c *perf.CostReport, transport perf.Transport, what, without, with string) {
	t := newTable()
	fmt.Fprintf(t, "%s\t%s p50\tratio\tmiddle half\tmedian, 95 %% sure\t\n", what, transport)
	fmt.Fprintf(t, "%s\t%s\t\t\t\t\n", without, nanoseconds(c.WithoutNs))
	fmt.Fprintf(t, "%s\t%s\t%.3f\t%.3f to %.3f\t%.3f to %.3f\t\n",
		with, nanoseconds(c.P50Ns), c.Ratio, c.RatioLow, c.RatioHigh, c.MedianLow, c.MedianHigh)
	fmt.Fprintln(w)
	t.print(w)
}

// printProbes says what attached probes cost.
func printProbes(w io.Writer, p *perf.ProbesReport, transport perf.Transport) {
	printCost(w, &p.CostReport, transport, "probes", "detached", "attached")
	names := make([]string, len(p.Groups))
	for i, g := range p.Groups {
		names[i] = string(g)
	}
	fmt.Fprintf(w, "Attached: %s, following both sides. To attach or detach: %s.\n", strings.Join(names, ", "), nanoseconds(p.SwitchNs))
	for _, g := range p.Refused {
		fmt.Fprintf(w, "Not attached: %s: %s\n", g.Group, g.Why)
	}
}
