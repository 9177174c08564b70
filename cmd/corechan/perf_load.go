package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/load"
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
	Ring     *int   `placeholder:"BYTES" help:"Capacity of each ring: a power of two from 4096 to 1073741824. Default: 262144, over sockets and HTTP 1048576."`
}

// sizeFlag says how large a message is.
type sizeFlag struct {
	Size *int `placeholder:"BYTES" help:"Bytes of a message as encoded: at least 21, at most a third of what the ring takes. Default: 64."`
}

// config checks what a Config cannot tell apart, a zero that was asked for from none, and leaves the rest to it.
func (f *trafficFlags) config() (c load.Config, err error) {
	c = load.Config{Poisson: f.Poisson, Seed: f.Seed, Wait: perf.Wait(f.Wait)}
	if err := setRing(&c.Ring, f.Ring); err != nil {
		return c, err
	}
	switch {
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

type loadCmd struct {
	transportFlag
	Rate   *rate  `placeholder:"RATE" help:"Messages per second, of all senders together, for instance 20000, 100k or 1.5M."`
	Sweep  string `placeholder:"FROM-TO" help:"Instead of one rate: go through rates from the one to the other, for instance 10k-1M, to find the knee; from the first that cannot be kept it goes back a little."`
	Points int    `default:"8" placeholder:"N" help:"Of a sweep: how many rates. Default: 8."`
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

A sweep finds the knee: the rate that gets most for what it costs, where rate divided by median response time is greatest. Below it
answers are hardly faster, beyond it they are slower out of proportion.

JSON fields: transport, size (bytes), wait, cores, senders, sessions, poisson, seed, rate_asked, rate, sent, unsent (due, and not sent
before their round was over), lost, late_max_ns, response and service (each count, mean_ns, p50_ns, p90_ns, p99_ns, p999_ns, p9999_ns, max_ns),
rounds, seconds, timer_ns, disturbances (of each hot thread), marks; of a sweep points (these fields of each rate, with kept and power), knee, kept
and missed (rates); further ones may be added.

Examples:

  corechan perf load --rate 100k                          64 bytes over shared memory
  corechan perf load --rate 20k --poisson --transport tcp --wait block --rounds 30
                                                          random times, a receiver that sleeps
  corechan perf load --rate 100k --sessions 64            many connections, one receiver
  corechan perf load --sweep 10k-2M --rounds 2            where it begins to hurt
  corechan perf load --rate 100k --out results/           keep it, for perf report and perf compare
  corechan perf load --rate 100k --format bench           for benchstat`
}

// Run measures and prints.
func (l *loadCmd) Run(a *app) error {
	if l.Sweep != "" {
		return l.runSweep(a)
	}
	c, err := l.config(l.Rate)
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

func (l *loadCmd) config(at *rate) (load.Config, error) {
	c, err := l.trafficFlags.config()
	if err != nil {
		return c, err
	}
	switch {
	case at == nil:
		return c, fmt.Errorf("%w: no --rate; give one, for instance --rate 100k, or --sweep 10k-1M", perf.ErrConfig)
	case l.Rounds <= 0:
		return c, fmt.Errorf("%w: --rounds %d; give at least 1", perf.ErrConfig, l.Rounds)
	case l.Round <= 0:
		return c, fmt.Errorf("%w: --round %v; give at least %v", perf.ErrConfig, l.Round, load.MinRound)
	}
	c.Transport, c.Rate, c.Rounds, c.Round, c.Stall = perf.Transport(l.Transport), float64(*at), l.Rounds, l.Round, l.Stall
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
