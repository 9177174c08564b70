package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/corechan/corechan/perf"
)

// probesAB reads --probes.
func probesAB(flag string) (bool, error) {
	switch flag {
	case "":
		return false, nil
	case "ab":
		return true, nil
	}
	return false, fmt.Errorf("%w: --probes %q is unknown; use ab, or leave it out", perf.ErrConfig, flag)
}

// printProbes says what attached probes cost.
func printProbes(w io.Writer, p *perf.ProbesReport, transport perf.Transport) {
	t := newTable()
	fmt.Fprintf(t, "probes\t%s p50\tratio\tmiddle half\tmedian, 95 %% sure\t\n", transport)
	fmt.Fprintf(t, "detached\t%s\t\t\t\t\n", nanoseconds(p.WithoutNs))
	fmt.Fprintf(t, "attached\t%s\t%.3f\t%.3f to %.3f\t%.3f to %.3f\t\n",
		nanoseconds(p.P50Ns), p.Ratio, p.RatioLow, p.RatioHigh, p.MedianLow, p.MedianHigh)
	fmt.Fprintln(w)
	t.print(w)
	names := make([]string, len(p.Groups))
	for i, g := range p.Groups {
		names[i] = string(g)
	}
	fmt.Fprintf(w, "Attached: %s, following both sides. To attach or detach: %s.\n", strings.Join(names, ", "), nanoseconds(p.SwitchNs))
	for _, g := range p.Refused {
		fmt.Fprintf(w, "Not attached: %s: %s\n", g.Group, g.Why)
	}
}
