// Package export turns results of corechan perf into the forms that other tools read: Go benchmark lines for benchstat, and
// HdrHistogram's percentile files (.hgrm) and logs (.hlog) for its plotters.
package export

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/perf/benchfmt"

	"github.com/corechan/corechan/perf/result"
)

// ErrNone reports that a result has nothing that the form could hold.
var ErrNone = errors.New("nothing to export")

// Bench writes a line for each run of each subject, in the Go benchmark format (golang.org/design/14313-benchmark-format). Names are
// Kind/Subject/setting=value; units are the figures', such as p50-ns. Which way each is better is said first.
func Bench(w io.Writer, all []*result.Result) error {
	out := benchfmt.NewWriter(w)
	said := map[string]bool{}
	lines := 0
	for _, r := range all {
		for i := range r.Subjects {
			for _, f := range r.Subjects[i].Figures {
				unit := benchUnit(&f)
				if f.Better == result.Neither || said[unit] {
					continue
				}
				said[unit] = true
				// The writer takes the unit as it was read from a file, before it was made tidy.
				if err := out.Write(&benchfmt.UnitMetadata{
					UnitMetadataKey: benchfmt.UnitMetadataKey{Unit: unit, Key: "better"}, OrigUnit: unit, Value: string(f.Better),
				}); err != nil {
					return err
				}
			}
		}
	}
	for _, r := range all {
		for i := range r.Subjects {
			n, err := benchSubject(out, r, &r.Subjects[i])
			if err != nil {
				return err
			}
			lines += n
		}
	}
	if lines == 0 {
		return fmt.Errorf("%w: no subject has a figure", ErrNone)
	}
	return nil
}

// benchSubject writes the lines of one subject.
func benchSubject(out *benchfmt.Writer, r *result.Result, s *result.Subject) (lines int, err error) {
	for run := 0; ; run++ {
		line := benchfmt.Result{Name: benchfmt.Name(benchName(r, s)), Iters: 1}
		for key, value := range map[string]string{
			"goarch": r.Environment.Arch, "cpu": r.Environment.CPU, "kernel": r.Environment.Kernel, "commit": r.Environment.Commit,
		} {
			if value != "" {
				line.Config = append(line.Config, benchfmt.Config{Key: key, Value: []byte(value), File: true})
			}
		}
		slices.SortFunc(line.Config, func(a, b benchfmt.Config) int { return strings.Compare(a.Key, b.Key) })
		for i := range s.Figures {
			if f := &s.Figures[i]; run < len(f.Runs) {
				line.Values = append(line.Values, benchfmt.Value{Value: f.Runs[run], Unit: benchUnit(f)})
			}
		}
		if len(line.Values) == 0 {
			return lines, nil
		}
		if err := out.Write(&line); err != nil {
			return lines, err
		}
		lines++
	}
}

// benchName is a name without blanks. Settings that say how long was measured are left out.
func benchName(r *result.Result, s *result.Subject) string {
	config := map[string]string{}
	maps.Copy(config, r.Config)
	maps.Copy(config, s.Config)
	name := strings.ToUpper(r.Kind[:1]) + r.Kind[1:]
	if s.Role != result.System {
		name += "/" + string(s.Role)
	}
	name += "/" + s.Name
	for _, k := range slices.Sorted(maps.Keys(config)) {
		if !slices.Contains([]string{"transport", "runs", "count", "seconds", "out"}, k) {
			name += "/" + k + "=" + config[k]
		}
	}
	return dashed(name)
}

// benchUnit is a figure's unit with its name in front, as benchstat tells figures apart by their units.
func benchUnit(f *result.Figure) string {
	if f.Unit == result.None {
		return dashed(f.Name)
	}
	return dashed(f.Name + "-" + f.Unit)
}

// dashed has no blanks, which end a word of the format.
func dashed(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == ',' {
			return '-'
		}
		return r
	}, s)
}

// Percentiles writes a timing as HdrHistogram's tools do: value in nanoseconds, percentile, count.
func Percentiles(w io.Writer, t *result.Timing) error {
	h, err := t.Decode()
	if err != nil {
		return err
	}
	const ticks = 5 // lines between a percentile and the one half as far from 100
	_, err = h.PercentilesPrint(w, ticks, 1)
	return err
}

// Log writes every timing of the results as a line of a HdrHistogram log, with the subject and the name as its tag.
func Log(w io.Writer, all []*result.Result) error {
	out := hdrhistogram.NewHistogramLogWriter(w)
	if err := out.OutputLogFormatVersion(); err != nil {
		return err
	}
	lines := 0
	for _, r := range all {
		begin := r.Environment.Time.UnixMilli()
		if r.Environment.Time.IsZero() {
			begin = 0
		}
		for i := range r.Subjects {
			s := &r.Subjects[i]
			for j := range s.Timings {
				t := &s.Timings[j]
				h, err := t.Decode()
				if err != nil {
					return err
				}
				h.SetTag(dashed(benchName(r, s) + "/" + t.Name))
				h.SetStartTimeMs(begin)
				h.SetEndTimeMs(begin)
				if n := len(t.Intervals); n > 0 {
					last := t.Intervals[n-1]
					h.SetEndTimeMs(begin + int64(1000*(last.At+last.For)))
				}
				if err := out.OutputIntervalHistogram(h); err != nil {
					return err
				}
				lines++
			}
		}
	}
	if lines == 0 {
		return fmt.Errorf("%w: no subject has times; streams are not timed message by message", ErrNone)
	}
	return nil
}
