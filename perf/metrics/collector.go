package metrics

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/watch"
	"github.com/corechan/corechan/perf/probe"
)

// Bounds of what labels can be. More are "other".
const (
	MaxTransports = 16
	MaxCores      = 1024
)

// Config says what a Collector shows. All fields may be nil.
type Config struct {
	// Engines are engines of this process. With any, Go's scheduler and collector are shown too.
	Engines []*engine.Engine
	// Watcher has those of other processes, which are added up. What passed between the last scrape and the end of a process is
	// not in the sums.
	Watcher *watch.Watcher
	// PIDs are the only processes of Watcher to be shown; none: all.
	PIDs []int
	// Probe is asked for what it counts.
	Probe *probe.Probe
}

// A Collector is a prometheus.Collector. It may be registered in several registries, and scraped by several at once.
type Collector struct {
	config Config
	descs  map[string]*prometheus.Desc

	mu   sync.Mutex
	sums sums
}

// New returns a Collector. What the Config has stays the caller's; once it is closed, its metrics are no more.
func New(c Config) *Collector {
	all := make(map[string]*prometheus.Desc)
	for _, d := range definitions() {
		all[d.name] = d.desc()
	}
	return &Collector{config: c, descs: all}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range definitions() {
		to <- c.descs[d.name]
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	c.collectEngines(to)
	if c.config.Probe != nil {
		c.collectProbe(to)
	}
}

func (c *Collector) value(to chan<- prometheus.Metric, d *definition, v float64, labels ...string) {
	t := prometheus.GaugeValue
	if d.kind == counter {
		t = prometheus.CounterValue
	}
	m, err := prometheus.NewConstMetric(c.descs[d.name], t, v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(c.descs[d.name], err)
	}
	to <- m
}

func (c *Collector) histogram(to chan<- prometheus.Metric, d *definition, of counts, labels ...string) {
	to <- of.metric(c.descs[d.name], labels...)
}

func (c *Collector) collectEngines(to chan<- prometheus.Metric) {
	if len(c.config.Engines) == 0 && c.config.Watcher == nil {
		return
	}
	c.mu.Lock() // from here on, so that of two scrapes the one that looks later adds up later
	defer c.mu.Unlock()
	found := make(map[string]*engine.Snapshot)
	for i, e := range c.config.Engines {
		s := e.Snapshot()
		found[fmt.Sprint("own ", i)] = s
		if i == 0 {
			c.histogram(to, &schedulerLatency, ofDurations(s.Runtime.SchedulerLatency))
			c.histogram(to, &gcPauses, ofDurations(s.Runtime.GCPauses))
		}
	}
	if c.config.Watcher != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		all, _ := c.config.Watcher.Look(ctx) // what cannot be seen is not shown
		for _, e := range all {
			if e.Snapshot != nil && c.wants(e.PID) {
				found[e.Name] = e.Snapshot
			}
		}
	}
	c.sums.update(found)
	for i := range ofTransport {
		for label, v := range c.sums.values[ofTransport[i].name] {
			c.value(to, &ofTransport[i].definition, v, label)
		}
	}
	for at, of := range c.sums.messages.all {
		now := *of
		now.native = maps.Clone(of.native) // it is read when this is over
		c.histogram(to, &messageLatency, now, at.transport, at.core)
	}
	for i := range ofLoop {
		for label, v := range c.sums.values[ofLoop[i].name] {
			c.value(to, &ofLoop[i].definition, v, label)
		}
	}
}

func (c *Collector) wants(pid int) bool {
	for _, want := range c.config.PIDs {
		if want == pid {
			return true
		}
	}
	return len(c.config.PIDs) == 0
}

func (c *Collector) collectProbe(to chan<- prometheus.Metric) {
	for _, s := range c.config.Probe.Status() {
		switch s.State {
		case probe.Active:
			c.value(to, &probeUp, 1, string(s.Group))
			c.value(to, &probeLost, float64(s.Lost), string(s.Group))
		case probe.Failed:
			c.value(to, &probeUp, 0, string(s.Group))
		}
	}
	s, err := c.config.Probe.Snapshot()
	if err != nil {
		return // closed, or this once: what is missing is seen
	}
	c.value(to, &probeEnded, float64(len(s.Ended)))
	for i := range s.Cores {
		if i < MaxCores { // a core is not added to another one
			c.collectCore(to, &s.Cores[i])
		}
	}
}

func (c *Collector) collectCore(to chan<- prometheus.Metric, core *probe.Core) {
	id := fmt.Sprint(core.ID)
	for i := range ofCore {
		if v, ok := ofCore[i].read(core); ok {
			c.value(to, &ofCore[i].definition, v, id)
		}
	}
	if q := core.RunQueue; q != nil {
		c.histogram(to, &coreWaits, ofProbe(&q.Doorbell), id, "doorbell")
		c.histogram(to, &coreWaits, ofProbe(&q.Woken), id, "woken")
		c.histogram(to, &coreWaits, ofProbe(&q.Preempted), id, "preempted")
		c.histogram(to, &coreWaits, ofProbe(&q.Stopped), id, "stopped")
	}
	if s := core.Stolen; s != nil {
		for i, source := range probe.Sources() {
			if h := &s.BySource[i]; h.Max() > 0 { // of most sources there are none
				c.histogram(to, &coreStolen, ofProbe(h), id, string(source))
			}
		}
	}
	if s := core.Syscalls; s != nil {
		c.histogram(to, &coreSyscalls, ofProbe(&s.All), id)
	}
	if s := core.TCP; s != nil {
		c.histogram(to, &coreTCP, ofProbe(&s.RTT), id)
	}
}
