package result

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Bounds of what a Recorder keeps.
const (
	MaxIntervals = 240       // of a timing; when there are more, neighbours become one
	Longest      = time.Hour // longer times count as this one, but for the maximum

	maxDigits      = 3 // of a timing's histogram
	intervalDigits = 2
)

// Recorder collects times batch by batch, and keeps their distribution as a whole and how it goes over time, in bounded memory
// for any number of them. It is used by one goroutine, outside of what is timed.
type Recorder struct {
	all      *hdrhistogram.Histogram
	sum      float64
	min, max int64

	batch    *hdrhistogram.Histogram // of the stretch that is not complete
	open     stretch
	batches  int // in it
	per      int // batches of a stretch
	complete []stretch
}

// stretch is an interval in the making.
type stretch struct {
	at, end time.Duration
	times   *hdrhistogram.PackedHistogram
	max     int64
}

// NewRecorder makes an empty recorder.
func NewRecorder() *Recorder {
	return &Recorder{
		all:   hdrhistogram.New(1, Longest.Nanoseconds(), maxDigits),
		batch: hdrhistogram.New(1, Longest.Nanoseconds(), intervalDigits),
		per:   1,
	}
}

// Add records times in nanoseconds that were measured from at, since the measurement began, for that long. Batches come in order
// of time.
func (r *Recorder) Add(at, length time.Duration, times []int64) {
	if len(times) == 0 {
		return
	}
	r.extend(at, length)
	for _, ns := range times {
		r.sum += float64(ns)
		r.note(ns, ns)
		within := min(max(ns, 1), Longest.Nanoseconds())
		_ = r.all.RecordValue(within) // in range by construction
		_ = r.batch.RecordValue(within)
	}
	r.ended()
}

// AddHistogram is Add for times that stand in a histogram already, one of 1 to Longest with three digits. Largest is their
// exact maximum, if it is known, or else 0.
func (r *Recorder) AddHistogram(at, length time.Duration, h *hdrhistogram.Histogram, largest int64) {
	n := h.TotalCount()
	if n == 0 {
		return
	}
	r.extend(at, length)
	r.sum += h.Mean() * float64(n)
	if largest == 0 {
		largest = h.Max()
	}
	r.note(h.Min(), largest)
	r.all.Merge(h)
	r.batch.Merge(h)
	r.ended()
}

func (r *Recorder) note(shortest, longest int64) {
	if r.all.TotalCount() == 0 || shortest < r.min {
		r.min = shortest
	}
	r.max = max(r.max, longest)
	r.open.max = max(r.open.max, longest)
}

func (r *Recorder) extend(at, length time.Duration) {
	if r.batches == 0 {
		r.open.at = at
	}
	r.open.end = at + length
}

// ended counts a batch, and completes its stretch if it was the last one of that.
func (r *Recorder) ended() {
	if r.batches++; r.batches < r.per {
		return
	}
	r.flush()
	if len(r.complete) <= MaxIntervals {
		return
	}
	r.per *= 2
	pairs := r.complete[:0]
	for i := 0; i < len(r.complete); i += 2 {
		one := r.complete[i]
		if i+1 < len(r.complete) {
			next := r.complete[i+1]
			one.times.Merge(next.times)
			one.end, one.max = next.end, max(one.max, next.max)
		}
		pairs = append(pairs, one)
	}
	clear(r.complete[len(pairs):])
	r.complete = pairs
}

// flush completes the stretch.
func (r *Recorder) flush() {
	r.open.times = hdrhistogram.NewPacked(1, Longest.Nanoseconds(), intervalDigits)
	r.open.times.MergeFrom(r.batch)
	r.complete = append(r.complete, r.open)
	r.batch.Reset()
	r.open, r.batches = stretch{}, 0
}

// Count is how many times were recorded.
func (r *Recorder) Count() int64 { return r.all.TotalCount() }

// Timing makes a timing of what was recorded so far. The recorder can be used further.
func (r *Recorder) Timing(name string) (Timing, error) {
	t, err := NewTiming(name, r.all, nil)
	if err != nil || t.Count == 0 {
		return t, err
	}
	t.MinNs, t.MaxNs, t.MeanNs = float64(r.min), float64(r.max), r.sum/float64(t.Count)
	for i := range t.Percentiles {
		t.Percentiles[i].Ns = min(t.Percentiles[i].Ns, t.MaxNs) // a histogram has the upper bound of what it does not tell apart
	}
	if r.batches > 0 {
		open := r.open
		r.flush()
		defer func() { // as it was
			last := r.complete[len(r.complete)-1]
			r.complete = r.complete[:len(r.complete)-1]
			r.open, r.batches = open, 1
			last.times.MergeInto(r.batch)
		}()
	}
	for i := range r.complete {
		t.Intervals = append(t.Intervals, r.complete[i].interval())
	}
	return t, nil
}

func (s *stretch) interval() Interval {
	out := Interval{
		At: s.at.Seconds(), For: (s.end - s.at).Seconds(), Count: s.times.TotalCount(),
		P50Ns: min(s.times.ValueAtPercentile(50), s.max), P99Ns: min(s.times.ValueAtPercentile(99), s.max), MaxNs: s.max,
	}
	for ns, n := range s.times.ForEachBucket {
		b := BandOf(ns)
		if last := len(out.Bands) - 1; last >= 0 && out.Bands[last].Index == b {
			out.Bands[last].Count += n
			continue
		}
		out.Bands = append(out.Bands, Band{b, n})
	}
	return out
}
