package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/probe"
)

// What a value is.
type kind string

const (
	counter   kind = "counter"
	gauge     kind = "gauge"
	histogram kind = "histogram"
)

// Labels, and what has them.
const (
	labelTransport = "transport" // "shm", "tcp"
	labelCore      = "core"      // "0"; of a loop also "any", that is pinned to none, and "service"; of messages also "other"
	labelSource    = "source"    // what a thread waited for, or what interrupted it
	labelGroup     = "group"     // of probes
)

// Rows of the dashboard.
const (
	rowSessions = "Sessions"
	rowMessages = "Messages"
	rowLoops    = "Loops"
	rowCores    = "Cores"
	rowRuntime  = "Go runtime"
	rowProbes   = "Probes"
)

// A definition is a metric, and its panel of the dashboard.
type definition struct {
	name   string
	kind   kind
	labels []string
	help   string
	row    string
	title  string
	unit   string // Grafana's: of what the panel shows
	share  string // title of another panel, of a histogram's sum as a share of time
}

func (d definition) andShare(title string) definition {
	d.share = title
	return d
}

func (d *definition) desc() *prometheus.Desc {
	return prometheus.NewDesc(d.name, d.help, d.labels, nil)
}

// Of each transport.
var ofTransport = []struct {
	definition
	read func(t *engine.TransportSnapshot) float64
}{
	{
		define("corechan_sessions", gauge, "Sessions that are open.", rowSessions, "Sessions", "short", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return float64(t.Sessions) },
	},
	{
		define("corechan_sessions_opened_total", counter, "Sessions that were opened.", rowSessions, "Sessions opened", "ops", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return float64(t.Opened) },
	},
	{
		define("corechan_frames_sent_total", counter, "Frames sent: messages and what the protocol itself sends.", rowSessions, "Frames sent", "ops", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return float64(t.FramesSent) },
	},
	{
		define("corechan_frames_received_total", counter, "Frames received.", rowSessions, "Frames received", "ops", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return float64(t.FramesReceived) },
	},
	{
		define("corechan_sent_bytes_total", counter, "Bytes sent, as they take room in the ring.", rowSessions, "Bytes sent", "Bps", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return float64(t.BytesSent) },
	},
	{
		define("corechan_received_bytes_total", counter, "Bytes received.", rowSessions, "Bytes received", "Bps", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return float64(t.BytesReceived) },
	},
	{
		define("corechan_send_queue_bytes", gauge, "Bytes in rings that peers have not read yet.", rowSessions, "Waiting to be read by peers", "bytes", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return float64(t.SendQueue) },
	},
	{
		define("corechan_receive_queue_bytes", gauge, "Bytes in rings that were not read here yet.", rowSessions, "Waiting to be read here", "bytes", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return float64(t.ReceiveQueue) },
	},
	{
		define("corechan_ring_full_total", counter, "Frames that found no room in the ring.", rowSessions, "Full rings", "ops", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return float64(t.FullRing) },
	},
	{
		define("corechan_ring_full_seconds_total", counter, "Time that frames waited for room in the ring.", rowSessions, "Time waited for room", "percentunit", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return t.FullRingTime.Seconds() },
	},
	{
		define("corechan_credit_exhausted_total", counter, "Messages that waited for credit.", rowSessions, "Credit exhausted", "ops", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return float64(t.NoCredit) },
	},
	{
		define("corechan_credit_exhausted_seconds_total", counter, "Time that messages waited for credit.", rowSessions, "Time waited for credit", "percentunit", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return t.NoCreditTime.Seconds() },
	},
	{
		define("corechan_sleeps_total", counter, "Times that a reader slept.", rowSessions, "Sleeps", "ops", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return float64(t.Sleeps) },
	},
	{
		define("corechan_doorbells_total", counter, "Times that a peer was woken.", rowSessions, "Doorbells rung", "ops", labelTransport),
		func(t *engine.TransportSnapshot) float64 { return float64(t.Rings) },
	},
}

// Of the loops of each core.
var ofLoop = []struct {
	definition
	read func(l *engine.LoopSnapshot) float64
}{
	{
		define("corechan_loop_sources", gauge, "Descriptors and sessions that loops serve.", rowLoops, "Sources served", "short", labelCore),
		func(l *engine.LoopSnapshot) float64 { return float64(l.Load) },
	},
	{
		define("corechan_loop_sessions", gauge, "Links of sessions and lanes that loops read.", rowLoops, "Sessions served", "short", labelCore),
		func(l *engine.LoopSnapshot) float64 { return float64(l.Sessions) },
	},
	{
		define("corechan_loop_frames_received_total", counter, "Frames that sessions on loops received.", rowLoops, "Frames received", "ops", labelCore),
		func(l *engine.LoopSnapshot) float64 { return float64(l.Passed.FramesReceived) },
	},
	{
		define("corechan_loop_frames_sent_total", counter, "Frames that sessions on loops sent.", rowLoops, "Frames sent", "ops", labelCore),
		func(l *engine.LoopSnapshot) float64 { return float64(l.Passed.FramesSent) },
	},
	{
		define("corechan_loop_receive_queue_bytes", gauge, "Bytes in rings that loops have not read yet.", rowLoops, "Waiting to be read", "bytes", labelCore),
		func(l *engine.LoopSnapshot) float64 { return float64(l.Queues.ReceiveQueue) },
	},
	{
		define("corechan_loop_items_total", counter, "Items that loops took from memory.", rowLoops, "Items", "ops", labelCore),
		func(l *engine.LoopSnapshot) float64 { return float64(l.PollerItems) },
	},
	{
		define("corechan_loop_events_total", counter, "Events that epoll reported to loops.", rowLoops, "Events", "ops", labelCore),
		func(l *engine.LoopSnapshot) float64 { return float64(l.Events) },
	},
	{
		define("corechan_loop_wakes_total", counter, "Times that loops returned from a call that could sleep.", rowLoops, "Wakes", "ops", labelCore),
		func(l *engine.LoopSnapshot) float64 { return float64(l.Wakes) },
	},
	{
		define("corechan_loop_exhausted_total", counter, "Times that a source used up its share of a turn.", rowLoops, "Budgets exhausted", "ops", labelCore),
		func(l *engine.LoopSnapshot) float64 { return float64(l.Exhausted) },
	},
}

// Of the messages that say when they were sent, by the transport that they came over and the core that received them.
var messageLatency = define("corechan_message_latency_seconds", histogram,
	"How long messages took from publishing to receiving, of those that carry the time of sending.",
	rowMessages, "Message latency", "s", labelTransport, labelCore)

// Of this process.
var (
	schedulerLatency = define("corechan_go_scheduler_latency_seconds", histogram, "How long goroutines that could run waited for a thread. Its sum is an estimate.",
		rowRuntime, "Waits of goroutines", "s")
	gcPauses = define("corechan_go_gc_pause_seconds", histogram, "Times in which the collector let no goroutine run. Its sum is an estimate.",
		rowRuntime, "Pauses of the collector", "s")
)

// Numbers of each core, by its probes; ok is false where the group is not at work.
var ofCore = []struct {
	definition
	read func(c *probe.Core) (v float64, ok bool)
}{
	{
		define("corechan_core_steal_seconds_total", counter, "Time that the hypervisor kept.", rowCores, "Steal", "percentunit", labelCore),
		func(c *probe.Core) (float64, bool) {
			if c.Steal == nil {
				return 0, false
			}
			return c.Steal.Steal.Seconds(), true
		},
	},
	{
		define("corechan_core_preempted_by_others_seconds_total", counter, "Time that others ran while preempted threads waited.", rowCores, "Taken by other threads", "percentunit", labelCore),
		func(c *probe.Core) (float64, bool) {
			if c.Preempt == nil {
				return 0, false
			}
			return c.Preempt.Time().Seconds(), true
		},
	},
	{
		define("corechan_core_migrations_total", counter, "Threads that were moved away from the core.", rowCores, "Migrations", "ops", labelCore),
		func(c *probe.Core) (float64, bool) {
			if c.Migrate == nil {
				return 0, false
			}
			return float64(c.Migrate.Left), true
		},
	},
	{
		define("corechan_core_page_faults_total", counter, "Page faults.", rowCores, "Page faults", "ops", labelCore),
		func(c *probe.Core) (float64, bool) {
			if c.Faults == nil {
				return 0, false
			}
			return float64(c.Faults.Count), true
		},
	},
	{
		define("corechan_core_fault_storm_seconds_total", counter, "Time within storms of page faults.", rowCores, "Storms of page faults", "percentunit", labelCore),
		func(c *probe.Core) (float64, bool) {
			if c.Faults == nil {
				return 0, false
			}
			return c.Faults.Storm.Seconds(), true
		},
	},
}

// Histograms of each core and source, by its probes.
var (
	coreWaits = define("corechan_core_wait_seconds", histogram, "How long threads waited for the core, after: doorbell, woken, preempted; or were stopped.",
		rowCores, "Waits for the core", "s", labelCore, labelSource).andShare("Time waited for the core")
	coreStolen = define("corechan_core_stolen_seconds", histogram, "What interrupted threads on the core, and for how long.",
		rowCores, "Interrupts", "s", labelCore, labelSource).andShare("Time that interrupts took")
	coreSyscalls = define("corechan_core_syscall_seconds", histogram, "How long system calls took.", rowCores, "System calls", "s", labelCore)
	coreTCP      = define("corechan_core_tcp_round_trip_seconds", histogram, "Round-trip times of TCP connections.", rowCores, "TCP round trips", "s", labelCore)
)

// Of the probes.
var (
	probeUp   = define("corechan_probe_up", gauge, "1 if the group of probes is at work, 0 if it was refused.", rowProbes, "Groups at work", "short", labelGroup)
	probeLost = define("corechan_probe_lost_total", counter, "Events that were not counted.", rowProbes, "Events lost", "ops", labelGroup)
	// probeEnded has no label: which ones is in corechan trace.
	probeEnded = define("corechan_probe_processes_ended", gauge, "Followed processes that exist no more.", rowProbes, "Followed processes ended", "short")
)

func define(name string, k kind, help, row, title, unit string, labels ...string) definition {
	return definition{name: name, kind: k, labels: labels, help: help, row: row, title: title, unit: unit}
}

// definitions returns all metrics, in the order of the dashboard.
func definitions() (all []definition) {
	for _, m := range ofTransport {
		all = append(all, m.definition)
	}
	all = append(all, messageLatency)
	for _, m := range ofLoop {
		all = append(all, m.definition)
	}
	all = append(all, coreWaits, coreStolen)
	for _, m := range ofCore {
		all = append(all, m.definition)
	}
	return append(all, coreSyscalls, coreTCP, schedulerLatency, gcPauses, probeUp, probeLost, probeEnded)
}
