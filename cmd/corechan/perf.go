package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/corechan/corechan/perf"
)

// errPartial says that a report is printed, of less than was asked for.
var errPartial = errors.New("interrupted")

// perfFlags is what both measurements are told. Pointers are nil where the flag was not given.
type perfFlags struct {
	Transport string   `default:"shm" placeholder:"NAME" help:"What carries the messages: shm (shared memory between two processes) or inmem (two threads of one process). Default: shm."`
	Size      int      `default:"64" placeholder:"BYTES" help:"Bytes of a message as encoded. Typed: at least 21. At most what the ring takes, of a stream a third of it. Default: 64."`
	Count     *int     `placeholder:"N" help:"How many round trips or messages to measure, in each run. Not together with --seconds."`
	Seconds   *float64 `placeholder:"S" help:"How long to measure, in each run; warm-up and limit take about as long again. Default: 2."`
	Wait      string   `default:"spin" placeholder:"HOW" help:"What a receiver does when there is nothing to receive: spin (poll), block (sleep), hybrid (poll for a while, then sleep). Default: spin."`
	Mode      string   `default:"typed" placeholder:"MODE" help:"What is sent: typed (a struct, encoded and decoded) or raw (bytes written and read in place). Default: typed."`
	Cores     string   `placeholder:"A,B" help:"Cores of the first and the second thread. Default: the first two allowed that are not siblings."`
	Lane      bool     `help:"Give the channel a ring of its own."`
	Ring      int      `default:"262144" placeholder:"BYTES" help:"Capacity of each ring: a power of two from 4096 to 1073741824. Default: 262144."`
	Runs      int      `default:"1" placeholder:"N" help:"Repeat everything N times, each time with new processes, and report the median of each figure. Default: 1."`
	JSON      bool     `name:"json" help:"Print one JSON object and nothing else."`
}

// config checks what a Config cannot tell apart, a zero that was asked for from none, and leaves the rest to it.
func (f *perfFlags) config() (perf.Config, error) {
	c := perf.Config{
		Transport: perf.Transport(f.Transport), Size: f.Size, Wait: perf.Wait(f.Wait), Mode: perf.Mode(f.Mode),
		Lane: f.Lane, Ring: f.Ring, Runs: f.Runs,
	}
	switch {
	case f.Size <= 0:
		return c, fmt.Errorf("%w: --size %d; a typed message has at least %d bytes, a raw one 1", perf.ErrSize, f.Size, perf.MinTypedSize)
	case f.Ring <= 0:
		return c, fmt.Errorf("%w: --ring %d; give a power of two from %d to %d", perf.ErrConfig, f.Ring, perf.MinRing, perf.MaxRing)
	case f.Runs <= 0:
		return c, fmt.Errorf("%w: --runs %d; give at least 1", perf.ErrConfig, f.Runs)
	case f.Count != nil && f.Seconds != nil:
		return c, fmt.Errorf("%w: --count and --seconds are both given; leave one out", perf.ErrConfig)
	case f.Count != nil && *f.Count <= 0:
		return c, fmt.Errorf("%w: --count %d; give at least 1", perf.ErrConfig, *f.Count)
	case f.Seconds != nil && !(*f.Seconds > 0):
		return c, fmt.Errorf("%w: --seconds %v; give more than 0", perf.ErrConfig, *f.Seconds)
	case f.Count != nil:
		c.Count = *f.Count
	case f.Seconds != nil:
		c.Seconds = *f.Seconds
	}
	if f.Cores != "" {
		cores, err := perf.ParseCores(f.Cores)
		if err != nil {
			return c, err
		}
		c.Cores = cores
	}
	return c, nil
}

type pingpongCmd struct {
	perfFlags
	Pause   time.Duration `placeholder:"DURATION" help:"Think for so long between an answer and the next message, busy, for instance 200us; up to 1s. Not part of the times. Default: 0."`
	Compare bool          `help:"With --wait hybrid: measure spin and block too, in turn with it."`
}

// Help is the long help.
func (pingpongCmd) Help() string {
	return `Two threads, each pinned to a core of its own, send one message back and forth. With --transport shm they are in
two processes; the second one is started by the first. The bare limit of the same two cores is measured in turn
with it, slice by slice: a ping-pong of the same payload by cache lines alone; by eventfd with --wait block, or where
both sides have one core.

Times are in nanoseconds from one message sent to the next. The ratio is the median over all slices of a slice's p50
divided by that of the limit slices beside it, so that it holds on a noisy machine too.

To poll pays if the answer comes soon and the core has nothing else to do. With --pause messages are rare, so that a
receiver goes to sleep (hybrid after 50 us at most), and the limit pauses as well. With --cores 0,0 both sides have one
core. --compare shows what spin and block would have taken in the same seconds, and how many cores each kept busy.

JSON fields: transport, size (bytes), count (round trips), wait, mode, cores, mean_ns, p50_ns, p90_ns, p99_ns, p999_ns,
max_ns, allocs_per_op (heap allocations of both processes per round trip), limit_p50_ns, ratio_p50; further ones may
be added. With --compare, rivals has an object for each other way to wait: wait, p50_ns, ratio (of the p50 asked for to
this one), busy_cores.

Examples:

  corechan perf pingpong                                  64 bytes, typed, over shared memory, spinning
  corechan perf pingpong --mode raw --cores 2,3           bytes in place, on cores 2 and 3
  corechan perf pingpong --wait block --seconds 5         how long it takes to wake a sleeper
  corechan perf pingpong --wait hybrid --compare --pause 200us
                                                          which way to wait suits rare messages
  corechan perf pingpong --runs 5 --json | jq .ratio_p50  median of five runs, for a script`
}

// Run measures and prints.
func (p *pingpongCmd) Run(a *app) error {
	c, err := p.config()
	if err != nil {
		return err
	}
	c.Pause, c.Compare = p.Pause, p.Compare
	return measure(a, c, p.JSON, nanoseconds, perf.Pingpong, printPingpong,
		func(r *perf.PingpongReport) bool { return r.Interrupted })
}

type streamCmd struct {
	perfFlags
}

// Help is the long help.
func (streamCmd) Help() string {
	return `One thread sends as fast as it can, another receives, each pinned to a core of its own. With --transport shm they are
in two processes; the second one is started by the first. The bare limit of the same two cores is measured in turn with
it, slice by slice: a single-producer single-consumer ring of the same capacity, with a copy in and a copy out.

Rates are messages and bytes (of encoded payload) per second, from the first message sent to the last one received in
a slice. The ratio is the median over all slices of a slice's rate divided by that of the limit slices beside it, so
that it holds on a noisy machine too.

JSON fields: transport, size (bytes), seconds, wait, mode, msgs_per_s, bytes_per_s, allocs_per_op (heap allocations of
both processes per message), limit_msgs_per_s, limit_bytes_per_s, ratio; further ones may be added.

Examples:

  corechan perf stream                               64 bytes, typed, over shared memory, spinning
  corechan perf stream --mode raw --size 65536       64 KiB in place
  corechan perf stream --ring 4194304 --size 1048576 --mode raw
                                                     1 MiB needs a larger ring
  corechan perf stream --runs 5 --json | jq .ratio   median of five runs, for a script`
}

// Run measures and prints.
func (s *streamCmd) Run(a *app) error {
	c, err := s.config()
	if err != nil {
		return err
	}
	return measure(a, c, s.JSON, perSecond, perf.Stream, printStream,
		func(r *perf.StreamReport) bool { return r.Interrupted })
}

// measure is what the two commands have in common.
func measure[R any](a *app, c perf.Config, asJSON bool, unit func(float64) string,
	do func(context.Context, perf.Config, *perf.Options) (R, error), print func(io.Writer, *R), interrupted func(*R) bool,
) error {
	p := progress{to: a.stderr, on: a.progress, unit: unit}
	r, err := do(a.ctx, c, &perf.Options{Progress: p.show})
	p.clear()
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(&r)
	} else {
		print(a.stdout, &r)
	}
	if err == nil && interrupted(&r) {
		fmt.Fprintln(a.stderr, "corechan: interrupted; the figures are of what was measured until then")
		return errPartial
	}
	return err
}

type peerCmd struct{}

// Run serves the process that started this one.
func (peerCmd) Run(a *app) error { return perf.ServePeer(a.ctx) }
