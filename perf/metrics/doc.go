// Package metrics shows Prometheus what engines and probes count. Register a Collector in your own registry:
//
//	registry.MustRegister(metrics.New(metrics.Config{Engines: []*engine.Engine{engine.Default()}}))
//
// or let `corechan trace --listen 127.0.0.1:9400` serve it, for the processes that run.
//
// Units are seconds and bytes. Histograms are given in both forms: as native ones, 4.4 % wide, to a Prometheus that scrapes these, and with
// classic buckets from 100 ns to 10 s, three a decade. Labels are few and bounded: transport, core, source, group; never a process, a
// command or a peer. What exceeds MaxTransports or MaxCores is added up as "other".
//
// Messages have a latency while they carry the time of sending, which costs a little and is off unless it is asked for: of one's own engines
// by engine.Engine.StampMessages, of those of other processes by watch.Watcher.KeepStamping.
//
// grafana.json is a dashboard of all of them, written from the same definitions: import it into Grafana.
package metrics
