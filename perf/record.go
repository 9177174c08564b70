package perf

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/corechan/corechan/perf/environment"
	results "github.com/corechan/corechan/perf/result"
)

// recording collects what a measurement leaves on disk. A nil one collects nothing. It is used by one goroutine, between slices.
type recording struct {
	to     *results.Result
	begin  time.Time
	system *results.Recorder
	limits []*results.Recorder
	runs   []*result                 // complete, or the only one
	noise  []environment.Disturbance // of the first hot thread and of the second
}

func newRecording(to *results.Result) *recording {
	if to == nil {
		return nil
	}
	return &recording{to: to, begin: time.Now(), system: results.NewRecorder()}
}

// addSystem adds a slice of the system that has just ended.
func (r *recording) addSystem(m measured) {
	if r != nil {
		r.system.Add(time.Since(r.begin)-m.elapsed, m.elapsed, m.samples)
	}
}

// addLimit adds one of limit i.
func (r *recording) addLimit(i int, m measured) {
	if r == nil {
		return
	}
	for i >= len(r.limits) {
		r.limits = append(r.limits, results.NewRecorder())
	}
	r.limits[i].Add(time.Since(r.begin)-m.elapsed, m.elapsed, m.samples)
}

// disturbed adds what came in the way of the hot threads of a run.
func (r *recording) disturbed(found []environment.Disturbance) {
	if r.noise == nil {
		r.noise = make([]environment.Disturbance, len(found))
	}
	for i := range found {
		r.noise[i].Add(&found[i])
	}
}

// ran adds a run that counts.
func (r *recording) ran(one *result) {
	if r != nil {
		r.runs = append(r.runs, one)
	}
}

// finish makes the result.
func (r *recording) finish(ctx context.Context, k kind, c *Config, interrupted bool) error {
	if r == nil {
		return nil
	}
	*r.to = results.Result{
		Kind: string(k), Environment: environment.Read(context.WithoutCancel(ctx)), Config: c.settings(k), Interrupted: interrupted, Marks: environment.Marks(r.noise),
	}
	if c.Profile.wanted() {
		r.to.Marks = append(r.to.Marks, environment.Mark{Kind: environment.Profiled, Value: 1, Unit: "profile", Text: "a profile was written while it ran"})
	}
	system := results.Subject{Name: string(c.Transport), Role: results.System, Figures: r.systemFigures(k, c)}
	if err := addTiming(&system, r.system); err != nil {
		return err
	}
	r.to.Subjects = append(r.to.Subjects, system)
	for i, name := range limitNames(k, c) {
		limit := results.Subject{Name: name, Role: results.Limit, Figures: r.limitFigures(k, c, i)}
		if err := addTiming(&limit, r.limits[i]); err != nil {
			return err
		}
		r.to.Subjects = append(r.to.Subjects, limit)
	}
	for i, name := range rivalNames(k, c) {
		r.to.Subjects = append(r.to.Subjects, results.Subject{Name: name, Role: results.Rival, Figures: r.rivalFigures(k, c, i)})
	}
	if c.Probes {
		r.to.Subjects = append(r.to.Subjects, results.Subject{
			Name: string(c.Transport) + ", probes attached", Role: results.Rival,
			Figures: []results.Figure{r.tripFigure(func(one *result) []float64 { return one.probed })},
		})
	}
	return nil
}

// addTiming adds the times that a recorder has, if it has any: streams are not timed message by message.
func addTiming(s *results.Subject, r *results.Recorder) error {
	if r.Count() == 0 {
		return nil
	}
	t, err := r.Timing("round trip")
	s.Timings = append(s.Timings, t)
	return err
}

// over takes a figure of each run.
func (r *recording) over(figure func(*result) float64) []float64 {
	all := make([]float64, len(r.runs))
	for i, one := range r.runs {
		all[i] = figure(one)
	}
	return all
}

// rate is a figure of messages per second; of a byte stream, of bytes.
func (r *recording) rates(c *Config, slices func(*result) []float64) []results.Figure {
	perSecond := r.over(func(one *result) float64 { return median(slices(one)) })
	bytes := make([]float64, len(perSecond))
	for i, v := range perSecond {
		bytes[i] = v * float64(c.Size)
	}
	return []results.Figure{
		results.NewFigure(results.FigureRate, results.PerSecond, results.Higher, perSecond...).WithSpread(
			r.over(func(one *result) float64 { return quantileOf(slices(one), 0.25) }),
			r.over(func(one *result) float64 { return quantileOf(slices(one), 0.75) })),
		results.NewFigure(results.FigureBytes, results.BytesPerSecond, results.Higher, bytes...),
	}
}

func (r *recording) systemFigures(k kind, c *Config) (all []results.Figure) {
	better := results.Higher // of a ratio of rates
	if k.trips() {
		better = results.Lower
		for _, percent := range []float64{50, 90, 99, 99.9, 99.99} {
			if !results.Enough(percent, int64(r.fewest())) {
				break
			}
			all = append(all, results.NewFigure(results.Percentile{Percent: percent}.Name(), results.Nanoseconds, results.Lower,
				r.over(func(one *result) float64 { return one.trips.quantile(percent) })...))
		}
		all = append(all,
			results.NewFigure(results.FigureMean, results.Nanoseconds, results.Lower, r.over(func(one *result) float64 { return one.trips.mean() })...),
			results.NewFigure(results.FigureMax, results.Nanoseconds, results.Lower, r.over(func(one *result) float64 { return float64(one.trips.max) })...))
	}
	all = append(all, r.rates(c, func(one *result) []float64 { return one.rates })...)
	for i, name := range limitNames(k, c) {
		figure := results.FigureRatio
		if i > 0 {
			figure += " to " + name
		}
		all = append(all, results.NewFigure(figure, results.None, better,
			r.over(func(one *result) float64 { mid, _, _ := one.ratio(i); return mid })...).WithSpread(
			r.over(func(one *result) float64 { _, low, _ := one.ratio(i); return low }),
			r.over(func(one *result) float64 { _, _, high := one.ratio(i); return high })))
	}
	return append(all,
		results.NewFigure(results.FigureAllocs, results.None, results.Lower, r.over((*result).allocsPerOp)...),
		results.NewFigure(results.FigureBusy, results.Cores, results.Lower, r.over(func(one *result) float64 { return median(one.busy) })...))
}

// fewest is how many round trips the shortest run has.
func (r *recording) fewest() int {
	least := r.runs[0].count
	for _, one := range r.runs {
		least = min(least, one.count)
	}
	return least
}

func (r *recording) limitFigures(k kind, c *Config, i int) []results.Figure {
	slices := func(one *result) []float64 { return one.limits[i] }
	if !k.trips() {
		return r.rates(c, slices)
	}
	return []results.Figure{r.tripFigure(slices)}
}

func (r *recording) rivalFigures(k kind, c *Config, i int) []results.Figure {
	all := r.rates(c, func(one *result) []float64 { return one.rivals[i].rates })
	if k.trips() {
		all = append([]results.Figure{r.tripFigure(func(one *result) []float64 { return one.rivals[i].figures })}, all...)
	}
	return append(all, results.NewFigure(results.FigureBusy, results.Cores, results.Lower,
		r.over(func(one *result) float64 { return median(one.rivals[i].busy) })...))
}

// tripFigure is the median of the slices' p50.
func (r *recording) tripFigure(slices func(*result) []float64) results.Figure {
	return results.NewFigure("p50", results.Nanoseconds, results.Lower, r.over(func(one *result) float64 { return median(slices(one)) })...).WithSpread(
		r.over(func(one *result) float64 { return quantileOf(slices(one), 0.25) }),
		r.over(func(one *result) float64 { return quantileOf(slices(one), 0.75) }))
}

// limitNames are those of the limits, in the order of a run's.
func limitNames(k kind, c *Config) (names []string) {
	switch k {
	case call:
		return []string{"plain round trip"}
	case passing:
		return []string{"sendmsg and recvmsg"}
	case byteStream:
		return []string{"raw messages of 64 KiB"}
	}
	for _, f := range forms(k, c) {
		names = append(names, f.name)
	}
	return names
}

// rivalNames are those of the rivals, in the order of newRivals.
func rivalNames(k kind, c *Config) (names []string) {
	switch {
	case k == byteStream:
		return []string{forms(stream, c)[0].name}
	case c.Inflight > 1:
		return []string{"one call at a time"}
	}
	for _, w := range c.rivals() {
		names = append(names, fmt.Sprintf("%s, %s", c.Transport, w))
	}
	if c.Stamps {
		names = append(names, string(c.Transport)+", stamped")
	}
	return names
}

// settings is a complete configuration, by the names of the flags.
func (c *Config) settings(k kind) map[string]string {
	all := map[string]string{
		"transport": string(c.Transport), "size": strconv.Itoa(c.Size), "wait": string(c.Wait), "mode": string(c.Mode),
		"ring": strconv.Itoa(c.Ring), "runs": strconv.Itoa(c.Runs), "cores": FormatCores(c.Cores),
	}
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	for name, v := range map[string]int{"count": c.Count, "inflight": c.Inflight} {
		if v != 0 {
			all[name] = strconv.Itoa(v)
		}
	}
	for name, v := range map[string]bool{"lane": c.Lane, "compare": c.Compare, "probes": c.Probes, "stamps": c.Stamps} {
		if v {
			all[name] = "true"
		}
	}
	if c.Seconds != 0 {
		all["seconds"] = strconv.FormatFloat(c.Seconds, 'f', -1, 64)
	}
	if c.Pause != 0 {
		all["pause"] = c.Pause.String()
	}
	return all
}
