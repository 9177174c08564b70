package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/export"
	"github.com/corechan/corechan/perf/load"
	"github.com/corechan/corechan/perf/result"
)

// rate is messages per second, as people write it: 20000, 100k, 1.5M.
type rate float64

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *rate) UnmarshalText(text []byte) error {
	number, unit := string(text), 1.0
	switch {
	case strings.HasSuffix(number, "k"), strings.HasSuffix(number, "K"):
		unit = 1e3
	case strings.HasSuffix(number, "M"):
		unit = 1e6
	}
	if unit != 1 {
		number = number[:len(number)-1]
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return fmt.Errorf("%q is no rate; write for instance 20000, 100k or 1.5M", text)
	}
	*r = rate(v * unit)
	return nil
}

// trafficFlags say what is sent and who sends it, but not how often.
type trafficFlags struct {
	Poisson  bool   `help:"Leave random times between messages, as many independent users do, instead of equal ones."`
	Seed     uint64 `default:"1" placeholder:"N" help:"Of the random times: the same seed has the same times. Default: 1."`
	Wait     string `placeholder:"HOW" help:"What the receiver does when there is nothing to receive: spin (poll), block (sleep), hybrid (poll for a while, then sleep). Default: spin; over h2 and ws block."`
	Senders  int    `default:"1" placeholder:"N" help:"Threads that send, each on a core of its own. Default: 1."`
	Sessions *int   `placeholder:"N" help:"Connections, evenly on the senders; with more than one the receiver serves all by one loop. Default: one for each sender."`
	Cores    string `placeholder:"A,...,B" help:"Cores of the senders and then of the receiver. Default: the first that are not siblings."`
	Ring     *int   `placeholder:"BYTES" help:"Capacity of each ring: a power of two from 4096 to 1073741824. Default: 262144, and over sockets 1048576."`
}

// sizeFlag says how large a message is.
type sizeFlag struct {
	Size *int `placeholder:"BYTES" help:"Bytes of a message as encoded: at least 21, at most a third of what the ring takes. Default: 64."`
}

// config checks what a Config cannot tell apart, a zero that was asked for from none, and leaves the rest to it.
func (f *trafficFlags) config() (c load.Config, err error) {
	c = load.Config{Poisson: f.Poisson, Seed: f.Seed, Wait: perf.Wait(f.Wait)}
	if f.Ring != nil {
		c.Ring = *f.Ring
	}
	switch {
	case f.Ring != nil && *f.Ring <= 0:
		return c, fmt.Errorf("%w: --ring %d; give a power of two from %d to %d", perf.ErrConfig, *f.Ring, perf.MinRing, perf.MaxRing)
	case f.Senders <= 0:
		return c, fmt.Errorf("%w: --senders %d; give at least 1", perf.ErrConfig, f.Senders)
	case f.Sessions != nil && *f.Sessions <= 0:
		return c, fmt.Errorf("%w: --sessions %d; give at least 1", perf.ErrConfig, *f.Sessions)
	}
	if c.Senders = f.Senders; f.Sessions != nil {
		c.Sessions = *f.Sessions
	}
	if f.Cores != "" {
		c.Cores, err = perf.ParseCores(f.Cores)
	}
	return c, err
}

func (f *sizeFlag) set(c *load.Config) error {
	if f.Size == nil {
		return nil
	}
	if *f.Size <= 0 {
		return fmt.Errorf("%w: --size %d; a message has at least %d bytes", perf.ErrSize, *f.Size, perf.MinTypedSize)
	}
	c.Size = *f.Size
	return nil
}

// keepFlags say where results go.
type keepFlags struct {
	Out    string `placeholder:"FILE|DIR" help:"Write all that was measured to a file, for perf compare, perf report and perf export: percentiles, histograms, each round, the environment. A folder gets a file named after what was measured and when; a result that was disturbed has .noisy in its name."`
	Format string `placeholder:"FORM" help:"What to print: text, json, or bench (Go benchmark lines, for benchstat). Default: text."`
	JSON   bool   `name:"json" help:"The same as --format json: one JSON object and nothing else."`
}

// prepare refuses what cannot be printed or written, before anything is measured.
func (f *keepFlags) prepare() (*result.Result, error) {
	if f.JSON && f.Format == "" {
		f.Format = "json"
	}
	switch {
	case f.Format == "":
		f.Format = "text"
	case f.Format != "text" && f.Format != "json" && f.Format != "bench":
		return nil, fmt.Errorf("%w: --format %q is unknown; use text, json or bench", perf.ErrConfig, f.Format)
	case f.JSON && f.Format != "json":
		return nil, fmt.Errorf("%w: --json and --format %s are both given; leave one out", perf.ErrConfig, f.Format)
	}
	if f.Out == "" {
		return &result.Result{}, nil
	}
	return &result.Result{}, result.CheckTarget(f.Out)
}

// finish prints a report and writes the result. That the run was interrupted is said last, when all is kept.
func (f *keepFlags) finish(a *app, report any, text func(io.Writer), r *result.Result, interrupted bool) (err error) {
	switch f.Format {
	case "json":
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	case "bench":
		err = export.Bench(a.stdout, []*result.Result{r})
	default:
		text(a.stdout)
	}
	if f.Out != "" {
		err = errors.Join(err, (&outFlags{Out: f.Out}).write(a, r))
	}
	if err == nil && interrupted {
		fmt.Fprintln(a.stderr, "corechan: interrupted; the figures are of what was measured until then")
		return errPartial
	}
	return err
}

type loadCmd struct {
	transportFlag
	Rate *rate `placeholder:"RATE" help:"Messages per second, of all senders together, for instance 20000, 100k or 1.5M."`
	sizeFlag
	trafficFlags
	Warm   time.Duration `default:"1s" placeholder:"DURATION" help:"How long to send before anything counts. Default: 1s."`
	Rounds int           `default:"5" placeholder:"N" help:"Rounds to measure. Default: 5."`
	Round  time.Duration `default:"1s" placeholder:"DURATION" help:"How long each is. Default: 1s."`
	Stall  time.Duration `placeholder:"DURATION" help:"Have the receiver stand still once in each round, to see what figures make of it. Default: 0."`
	keepFlags
}

// Help is the long help.
func (loadCmd) Help() string {
	return `Messages come at a rate, whether the ones before were answered or not (an open loop). The receiver, in a second process,
sends each back. Every message is stamped with the time at which it should have been sent. Two times are kept apart:

  response   from when a message should have been sent until its answer is there: what a user would have waited
  service    from when it was sent

A receiver that stops for 20 ms delays all that come meanwhile: that is in the response times. A closed loop, as in perf pingpong,
sees one long round trip (try --stall 20ms).

A sender polls and has a core of its own, so that it is never late by itself; --cores names them. p99.99 is printed if there are ten
times beyond it. Figures are marked if the rate was missed, a message was lost, or a hot thread was disturbed: by the host
(steal), by another thread (preempted), by moving between cores (migrated), by a changed clock rate (frequency) or by page faults. Nothing is
subtracted from the times; a clock read and keeping a sample take some 50 ns, after the time of an answer is taken.

JSON fields: transport, size (bytes), wait, cores, senders, sessions, poisson, seed, rate_asked, rate, sent, unsent (due, and not sent
before their round was over), lost, late_max_ns, response and service (each count, mean_ns, p50_ns, p90_ns, p99_ns, p999_ns, p9999_ns, max_ns),
rounds, seconds, timer_ns, disturbances (of each hot thread), marks; further ones may be added.

Examples:

  corechan perf load --rate 100k                          64 bytes over shared memory
  corechan perf load --rate 20k --poisson --transport tcp --wait block --rounds 30
                                                          random times, a receiver that sleeps
  corechan perf load --rate 100k --sessions 64            many connections, one receiver
  corechan perf load --rate 100k --out results/           keep it, for perf report and perf compare
  corechan perf load --rate 100k --format bench           for benchstat`
}

// Run measures and prints.
func (l *loadCmd) Run(a *app) error {
	c, err := l.config()
	if err != nil {
		return err
	}
	kept, err := l.prepare()
	if err != nil {
		return err
	}
	p := progress{to: a.stderr, on: a.progress}
	r, err := load.Run(a.ctx, c, &load.Options{Result: kept, Progress: func(s load.Progress) { p.phase(roundProgress(s)) }})
	p.clear()
	if err != nil {
		return err
	}
	return l.finish(a, &r, func(w io.Writer) { printLoad(w, &r) }, kept, r.Interrupted)
}

func (l *loadCmd) config() (load.Config, error) {
	c, err := l.trafficFlags.config()
	if err != nil {
		return c, err
	}
	switch {
	case l.Rate == nil:
		return c, fmt.Errorf("%w: no --rate; give one, for instance --rate 100k", perf.ErrConfig)
	case l.Rounds <= 0:
		return c, fmt.Errorf("%w: --rounds %d; give at least 1", perf.ErrConfig, l.Rounds)
	case l.Round <= 0:
		return c, fmt.Errorf("%w: --round %v; give at least %v", perf.ErrConfig, l.Round, load.MinRound)
	}
	c.Transport, c.Rate, c.Rounds, c.Round, c.Stall = perf.Transport(l.Transport), float64(*l.Rate), l.Rounds, l.Round, l.Stall
	if c.Warm = l.Warm; c.Warm == 0 {
		c.Warm = -1
	}
	return c, l.sizeFlag.set(&c)
}

// roundProgress is a round in words.
func roundProgress(p load.Progress) string {
	if p.Round == 0 {
		return "warm; measuring"
	}
	l := &p.Latest
	return fmt.Sprintf("round %d of %d: %s, response p50 %s, max %s", p.Round, p.Rounds, perSecond(l.Rate),
		nanoseconds(l.Response.P50Ns), nanoseconds(l.Response.MaxNs))
}

type loadPeerCmd struct{}

// Run serves the process that started this one.
func (loadPeerCmd) Run(a *app) error { return load.ServePeer(context.WithoutCancel(a.ctx)) }
