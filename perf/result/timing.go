package result

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Timing is the distribution of one kind of time, over all repeats together. All values are nanoseconds.
type Timing struct {
	Name        string       `json:"name"` // round trip, response, service, …
	Count       int64        `json:"count"`
	MinNs       float64      `json:"min_ns"`
	MeanNs      float64      `json:"mean_ns"`
	MaxNs       float64      `json:"max_ns"`
	Percentiles []Percentile `json:"percentiles"`
	Histogram   string       `json:"histogram"`           // HdrHistogram V2, compressed, base64; three digits at most
	Intervals   []Interval   `json:"intervals,omitempty"` // in order of time
}

// Percentile is the time within which that many percent are.
type Percentile struct {
	Percent float64 `json:"percent"`
	Ns      float64 `json:"ns"`
}

// Percentiles that are reported.
var reported = []float64{50, 90, 99, 99.9, 99.99}

// beyond is how many times there must be beyond a percentile for it to be reported: with fewer it says what the largest few
// happened to be. The 99.99th needs 100,000 times.
const beyond = 10

// Enough says whether count times are enough to report a percentile.
func Enough(percent float64, count int64) bool {
	return percent <= 90 || float64(count)*(100-percent)/100 >= beyond-1e-6
}

// Name is how a percentile is called: p99.9.
func (p Percentile) Name() string { return "p" + strconv.FormatFloat(p.Percent, 'f', -1, 64) }

// Interval is what the times were in one stretch of the measurement.
type Interval struct {
	At    float64 `json:"at_s"` // its begin, in seconds since that of the measurement
	For   float64 `json:"for_s"`
	Count int64   `json:"count"`
	P50Ns int64   `json:"p50_ns"`
	P99Ns int64   `json:"p99_ns"`
	MaxNs int64   `json:"max_ns"`
	Bands Bands   `json:"bands,omitempty"` // how many times there were of each length
}

// Until is when interval i ends in a picture: where the next one begins, if that is not long after its own end. Between the slices of a
// system lie those of what it is held against.
func Until(all []Interval, i int) float64 {
	const near = 8 // of its own lengths
	if i+1 < len(all) && all[i+1].At-all[i].At <= near*all[i].For {
		return all[i+1].At
	}
	return all[i].At + all[i].For
}

// Band counts the times of about the same length: those from BandFrom(Index) to below BandFrom(Index+1).
type Band struct {
	Index int
	Count int64
}

// perDoubling is how many bands lie between a time and twice that.
const perDoubling = 4

// maxBand is the last band, in which the longest times are that are told apart.
const maxBand = 63 * perDoubling

// Bands are in order of their index. As text they are pairs index:count with blanks between: "32:5 40:1".
type Bands []Band

// MarshalText implements encoding.TextMarshaler.
func (b Bands) MarshalText() ([]byte, error) {
	var out []byte
	for i, band := range b {
		if i > 0 {
			out = append(out, ' ')
		}
		out = strconv.AppendInt(out, int64(band.Index), 10)
		out = append(out, ':')
		out = strconv.AppendInt(out, band.Count, 10)
	}
	return out, nil
}

// UnmarshalText implements encoding.TextUnmarshaler. It refuses what is out of order or counts nothing.
func (b *Bands) UnmarshalText(text []byte) error {
	*b = nil
	last := -1
	for pair := range strings.FieldsSeq(string(text)) {
		index, count, found := strings.Cut(pair, ":")
		i, err := strconv.Atoi(index)
		if !found || err != nil || i <= last || i > maxBand {
			return fmt.Errorf("%w: bands: %q; an index goes up from 0 to %d", ErrMalformed, shorten(pair), maxBand)
		}
		n, err := strconv.ParseInt(count, 10, 64)
		if err != nil || n < 1 {
			return fmt.Errorf("%w: bands: %q counts nothing", ErrMalformed, shorten(pair))
		}
		*b = append(*b, Band{i, n})
		last = i
	}
	return nil
}

// Decode returns the whole distribution. It cannot fail for what Read or NewTiming has returned.
func (t *Timing) Decode() (*hdrhistogram.Histogram, error) { return decodeHistogram(t.Histogram) }

// NewTiming makes a timing of a histogram of nanoseconds with three digits at most, and of how it went over time.
func NewTiming(name string, h *hdrhistogram.Histogram, intervals []Interval) (Timing, error) {
	if h.SignificantFigures() > maxDigits {
		return Timing{}, fmt.Errorf("%w: timing %s: a histogram with %d digits; %d at most", ErrMalformed, name, h.SignificantFigures(), maxDigits)
	}
	encoded, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return Timing{}, fmt.Errorf("encode the histogram of %s: %w", name, err)
	}
	t := Timing{
		Name: name, Count: h.TotalCount(), MinNs: float64(h.Min()), MeanNs: h.Mean(), MaxNs: float64(h.Max()),
		Histogram: string(encoded), Intervals: intervals,
	}
	if t.Count == 0 {
		t.MinNs, t.MeanNs, t.MaxNs = 0, 0, 0
	}
	for _, p := range reported {
		if t.Count > 0 && Enough(p, t.Count) {
			t.Percentiles = append(t.Percentiles, Percentile{p, float64(h.ValueAtPercentile(p))})
		}
	}
	return t, nil
}
