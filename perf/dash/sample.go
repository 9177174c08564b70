package dash

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/corechan/corechan/perf/probe"
)

// Version is that of what travels and of recordings. Fields may be added without another one.
const Version = 1

// About says what the samples behind it are of.
type About struct {
	Kind    string `json:"kind"` // "about"
	Version int    `json:"version"`
	// Run is another one each time that a Dash is made: samples are numbered within it.
	Run    string    `json:"run"`
	Began  time.Time `json:"began"`
	Host   string    `json:"host"`
	Kernel string    `json:"kernel"`
	// Follows is what is counted, in words.
	Follows       string         `json:"follows"`
	Interval      time.Duration  `json:"interval_ns"`
	InterruptCost time.Duration  `json:"interrupt_cost_ns"` // 0: not known
	Status        []probe.Status `json:"status"`
	// Messages says that messages are stamped for this: see Config.Messages.
	Messages bool `json:"messages,omitempty"`
}

// Sample is what was counted in one interval.
type Sample struct {
	Kind string `json:"kind"` // "sample"
	// Seq counts from 1 on in each run. Where one is missing, there was none, or the viewer was too slow for it.
	Seq uint64 `json:"seq"`
	// At is when it was taken by a clock that only goes on, since the run began.
	At time.Duration `json:"at_ns"`
	// Time is the same by the machine's clock, which may be set: ms since 1970.
	Time  int64         `json:"time_ms"`
	Span  time.Duration `json:"span_ns"`
	Cores []Core        `json:"cores"`
	// SchedulerLatency and GCPauses are of the process that has the Dash.
	SchedulerLatency *Histogram `json:"scheduler_latency,omitempty"`
	GCPauses         *Histogram `json:"gc_pauses,omitempty"`
	// Lost are events that a group did not count, since Start.
	Lost map[probe.Group]uint64 `json:"lost,omitempty"`
	// Ended are followed processes that exist no more.
	Ended []int `json:"ended,omitempty"`
	// Trouble is what could not be read, in words.
	Trouble []string `json:"trouble,omitempty"`
	// Look is what the engines of this machine's processes hold and do, as of the last look; nil if there was none in the interval.
	Look    *Look `json:"look,omitempty"`
	Viewers int   `json:"viewers"`
	// Dropped are viewers that did not read, the last ones, and Drops is how many there were in all.
	Dropped []string `json:"dropped,omitempty"`
	Drops   uint64   `json:"drops,omitempty"`
}

// Core is what was counted on one core in the interval; what is not measured is nil. Package probe says what each figure means.
type Core struct {
	ID int `json:"id"`
	// Waits are doorbell, woken, preempted and stopped.
	Waits map[string]*Histogram `json:"waits,omitempty"`
	// Stolen are the sources that interrupted at all, and Outside what it took to enter and leave.
	Stolen  map[probe.Source]*Histogram `json:"stolen,omitempty"`
	Outside *time.Duration              `json:"outside_ns,omitempty"`
	Steal   *time.Duration              `json:"steal_ns,omitempty"`
	Storm   *time.Duration              `json:"storm_ns,omitempty"`
	Faults  *uint64                     `json:"faults,omitempty"`
	// Moves are threads that were moved away; PinnedMoves those of them that may run on one core only.
	Moves       *uint64 `json:"moves,omitempty"`
	PinnedMoves uint64  `json:"pinned_moves,omitempty"`
	// By are who ran instead of preempted threads, the costliest first, MaxPreemptors at most.
	By       []Preemptor `json:"by,omitempty"`
	Syscalls *Histogram  `json:"syscalls,omitempty"`
	RTT      *Histogram  `json:"rtt,omitempty"`
	// Gaps are what a poller of this process found by its own clock, and Unexplained what of them the probes do not know of.
	Gaps        *Histogram     `json:"gaps,omitempty"`
	Unexplained *time.Duration `json:"unexplained_ns,omitempty"`
}

// MaxPreemptors is how many threads a sample names for each core.
const MaxPreemptors = 16

// Preemptor is a thread that ran instead of preempted ones. TID 0 stands for those that are not named.
type Preemptor struct {
	TID   int           `json:"tid"`
	PID   int           `json:"pid"`
	Name  string        `json:"name"`
	Count uint64        `json:"n"`
	Time  time.Duration `json:"ns"`
}

// Histogram is a probe.Histogram with the buckets that are not empty: in turn how far behind the bucket before it is, and its count. The
// first one's is its number, which package probe's documentation has.
type Histogram struct {
	Count   uint64        `json:"n"`
	Sum     time.Duration `json:"sum"`
	Max     time.Duration `json:"max"`
	Buckets []uint64      `json:"b"`

	last uint64 // the bucket that the last pair is for
}

// add counts n in a bucket: not in one before the last.
func (h *Histogram) add(bucket, n uint64) {
	if at := len(h.Buckets) - 1; at > 0 && bucket <= h.last {
		h.Buckets[at] = safe(h.Buckets[at] + n)
		return
	}
	h.Buckets = append(h.Buckets, bucket-h.last, n)
	h.last = bucket
}

// grain is how many of package probe's buckets, which are 1/32 of their values wide, are made one. A percentile is then off by less than
// so many times 1/32: by 1/21 where it is fine.
type grain uint64

const (
	fine     grain = 2
	coarse   grain = 8  // to keep samples for as long as was asked for
	coarsest grain = 32 // to tell of a sample at all
)

// of returns the one that a bucket becomes part of: that in their middle.
func (g grain) of(bucket uint64) uint64 { return bucket/uint64(g)*uint64(g) + uint64(g)/2 }

func histogram(h *probe.Histogram, g grain) *Histogram {
	out := &Histogram{Sum: h.Sum(), Max: h.Max(), Buckets: []uint64{}}
	for high, n := range h.Buckets {
		out.Count += n
		out.add(g.of(bucketBelow(uint64(high))), n)
	}
	return out
}

// sampleSize is the largest message.
const sampleSize = 512 << 10

// encode encodes a sample into at most sampleSize bytes, and if it can into those that it should take, by making its histograms coarser.
func encode(take func(grain) *Sample, should int) ([]byte, error) {
	var b []byte
	for g := fine; g <= coarsest; g *= 2 {
		var err error
		if b, err = json.Marshal(take(g)); err != nil {
			return nil, err
		}
		if len(b) <= min(should, sampleSize) || g >= coarse && len(b) <= sampleSize {
			return b, nil
		}
	}
	return nil, fmt.Errorf("a sample takes %d bytes, and %d is the limit; follow fewer cores", len(b), sampleSize)
}
