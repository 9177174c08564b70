package metrics

import (
	"fmt"

	"github.com/corechan/corechan/engine"
)

const other = "other"

// sums add up what engines count. A counter only grows, although engines come and go, and loops begin again: what is added is what each has
// counted since it was seen last. Gauges are those of the engines that are there.
type sums struct {
	values map[string]map[string]float64 // by metric and label
	last   map[string]map[cell]float64   // by engine
	known  map[string]map[string]bool    // labels, by name

	messages messageSums
}

// cell is one value of one engine.
type cell struct {
	metric string
	kind   kind
	label  string
}

func (s *sums) update(found map[string]*engine.Snapshot) {
	if s.values == nil {
		s.values, s.last, s.known = map[string]map[string]float64{}, map[string]map[cell]float64{}, map[string]map[string]bool{}
	}
	for name := range s.last {
		if found[name] == nil {
			delete(s.last, name)
		}
	}
	for i := range ofTransport {
		s.begin(&ofTransport[i].definition)
	}
	for i := range ofLoop {
		s.begin(&ofLoop[i].definition)
	}
	for name, snapshot := range found {
		was, now := s.last[name], s.read(snapshot)
		for at, v := range now {
			if before := was[at]; at.kind == counter && before <= v { // else it began again
				v -= before
			}
			s.values[at.metric][at.label] += v
		}
		s.last[name] = now
	}
	s.updateMessages(found)
}

// begin makes a gauge 0 wherever it was shown.
func (s *sums) begin(d *definition) {
	if s.values[d.name] == nil {
		s.values[d.name] = map[string]float64{}
	}
	if d.kind == gauge {
		for label := range s.values[d.name] {
			s.values[d.name][label] = 0
		}
	}
}

// read returns the values of one engine.
func (s *sums) read(of *engine.Snapshot) map[cell]float64 {
	now := make(map[cell]float64)
	for i := range of.Transports {
		label := s.label(labelTransport, of.Transports[i].Transport, MaxTransports)
		for _, m := range ofTransport {
			now[cell{m.name, m.kind, label}] += m.read(&of.Transports[i])
		}
	}
	for i := range of.Loops {
		label := s.label(labelCore, coreOf(&of.Loops[i]), MaxCores)
		for _, m := range ofLoop {
			now[cell{m.name, m.kind, label}] += m.read(&of.Loops[i])
		}
	}
	return now
}

// label returns a label's value, or "other" if there are too many.
func (s *sums) label(name, value string, most int) string {
	known := s.known[name]
	if known == nil {
		known = map[string]bool{}
		s.known[name] = known
	}
	if !known[value] && len(known) >= most {
		return other
	}
	known[value] = true
	return value
}

func coreOf(l *engine.LoopSnapshot) string {
	switch {
	case l.Service:
		return "service"
	case l.Core < 0:
		return "any"
	}
	return fmt.Sprint(l.Core)
}
