package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/watch"
	"github.com/corechan/corechan/perf"
)

type topCmd struct {
	Pid      []int         `placeholder:"PID" help:"Show these processes only. Default: all that can be seen."`
	Show     topView       `enum:"sessions,channels,processes" default:"sessions" help:"What the table has a row for: sessions, channels or processes."`
	Interval time.Duration `default:"1s" placeholder:"DURATION" help:"How long to count between two reports, 100ms to 1h. Default: 1s."`
	Once     bool          `help:"Report once, after one interval, and end."`
	JSON     bool          `name:"json" help:"Print one JSON object a report, each on a line, and nothing else."`
}

// Help is the long help.
func (topCmd) Help() string {
	return `Shows the sessions and channels of the processes of this machine that use corechan: what passes, how full their rings are, and
what their senders wait for. In a terminal the view is live; keys are named in it. In a pipe, or with --once, plain tables are printed.

It sees the processes of the same user, or as root of everybody, in the same network namespace, while they have a session to another
process; not engines whose Config says Hidden. Nothing is asked of a process but a page of statistics, once an interval. What a
process says of itself is checked for its form, and cannot be checked for its truth.

Columns: frames and bytes are those of the interval, a second, sent and received; "queued" is what waits in the rings, to be read by the
peer and here; "full" is how often a frame found no room in the ring, "no credit" how often a message waited for its receiver,
"waited" how long senders did; "sleeps" and "rings" how often readers slept and the peer was woken; all a second.

JSON fields: time, span_ns (0 in the first report), engines (each with pid, uid, command, name, error, and snapshot: time, loops, transports,
sessions with their channels, runtime). Counters are those since the engine, or the session, began; times are in nanoseconds, Unix
times in RFC 3339; further fields may be added. With --once the report comes at once.

Examples:

  corechan top                                 every process, live
  corechan top --show channels --once          all channels, as text
  corechan top --json --once | jq '.engines[] | {pid, sessions: (.snapshot.sessions | length)}'`
}

// A topView is what there is a row for.
type topView string

const (
	viewSessions  topView = "sessions"
	viewChannels  topView = "channels"
	viewProcesses topView = "processes"
)

// Run shows what there is until it is interrupted, or once.
func (c *topCmd) Run(a *app) error {
	if c.Interval < minInterval || c.Interval > maxInterval {
		return fmt.Errorf("%w: --interval %v; give %v to %v", perf.ErrConfig, c.Interval, minInterval, maxInterval)
	}
	w := watch.New()
	defer w.Close()
	look := func(ctx context.Context) (*topLook, error) {
		all, err := w.Look(ctx)
		if len(c.Pid) > 0 {
			all = slices.DeleteFunc(all, func(e watch.Engine) bool { return !slices.Contains(c.Pid, e.PID) })
		}
		return &topLook{Time: time.Now(), Engines: all}, err
	}
	if out, ok := a.stdout.(*os.File); ok && !c.Once && !c.JSON && term.IsTerminal(int(out.Fd())) {
		return topLive(a, look, c.Show, c.Interval)
	}
	return c.report(a, look)
}

// A topLook is what was seen at one time.
type topLook struct {
	Time    time.Time
	Engines []watch.Engine
}

// report prints one report after the other.
func (c *topCmd) report(a *app, look func(context.Context) (*topLook, error)) error {
	before, err := look(a.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printTopJSON(a.stdout, nil, before); err != nil || c.Once {
			return err
		}
	}
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
		now, err := look(a.ctx)
		switch {
		case a.ctx.Err() != nil:
			continue
		case err != nil:
			return err
		case c.JSON:
			err = printTopJSON(a.stdout, before, now)
		default:
			err = printTop(a.stdout, c.Show, before, now)
		}
		if err != nil || c.Once {
			return err
		}
		before = now
	}
}

type topEngineJSON struct {
	PID      int              `json:"pid"`
	UID      uint32           `json:"uid"`
	Command  string           `json:"command"`
	Name     string           `json:"name"`
	Error    string           `json:"error,omitempty"`
	Snapshot *engine.Snapshot `json:"snapshot,omitempty"`
}

func printTopJSON(w io.Writer, before, now *topLook) error {
	report := struct {
		Time    time.Time       `json:"time"`
		Span    time.Duration   `json:"span_ns"`
		Engines []topEngineJSON `json:"engines"`
	}{Time: now.Time, Engines: []topEngineJSON{}}
	if before != nil {
		report.Span = now.Time.Sub(before.Time)
	}
	for _, e := range now.Engines {
		one := topEngineJSON{PID: e.PID, UID: e.UID, Command: e.Command, Name: e.Name, Snapshot: e.Snapshot}
		if e.Err != nil {
			one.Error = e.Err.Error()
		}
		report.Engines = append(report.Engines, one)
	}
	return json.NewEncoder(w).Encode(report)
}

// printTop prints one report as a table.
func printTop(w io.Writer, view topView, before, now *topLook) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %v, %s\n\n", now.Time.Format(time.TimeOnly), now.Time.Sub(before.Time).Round(time.Millisecond), topTotals(now))
	t := newTable()
	fmt.Fprintln(t, topHeader(view))
	for _, r := range topRows(view, before, now) {
		fmt.Fprintln(t, strings.Join(r.cells, "\t")+"\t")
	}
	t.print(&b)
	for _, line := range topNotes(now) {
		fmt.Fprintf(&b, "\n%s", line)
	}
	fmt.Fprint(&b, "\n\n")
	_, err := io.WriteString(w, b.String())
	return err
}
