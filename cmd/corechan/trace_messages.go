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
	Transport string        `json:"transport"`
	Core      int           `json:"core"`
	Count     uint64        `json:"count"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	P999      time.Duration `json:"p999_ns"`
	Max       time.Duration `json:"max_ns"` // to a bucket's end
	Discarded uint64        `json:"discarded"`
}

// messages has the engines of this machine stamp what they send, and reads what came of it.
type messages struct {
	watcher *watch.Watcher
	ctx     context.Context // until it is closed
	stop    context.CancelFunc
	running sync.WaitGroup
}

// watchMessages begins that. The caller closes it.
func watchMessages(ctx context.Context) *messages {
	m := &messages{watcher: watch.New()}
	m.watcher.StampMessages(true) // from the first look on
	m.ctx, m.stop = context.WithCancel(ctx)
	m.running.Go(func() { m.watcher.KeepStamping(m.ctx) }) // whatever the interval is
	return m
}

// close ends it, and looks that are under way.
func (m *messages) close() {
	m.stop()
	m.running.Wait()
	_ = m.watcher.Close()
}

// messageKey is what a row is of.
type messageKey struct {
	engine, channel, transport string
	core                       int
}

// messageCount is what an engine has counted for a row, since it began.
type messageCount struct {
	pid     int
	command string
	engine.LatencySnapshot
}

// messageLook is what all engines had counted at one time.
type messageLook map[messageKey]messageCount

func (m *messages) look() (messageLook, error) {
	engines, err := m.watcher.Look(m.ctx)
	if err != nil {
		return nil, err
	}
	now := messageLook{}
	for i := range engines {
		e := &engines[i]
		if e.Snapshot == nil {
			continue
		}
		for _, l := range e.Snapshot.Latencies {
			now[messageKey{e.Name, l.Channel, l.Transport, l.Core}] = messageCount{e.PID, e.Command, l}
		}
	}
	return now, nil
}

// since returns what the processes, or all with none, have received after an earlier look.
func (now messageLook) since(before messageLook, pids []int) []messageRow {
	rows := []messageRow{}
	for key, c := range now {
		if len(pids) > 0 && !slices.Contains(pids, c.pid) {
			continue
		}
		if row := newMessageRow(c, before[key].LatencySnapshot); row.Count+row.Discarded > 0 {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b messageRow) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Transport, b.Transport), cmp.Compare(a.Core, b.Core))
	})
	return rows
}

func newMessageRow(c messageCount, before engine.LatencySnapshot) messageRow {
	d := c.Times.Sub(before.Times)
	at := func(q float64) time.Duration { return min(d.Quantile(q), c.Max) } // not to the end of the longest one's bucket
	return messageRow{
		PID: c.pid, Command: c.command, Channel: c.Channel, Transport: c.Transport, Core: c.Core, Count: d.Count(), P50: at(0.5),
		P99: at(0.99), P999: at(0.999), Max: at(1), Discarded: c.Discarded - min(before.Discarded, c.Discarded),
	}
}

// slowest returns those rows, most at most, whose messages took longest, and how many it has left out.
func slowest(rows []messageRow, most int) (some []messageRow, more int) {
	some = slices.Clone(rows)
	slices.SortStableFunc(some, func(a, b messageRow) int { return cmp.Compare(b.P99, a.P99) })
	some = some[:min(most, len(some))]
	return some, len(rows) - len(some)
}

// messageTable has a row for each channel, transport and core.
func messageTable(rows []messageRow) table {
	t := newTable()
	fmt.Fprintln(t, "messages on\tover\treceived by\tprocess\ton core\tmessages\tp50\tp99\tp99.9\tmax\tdiscarded\t")
	for _, r := range rows {
		name := r.Channel
		if name == "" {
			name = "(unnamed)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%d\t\n", name, r.Transport, r.Command, r.PID, r.Core, grouped(float64(r.Count)),
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
