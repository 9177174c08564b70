package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/result"
)

// sample is a result of a system and its limit, with times.
func sample(t testing.TB, name string, config map[string]string) *result.Result {
	t.Helper()
	r := &result.Result{
		Kind: "pingpong", Config: config,
		Environment: environment.Environment{Kernel: "6.18", MemoryBytes: 3 << 30, Command: []string{"corechan", "perf"}},
	}
	for _, s := range []struct {
		role result.Role
		name string
		ns   int64
	}{{result.System, name, 300}, {result.Limit, "cache line", 200}} {
		rec := result.NewRecorder()
		for i := range int64(50) {
			times := make([]int64, 40)
			for j := range times {
				times[j] = s.ns + int64(j)*i
			}
			rec.Add(time.Duration(i)*25*time.Millisecond, 25*time.Millisecond, times)
		}
		timing, err := rec.Timing("round trip")
		if err != nil {
			t.Fatal(err)
		}
		r.Subjects = append(r.Subjects, result.Subject{
			Name: s.name, Role: s.role, Timings: []result.Timing{timing}, Figures: []result.Figure{
				result.NewFigure("p50", result.Nanoseconds, result.Lower, float64(s.ns), float64(s.ns+5), float64(s.ns+9), float64(s.ns+7)),
				result.NewFigure(result.FigureRatio, result.None, result.Lower, 1.5, 1.6, 1.4, 1.5).WithSpread([]float64{1.4}, []float64{1.7}),
			},
		})
	}
	return r
}

// profiled is a profile of main calling work and idle, three to one.
func profiled() *profile.Profile {
	functions := []*profile.Function{{ID: 1, Name: "example.com/app.main"}, {ID: 2, Name: "example.com/app.work"}, {ID: 3, Name: "runtime.idle"}}
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}, Function: functions}
	for i, f := range functions {
		p.Location = append(p.Location, &profile.Location{ID: uint64(i + 1), Line: []profile.Line{{Function: f}}})
	}
	l := p.Location
	p.Sample = []*profile.Sample{
		{Location: []*profile.Location{l[1], l[0]}, Value: []int64{3, 30e6}},
		{Location: []*profile.Location{l[2], l[0]}, Value: []int64{1, 10e6}},
	}
	return p
}

func written(t testing.TB, in Input) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, in); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// drawn is the data for the script, as it stands in the page.
func drawn(t *testing.T, page string) (d data) {
	t.Helper()
	found := regexp.MustCompile(`<script>const report = (.*);</script>`).FindStringSubmatch(page)
	if found == nil {
		t.Fatal("the page has no data")
	}
	var raw struct {
		Curves []struct {
			X      []float64
			Series []struct {
				Name   string
				System bool
				Y      []*float64
			}
		}
		Heats  []heat
		Sweeps []sweep
		Flames []flame
	}
	if err := json.Unmarshal([]byte(found[1]), &raw); err != nil {
		t.Fatal(err)
	}
	for _, c := range raw.Curves {
		out := curves{}
		for _, x := range c.X {
			out.X = append(out.X, num(x))
		}
		for _, s := range c.Series {
			one := curve{Name: s.Name, System: s.System}
			for _, y := range s.Y {
				v := math.NaN()
				if y != nil {
					v = *y
				}
				one.Y = append(one.Y, num(v))
			}
			out.Series = append(out.Series, one)
		}
		d.Curves = append(d.Curves, out)
	}
	d.Heats, d.Sweeps, d.Flames = raw.Heats, raw.Sweeps, raw.Flames
	return d
}

func TestAReportShowsAllThatThereIs(t *testing.T) {
	a, b := sample(t, "shm", map[string]string{"size": "64"}), sample(t, "shm", map[string]string{"size": "4096"})
	b.Marks = []environment.Mark{{Kind: environment.Steal, Text: "near lost 30ms to the host"}}
	b.Environment.Kernel = "6.19"
	page := written(t, Input{
		Title: "Two sizes", Results: []Named{{"first", a}, {"second", b}}, Profiles: []Profile{{"cpu.pprof", profiled()}}, Now: time.Unix(0, 0),
	})
	for _, want := range []string{
		"<h1>Two sizes</h1>", "1970-01-01 00:00 UTC", "near lost 30ms", "cache line", "306 ns", "1.4 to 1.7", "6.19", "3.0 GiB",
		"not asked for in the same way", `class="differs"`, "0.04 s of processor time", "Content-Security-Policy",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Index(page, "near lost 30ms") > strings.Index(page, "<h2>Figures") {
		t.Error("noise does not stand first")
	}
	d := drawn(t, page)
	if len(d.Curves) != 1 || len(d.Curves[0].Series) != 4 || len(d.Heats) != 4 || len(d.Flames) != 1 || !d.Heats[1].System || d.Heats[2].System {
		t.Fatalf("%d curves, %d heats, %d flames", len(d.Curves), len(d.Heats), len(d.Flames))
	}
	// 2,000 times: from part 0 to part 1999/2000, and never down.
	c := d.Curves[0]
	if last := float64(c.X[len(c.X)-1]); c.X[0] != 1 || last < 2000 || last > 2300 {
		t.Errorf("part from %v to %v", c.X[0], last)
	}
	for i := 1; i < len(c.X) && !math.IsNaN(float64(c.Series[0].Y[i])); i++ {
		if c.Series[0].Y[i] < c.Series[0].Y[i-1] {
			t.Errorf("the curve falls at %v", c.X[i])
		}
	}
	count := int64(0)
	for _, column := range d.Heats[0].Cells {
		for i := 1; i < len(column); i += 2 {
			count += column[i]
		}
	}
	if count != 2000 || len(d.Heats[0].At) != 50 || d.Heats[0].End[49] != 1.25 || len(d.Heats[0].Cells) != 50 {
		t.Errorf("%d times in the heat map of %d columns", count, len(d.Heats[0].Cells))
	}
	f := d.Flames[0]
	want := []frame{{0, 0, 0, 1e6}, {1, 1, 0, 1e6}, {2, 2, 0, 750000}, {3, 2, 750000, 250000}}
	if fmt.Sprint(f.Frames) != fmt.Sprint(want) || f.Names[2] != "example.com/app.work" || f.Left {
		t.Errorf("%+v", f)
	}
}

func TestAQuietReportSaysSo(t *testing.T) {
	page := written(t, Input{Results: []Named{{"only", sample(t, "shm", nil)}}})
	if !strings.Contains(page, "No disturbance was noted") || strings.Contains(page, "<h2>Comparison") || strings.Contains(page, "<h2>Flame") {
		t.Error("a single quiet result is shown as something else")
	}
}

func TestASettingThatChangesIsASweep(t *testing.T) {
	r := sample(t, "load", nil)
	r.Subjects = nil
	for _, rate := range []int{300_000, 100_000, 200_000} {
		r.Subjects = append(r.Subjects, result.Subject{
			Name: "shm", Role: result.System, Config: map[string]string{"rate": strconv.Itoa(rate), "kind": "constant"},
			Figures: []result.Figure{result.NewFigure("p50", result.Nanoseconds, result.Lower, float64(rate)/1000)},
		})
	}
	d := drawn(t, written(t, Input{Results: []Named{{"load", r}}}))
	if len(d.Sweeps) != 1 || d.Sweeps[0].By != "rate" || fmt.Sprint(d.Sweeps[0].X, d.Sweeps[0].Series[0].Y) != "[100000 200000 300000] [100 200 300]" {
		t.Errorf("%+v", d.Sweeps)
	}
}

func TestPairsOfCoresAreATable(t *testing.T) {
	r := &result.Result{Kind: "cores"}
	for pair, ns := range map[string]float64{"0,1": 50, "0,2": 100, "1,2": 200, "x": 9} {
		r.Subjects = append(r.Subjects, result.Subject{
			Name: "cache line", Role: result.System, Config: map[string]string{"pair": pair},
			Figures: []result.Figure{result.NewFigure("p50", result.Nanoseconds, result.Lower, ns)},
		})
	}
	got := coreMaps([]Named{{"map", r}})
	if len(got) != 1 || fmt.Sprint(got[0].Cores, got[0].Rows) != "[0 1 2] [{0 [{ -1} {50 0} {100 50}]} {1 [{50 0} { -1} {200 100}]} {2 [{100 50} {200 100} { -1}]}]" {
		t.Errorf("%+v", got)
	}
	if page := written(t, Input{Results: []Named{{"map", r}}}); !strings.Contains(page, `<td style="--part: 50%">100</td>`) {
		t.Error("the table is not in the page")
	}
}

func TestResponseAndServiceTimesStandApart(t *testing.T) {
	r := sample(t, "shm", nil)
	other := r.Subjects[1].Timings[0]
	r.Subjects[0].Timings[0].Name, other.Name = "response", "service"
	r.Subjects[0].Timings, r.Subjects = append(r.Subjects[0].Timings, other), r.Subjects[:1]
	_, rows := summary([]Named{{"load", r}})
	if len(rows) != 2 || rows[0].Name != "shm, response" || rows[1].Name != "shm, service" || rows[1].Result != "" || fmt.Sprint(rows[0].Cells) == fmt.Sprint(rows[1].Cells) {
		t.Errorf("%+v", rows)
	}
}

// Nothing that stands in a result can become part of the page's own text.
func TestWhatAStrangerWroteStaysText(t *testing.T) {
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>'"`
	r := sample(t, evil, map[string]string{evil: evil})
	r.Kind = evil
	r.Environment.CPU, r.Environment.Command = evil, []string{evil}
	r.Marks = []environment.Mark{{Kind: evil, Text: evil}}
	p := profiled()
	p.Function[1].Name = evil
	page := written(t, Input{Title: evil, Results: []Named{{evil, r}, {evil, r}}, Profiles: []Profile{{evil, p}}})
	for _, bad := range []string{"<script>alert", "<img"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	if n := strings.Count(page, "<script>"); n != 2 {
		t.Errorf("%d scripts", n)
	}
}

func TestAReportFetchesNothing(t *testing.T) {
	page := written(t, Input{Results: []Named{{"only", sample(t, "shm", nil)}}})
	for _, found := range regexp.MustCompile(`(?i)(src|href)\s*=\s*["'][^"'#][^"']*|@import|url\(`).FindAllString(page, -1) {
		t.Errorf("the page has %s", found)
	}
	if !strings.Contains(page, "default-src &#39;none&#39;") && !strings.Contains(page, "default-src 'none'") {
		t.Error("the policy lets the page fetch")
	}
}

func TestThePlottingLibraryIsAsItsAuthorsPublishIt(t *testing.T) {
	for name, want := range map[string]string{ // of uplot@1.6.32 on the npm registry
		"uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
		"uPlot.min.css":     "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
		"LICENSE":           "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
	} {
		b, err := assets.ReadFile("assets/uplot/" + name)
		sum := sha256.Sum256(b)
		if got := hex.EncodeToString(sum[:]); err != nil || got != want {
			t.Errorf("%s is %s, %v", name, got, err)
		}
	}
}

func TestAReportHasBounds(t *testing.T) {
	if err := Write(&bytes.Buffer{}, Input{}); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
	r := sample(t, "shm", nil)
	if err := Write(&bytes.Buffer{}, Input{Results: make([]Named, MaxResults+1)}); !errors.Is(err, result.ErrTooLarge) {
		t.Error(err)
	}
	if err := Write(&bytes.Buffer{}, Input{Results: []Named{{"a", r}}, Profiles: make([]Profile, MaxProfiles+1)}); !errors.Is(err, result.ErrTooLarge) {
		t.Error(err)
	}
	var many []Named
	for i := range MaxResults {
		many = append(many, Named{strconv.Itoa(i), r})
	}
	d := drawn(t, written(t, Input{Results: many}))
	if len(d.Curves[0].Series) != maxCurves || len(d.Heats) != maxHeats {
		t.Errorf("%d curves, %d heats", len(d.Curves[0].Series), len(d.Heats))
	}
}

// A browser draws every picture, and has nothing to complain about. Long, as browsers are.
func TestABrowserDrawsEveryPictureSoak(t *testing.T) {
	if os.Getenv("CORECHAN_SOAK") == "" {
		t.Skip("set CORECHAN_SOAK=1")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	file := t.TempDir() + "/report.html"
	page := written(t, Input{Results: []Named{{"a", sample(t, "shm", nil)}}, Profiles: []Profile{{"cpu", profiled()}}})
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=4000", "--dump-dom", "file://"+file)
	cmd.Stderr = &said
	dom, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	if charts, boxes := bytes.Count(dom, []byte("<canvas")), bytes.Count(dom, []byte("<button")); charts < 2 || boxes != 4 { // what is folded may be drawn or not
		t.Errorf("%d charts, want the curves and the system's heat map at least; %d boxes of the flame graph, want 4", charts, boxes)
	}
	if strings.Contains(said.String(), ":CONSOLE") {
		t.Errorf("%s", &said)
	}
}
