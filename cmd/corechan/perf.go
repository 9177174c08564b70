package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/corechan/corechan/perf"
)

// errPartial says that a report is printed, of less than was asked for.
var errPartial = errors.New("interrupted")

// perfFlags is what every measurement is told. Pointers are nil where the flag was not given.
type perfFlags struct {
	Count   *int     `placeholder:"N" help:"How many round trips or messages to measure, in each run. Not together with --seconds."`
	Seconds *float64 `placeholder:"S" help:"How long to measure, in each run; warm-up and limit take about as long again. Default: 2."`
	Wait    string   `placeholder:"HOW" help:"What a receiver does when there is nothing to receive: spin (poll), block (sleep), hybrid (poll for a while, then sleep). Default: ${wait}."`
	Cores   string   `placeholder:"A,B" help:"Cores of the first and the second thread. Default: the first two allowed that are not siblings."`
	Ring    *int     `placeholder:"BYTES" help:"Capacity of each ring: a power of two from 4096 to 1073741824. Default: 262144, over sockets and HTTP 1048576."`
	Runs    int      `default:"1" placeholder:"N" help:"Repeat everything N times, each time with new processes, and report the median of each figure. Default: 1."`
	keepFlags
	profileFlags
}

// transportFlag is told to those that do not need two processes.
type transportFlag struct {
	Transport string `default:"shm" placeholder:"NAME" help:"What carries the messages: shm (shared memory), unix, tcp, tls, h2 (HTTP/2 over TLS) or ws (WebSocket), all between two processes, or inmem (two threads of one process). Default: shm."`
}

// messageFlags say what the messages are, where there is a choice.
type messageFlags struct {
	Size *int   `placeholder:"BYTES" help:"Bytes of a message as encoded. Typed: at least 21. At most what the ring takes, of a stream a third of it. Default: 64."`
	Mode string `placeholder:"MODE" help:"What is sent: typed (a struct, encoded and decoded) or raw (bytes written and read in place). Default: typed."`
	Lane bool   `help:"Give the channel a ring of its own."`
}

// config checks what a Config cannot tell apart, a zero that was asked for from none, and leaves the rest to it.
func (f *perfFlags) config() (perf.Config, error) {
	c := perf.Config{Wait: perf.Wait(f.Wait), Runs: f.Runs}
	if err := setRing(&c.Ring, f.Ring); err != nil {
		return c, err
	}
	switch {
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

// setRing takes a --ring that was given.
func setRing(to, ring *int) error {
	if ring == nil {
		return nil
	}
	if *ring <= 0 {
		return fmt.Errorf("%w: --ring %d; give a power of two from %d to %d", perf.ErrConfig, *ring, perf.MinRing, perf.MaxRing)
	}
	*to = *ring
	return nil
}

// setSize takes a --size that was given.
func setSize(c *perf.Config, size *int) error {
	if size == nil {
		return nil
	}
	if *size <= 0 {
		return fmt.Errorf("%w: --size %d; a typed message has at least %d bytes, a raw one 1", perf.ErrSize, *size, perf.MinTypedSize)
	}
	c.Size = *size
	return nil
}

// config adds what is said of the messages.
func (m *messageFlags) config(f *perfFlags, t *transportFlag) (perf.Config, error) {
	c, err := f.config()
	if err != nil {
		return c, err
	}
	c.Transport, c.Mode, c.Lane = perf.Transport(t.Transport), perf.Mode(m.Mode), m.Lane
	return c, setSize(&c, m.Size)
}

type pingpongCmd struct {
	transportFlag
	messageFlags
	perfFlags
	Pause   time.Duration `placeholder:"DURATION" help:"Think for so long between an answer and the next message, busy, for instance 200us; up to 1s. Not part of the times. Default: 0."`
	Probes  string        `placeholder:"ab" help:"ab: measure in turn without and with probes attached (those of corechan trace), and print what they cost. Takes CAP_BPF and CAP_PERFMON, or root."`
	Stamps  string        `placeholder:"ab" help:"ab: measure in turn messages that do not and that do say when they were sent (as for corechan trace --messages), and print what that costs. Over shm, unix and inmem."`
	Compare bool          `help:"With --wait hybrid: measure spin and block too, in turn with it."`
}

// Help is the long help.
func (pingpongCmd) Help() string {
	return `Two threads, each pinned to a core of its own, send one message back and forth. But for --transport inmem they are in
two processes; the second one is started by the first. The bare limit of the same two cores is measured in turn
with it, slice by slice: a ping-pong of the same payload by cache lines alone; by eventfd with --wait block, or where
both sides have one core.

Over unix and tcp the limit is a bare socket, read and written by system calls that poll, or with --wait block by ones that
block; all of these are shown, and net.Conn, which is Go's own way to do the same: a ratio below 1 is faster. Over tls it is a
bare tls.Conn, over h2 one request and its response by net/http, over ws a bare connection of the same WebSocket library. What
waits in Go's own poller, as the last three and net.Conn do, runs on a goroutine that is not locked to a thread, in a process
confined to the core. There a receiver that polls would take the core from the one that has its message: over h2 and ws
there is --wait block only.

Times are in nanoseconds from one message sent to the next. The ratio is the median over all slices of a slice's p50
divided by that of the limit slices beside it, so that it holds on a noisy machine too.

To poll pays if the answer comes soon and the core has nothing else to do. With --pause messages are rare, so that a
receiver goes to sleep (hybrid after 50 us at most), and the limit pauses as well. With --cores 0,0 both sides have one
core. --compare shows what spin and block would have taken in the same seconds, and how many cores each kept busy.

JSON fields: transport, size (bytes), count (round trips), wait, mode, cores, mean_ns, p50_ns, p90_ns, p99_ns, p999_ns,
max_ns, allocs_per_op (heap allocations of both processes per round trip), limit_p50_ns, ratio_p50; limits has an object for each
limit: name, p50_ns, ratio; further ones may be added. With --compare, rivals has an object for each other way to wait: wait, p50_ns, ratio (of the p50 asked for to
this one), busy_cores. With --probes ab, probes has p50_ns (with them), without_ns, ratio, its quartiles (ratio_low,
ratio_high), the bounds of its median (median_low, median_high: 95 % sure), switch_ns, groups, refused. With --stamps ab, stamps has the first seven of these.

Examples:

  corechan perf pingpong                                  64 bytes, typed, over shared memory, spinning
  corechan perf pingpong --mode raw --cores 2,3           bytes in place, on cores 2 and 3
  corechan perf pingpong --wait block --seconds 5         how long it takes to wake a sleeper
  corechan perf pingpong --wait hybrid --compare --pause 200us
                                                          which way to wait suits rare messages
  corechan perf pingpong --probes ab --wait block         what being traced costs
  corechan perf pingpong --stamps ab                      what it costs to have messages timed
  corechan perf pingpong --runs 5 --json | jq .ratio_p50  median of five runs, for a script`
}

// Run measures and prints.
func (p *pingpongCmd) Run(a *app) error {
	c, err := p.messageFlags.config(&p.perfFlags, &p.transportFlag)
	if err != nil {
		return err
	}
	c.Pause, c.Compare = p.Pause, p.Compare
	if c.Probes, err = isAB("--probes", p.Probes); err != nil {
		return err
	}
	if c.Stamps, err = isAB("--stamps", p.Stamps); err != nil {
		return err
	}
	return measure(a, c, &p.perfFlags, nanoseconds, perf.Pingpong, printPingpong,
		func(r *perf.PingpongReport) bool { return r.Interrupted })
}

type streamCmd struct {
	transportFlag
	messageFlags
	Kind  string `default:"messages" placeholder:"KIND" help:"What is streamed: messages, or bytes (by io.Copy, through an io.Writer that the receiver has given to the sender). Default: messages."`
	Bytes *int64 `placeholder:"N" help:"With --kind bytes: how many to copy, in each run, rounded up to 64 KiB. Not together with --seconds. Default: 1073741824."`
	perfFlags
}

// Help is the long help.
func (streamCmd) Help() string {
	return `One thread sends as fast as it can, another receives, each pinned to a core of its own. But for --transport inmem they are in
two processes; the second one is started by the first. The bare limit of the same two cores is measured in turn with
it, slice by slice: a single-producer single-consumer ring of the same capacity, with a copy in and a copy out. Over
sockets it is one write for each message, by bare system calls and by net.Conn, over tls, h2 and
ws by tls.Conn, net/http and a WebSocket library.

Rates are messages and bytes (of encoded payload) per second, from the first message sent to the last one received in
a slice. The ratio is the median over all slices of a slice's rate divided by that of the limit slices beside it, so
that it holds on a noisy machine too.

With --kind bytes each slice is a byte stream of its own, from a reader that copies to a writer that copies. Its limit is
corechan's own stream of raw messages of 64 KiB (perf stream --size 65536 --mode raw) over a session of its own; bare_bytes_per_s
and ratio_bare hold it against the ring copy. Messages are then pieces of 64 KiB, and --size, --mode, --lane and --count are
not given.

JSON fields: transport, size (bytes), seconds, wait, mode, msgs_per_s, bytes_per_s, allocs_per_op (heap allocations of
both processes per message), limit_msgs_per_s, limit_bytes_per_s, ratio; limits has an object for
each limit: name, msgs_per_s, ratio; further ones may be added.

Examples:

  corechan perf stream                               64 bytes, typed, over shared memory, spinning
  corechan perf stream --mode raw --size 65536       64 KiB in place
  corechan perf stream --ring 4194304 --size 1048576 --mode raw
                                                     1 MiB needs a larger ring
  corechan perf stream --kind bytes                  1 GiB as a byte stream
  corechan perf stream --runs 5 --json | jq .ratio   median of five runs, for a script`
}

// Run measures and prints.
func (s *streamCmd) Run(a *app) error {
	c, err := s.messageFlags.config(&s.perfFlags, &s.transportFlag)
	if err != nil {
		return err
	}
	do := perf.Stream
	switch {
	case s.Kind == "bytes":
		do = perf.Bytes
		err = s.bytes(&c)
	case s.Kind != "messages":
		err = fmt.Errorf("%w: --kind %q is unknown; use messages or bytes", perf.ErrConfig, s.Kind)
	case s.Bytes != nil:
		err = fmt.Errorf("%w: --bytes goes with --kind bytes; messages have --count", perf.ErrConfig)
	}
	if err != nil {
		return err
	}
	return measure(a, c, &s.perfFlags, perSecond, do, printStream,
		func(r *perf.StreamReport) bool { return r.Interrupted })
}

// bytes checks the flags of a byte stream.
func (s *streamCmd) bytes(c *perf.Config) error {
	switch {
	case s.Size != nil || s.Mode != "" || s.Lane || s.Count != nil:
		return fmt.Errorf("%w: --size, --mode, --lane and --count are for messages; a byte stream has --bytes or --seconds", perf.ErrConfig)
	case s.Bytes == nil:
	case s.Seconds != nil:
		return fmt.Errorf("%w: --bytes and --seconds are both given; leave one out", perf.ErrConfig)
	case *s.Bytes <= 0:
		return fmt.Errorf("%w: --bytes %d; give at least 1", perf.ErrConfig, *s.Bytes)
	default:
		c.Count = int((*s.Bytes-1)/perf.Piece + 1)
	}
	return nil
}

// measure is what the commands have in common.
func measure[R any](a *app, c perf.Config, flags *perfFlags, unit func(float64) string,
	do func(context.Context, perf.Config, *perf.Options) (R, error), print func(io.Writer, *R), interrupted func(*R) bool,
) error {
	kept, err := flags.prepare()
	if err != nil {
		return err
	}
	c.Profile = flags.profile()
	p := progress{to: a.stderr, on: a.progress, unit: unit}
	r, err := do(a.ctx, c, &perf.Options{Progress: p.show, Result: kept})
	p.clear()
	if err != nil {
		return err
	}
	return flags.finish(a, &r, func(w io.Writer) {
		print(w, &r)
		printMarks(w, kept.Marks)
	}, kept, interrupted(&r))
}

type peerCmd struct{}

// Run serves the process that started this one.
func (peerCmd) Run(a *app) error { return perf.ServePeer(a.ctx) }
