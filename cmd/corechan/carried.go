package main

import (
	"fmt"

	"github.com/corechan/corechan/perf"
)

type callCmd struct {
	transportFlag
	Size     *int `placeholder:"BYTES" help:"Bytes of the request, with its channel, and of the answer, as encoded: at least 27. Default: 64."`
	Inflight int  `default:"1" placeholder:"N" help:"How many goroutines call at the same time, each one call after the other. Default: 1."`
	perfFlags
}

// Help is the long help.
func (callCmd) Help() string {
	return `One thread calls (engine.Call: a request that carries a fresh channel for its answer, and the wait for it), another one
answers, each pinned to a core of its own. But for --transport inmem they are in two processes; the second one is started by
the first. The limit is a plain round trip, by two channels that stay, of messages of the same size over a session of its own,
measured in turn with it, slice by slice.

Times are in nanoseconds, of a whole call. The ratio is the median over all slices of a slice's p50 divided by that of the
limit slices beside it, so that it holds on a noisy machine too.

With --inflight the calls are made by so many goroutines over one session, and answered by one thread still; the goroutines run
where the runtime puts them. A call then takes longer, and more of them are made in a second: calls_per_s says how many,
single_calls_per_s how many one caller, pinned, made in the slices beside, and ratio_calls is the median of the slices' ratios.

JSON fields: transport, size (bytes), count (calls), wait, mode, cores, mean_ns, p50_ns, p90_ns, p99_ns, p999_ns, max_ns,
allocs_per_op (heap allocations of both processes per call), limit_p50_ns, ratio_p50, inflight, calls_per_s; further ones
may be added: allocs_per_process has the same of each process.

Examples:

  corechan perf call                              one call at a time, over shared memory, spinning
  corechan perf call --wait block                 where both sides sleep
  corechan perf call --wait block --inflight 64   what calling from 64 goroutines brings
  corechan perf call --runs 5 --json | jq .ratio_p50`
}

// Run measures and prints.
func (f *callCmd) Run(a *app) error {
	c, err := f.config()
	if err == nil {
		err = setSize(&c, f.Size)
	}
	if err == nil && f.Inflight <= 0 {
		err = fmt.Errorf("%w: --inflight %d; give 1 to %d", perf.ErrConfig, f.Inflight, perf.MaxInflight)
	}
	if err != nil {
		return err
	}
	c.Transport, c.Inflight = perf.Transport(f.Transport), f.Inflight
	return measure(a, c, &f.perfFlags, nanoseconds, perf.Call, printCall,
		func(r *perf.CallReport) bool { return r.Interrupted })
}

type fdCmd struct {
	Transport string `default:"shm" placeholder:"NAME" help:"What carries them: shm, or unix (a stream socket). Default: shm."`
	Size      *int   `placeholder:"BYTES" help:"Bytes of the message that carries the descriptor, as encoded: 27 to 4096. Default: 64."`
	perfFlags
}

// Help is the long help.
func (fdCmd) Help() string {
	return `Two processes, each with a thread pinned to a core of its own, send one message with a file back and forth over shared memory, or
over a unix socket. Each time the receiver gets an *os.File of its own, and closes it. The limit is measured in turn with it, slice by slice: a
message of as many bytes with a descriptor, by sendmsg(2) and recvmsg(2) over a blocking socketpair, closed by who receives
it. It blocks in any case, so --wait block is the one to compare with it.

Times are in nanoseconds from one message sent to the next. The ratio is the median over all slices of a slice's p50
divided by that of the limit slices beside it, so that it holds on a noisy machine too.

JSON fields: transport, size (bytes), count (round trips), wait, mode, cores, mean_ns, p50_ns, p90_ns, p99_ns, p999_ns,
max_ns, allocs_per_op (heap allocations of both processes per round trip), limit_p50_ns, ratio_p50; further ones may
be added.

Examples:

  corechan perf fd                                 there and back, sleeping
  corechan perf fd --wait spin                     who receives polls for the message
  corechan perf fd --runs 5 --json | jq .ratio_p50`
}

// Run measures and prints.
func (f *fdCmd) Run(a *app) error {
	c, err := f.config()
	if err == nil {
		err = setSize(&c, f.Size)
	}
	if err != nil {
		return err
	}
	c.Transport = perf.Transport(f.Transport)
	return measure(a, c, &f.perfFlags, nanoseconds, perf.Descriptor, printDescriptor,
		func(r *perf.PingpongReport) bool { return r.Interrupted })
}
