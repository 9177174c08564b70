package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/corechan/corechan/perf"
)

func printPingpong(w io.Writer, r *perf.PingpongReport) {
	fmt.Fprintf(w, "Ping-pong over %s: %s, %s, %s\n\n",
		r.Transport, freight(r.Size, r.Mode), waits(r.Wait, r.Lane), where(r.Cores))
	t := newTable()
	fmt.Fprintf(t, "round trip\t%s\tlimit\tratio\t\n", r.Transport)
	fmt.Fprintf(t, "p50\t%s\t%s\t%.2f\t\n", nanoseconds(r.P50Ns), nanoseconds(r.LimitP50Ns), r.RatioP50)
	for _, row := range []struct {
		name string
		ns   float64
	}{{"p90", r.P90Ns}, {"p99", r.P99Ns}, {"p99.9", r.P999Ns}, {"max", r.MaxNs}, {"mean", r.MeanNs}} {
		fmt.Fprintf(t, "%s\t%s\t\t\t\n", row.name, nanoseconds(row.ns))
	}
	t.print(w)
	if len(r.Rivals) > 0 {
		t := newTable()
		fmt.Fprintf(t, "p50 beside\tround trip\t%s to it\tcores busy\t\n", r.Wait)
		for _, v := range append([]perf.Rival{{Wait: r.Wait, P50Ns: r.P50Ns, Ratio: 1, BusyCores: r.BusyCores}}, r.Rivals...) {
			fmt.Fprintf(t, "%s\t%s\t%.2f\t%.2f\t\n", v.Wait, nanoseconds(v.P50Ns), v.Ratio, v.BusyCores)
		}
		fmt.Fprintln(w)
		t.print(w)
	}
	fmt.Fprintf(w, "\nLimit: %s on the same threads. Middle half of the slices' ratios: %.2f to %.2f.\n",
		r.Limit, r.RatioLow, r.RatioHigh)
	fmt.Fprintf(w, "Allocations per round trip, both sides: %s. A clock read: %s, not subtracted.\n",
		plain(r.AllocsPerOp), nanoseconds(r.TimerNs))
	pauses := ""
	if r.PauseNs > 0 {
		pauses = " after pauses of " + nanoseconds(float64(r.PauseNs))
	}
	fmt.Fprintf(w, "Measured: %s round trips%s, %s.\n", grouped(float64(r.Count)), pauses, effort(r.Seconds, r.Slices, r.Runs))
}

func printStream(w io.Writer, r *perf.StreamReport) {
	fmt.Fprintf(w, "Stream over %s: %s, %s, %s\n\n",
		r.Transport, freight(r.Size, r.Mode), waits(r.Wait, r.Lane), where(r.Cores))
	t := newTable()
	fmt.Fprintf(t, "per second\t%s\tlimit\tratio\t\n", r.Transport)
	fmt.Fprintf(t, "messages\t%s\t%s\t%.2f\t\n", scaled(r.MsgsPerS, ""), scaled(r.LimitMsgsPerS, ""), r.Ratio)
	fmt.Fprintf(t, "bytes\t%s\t%s\t\t\n", scaled(r.BytesPerS, "B"), scaled(r.LimitBytesPerS, "B"))
	t.print(w)
	fmt.Fprintf(w, "\nLimit: %s on the same threads. Middle half of the slices' ratios: %.2f to %.2f.\n",
		r.Limit, r.RatioLow, r.RatioHigh)
	fmt.Fprintf(w, "Allocations per message, both sides: %s.\n", plain(r.AllocsPerOp))
	fmt.Fprintf(w, "Measured: %s messages, %s.\n", grouped(float64(r.Count)), effort(r.Seconds, r.Slices, r.Runs))
}

// table aligns columns to the right, without trailing blanks.
type table struct {
	*tabwriter.Writer
	text *strings.Builder
}

func newTable() table {
	var b strings.Builder
	return table{tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight), &b}
}

func (t table) print(w io.Writer) {
	t.Flush()
	for line := range strings.Lines(t.text.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
}

func freight(size int, mode perf.Mode) string {
	return fmt.Sprintf("%s bytes %s", grouped(float64(size)), mode)
}

func waits(wait perf.Wait, lane bool) string {
	if lane {
		return string(wait) + " on a lane"
	}
	return string(wait)
}

func where(cores []int) string {
	if len(cores) != 2 {
		return "not pinned"
	}
	return fmt.Sprintf("cores %d and %d", cores[0], cores[1])
}

func effort(seconds float64, slices, runs int) string {
	s := fmt.Sprintf("%.2f s in %d slices", seconds, slices)
	if runs > 1 {
		s += fmt.Sprintf(" a run; medians of %d runs", runs)
	}
	return s
}

// nanoseconds writes a duration with three to four digits that count.
func nanoseconds(ns float64) string {
	switch {
	case ns < 10e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 10e6:
		return fmt.Sprintf("%.1f us", ns/1e3)
	default:
		return fmt.Sprintf("%.1f ms", ns/1e6)
	}
}

// scaled writes a rate with a decimal prefix.
func scaled(v float64, unit string) string {
	switch {
	case v < 1e3:
		return strings.TrimRight(fmt.Sprintf("%.0f %s", v, unit), " ")
	case v < 1e6:
		return fmt.Sprintf("%.2f k%s", v/1e3, unit)
	case v < 1e9:
		return fmt.Sprintf("%.2f M%s", v/1e6, unit)
	default:
		return fmt.Sprintf("%.2f G%s", v/1e9, unit)
	}
}

func perSecond(v float64) string { return scaled(v, "") + "/s" }

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// grouped writes a whole number with commas.
func grouped(v float64) string {
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
