package main

import (
	"fmt"
	"io"
	"time"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/load"
)

type soakCmd struct {
	transportFlag
	Rate rate `default:"10k" placeholder:"RATE" help:"Messages per second, of all senders together, for instance 20000, 100k or 1.5M. Default: 10k."`
	sizeFlag
	trafficFlags
	For   time.Duration `default:"1h" placeholder:"DURATION" help:"How long. Default: 1h."`
	Round time.Duration `placeholder:"DURATION" help:"How long a round is: what drifts is judged by rounds. Default: 10s."`
	keepFlags
}

// Help is the long help.
func (soakCmd) Help() string {
	return `Puts a load on a transport for hours, as perf load does, and says what drifts: times, the rate, the memory of both processes. The
first quarter of the rounds is held against the last one, by their medians and by Mann-Whitney's U test: a drift is said to be
beyond noise if p is below 0.01 and the change above 5 %. Memory stays bounded, however long it takes; Ctrl-C ends it, and what was
measured until then is reported.

JSON fields: those of perf load, and drifts (each name, unit, first, last, change, per_hour, p, beyond); rounds also have sender_rss_bytes and
receiver_rss_bytes. Of more than 512 rounds, every second, or fourth, and so on, is in rounds.

Examples:

  corechan perf soak --for 8h --rate 50k --transport tcp --wait block
  corechan perf soak --for 24h --sessions 64 --poisson --out results/`
}

// Run measures and prints.
func (s *soakCmd) Run(a *app) error {
	c, err := s.trafficFlags.config()
	if err != nil {
		return err
	}
	c.Transport, c.Rate, c.Round = perf.Transport(s.Transport), float64(s.Rate), s.Round
	if err := s.sizeFlag.set(&c); err != nil {
		return err
	}
	if s.For <= 0 || s.Round < 0 {
		return fmt.Errorf("%w: --for %v in rounds of %v; give more than 0", perf.ErrConfig, s.For, s.Round)
	}
	kept, err := s.prepare()
	if err != nil {
		return err
	}
	p := progress{to: a.stderr, on: a.progress}
	r, err := load.Soak(a.ctx, load.SoakConfig{Config: c, For: s.For}, &load.Options{
		Result: kept, Progress: func(s load.Progress) { p.phase(roundProgress(s)) },
	})
	p.clear()
	if err != nil {
		return err
	}
	return s.finish(a, &r, func(w io.Writer) { printSoak(w, &r) }, kept, r.Interrupted)
}

func printSoak(w io.Writer, r *load.SoakReport) {
	printLoad(w, &r.Report)
	fmt.Fprintln(w)
	t := newTable()
	fmt.Fprint(t, "from first to last quarter\tfirst\tlast\tchange\tper hour\tp\t\t\n")
	for i := range r.Drifts {
		d := &r.Drifts[i]
		verdict := ""
		if d.Beyond {
			verdict = "drifts"
		}
		figure := func(v float64) string {
			sign := ""
			if v < 0 {
				sign, v = "-", -v
			}
			if d.Unit == "ns" {
				return sign + nanoseconds(v)
			}
			if d.Unit == "B" {
				return sign + scaled(v, "B")
			}
			return sign + scaled(v, "")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%+.1f %%\t%s\t%.3f\t%s\t\n", d.Name, figure(d.First), figure(d.Last), 100*d.Change, figure(d.PerHour), d.P, verdict)
	}
	t.print(w)
}
