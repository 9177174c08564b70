package perf

// PingpongReport is the result of Pingpong. Its JSON names, to the line that says so, are a contract; fields may be
// added. With several runs every figure is the median of the runs' figures.
type PingpongReport struct {
	Transport   Transport `json:"transport"`
	Size        int       `json:"size"`
	Count       int       `json:"count"` // round trips measured in a run
	Wait        Wait      `json:"wait"`
	Mode        Mode      `json:"mode"`
	Cores       []int     `json:"cores"` // near, far; empty if not pinned
	MeanNs      float64   `json:"mean_ns"`
	P50Ns       float64   `json:"p50_ns"`
	P90Ns       float64   `json:"p90_ns"`
	P99Ns       float64   `json:"p99_ns"`
	P999Ns      float64   `json:"p999_ns"`
	MaxNs       float64   `json:"max_ns"`
	AllocsPerOp float64   `json:"allocs_per_op"` // per round trip, both processes together
	LimitP50Ns  float64   `json:"limit_p50_ns"`  // median of the limit slices' p50
	RatioP50    float64   `json:"ratio_p50"`     // median of slice p50 / neighbouring limit slices' p50
	// Here the contract ends.

	AllocsEach []float64 `json:"allocs_per_process"` // the same of the first process and of the second; of one, if there is one
	Seconds    float64   `json:"seconds"`            // spent in the measured slices of a run
	Lane       bool      `json:"lane"`
	Ring       int       `json:"ring"`
	PauseNs    int64     `json:"pause_ns"`   // between round trips; part of no figure but seconds and busy_cores
	BusyCores  float64   `json:"busy_cores"` // kept busy by both processes; a pause is busy too
	Rivals     []Rival   `json:"rivals"`     // other ways to wait, if they were asked for
	Limits     []Limit   `json:"limits"`     // all limits, of which the first is the one above

	Probes *ProbesReport `json:"probes,omitempty"` // what attached probes cost, if that was asked for

	Stamps *StampsReport `json:"stamps,omitempty"` // what it costs that messages say when they were sent, if that was asked for

	Limit       string  `json:"limit"`      // what the limit is
	RatioLow    float64 `json:"ratio_low"`  // lower and upper quartile of the slices' ratios
	RatioHigh   float64 `json:"ratio_high"` //
	TimerNs     float64 `json:"timer_ns"`   // what a clock read costs; nothing is subtracted
	Slices      int     `json:"slices"`     // of a run
	Runs        int     `json:"runs"`
	Interrupted bool    `json:"interrupted"` // less was measured than was asked for
}

// CallReport is the result of Call: the fields of a PingpongReport for the calls, with plain round trips as the limit, and
// these.
type CallReport struct {
	PingpongReport

	Inflight  int     `json:"inflight"`
	CallsPerS float64 `json:"calls_per_s"` // median of the slices
	// Here the contract ends.

	// With several in flight, the same of calls one after the other, in slices beside these.
	SingleCallsPerS float64 `json:"single_calls_per_s"`
	RatioCalls      float64 `json:"ratio_calls"` // median of slice / the slice of single calls beside it; 0 if there is none
}

// Limit is one of the limits that a transport is held against: what the machine allows, or what programs use in its place.
type Limit struct {
	Name      string  `json:"name"`
	P50Ns     float64 `json:"p50_ns,omitempty"`     // of round trips: median of the slices' p50
	MsgsPerS  float64 `json:"msgs_per_s,omitempty"` // of a stream: median of the slices
	Ratio     float64 `json:"ratio"`                // median of the transport's slice / this limit's slices beside it
	RatioLow  float64 `json:"ratio_low"`            // lower and upper quartile of these
	RatioHigh float64 `json:"ratio_high"`
}

// Rival is another way to wait for the same messages, measured in slices beside those of the one asked for.
type Rival struct {
	Wait      Wait    `json:"wait"`
	P50Ns     float64 `json:"p50_ns"`     // median of the slices' p50
	Ratio     float64 `json:"ratio"`      // median of slice p50 of the one asked for / of the rival's slice beside it
	BusyCores float64 `json:"busy_cores"` // as above
}

// What a StreamReport is of.
const (
	KindMessages = "messages"
	KindBytes    = "bytes"
)

// StreamReport is the result of Stream and of Bytes, with the same rules as PingpongReport.
type StreamReport struct {
	Transport      Transport `json:"transport"`
	Size           int       `json:"size"`
	Seconds        float64   `json:"seconds"` // spent in the measured slices of a run
	Wait           Wait      `json:"wait"`
	Mode           Mode      `json:"mode"`
	MsgsPerS       float64   `json:"msgs_per_s"` // median of the slices
	BytesPerS      float64   `json:"bytes_per_s"`
	AllocsPerOp    float64   `json:"allocs_per_op"`    // per message, both processes
	LimitMsgsPerS  float64   `json:"limit_msgs_per_s"` // median of the limit slices
	LimitBytesPerS float64   `json:"limit_bytes_per_s"`
	Ratio          float64   `json:"ratio"` // median of slice / neighbouring limit slices
	// Here the contract ends.

	// Of a byte stream: what it is held against beside its limit, the rate of that, and the ratio to it.
	Bare          string  `json:"bare,omitempty"`
	BareBytesPerS float64 `json:"bare_bytes_per_s,omitempty"`
	RatioBare     float64 `json:"ratio_bare,omitempty"`

	Limits      []Limit `json:"limits"`     // as in PingpongReport
	Kind        string  `json:"kind"`       // messages or bytes
	Count       int     `json:"count"`      // messages measured in a run
	BusyCores   float64 `json:"busy_cores"` // kept busy by both processes
	Cores       []int   `json:"cores"`      // near (sends), far (receives); empty if not pinned
	Lane        bool    `json:"lane"`
	Ring        int     `json:"ring"`
	Limit       string  `json:"limit"`
	RatioLow    float64 `json:"ratio_low"`
	RatioHigh   float64 `json:"ratio_high"`
	Slices      int     `json:"slices"`
	Runs        int     `json:"runs"`
	Interrupted bool    `json:"interrupted"`
}

// result is what one run has measured so far.
type result struct {
	seconds  float64
	count    int
	systems  []float64   // a figure per slice: p50 in ns, or messages per second
	rates    []float64   // round trips or messages per second, per slice
	limits   [][]float64 // the same, of each limit
	trips    *histogram  // of all system slices of a ping-pong
	allocs   [2]uint64   // of made
	made     int         // with those that did not count
	busy     []float64   // cores, of each system slice
	rivals   []rival
	probed   []float64 // as systems: the slices with probes beside them
	probes   *probes   // nil if there are none
	timer    float64   // ns of a clock read
	complete bool
}

// rival is what was measured of another contestant: a figure for each system slice.
type rival struct {
	figures []float64
	rates   []float64
	busy    []float64
}

func (r *result) reportRivals(c *Config) []Rival {
	waits := c.rivals()
	all := make([]Rival, len(waits))
	for i, w := range waits {
		v := &r.rivals[i]
		all[i] = Rival{
			Wait: w, P50Ns: round(median(v.figures), 1), Ratio: round(median(quotients(r.systems, v.figures)), 3),
			BusyCores: round(median(v.busy), 2),
		}
	}
	return all
}

// quotients divides each system slice by the rival's beside it.
func quotients(systems, rivals []float64) []float64 {
	all := make([]float64, len(rivals))
	for i, f := range rivals {
		all[i] = systems[i] / max(f, 1)
	}
	return all
}

func (r *result) allocsPerOp() float64 { return r.perOp(r.allocs[0] + r.allocs[1]) }

func (r *result) allocsEach(c *Config) []float64 {
	if c.inProcess() {
		return []float64{r.perOp(r.allocs[0])}
	}
	return []float64{r.perOp(r.allocs[0]), r.perOp(r.allocs[1])}
}

func (r *result) perOp(n uint64) float64 {
	if r.made == 0 {
		return 0
	}
	return round(float64(n)/float64(r.made), 3)
}

// ratio is that to limit i.
func (r *result) ratio(i int) (mid, low, high float64) {
	all := ratios(r.systems, r.limits[i])
	return round(median(all), 3), round(quantileOf(all, 0.25), 3), round(quantileOf(all, 0.75), 3)
}

// reportLimits names the limits of messages, and holds the system against each.
func (r *result) reportLimits(k kind, c *Config) []Limit {
	if k != pingpong && k != stream {
		return []Limit{} // the only one has fields of its own
	}
	all := make([]Limit, len(r.limits))
	for i, f := range forms(k, c) {
		l := Limit{Name: f.name}
		if k.trips() {
			l.P50Ns = round(median(r.limits[i]), 1)
		} else {
			l.MsgsPerS = round(median(r.limits[i]), 0)
		}
		l.Ratio, l.RatioLow, l.RatioHigh = r.ratio(i)
		all[i] = l
	}
	return all
}

func pingpongReport(c *Config, r *result) PingpongReport { return tripReport(pingpong, c, r) }

func descriptorReport(c *Config, r *result) PingpongReport { return tripReport(passing, c, r) }

func callReport(c *Config, r *result) CallReport {
	p := CallReport{PingpongReport: tripReport(call, c, r), Inflight: c.Inflight, CallsPerS: round(median(r.rates), 0)}
	if len(r.rivals) > 0 {
		single := r.rivals[0].rates
		p.SingleCallsPerS, p.RatioCalls = round(median(single), 0), round(median(quotients(r.rates, single)), 3)
	}
	return p
}

func tripReport(k kind, c *Config, r *result) PingpongReport {
	p := PingpongReport{
		Transport: c.Transport, Size: c.Size, Count: r.count, Wait: c.Wait, Mode: c.Mode, Cores: c.Cores,
		MeanNs: round(r.trips.mean(), 1), P50Ns: r.trips.quantile(50), P90Ns: r.trips.quantile(90),
		P99Ns: r.trips.quantile(99), P999Ns: r.trips.quantile(99.9), MaxNs: float64(r.trips.max),
		AllocsPerOp: r.allocsPerOp(), AllocsEach: r.allocsEach(c), LimitP50Ns: round(median(r.limits[0]), 1),
		Seconds: round(r.seconds, 6), Lane: c.Lane, Ring: c.Ring, PauseNs: int64(c.Pause),
		BusyCores: round(median(r.busy), 2), Rivals: r.reportRivals(c), Limits: r.reportLimits(k, c), Probes: r.reportProbes(), Stamps: r.reportStamps(c),
		Limit: limitName(k, c), TimerNs: round(r.timer, 1),
		Slices: len(r.systems), Runs: 1,
	}
	p.RatioP50, p.RatioLow, p.RatioHigh = r.ratio(0)
	return p
}

func streamReport(c *Config, r *result) StreamReport { return rateReport(stream, KindMessages, c, r) }

func bytesReport(c *Config, r *result) StreamReport {
	s := rateReport(byteStream, KindBytes, c, r)
	bare := r.rivals[0].figures
	s.Bare = forms(stream, c)[0].name
	s.BareBytesPerS, s.RatioBare = round(median(bare)*Piece, 0), round(median(quotients(r.systems, bare)), 3)
	return s
}

func rateReport(k kind, name string, c *Config, r *result) StreamReport {
	size := float64(c.Size)
	msgs, limit := median(r.systems), median(r.limits[0])
	s := StreamReport{
		Transport: c.Transport, Size: c.Size, Seconds: round(r.seconds, 6), Wait: c.Wait, Mode: c.Mode,
		MsgsPerS: round(msgs, 0), BytesPerS: round(msgs*size, 0), AllocsPerOp: r.allocsPerOp(),
		LimitMsgsPerS: round(limit, 0), LimitBytesPerS: round(limit*size, 0),
		Kind: name, Count: r.count, BusyCores: round(median(r.busy), 2), Cores: c.Cores, Lane: c.Lane, Ring: c.Ring,
		Limit: limitName(k, c), Limits: r.reportLimits(k, c),
		Slices: len(r.systems), Runs: 1,
	}
	s.Ratio, s.RatioLow, s.RatioHigh = r.ratio(0)
	return s
}
