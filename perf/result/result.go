package result

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/corechan/corechan/perf/environment"
)

// What every file begins with.
const (
	Format  = "corechan perf"
	Version = 1
)

// Result is what one command measured. It may be read concurrently.
type Result struct {
	Format      string                  `json:"format"`  // set by Write
	Version     int                     `json:"version"` // set by Write
	Kind        string                  `json:"kind"`    // what was measured, as the command's name
	Environment environment.Environment `json:"environment"`
	Config      map[string]string       `json:"config,omitempty"` // what was asked for, by the names of the flags
	Marks       []environment.Mark      `json:"marks,omitempty"`  // what disturbed all of it
	Interrupted bool                    `json:"interrupted,omitempty"`
	Subjects    []Subject               `json:"subjects"`
}

// Noisy says whether anything disturbed the measurement, or a part of it.
func (r *Result) Noisy() bool {
	if len(r.Marks) > 0 {
		return true
	}
	for i := range r.Subjects {
		if len(r.Subjects[i].Marks) > 0 {
			return true
		}
	}
	return false
}

// Role is what a subject was measured for.
type Role string

// The roles.
const (
	System Role = "system" // what was asked for
	Limit  Role = "limit"  // what the system is held against, on the same cores in the same seconds
	Rival  Role = "rival"  // another way to do the same, measured beside it
)

// Subject is one thing that was measured. Role, Name and Config together tell it from all others of its result, and find
// the same one in another.
type Subject struct {
	Name    string             `json:"name"` // shm, net.Conn, …
	Role    Role               `json:"role"`
	Config  map[string]string  `json:"config,omitempty"` // where it differs from the result's, such as the size in a matrix
	Marks   []environment.Mark `json:"marks,omitempty"`  // what disturbed this one
	Figures []Figure           `json:"figures"`
	Timings []Timing           `json:"timings,omitempty"`
}

// Figure finds a figure by its name, or returns nil.
func (s *Subject) Figure(name string) *Figure {
	for i := range s.Figures {
		if s.Figures[i].Name == name {
			return &s.Figures[i]
		}
	}
	return nil
}

// Better says which way a figure is better.
type Better string

// The ways.
const (
	Lower   Better = "lower"
	Higher  Better = "higher"
	Neither Better = "" // it only describes
)

// Names of figures. The percentiles' names are those that Name gives.
const (
	FigureMean   = "mean"
	FigureMax    = "max"
	FigureRate   = "rate"          // round trips or messages
	FigureBytes  = "bytes"         // of payload
	FigureRatio  = "ratio"         // to the limit: medians of what was measured side by side
	FigureAllocs = "allocs per op" // of both processes
	FigureBusy   = "busy"          // cores kept busy by both processes
)

// Units of figures; a ratio has none.
const (
	Nanoseconds    = "ns"
	PerSecond      = "1/s"
	BytesPerSecond = "B/s"
	Cores          = "cores"
	None           = ""
)

// Figure is one number, as often as it was measured.
type Figure struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit,omitempty"`
	Better Better    `json:"better,omitempty"`
	Value  float64   `json:"value"`          // the median of Runs
	Low    float64   `json:"low,omitempty"`  // spread within a run, the medians over the runs: lower and upper quartile of
	High   float64   `json:"high,omitempty"` // the slices or intervals; both 0 where there are none
	Runs   []float64 `json:"runs,omitempty"` // of each repeat, in order
}

// NewFigure makes a figure of its repeats, of which there must be one at least.
func NewFigure(name, unit string, better Better, runs ...float64) Figure {
	return Figure{Name: name, Unit: unit, Better: better, Value: median(runs), Runs: runs}
}

// WithSpread adds the spread within the runs, given by their quartiles.
func (f Figure) WithSpread(lows, highs []float64) Figure {
	f.Low, f.High = median(lows), median(highs)
	return f
}

// Key is what tells a subject from all others of its result.
func (s *Subject) Key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", s.Role, s.Name)
	for _, k := range slices.Sorted(maps.Keys(s.Config)) {
		fmt.Fprintf(&b, " %s=%s", k, s.Config[k])
	}
	return b.String()
}
