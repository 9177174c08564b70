package engine

import (
	"cmp"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/internal/mark"
	"github.com/corechan/corechan/internal/monotime"
)

// A LatencySnapshot is how long the messages of the channels of one name took, from when they were sent until they were received on one
// core. Messages are counted that carry the time: see Engine.StampMessages.
type LatencySnapshot struct {
	// Channel is the channels' name, empty for those that came in messages; OtherChannels for all that are beyond MaxLatencies.
	Channel string `json:"channel"`
	// Core is where the receiver ran, as of at most a millisecond before; -1 if that is not known.
	Core int `json:"core"`
	// Times are from publishing to receiving: to when a Receive or handler has the message, not to when it was read from the
	// ring. A bucket is 1/32 of its durations wide at most; what takes longer than 68 s counts as that.
	Times Durations     `json:"times"`
	Sum   time.Duration `json:"sum_ns"`
	Max   time.Duration `json:"max_ns"`
	// Discarded is how many messages seem to have been received before they were sent: the peer has another clock, or lies.
	Discarded uint64 `json:"discarded"`
}

const (
	// MaxLatencies bounds the pairs of channel and core of a Snapshot.
	MaxLatencies = 64
	// OtherChannels is the Channel of those beyond.
	OtherChannels = "(others)"
)

// latencies are an engine's histograms.
type latencies struct {
	mu    sync.Mutex
	table map[latencyKey]*latency
}

type latencyKey struct {
	channel string
	core    int
}

// The buckets of a latency: a duration of 2^e ns and more falls into one of latencySub equal parts of what is below 2^(e+1).
const (
	latencySubBits = 5
	latencySub     = 1 << latencySubBits
	latencyBits    = 36
	latencyBuckets = (latencyBits - latencySubBits + 1) * latencySub
)

// A latency is a histogram that any goroutine may add to.
type latency struct {
	sum, max, discarded atomic.Uint64
	buckets             [latencyBuckets]atomic.Uint64
}

func latencyBucket(ns uint64) int {
	switch {
	case ns < latencySub:
		return int(ns)
	case ns >= 1<<latencyBits:
		return latencyBuckets - 1
	}
	e := bits.Len64(ns) - 1
	return (e-latencySubBits+1)<<latencySubBits + int(ns>>(e-latencySubBits))&(latencySub-1)
}

// latencyHigh is the longest duration of a bucket.
func latencyHigh(bucket int) time.Duration {
	if bucket < latencySub {
		return time.Duration(bucket)
	}
	shift := bucket>>latencySubBits - 1
	return time.Duration((latencySub+bucket&(latencySub-1)+1)<<shift - 1)
}

func (l *latency) record(ns int64) {
	if ns < 0 {
		l.discarded.Add(1)
		return
	}
	l.buckets[latencyBucket(uint64(ns))].Add(1)
	l.sum.Add(uint64(ns))
	for {
		longest := l.max.Load()
		if uint64(ns) <= longest || l.max.CompareAndSwap(longest, uint64(ns)) {
			return
		}
	}
}

// of returns the histogram of a channel's name on a core.
func (t *latencies) of(channel string, core int) *latency {
	key := latencyKey{channel, core}
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.table[key]; l != nil {
		return l
	}
	if t.table == nil {
		t.table = map[latencyKey]*latency{}
	}
	if len(t.table) >= MaxLatencies {
		key = latencyKey{OtherChannels, -1} // one more
		if l := t.table[key]; l != nil {
			return l
		}
	}
	l := &latency{}
	t.table[key] = l
	return l
}

// read returns what there is, by channel and core.
func (t *latencies) read() []LatencySnapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []LatencySnapshot
	for key, l := range t.table {
		s := LatencySnapshot{
			Channel: key.channel, Core: key.core, Sum: time.Duration(l.sum.Load()), Max: time.Duration(l.max.Load()),
			Discarded: l.discarded.Load(),
		}
		for i := range l.buckets {
			if n := l.buckets[i].Load(); n != 0 {
				s.Times = append(s.Times, DurationBucket{latencyHigh(i), n})
			}
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b LatencySnapshot) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Core, b.Core))
	})
	return all
}

// latencyAt is where a channel's messages are counted for now.
type latencyAt struct {
	to     *latency
	core   int
	looked atomic.Int64 // when the core was found out
}

// latencyLook is for how long a core is believed to be the same.
const latencyLook = int64(time.Millisecond)

// took counts a message of r that was sent at stamp and is received now.
func (r *recvEnd) took(stamp uint64) {
	now := monotime.Now()
	if mark.Due(stamp) {
		mark.Received(stamp, uint64(now)-stamp)
	}
	at := r.latency.Load()
	if at == nil || now-at.looked.Load() > latencyLook {
		if at = r.latencyOn(monotime.Core(), at); at == nil {
			return
		}
		at.looked.Store(now)
	}
	at.to.record(now - int64(stamp))
}

// latencyOn returns where r's messages are counted on a core; nil if its port is no session's.
func (r *recvEnd) latencyOn(core int, was *latencyAt) *latencyAt {
	if was != nil && was.core == core {
		return was
	}
	s := r.p.session()
	if s == nil {
		return nil
	}
	at := &latencyAt{to: s.eng.latencies.of(r.name, core), core: core}
	r.latency.Store(at)
	return at
}
