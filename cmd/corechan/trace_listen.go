package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/corechan/corechan/engine/watch"
	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/metrics"
	"github.com/corechan/corechan/perf/probe"
)

// serve serves what p counts to Prometheus until the command is interrupted. It takes over the Probe.
func (c *traceCmd) serve(a *app, p *probe.Probe) error {
	defer p.Close()
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("%w: --listen %s: give HOST:PORT, such as 127.0.0.1:9400", perf.ErrConfig, c.Listen)
	}
	ln, err := new(net.ListenConfig).Listen(a.ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	if err := probe.DropCapabilities(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		ln.Close()
		return err
	}
	var w *watch.Watcher
	if c.Messages {
		m := watchMessages(a.ctx)
		defer m.close()
		w = m.watcher
	} else {
		w = watch.New()
		defer w.Close()
	}
	fmt.Fprintf(a.stderr, "Serving http://%s/metrics; Ctrl-C ends it.\n", ln.Addr())
	for _, s := range p.Status() {
		if s.State == probe.Failed {
			fmt.Fprintf(a.stderr, "No %s: %s.\n", s.Group, s.Why)
		}
	}
	return metrics.Serve(a.ctx, ln, metrics.New(metrics.Config{Watcher: w, PIDs: c.Pid, Probe: p}))
}
