package report

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"github.com/google/pprof/profile"

	"github.com/corechan/corechan/perf/result"
)

//go:embed assets
var assets embed.FS

// Bounds of a report.
const (
	MaxResults  = 64 // of one report
	MaxProfiles = 16
	maxCurves   = 24 // in one picture
	maxHeats    = 48 // pictures of times as they went
)

// ErrEmpty reports that there is nothing to report.
var ErrEmpty = errors.New("no result to report")

// Named is a result, and the name that the report calls it by.
type Named struct {
	Name   string
	Result *result.Result
}

// Profile is a CPU profile, and the name that the report calls it by.
type Profile struct {
	Name    string
	Profile *profile.Profile
}

// Input is what a report is made of. The first result of a kind is the one that others are held against.
type Input struct {
	Title    string // default: "corechan perf"
	Results  []Named
	Profiles []Profile
	Now      time.Time // when the report is made
}

// page is what the template is given.
type page struct {
	Title        string
	Made         string
	Style        template.CSS
	Script       template.JS
	Noise        []noise
	Quiet        bool
	Results      int
	Columns      []string
	Summary      []row
	Curves       []curves
	Sweeps       []sweep
	Heats        []heat
	HeatsLeft    int
	CoreMaps     []coreMap
	Repeats      []strip
	Compared     []compared
	Flames       []flame
	Environments environments
	Data         template.JS
}

// HeatsOfLimits says whether there are pictures of what systems were held against.
func (p *page) HeatsOfLimits() bool {
	return slices.ContainsFunc(p.Heats, func(h heat) bool { return !h.System })
}

// data is what the script draws.
type data struct {
	Curves []curves `json:"curves"`
	Sweeps []sweep  `json:"sweeps"`
	Heats  []heat   `json:"heats"`
	Flames []flame  `json:"flames"`
}

// Write writes the report.
func Write(w io.Writer, in Input) error {
	switch {
	case len(in.Results) == 0:
		return ErrEmpty
	case len(in.Results) > MaxResults:
		return fmt.Errorf("%w: %d results; a report has %d at most", result.ErrTooLarge, len(in.Results), MaxResults)
	case len(in.Profiles) > MaxProfiles:
		return fmt.Errorf("%w: %d profiles; a report has %d at most", result.ErrTooLarge, len(in.Profiles), MaxProfiles)
	}
	p := page{Title: in.Title, Made: in.Now.UTC().Format("2006-01-02 15:04 UTC"), Results: len(in.Results)}
	if p.Title == "" {
		p.Title = "corechan perf"
	}
	p.Noise = noises(in.Results)
	p.Quiet = len(p.Noise) == 0
	p.Columns, p.Summary = summary(in.Results)
	var err error
	if p.Curves, err = curvesOf(in.Results); err != nil {
		return err
	}
	p.Sweeps = sweepsOf(in.Results)
	p.Heats, p.HeatsLeft = heatsOf(in.Results)
	p.CoreMaps = coreMaps(in.Results)
	p.Repeats = repeats(in.Results)
	p.Compared = comparisons(in.Results)
	for i := range in.Profiles {
		p.Flames = append(p.Flames, flameOf(&in.Profiles[i]))
	}
	p.Environments = environmentsOf(in.Results)
	if err := p.load(); err != nil {
		return err
	}
	t, err := template.New("report.html").Funcs(template.FuncMap{"inc": func(n int) int { return n + 1 }}).ParseFS(assets, "assets/report.html")
	if err != nil {
		return err
	}
	return t.Execute(w, &p)
}

// load puts into the page what stands in it unescaped: our own files, and the data, in which json.Marshal leaves nothing that
// could end a script.
func (p *page) load() error {
	var text [4]string
	for i, name := range []string{"uplot/uPlot.min.css", "report.css", "uplot/uPlot.iife.min.js", "report.js"} {
		b, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return err
		}
		text[i] = string(b)
	}
	p.Style, p.Script = template.CSS(text[0]+"\n"+text[1]), template.JS(text[2]+"\n"+text[3])
	b, err := json.Marshal(data{p.Curves, p.Sweeps, p.Heats, p.Flames})
	p.Data = template.JS(b)
	return err
}
