package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/watch"
	"github.com/corechan/corechan/perf/probe"
)

// messageRow is how long the messages of a process's channels of one name took, in an interval.
type messageRow struct {
	PID       int           `json:"pid"`
	Command   string        `json:"command"`
	Channel   string        `json:"channel"`
	Core      int           `json:"core"`
	Count     uint64        `json:"count"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	P999      time.Duration `json:"p999_ns"`
	Max       time.Duration `json:"max_ns"` // to a bucket's end
	Discarded uint64        `json:"discarded"`
}

// messageKey is what a row is of.
type messageKey struct {
	engine, channel string
	core            int
}

// messages has the engines of this machine stamp what they send, and reads what came of it. A nil one does neither.
type messages struct {
	watcher *watch.Watcher
	pids    []int // of the receivers; none: all
	before  map[messageKey]engine.LatencySnapshot
	stop    context.CancelFunc
	running sync.WaitGroup
}

// watchMessages returns nil without --messages. The caller closes it.
func (c *traceCmd) watchMessages(ctx context.Context) (*messages, error) {
	if !c.Messages {
		return nil, nil
	}
	m := &messages{watcher: watch.New(), pids: c.Pid}
	m.watcher.StampMessages(true)
	if _, err := m.since(ctx); err != nil {
		_ = m.watcher.Close()
		return nil, err
	}
	ctx, m.stop = context.WithCancel(ctx)
	m.running.Go(func() { m.renew(ctx) })
	return m, nil
}

// renew looks often enough that the engines go on, whatever the interval is.
func (m *messages) renew(ctx context.Context) {
	ticker := time.NewTicker(engine.StampLease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_, _ = m.watcher.Look(ctx)
		}
	}
}

func (m *messages) close() {
	if m != nil {
		m.stop()
		m.running.Wait()
		_ = m.watcher.Close()
	}
}

// since returns what was received since the call before.
func (m *messages) since(ctx context.Context) ([]messageRow, error) {
	if m == nil {
		return nil, nil
	}
	engines, err := m.watcher.Look(ctx)
	if err != nil {
		return nil, err
	}
	now := map[messageKey]engine.LatencySnapshot{}
	rows := []messageRow{}
	for i := range engines {
		e := &engines[i]
		if e.Snapshot == nil || len(m.pids) > 0 && !slices.Contains(m.pids, e.PID) {
			continue
		}
		for _, l := range e.Snapshot.Latencies {
			key := messageKey{e.Name, l.Channel, l.Core}
			now[key] = l
			if row := newMessageRow(e, l, m.before[key]); row.Count+row.Discarded > 0 {
				rows = append(rows, row)
			}
		}
	}
	m.before = now
	slices.SortStableFunc(rows, func(a, b messageRow) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Core, b.Core))
	})
	return rows, nil
}

func newMessageRow(e *watch.Engine, l, before engine.LatencySnapshot) messageRow {
	d := l.Times.Sub(before.Times)
	at := func(q float64) time.Duration { return min(d.Quantile(q), l.Max) } // not to the end of the longest one's bucket
	return messageRow{
		PID: e.PID, Command: e.Command, Channel: l.Channel, Core: l.Core, Count: d.Count(), P50: at(0.5), P99: at(0.99),
		P999: at(0.999), Max: at(1), Discarded: l.Discarded - min(before.Discarded, l.Discarded),
	}
}

// messageTable has a row for each channel; nothing without --messages.
func messageTable(rows []messageRow) table {
	if rows == nil {
		return table{}
	}
	t := newTable()
	fmt.Fprintln(t, "messages on\treceived by\tprocess\ton core\tmessages\tp50\tp99\tp99.9\tmax\tdiscarded\t")
	for _, r := range rows {
		name := r.Channel
		if name == "" {
			name = "(unnamed)"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%d\t\n", name, r.Command, r.PID, r.Core, grouped(float64(r.Count)),
			nanoseconds(float64(r.P50)), nanoseconds(float64(r.P99)), nanoseconds(float64(r.P999)), nanoseconds(float64(r.Max)), r.Discarded)
	}
	if len(rows) == 0 {
		fmt.Fprintln(t, "none in this interval\t")
	}
	return t
}

// markTable has a row for each core that sent or received a message that the kernel timed; nothing without that group.
func markTable(d *probe.Snapshot) table {
	t := newTable()
	fmt.Fprintln(t, "messages marked\ton core\tsent\treceived\tp50\tp99\tp99.9\tmax\tby stamps p50\tp99\tp99.9\tmax\tmissed\tdiscarded\t")
	active, some := false, false
	for i := range d.Cores {
		m := d.Cores[i].Marks
		if m == nil {
			continue
		}
		active = true
		if m.Sent+m.Received == 0 {
			continue
		}
		some = true
		cells := slices.Concat(quantileCells(&m.Times, 0.5, 0.99, 0.999), quantileCells(&m.Stamped, 0.5, 0.99, 0.999))
		fmt.Fprintf(t, "\t%d\t%s\t%s\t%s\t%d\t%d\t\n", d.Cores[i].ID, grouped(float64(m.Sent)), grouped(float64(m.Received)),
			strings.Join(cells, "\t"), m.Missed, m.Discarded)
	}
	if !active {
		return table{}
	}
	if !some {
		fmt.Fprintln(t, "none in this interval\t")
	}
	return t
}
