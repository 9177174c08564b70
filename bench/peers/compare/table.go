package compare

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/corechan/corechan/bench/peers/peer"
)

// Print writes the report for a terminal: where we are not ahead first.
func Print(w io.Writer, r *Report) error {
	if r.Disturbance.Disturbed() {
		fmt.Fprintf(w, "%s\n\n", &r.Disturbance)
	}
	fmt.Fprintf(w, "Where corechan is not ahead (commit %s)\n", r.Commit)
	if len(r.NotAhead) == 0 {
		fmt.Fprintf(w, "  %s\n", r.nowhere())
	}
	for _, l := range behindLines(r.NotAhead) {
		fmt.Fprintf(w, "  %s\n", l)
	}
	for i := range r.Cases {
		if err := printCase(w, &r.Cases[i]); err != nil {
			return err
		}
	}
	if r.Services != nil {
		if err := r.Services.Print(w); err != nil {
			return err
		}
	}
	missing := r.missing()
	if len(missing) > 0 {
		fmt.Fprintln(w, "\nNot measured")
	}
	for _, m := range missing {
		fmt.Fprintf(w, "  %s\n", m)
	}
	return nil
}

func printCase(w io.Writer, c *CaseReport) error {
	fmt.Fprintf(w, "\n%s; the limit (%s): %s\n", c.Case, c.Limit.Name, figure(c.Kind, c.Limit.Figure))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	what, better := "per second", "of limit"
	if lowIsGood(c.Kind) {
		what, better = "p50", "x limit"
	}
	fmt.Fprintf(t, "\t\t%s\t%s\tleast\tmost\tp99\tCPU each\tallocs\tmemory\t\n", what, better)
	for _, row := range c.Rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", row.Name, row.Network, figure(c.Kind, row.Figure),
			ratio(row.Ratio), ratio(row.Least), ratio(row.Most), p99(row.P99), duration(row.CPU), count(row.Allocs), memoryText(row.Memory))
	}
	return t.Flush()
}

func figure(k peer.Kind, v float64) string {
	if lowIsGood(k) {
		return duration(v)
	}
	return rate(v)
}

func duration(ns float64) string {
	switch {
	case ns < 9_995:
		return fmt.Sprintf("%.2f µs", ns/1e3)
	case ns < 999_500:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	}
	return fmt.Sprintf("%.2f ms", ns/1e6)
}

func p99(ns float64) string {
	if ns == 0 {
		return "-"
	}
	return duration(ns)
}

func rate(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2f M/s", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%.1f k/s", v/1e3)
	}
	return fmt.Sprintf("%.0f /s", v)
}

func ratio(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.4f", v)
}

func count(v float64) string {
	if v < 0 {
		return "-"
	}
	if v < 0.05 {
		return "0"
	}
	return fmt.Sprintf("%.1f", v)
}

func memoryText(b int64) string { return fmt.Sprintf("%.1f MiB", float64(b)/(1<<20)) }
