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
	printTrips(w, r, "Ping-pong", freight(r.Size, r.Mode), "round trip", "round trips", nil)
}

func printDescriptor(w io.Writer, r *perf.PingpongReport) {
	printTrips(w, r, "A descriptor there and back", freight(r.Size, r.Mode)+" with it", "round trip", "round trips", nil)
}

func printCall(w io.Writer, r *perf.CallReport) {
	what := freight(r.Size, r.Mode)
	if r.Inflight > 1 {
		what += fmt.Sprintf(", %d at a time", r.Inflight)
	}
	printTrips(w, &r.PingpongReport, "Calls", what, "call", "calls", func() {
		t := newTable()
		fmt.Fprintf(t, "calls per second\t%d at a time\t", r.Inflight)
		if r.SingleCallsPerS == 0 {
			fmt.Fprintf(t, "\n\t%s\t\n", scaled(r.CallsPerS, ""))
		} else {
			fmt.Fprintf(t, "1 at a time\tratio\t\n\t%s\t%s\t%.2f\t\n",
				scaled(r.CallsPerS, ""), scaled(r.SingleCallsPerS, ""), r.RatioCalls)
		}
		fmt.Fprintln(w)
		t.print(w)
	})
}

// printTrips prints what all round trips have in common; more, if not nil, prints what comes after the first table.
func printTrips(w io.Writer, r *perf.PingpongReport, title, what, one, several string, more func()) {
	fmt.Fprintf(w, "%s over %s: %s, %s, %s\n\n", title, r.Transport, what, waits(r.Wait, r.Lane), where(r.Cores))
	t := newTable()
	fmt.Fprintf(t, "%s\t%s\tlimit\tratio\t\n", one, r.Transport)
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
	if len(r.Limits) > 1 {
		t := newTable()
		fmt.Fprintf(t, "p50 beside\t%s\t%s to it\t\n", one, r.Transport)
		for _, l := range r.Limits {
			fmt.Fprintf(t, "%s\t%s\t%.2f\t\n", l.Name, nanoseconds(l.P50Ns), l.Ratio)
		}
		fmt.Fprintln(w)
		t.print(w)
	}
	if more != nil {
		more()
	}
	if r.Probes != nil {
		printProbes(w, r.Probes, r.Transport)
	}
	if r.Stamps != nil {
		printCost(w, &r.Stamps.CostReport, r.Transport, "stamps", "off", "on")
	}
	fmt.Fprintf(w, "\nLimit: %s, on the same cores. Middle half of the slices' ratios: %.2f to %.2f.\n",
		r.Limit, r.RatioLow, r.RatioHigh)
	fmt.Fprintf(w, "Allocations per %s, both sides: %s. A clock read: %s, not subtracted.\n",
		one, plain(r.AllocsPerOp), nanoseconds(r.TimerNs))
	pauses := ""
	if r.PauseNs > 0 {
		pauses = " after pauses of " + nanoseconds(float64(r.PauseNs))
	}
	fmt.Fprintf(w, "Measured: %s %s%s, %s.\n", grouped(float64(r.Count)), several, pauses, effort(r.Seconds, r.Slices, r.Runs))
}

func printStream(w io.Writer, r *perf.StreamReport) {
	title, what, unit := "Stream", freight(r.Size, r.Mode), "messages"
	if r.Kind == perf.KindBytes {
		title, what, unit = "Byte stream", "io.Copy", "64 KiB"
	}
	fmt.Fprintf(w, "%s over %s: %s, %s, %s\n\n", title, r.Transport, what, waits(r.Wait, r.Lane), where(r.Cores))
	t := newTable()
	fmt.Fprintf(t, "per second\t%s\tlimit\tratio\t\n", r.Transport)
	fmt.Fprintf(t, "%s\t%s\t%s\t%.2f\t\n", unit, scaled(r.MsgsPerS, ""), scaled(r.LimitMsgsPerS, ""), r.Ratio)
	fmt.Fprintf(t, "bytes\t%s\t%s\t\t\n", scaled(r.BytesPerS, "B"), scaled(r.LimitBytesPerS, "B"))
	if r.BareBytesPerS != 0 {
		fmt.Fprintf(t, "bare %s\t\t%s\t%.2f\t\n", r.Bare, scaled(r.BareBytesPerS, "B"), r.RatioBare)
	}
	t.print(w)
	if len(r.Limits) > 1 {
		t := newTable()
		fmt.Fprintf(t, "%s beside\tper second\t%s to it\t\n", unit, r.Transport)
		for _, l := range r.Limits {
			fmt.Fprintf(t, "%s\t%s\t%.2f\t\n", l.Name, scaled(l.MsgsPerS, ""), l.Ratio)
		}
		fmt.Fprintln(w)
		t.print(w)
	}
	fmt.Fprintf(w, "\nLimit: %s, on the same cores. Middle half of the slices' ratios: %.2f to %.2f.\n",
		r.Limit, r.RatioLow, r.RatioHigh)
	if r.Kind == perf.KindBytes {
		fmt.Fprintf(w, "Allocations per 64 KiB, both sides: %s.\n", plain(r.AllocsPerOp))
		fmt.Fprintf(w, "Measured: %s, %s.\n", scaled(float64(r.Count)*float64(r.Size), "B"), effort(r.Seconds, r.Slices, r.Runs))
		return
	}
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
