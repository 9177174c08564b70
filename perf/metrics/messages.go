package metrics

import (
	"fmt"

	"github.com/corechan/corechan/engine"
)

// messageSums are the latencies that engines have counted, added up as sums are.
type messageSums struct {
	all map[messageLabels]*counts
	was map[string][]engine.LatencySnapshot // by engine, as of the last update
}

// messageLabels are those of messageLatency.
type messageLabels struct{ transport, core string }

// maxMessageSeries bounds what messageLatency has. What exceeds it is added up.
const maxMessageSeries = 2048

// updateMessages adds the messages that each engine has received since it was seen last.
func (s *sums) updateMessages(found map[string]*engine.Snapshot) {
	if s.messages.all == nil {
		s.messages.all = map[messageLabels]*counts{}
	}
	was := s.messages.was
	s.messages.was = make(map[string][]engine.LatencySnapshot, len(found))
	for name, snapshot := range found {
		for i := range snapshot.Latencies {
			l := &snapshot.Latencies[i]
			before := sameMessages(was[name], l)
			if before.Times.Count() > l.Times.Count() {
				before = engine.LatencySnapshot{} // it began again
			}
			if d := l.Times.Sub(before.Times); len(d) > 0 {
				s.messagesOf(l).addLatencies(d, max(l.Sum-before.Sum, 0))
			}
		}
		s.messages.was[name] = snapshot.Latencies
	}
}

// sameMessages returns what there was of the same messages before; none, if there was nothing.
func sameMessages(list []engine.LatencySnapshot, as *engine.LatencySnapshot) engine.LatencySnapshot {
	for i := range list {
		if l := &list[i]; l.Channel == as.Channel && l.Transport == as.Transport && l.Core == as.Core {
			return *l
		}
	}
	return engine.LatencySnapshot{}
}

// messagesOf returns where an engine's messages are added.
func (s *sums) messagesOf(l *engine.LatencySnapshot) *counts {
	at := messageLabels{other, other}
	if l.Transport != "" {
		at.transport = s.label(labelTransport, l.Transport, MaxTransports)
	}
	if l.Core >= 0 && l.Core < MaxCores {
		at.core = fmt.Sprint(l.Core)
	}
	if s.messages.all[at] == nil {
		if len(s.messages.all) >= maxMessageSeries {
			at = messageLabels{other, other}
		}
		if s.messages.all[at] == nil {
			s.messages.all[at] = &counts{}
		}
	}
	return s.messages.all[at]
}
