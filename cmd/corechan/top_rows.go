package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/watch"
)

// topRow is a row of a table of top.
type topRow struct {
	cells []string
	// What it can be sorted by; of the interval.
	pid            int
	frames, bytes  float64
	queued, waited float64
}

func topHeader(view topView) string {
	switch view {
	case viewChannels:
		return "pid\tcommand\tsession\tchannel\tname\tdirection\tcodec\tmessages/s\tbytes/s\tqueued\tbytes\tcredit\tage\t"
	case viewProcesses:
		return "pid\tcommand\tuid\tsessions\tchannels\tsent/s\treceived/s\tbytes out/s\tin/s\tfull\tno credit\twaited\tsleeps\trings\t" +
			"goroutines\tscheduler p99\tGC pauses\tp99\t"
	}
	return "pid\tcommand\tsession\tpeer\tsent/s\treceived/s\tbytes out/s\tin/s\tqueued out\tin\tfull\tno credit\twaited\tsleeps\trings\t" +
		"channels\tcore\tage\t"
}

// topRows returns what happened between two looks.
func topRows(view topView, before, now *topLook) (rows []topRow) {
	was := make(map[string]*watch.Engine, len(before.Engines))
	for i := range before.Engines {
		if e := &before.Engines[i]; e.Snapshot != nil {
			was[e.Name] = e
		}
	}
	for i := range now.Engines {
		e := &now.Engines[i]
		switch {
		case e.Snapshot == nil:
			if view == viewProcesses {
				rows = append(rows, topRow{pid: e.PID, cells: []string{pidText(e.PID), e.Command, fmt.Sprint(e.UID), "-", printable(e.Err.Error())}})
			}
			continue
		case view == viewProcesses:
			rows = append(rows, processRow(was[e.Name], e))
			continue
		}
		old := map[uint64]*engine.SessionSnapshot{}
		var span time.Duration
		if b := was[e.Name]; b != nil {
			span = e.Snapshot.Time.Sub(b.Snapshot.Time)
			for j := range b.Snapshot.Sessions {
				old[b.Snapshot.Sessions[j].ID] = &b.Snapshot.Sessions[j]
			}
		}
		for j := range e.Snapshot.Sessions {
			s := &e.Snapshot.Sessions[j]
			if view == viewSessions {
				rows = append(rows, sessionRow(e, old[s.ID], s, span))
				continue
			}
			rows = append(rows, channelRows(e, old[s.ID], s, span)...)
		}
	}
	return rows
}

func sessionRow(e *watch.Engine, was, s *engine.SessionSnapshot, span time.Duration) topRow {
	if was == nil {
		was, span = &engine.SessionSnapshot{}, s.Age
	}
	r := newTopRow(e, &was.Counters, &s.Counters, span)
	r.queued = float64(s.SendQueue) + float64(s.ReceiveQueue)
	core := "-"
	if s.Core >= 0 {
		core = fmt.Sprint(s.Core)
	}
	rates := rateCells(&was.Counters, &s.Counters, span)
	r.cells = []string{pidText(e.PID), e.Command, fmt.Sprint(s.ID), peerText(s)}
	r.cells = append(r.cells, rates[:4]...)
	r.cells = append(r.cells, fullness(s.SendQueue, s.SendRing), fullness(s.ReceiveQueue, s.ReceiveRing))
	r.cells = append(r.cells, rates[4:]...)
	r.cells = append(r.cells, grouped(float64(len(s.Channels))), core, ageText(s.Age))
	return r
}

func channelRows(e *watch.Engine, was, s *engine.SessionSnapshot, span time.Duration) (rows []topRow) {
	type key struct {
		id   uint32
		lane bool
		dir  engine.Direction
	}
	old := map[key]*engine.ChannelInfo{}
	if was != nil {
		for i := range was.Channels {
			c := &was.Channels[i]
			old[key{c.ID, c.Lane, c.Direction}] = c
		}
	}
	for i := range s.Channels {
		c := &s.Channels[i]
		b, d := old[key{c.ID, c.Lane, c.Direction}], span
		if b == nil || b.Age > c.Age { // the number is another channel's
			b, d = &engine.ChannelInfo{}, c.Age
		}
		name, kind, credit := c.Name, string(c.Direction), "-"
		if name == "" {
			name = "-"
		}
		if c.Lane {
			kind += " lane"
		}
		if c.Credit >= 0 {
			credit = scaled(float64(c.Credit), "B")
		}
		r := topRow{pid: e.PID, frames: rateOf(b.Messages, c.Messages, d), bytes: rateOf(b.Bytes, c.Bytes, d), queued: float64(c.QueuedBytes)}
		r.cells = []string{
			pidText(e.PID), e.Command, fmt.Sprint(s.ID), fmt.Sprint(c.ID), name, kind, c.Codec, rateText(r.frames, ""), rateText(r.bytes, "B"),
			grouped(float64(c.Queued)), scaled(r.queued, "B"), credit, ageText(c.Age),
		}
		rows = append(rows, r)
	}
	return rows
}

func processRow(was, e *watch.Engine) topRow {
	s := e.Snapshot
	var before, now engine.Counters
	var latency, pauses engine.Durations
	span := time.Duration(0)
	channels := int(min(s.MoreChannels, math.MaxInt32))
	for i := range s.Sessions {
		channels += len(s.Sessions[i].Channels)
	}
	now = totalOf(s)
	latency, pauses = s.Runtime.SchedulerLatency, s.Runtime.GCPauses
	if was != nil {
		before, span = totalOf(was.Snapshot), s.Time.Sub(was.Snapshot.Time)
		latency, pauses = latency.Sub(was.Snapshot.Runtime.SchedulerLatency), pauses.Sub(was.Snapshot.Runtime.GCPauses)
	}
	r := newTopRow(e, &before, &now, span)
	for i := range s.Transports {
		r.queued += float64(s.Transports[i].SendQueue) + float64(s.Transports[i].ReceiveQueue)
	}
	r.cells = []string{
		pidText(e.PID), e.Command, fmt.Sprint(e.UID), grouped(float64(len(s.Sessions)) + float64(s.MoreSessions)), grouped(float64(channels)),
	}
	r.cells = append(r.cells, rateCells(&before, &now, span)...)
	r.cells = append(r.cells, grouped(float64(s.Runtime.Goroutines)), nanoseconds(float64(latency.Quantile(0.99))),
		grouped(float64(pauses.Count())), nanoseconds(float64(pauses.Quantile(0.99))))
	return r
}

// totalOf adds up what passed over all transports.
func totalOf(s *engine.Snapshot) (c engine.Counters) {
	for i := range s.Transports {
		c.Add(&s.Transports[i].Counters)
	}
	return c
}

func newTopRow(e *watch.Engine, was, now *engine.Counters, span time.Duration) topRow {
	return topRow{
		pid:    e.PID,
		frames: rateOf(was.FramesSent, now.FramesSent, span) + rateOf(was.FramesReceived, now.FramesReceived, span),
		bytes:  rateOf(was.BytesSent, now.BytesSent, span) + rateOf(was.BytesReceived, now.BytesReceived, span),
		waited: float64(waitedIn(was, now)),
	}
}

// rateCells are frames sent and received, bytes sent and received, full, no credit, waited, sleeps, rings.
func rateCells(was, now *engine.Counters, span time.Duration) []string {
	rate := func(was, now uint64, unit string) string { return rateText(rateOf(was, now, span), unit) }
	return []string{
		rate(was.FramesSent, now.FramesSent, ""), rate(was.FramesReceived, now.FramesReceived, ""),
		rate(was.BytesSent, now.BytesSent, "B"), rate(was.BytesReceived, now.BytesReceived, "B"),
		rate(was.FullRing, now.FullRing, ""), rate(was.NoCredit, now.NoCredit, ""), share(waitedIn(was, now), span),
		rate(was.Sleeps, now.Sleeps, ""), rate(was.Rings, now.Rings, ""),
	}
}

func waitedIn(was, now *engine.Counters) time.Duration {
	return max(now.FullRingTime-was.FullRingTime, 0) + max(now.NoCreditTime-was.NoCreditTime, 0)
}

// rateOf is the rate of a counter, which may have begun again, or be made up.
func rateOf(was, now uint64, span time.Duration) float64 {
	if now <= was || span <= 0 {
		return 0
	}
	return float64(now-was) / span.Seconds()
}

func rateText(rate float64, unit string) string {
	if rate == 0 {
		return "0"
	}
	return scaled(rate, unit)
}

// fullness is how much of a ring is in use.
func fullness(queued, ring uint64) string {
	if ring == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*min(float64(queued)/float64(ring), 1))
}

func pidText(pid int) string {
	if pid <= 0 {
		return "?" // in a namespace that cannot be seen from here
	}
	return fmt.Sprint(pid)
}

// peerText says who is at the other side: "-> shm 4711", "<- tcp 10.0.0.7:4242".
func peerText(s *engine.SessionSnapshot) string {
	arrow := "<-"
	if s.Dialer {
		arrow = "->"
	}
	who := strings.TrimPrefix(s.Addr, s.Transport+"://")
	if s.Local && s.PeerPID > 0 {
		who = fmt.Sprint(s.PeerPID)
	}
	return fmt.Sprintf("%s %s %s", arrow, s.Transport, who)
}

func ageText(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 100*time.Hour:
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.0f d", d.Hours()/24)
}

// topTotals says how much there is.
func topTotals(now *topLook) string {
	sessions, channels := uint64(0), uint64(0)
	for _, e := range now.Engines {
		if s := e.Snapshot; s != nil {
			sessions += uint64(len(s.Sessions)) + min(s.MoreSessions, math.MaxUint32)
			channels += min(s.MoreChannels, math.MaxUint32)
			for i := range s.Sessions {
				channels += uint64(len(s.Sessions[i].Channels))
			}
		}
	}
	return fmt.Sprintf("%d engines, %s sessions, %s channels", len(now.Engines), grouped(float64(sessions)), grouped(float64(channels)))
}

// topNotes say what the table does not show.
func topNotes(now *topLook) (notes []string) {
	if len(now.Engines) == 0 {
		notes = append(notes, "No process of this user has a session to another one; as root, everybody's are shown.")
	}
	if len(now.Engines) == watch.MaxEngines {
		notes = append(notes, fmt.Sprintf("There may be more: %d engines are looked at.", watch.MaxEngines))
	}
	for _, e := range now.Engines {
		switch {
		case e.Err != nil:
			notes = append(notes, fmt.Sprintf("No figures of process %s (%s): %s.", pidText(e.PID), e.Command, printable(e.Err.Error())))
		case e.Snapshot.MoreSessions+e.Snapshot.MoreChannels > 0:
			notes = append(notes, fmt.Sprintf("Process %s (%s) has %d sessions and %d channels more than are shown.", pidText(e.PID), e.Command,
				e.Snapshot.MoreSessions, e.Snapshot.MoreChannels))
		}
	}
	return notes
}
