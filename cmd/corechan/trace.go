package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/probe"
)

// Bounds of --interval, and how many processes and threads the tables below the first one show.
const (
	minInterval = 100 * time.Millisecond
	maxInterval = time.Hour
	traceLines  = 10
)

type traceCmd struct {
	probeFlags
	Interval time.Duration `default:"1s" placeholder:"DURATION" help:"How long to count between two reports, 100ms to 1h. Default: 1s."`
	Once     bool          `help:"Report once, after one interval, and end."`
	Listen   string        `placeholder:"HOST:PORT" help:"Report nothing here; serve what is counted to Prometheus, at /metrics, until interrupted."`
	Messages bool          `help:"Say how long messages took too, by channel: has the processes put the time of sending into each message while this runs. In plain reports and in JSON."`
	JSON     bool          `name:"json" help:"Print one JSON object a report, each on a line, and nothing else."`
}

// Help is the long help.
func (traceCmd) Help() string {
	return `Says for each core how long threads waited for it, who took it from them, and what interrupts, page faults and the
hypervisor took. In a terminal the view is live; keys are named in it. In a pipe, or with --once, plain tables are printed.

Groups: runq (waits for a core after a wake or a preemption), preempt (by whom), migrate (moves between cores), irq, softirq,
vectors (interrupts), faults (page faults), syscalls (slows every system call of the machine while it is on), tcp (round-trip
times), marks (one in 128 messages, timed by the kernel), steal (time the hypervisor kept), runtime (Go's own, of this process).
All but the last two need CAP_BPF and CAP_PERFMON, or root, marks CAP_SYS_ADMIN on newer kernels; what is refused is named, and
the rest goes on. docs/tracing.md says what to make of the figures.

Columns: "woken" is from a thread's wake until it runs, "preempted" from when it was taken off the core until it runs again;
times are p50, p99, p99.9 and the longest. "stolen" is the share of time that interrupts took from threads, with what it takes
to enter and leave them (measured at the start, which keeps a core busy for a tenth of a second), and "steal" the hypervisor's.
Shares are of the interval; where several threads waited at once, they add up to more than 100 %.

With --listen, the processes' engines are shown too, as far as corechan top sees them, added up by transport; --interval is of no consequence.
Whoever reaches the address may read it: name one of 127.0.0.1 unless others are to. perf/metrics/grafana.json is a dashboard for it.

With --messages, each channel has a row: how long its messages took from being sent until they were received, by the receiving process and
core, over shm and unix, of processes that corechan top sees. With --pid, of those that these processes receive. Group marks checks
that: the kernel times some of the messages itself, between the processes of --pid, at half a microsecond an end. It has a row for each
core, with what it found and what the same messages carry.

JSON fields: time, span_ns, interrupt_cost_ns, status (of each group), cores (each with core, runq, preempt, migrate, stolen, faults, syscalls,
tcp, marks, steal), runtime, ended (processes that are gone), messages (pid, command, channel, core, count, p50_ns, p99_ns, p999_ns, max_ns, discarded). Times are in nanoseconds; further fields may be added.

Examples:

  sudo corechan trace                                   every process, live
  sudo corechan trace --pid $(pidof orders) --pinned    the pollers of one service
  sudo corechan trace --once --interval 10s             ten seconds, as text
  corechan trace --messages --groups steal              how long messages take, without any privilege
  sudo corechan trace --messages --groups marks --pid 71,72
                                                        the same by the kernel's clock
  sudo corechan trace --listen 127.0.0.1:9400           for Prometheus
  sudo corechan trace --json | jq '.cores[0].runq.preempted'`
}

// Run traces until it is interrupted, or once.
func (c *traceCmd) Run(a *app) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	if c.Interval < minInterval || c.Interval > maxInterval {
		return fmt.Errorf("%w: --interval %v; give %v to %v", perf.ErrConfig, c.Interval, minInterval, maxInterval)
	}
	if c.Listen != "" && (c.Once || c.JSON || c.Messages) {
		return fmt.Errorf("%w: --listen serves until it is interrupted, and reports nothing here; leave out --once, --json and --messages", errUsage)
	}
	if slices.Contains(c.Groups, probe.Marks) && !c.Messages {
		return fmt.Errorf("%w: messages are marked while they are stamped: give --messages to --groups marks", errUsage)
	}
	avoidPinnedCores(c.Pid)
	if cost, err := probe.InterruptCost(); err == nil {
		config.InterruptCost = cost
	}
	p, err := probe.Start(config)
	if errors.Is(err, probe.ErrConfig) {
		return fmt.Errorf("%w: %w", perf.ErrConfig, err)
	}
	if err != nil {
		return err
	}
	if c.Listen != "" {
		return c.serve(a, p)
	}
	if out, ok := a.stdout.(*os.File); ok && !c.Once && !c.JSON && !c.Messages && term.IsTerminal(int(out.Fd())) {
		return traceLive(a, p, config, c.Interval)
	}
	defer p.Close()
	if err := probe.DropCapabilities(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return c.trace(a, p, config.InterruptCost)
}

// traced is one report as JSON.
type traced struct {
	*probe.Snapshot
	InterruptCost time.Duration  `json:"interrupt_cost_ns"` // 0: not known
	Status        []probe.Status `json:"status"`
	Messages      []messageRow   `json:"messages,omitempty"` // with --messages
}

// trace prints a report after each interval.
func (c *traceCmd) trace(a *app, p *probe.Probe, cost time.Duration) error {
	before, err := p.Snapshot()
	if err != nil {
		return err
	}
	messages, err := c.watchMessages(a.ctx)
	if err != nil {
		return err
	}
	defer messages.close()
	ticker := time.NewTicker(c.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-a.ctx.Done():
			if c.Once {
				return a.ctx.Err()
			}
			return nil // Ctrl-C is how it ends
		case <-ticker.C:
		}
		after, err := p.Snapshot()
		if err != nil {
			return err
		}
		d := after.Sub(before)
		before = after
		rows, err := messages.since(a.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			err = json.NewEncoder(a.stdout).Encode(traced{d, cost, p.Status(), rows})
		} else {
			err = printTrace(a.stdout, d, cost, p.Status(), messageTable(rows))
		}
		if err != nil || c.Once {
			return err
		}
	}
}

// printTrace prints one report as tables.
func printTrace(w io.Writer, d *probe.Snapshot, cost time.Duration, status []probe.Status, more ...table) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %v\n\n", d.Time.Format(time.TimeOnly), d.Span.Round(time.Millisecond))
	t := newTable()
	fmt.Fprintln(t, traceHeader())
	for _, r := range traceRows(d) {
		fmt.Fprintln(t, r.text())
	}
	t.print(&b)
	for _, section := range []func(*probe.Snapshot) table{preemptorTable, sourceTable, syscallTable, tcpTable, markTable} {
		if t := section(d); t.text != nil {
			fmt.Fprintln(&b)
			t.print(&b)
		}
	}
	for _, t := range more {
		if t.text != nil {
			fmt.Fprintln(&b)
			t.print(&b)
		}
	}
	for _, line := range traceNotes(d, cost, status) {
		fmt.Fprintf(&b, "\n%s", line)
	}
	fmt.Fprintln(&b)
	fmt.Fprintln(&b)
	_, err := io.WriteString(w, b.String())
	return err
}
