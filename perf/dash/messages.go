package dash

import (
	"cmp"
	"slices"
	"time"

	"github.com/corechan/corechan/engine"
)

// MaxMessages bounds the Messages of a Look: of more, those are told of which most came.
const MaxMessages = 32

// Messages is how long those took that an engine's channels of one name received over one transport on one core since the look before, of
// those that say when they were sent: see Config.Messages.
type Messages struct {
	Engine    string     `json:"engine"`
	Channel   string     `json:"channel"`
	Transport string     `json:"transport"`
	Core      int        `json:"core"` // -1: not known
	Times     *Histogram `json:"times"`
	// Discarded seem to have come before they were sent.
	Discarded uint64 `json:"discarded,omitempty"`

	durations engine.Durations // what Times is made of
	sum, max  time.Duration
}

// addMessages adds what an engine has received since an earlier snapshot.
func (l *Look) addMessages(name string, now, was []engine.LatencySnapshot) {
	for i := range now {
		n, before := &now[i], engine.LatencySnapshot{}
		for _, w := range was {
			if w.Channel == n.Channel && w.Transport == n.Transport && w.Core == n.Core {
				before = w
			}
		}
		m := Messages{
			Engine: name, Channel: n.Channel, Transport: n.Transport, Core: max(n.Core, -1), Discarded: less(n.Discarded, before.Discarded),
			durations: n.Times.Sub(before.Times), sum: max(n.Sum-before.Sum, 0), max: max(n.Max, 0),
		}
		if len(m.durations) > 0 || m.Discarded > 0 {
			m.Times = m.times(fine)
			l.Messages = append(l.Messages, m)
		}
	}
}

// boundMessages leaves out what is too much.
func (l *Look) boundMessages() {
	slices.SortStableFunc(l.Messages, func(a, b Messages) int { return cmp.Compare(b.Times.Count, a.Times.Count) })
	if n := len(l.Messages); n > MaxMessages {
		l.Messages, l.MoreMessages = l.Messages[:MaxMessages], uint64(n-MaxMessages)
	}
}

// times puts an engine's buckets, which are as those of package probe, into those of a Histogram. Another process says them.
func (m *Messages) times(g grain) *Histogram {
	h := &Histogram{Sum: min(m.sum, mostSafe), Buckets: []uint64{}}
	for _, b := range m.durations {
		high, n := min(max(b.High, 0), 1<<36-1), safe(b.Count)
		h.Count = safe(h.Count + n)
		h.Max = max(h.Max, high)
		h.add(g.of(bucketBelow(uint64(high)+1)), n)
	}
	h.Max = min(h.Max, m.max) // not the end of the longest one's bucket
	return h
}

// grained is the look with histograms of that grain.
func (l *Look) grained(g grain) *Look {
	if l == nil || g == fine {
		return l
	}
	coarser := *l
	coarser.Messages = slices.Clone(l.Messages)
	for i := range coarser.Messages {
		m := &coarser.Messages[i]
		m.Times = m.times(g)
	}
	return &coarser
}
