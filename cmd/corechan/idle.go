package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/corechan/corechan/perf"
)

type idleCmd struct {
	Transport string   `default:"tcp" placeholder:"NAME" help:"What carries the messages: tcp, unix, tls, h2, ws, or shm. Default: tcp."`
	Sessions  *int     `placeholder:"N" help:"How many sessions to keep. Default: 10000."`
	Busy      *int     `placeholder:"N" help:"How many of them are busy in the last phase. Default: 1000, or all."`
	Seconds   *float64 `placeholder:"S" help:"How long each phase is watched. Default: 2."`
	Wait      string   `default:"block" placeholder:"HOW" help:"What a receiver does when there is nothing to receive: spin, block or hybrid. Default: block."`
	JSON      bool     `name:"json" help:"Print one JSON object and nothing else."`
}

// Help is the long help.
func (idleCmd) Help() string {
	return `A client process makes many sessions with a server process and leaves them alone. Memory is read in both after a garbage
collection, and divided by the sessions: what is resident (RSS), the objects on the heap, and the goroutines' stacks; also how much
processor time the process takes while nothing happens. First the sessions are new, then each has made a round trip. What the
kernel keeps for a socket is not in it.

Then some of the sessions are busy: each has a goroutine at the client that makes one call (engine.Call) after the other, which
the server answers on its loops. How even they fare is the slowest session's rate divided by the median of all: 1 is
perfectly fair. At last all are closed, and what is left behind is counted.

The same is done, by processes of its own, with net.Conn and a goroutine for each connection at the server (over tls with
tls.Conn), where a round trip is one write and one read each way. Neither process is pinned.

A session takes a descriptor in each process: see ulimit -n. Over TCP on one machine there are some 28,000 ports to dial from.

JSON fields: transport, sessions, busy, seconds, wait; system and limit each with dials_per_s, trips_per_s, median_per_s,
slowest_per_s, fastest_per_s, slowest_ratio, and server and client, each with new and used (rss_bytes, heap_bytes, stack_bytes,
descriptors, goroutines: of a session; cores) and left_descriptors, left_goroutines. limit is missing where there is none.

Examples:

  corechan perf idle                                   10,000 sessions over tcp, 1,000 of them busy at the end
  corechan perf idle --transport tls --sessions 2000
  corechan perf idle --json | jq .system.server.used.rss_bytes`
}

// Run measures and prints.
func (i *idleCmd) Run(a *app) error {
	c := perf.IdleConfig{Transport: perf.Transport(i.Transport), Wait: perf.Wait(i.Wait)}
	for _, f := range []struct {
		name  string
		given *int
		to    *int
	}{{"--sessions", i.Sessions, &c.Sessions}, {"--busy", i.Busy, &c.Busy}} {
		if f.given == nil {
			continue
		}
		if *f.given <= 0 {
			return fmt.Errorf("%w: %s %d; give at least 1", perf.ErrConfig, f.name, *f.given)
		}
		*f.to = *f.given
	}
	if i.Seconds != nil {
		if !(*i.Seconds > 0) {
			return fmt.Errorf("%w: --seconds %v; give more than 0", perf.ErrConfig, *i.Seconds)
		}
		c.Seconds = *i.Seconds
	}
	p := progress{to: a.stderr, on: a.progress}
	r, err := perf.Idle(a.ctx, c, &perf.Options{Phase: p.phase})
	p.clear()
	if err != nil {
		return err
	}
	if i.JSON {
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(&r)
	} else {
		printIdle(a.stdout, &r)
	}
	if r.Interrupted {
		fmt.Fprintln(a.stderr, "corechan: interrupted; what was not measured is 0")
		err = errors.Join(err, errPartial)
	}
	return err
}

func printIdle(w io.Writer, r *perf.IdleReport) {
	fmt.Fprintf(w, "%s idle sessions over %s: %s, a server process and a client process\n\n",
		grouped(float64(r.Sessions)), r.Transport, r.Wait)
	of := []*perf.IdleFigures{&r.System}
	t := newTable()
	fmt.Fprintf(t, "\t%s\t", r.Transport)
	if r.Limit != nil {
		of = append(of, r.Limit)
		fmt.Fprint(t, "limit\t")
	}
	row := func(name string, figure func(*perf.IdleFigures) string) {
		fmt.Fprintf(t, "\n%s\t", name)
		for _, f := range of {
			fmt.Fprintf(t, "%s\t", figure(f))
		}
	}
	row("dialled per second", func(f *perf.IdleFigures) string { return scaled(f.DialsPerS, "") })
	for _, phase := range []struct {
		name string
		of   func(*perf.IdleFigures) *perf.IdleCost
	}{
		{"server, new", func(f *perf.IdleFigures) *perf.IdleCost { return &f.Server.New }},
		{"server, used", func(f *perf.IdleFigures) *perf.IdleCost { return &f.Server.Used }},
		{"client, new", func(f *perf.IdleFigures) *perf.IdleCost { return &f.Client.New }},
		{"client, used", func(f *perf.IdleFigures) *perf.IdleCost { return &f.Client.Used }},
	} {
		for _, line := range []struct {
			name   string
			figure func(*perf.IdleCost) string
		}{
			{"memory", func(c *perf.IdleCost) string { return kib(c.RSS) }},
			{"of it heap", func(c *perf.IdleCost) string { return kib(c.Heap) }},
			{"of it stacks", func(c *perf.IdleCost) string { return kib(c.Stack) }},
			{"goroutines", func(c *perf.IdleCost) string { return fmt.Sprintf("%.2f", c.Goroutines) }},
			{"cores busy, all", func(c *perf.IdleCost) string { return fmt.Sprintf("%.3f", c.Cores) }},
		} {
			row(phase.name+": "+line.name, func(f *perf.IdleFigures) string { return line.figure(phase.of(f)) })
		}
	}
	row("busy: round trips per second", func(f *perf.IdleFigures) string { return scaled(f.TripsPerS, "") })
	row("busy: median of a session", func(f *perf.IdleFigures) string { return fmt.Sprintf("%.1f", f.MedianPerS) })
	row("busy: slowest", func(f *perf.IdleFigures) string { return fmt.Sprintf("%.1f", f.SlowestPerS) })
	row("busy: slowest / median", func(f *perf.IdleFigures) string { return fmt.Sprintf("%.2f", f.SlowestRatio) })
	row("left behind: descriptors", func(f *perf.IdleFigures) string {
		return fmt.Sprint(f.Server.LeftDescriptors + f.Client.LeftDescriptors)
	})
	row("left behind: goroutines", func(f *perf.IdleFigures) string {
		return fmt.Sprint(f.Server.LeftGoroutines + f.Client.LeftGoroutines)
	})
	fmt.Fprintln(t)
	t.print(w)
	fmt.Fprintf(w, "\nMemory is resident, per session; what the kernel keeps is not in it. %s sessions were busy for %v s.\n",
		grouped(float64(r.Busy)), r.Seconds)
	if r.Limit != nil {
		fmt.Fprintln(w, "Limit: net.Conn with a goroutine for each at the server (over tls: tls.Conn), one write and one read each way.")
	}
}

// kib writes bytes in KiB.
func kib(bytes float64) string { return fmt.Sprintf("%.1f KiB", bytes/1024) }
