package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/load"
)

// runSweep measures at one rate after the other, instead of at one.
func (l *loadCmd) runSweep(a *app) error {
	from, to, found := strings.Cut(l.Sweep, "-")
	var low, high rate
	if !found || low.UnmarshalText([]byte(from)) != nil || high.UnmarshalText([]byte(to)) != nil {
		return fmt.Errorf("%w: --sweep %q is no range of rates; give for instance 10k-1M", perf.ErrConfig, l.Sweep)
	}
	if l.Rate != nil {
		return fmt.Errorf("%w: --rate and --sweep are both given; leave one out", perf.ErrConfig)
	}
	if l.Points <= 0 {
		return fmt.Errorf("%w: --points %d; give at least 2", perf.ErrConfig, l.Points)
	}
	c, err := l.config(&low)
	if err != nil {
		return err
	}
	kept, err := l.prepare()
	if err != nil {
		return err
	}
	p := progress{to: a.stderr, on: a.progress}
	at := ""
	s, err := load.Sweep(a.ctx, load.SweepConfig{Config: c, From: float64(low), To: float64(high), Points: l.Points}, &load.Options{
		Result: kept, Progress: func(s load.Progress) { p.phase(at + roundProgress(s)) },
	}, func(done *load.Point) {
		at = fmt.Sprintf("after %s; ", perSecond(done.RateAsked))
	})
	p.clear()
	if err != nil {
		return err
	}
	return l.finish(a, &s, func(w io.Writer) { printSweep(w, &s) }, kept, s.Interrupted)
}

func printSweep(w io.Writer, s *load.SweepReport) {
	first := &s.Points[0]
	fmt.Fprintf(w, "Load over %s at rates from %s%s, %s, %s, %s\n\n", first.Transport, perSecond(first.RateAsked), arrivals(&first.Report),
		freight(first.Size, perf.Typed), first.Wait, whoSends(&first.Report))
	t := newTable()
	fmt.Fprint(t, "rate asked\trate\tresponse p50\tp99\tp99.9\tmax\tservice p50\t\t\n")
	for i := range s.Points {
		p := &s.Points[i]
		var notes []string
		if p.RateAsked == s.Knee {
			notes = append(notes, "knee")
		}
		if !p.Kept {
			notes = append(notes, "missed")
		}
		if len(p.Marks) > 0 {
			notes = append(notes, "noisy")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", scaled(p.RateAsked, ""), scaled(p.Rate, ""), nanoseconds(p.Response.P50Ns),
			orNothing(p.Response.P99Ns), orNothing(p.Response.P999Ns), nanoseconds(p.Response.MaxNs), nanoseconds(p.Service.P50Ns),
			strings.Join(notes, ", "))
	}
	t.print(w)
	fmt.Fprintln(w)
	if s.Knee == 0 {
		fmt.Fprintln(w, "No rate was kept: begin with a lower one.")
		return
	}
	fmt.Fprintf(w, "Knee: %s, where rate divided by median response time is greatest. Highest rate kept: %s.\n", perSecond(s.Knee), perSecond(s.Kept))
	if s.Missed == 0 && !s.Interrupted {
		fmt.Fprintln(w, "All rates were kept: the knee may be beyond the highest.")
	}
}

func orNothing(ns *float64) string {
	if ns == nil {
		return ""
	}
	return nanoseconds(*ns)
}
