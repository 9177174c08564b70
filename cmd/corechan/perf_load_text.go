package main

import (
	"fmt"
	"io"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/load"
)

func printLoad(w io.Writer, r *load.Report) {
	fmt.Fprintf(w, "Load over %s: %s per second%s, %s, %s, %s\n\n", r.Transport, scaled(r.RateAsked, ""), arrivals(r),
		freight(r.Size, perf.Typed), r.Wait, whoSends(r))
	t := newTable()
	fmt.Fprint(t, "\tresponse\tservice\t\n")
	for _, row := range []struct {
		name string
		of   func(*load.Times) *float64
	}{
		{"p50", func(t *load.Times) *float64 { return &t.P50Ns }},
		{"p90", func(t *load.Times) *float64 { return &t.P90Ns }},
		{"p99", func(t *load.Times) *float64 { return t.P99Ns }},
		{"p99.9", func(t *load.Times) *float64 { return t.P999Ns }},
		{"p99.99", func(t *load.Times) *float64 { return t.P9999Ns }},
		{"max", func(t *load.Times) *float64 { return &t.MaxNs }},
		{"mean", func(t *load.Times) *float64 { return &t.MeanNs }},
	} {
		response, service := row.of(&r.Response), row.of(&r.Service)
		if response == nil || service == nil {
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t\n", row.name, nanoseconds(*response), nanoseconds(*service))
	}
	t.print(w)
	fmt.Fprint(w, "\nResponse: from when a message should have been sent to its answer. Service: from when it was sent.\n")
	fmt.Fprintf(w, "Sent: %s messages, %s, late by %s at most. A clock read: %s, not subtracted.\n",
		grouped(float64(r.Sent)), perSecond(r.Rate), nanoseconds(r.LateMaxNs), nanoseconds(r.TimerNs))
	fmt.Fprintf(w, "Measured: %.2f s in %d rounds.\n", r.Seconds, r.RoundCount)
	if r.StallNs > 0 {
		fmt.Fprintf(w, "The receiver was told to stand still for %s in each round.\n", nanoseconds(float64(r.StallNs)))
	}
	printMarks(w, r.Marks)
}

func arrivals(r *load.Report) string {
	if r.Poisson {
		return fmt.Sprintf(" at random times (seed %d)", r.Seed)
	}
	return ""
}

func whoSends(r *load.Report) string {
	s := "1 session"
	if r.Sessions != 1 {
		s = fmt.Sprintf("%d sessions", r.Sessions)
	}
	if r.Senders > 1 {
		s += fmt.Sprintf(" of %d senders", r.Senders)
	}
	if len(r.Cores) == 0 {
		return s + ", not pinned"
	}
	return s + ", cores " + perf.FormatCores(r.Cores)
}

// printMarks says what disturbed a measurement, or that nothing did.
func printMarks(w io.Writer, marks []environment.Mark) {
	if len(marks) == 0 {
		fmt.Fprintln(w, "Nothing that is watched has disturbed it.")
		return
	}
	for _, m := range marks {
		fmt.Fprintf(w, "Noisy (%s): %s.\n", m.Kind, m.Text)
	}
}
