package metrics

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/probe"
	"github.com/corechan/corechan/transports/inmem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func watchdog(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// busy is an engine with two sessions, over which n messages have passed.
func busy(t *testing.T, n int) *engine.Engine {
	t.Helper()
	ctx := watchdog(t)
	eng, err := engine.New(engine.Config{})
	check(t, err)
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = eng.Shutdown(now)
	})
	a, b, err := inmem.Pair(&inmem.Options{Engine: eng})
	check(t, err)
	_, release, err := eng.Service() // a loop
	check(t, err)
	t.Cleanup(release)
	s, err := engine.Open[engine.Raw](ctx, a, "x")
	check(t, err)
	for range n {
		check(t, s.Send(ctx, &engine.Raw{1}))
	}
	r, err := engine.Accept[engine.Raw](ctx, b, "x")
	check(t, err)
	for range n {
		check(t, r.Receive(ctx, new(engine.Raw)))
	}
	return eng
}

// collector is one of everything that needs no privilege.
func collector(t *testing.T, n int) *Collector {
	t.Helper()
	p, err := probe.Start(probe.Config{Groups: []probe.Group{probe.Steal, probe.Runtime}})
	check(t, err)
	t.Cleanup(func() { p.Close() })
	return New(Config{Engines: []*engine.Engine{busy(t, n)}, Probe: p})
}

func gather(t *testing.T, c prometheus.Collector) map[string]*dto.MetricFamily {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	check(t, r.Register(c))
	all, err := r.Gather()
	check(t, err)
	by := map[string]*dto.MetricFamily{}
	for _, f := range all {
		by[f.GetName()] = f
	}
	return by
}

func TestACollectorShowsWhatItsEnginesAndProbesCount(t *testing.T) {
	got := gather(t, collector(t, 100))
	of := func(name string) float64 {
		f := got[name]
		if f == nil || len(f.Metric) != 1 {
			t.Fatalf("%s: %v", name, f)
		}
		return f.Metric[0].GetCounter().GetValue() + f.Metric[0].GetGauge().GetValue()
	}
	if of("corechan_sessions") != 2 || of("corechan_frames_sent_total") < 101 || of("corechan_received_bytes_total") < 100*24 {
		t.Errorf("%v", got)
	}
	if n := got["corechan_go_scheduler_latency_seconds"].Metric[0].GetHistogram().GetSampleCount(); n == 0 {
		t.Error("no latency of the scheduler")
	}
	for _, name := range []string{"corechan_loop_wakes_total", "corechan_core_steal_seconds_total", "corechan_probe_up", "corechan_probe_processes_ended"} {
		if got[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	for name, f := range got {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if !slices.Contains([]string{labelTransport, labelCore, labelSource, labelGroup}, l.GetName()) {
					t.Errorf("%s has label %s", name, l.GetName())
				}
			}
		}
	}
}

func TestNamesAreAsPrometheusHasThem(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	check(t, r.Register(collector(t, 1)))
	all, err := r.Gather()
	check(t, err)
	problems, err := promlint.NewWithMetricFamilies(all).Lint()
	check(t, err)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	seen := map[string]bool{}
	for _, d := range definitions() {
		if seen[d.name] || d.help == "" || d.title == "" || strings.HasSuffix(d.name, "_total") != (d.kind == counter) ||
			d.kind == histogram && !strings.HasSuffix(d.name, "_seconds") {
			t.Errorf("%+v", d)
		}
		seen[d.name] = true
	}
}

func TestAProbeThatIsClosedIsNotShown(t *testing.T) {
	p, err := probe.Start(probe.Config{Groups: []probe.Group{probe.Steal}})
	check(t, err)
	p.Close()
	if got := gather(t, New(Config{Probe: p})); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// Both forms of a histogram agree with an exact recording: the native one within its bucket's width.
func TestAHistogramHasBothForms(t *testing.T) {
	var h probe.Histogram
	exact := []time.Duration{}
	for i := range 10_000 {
		d := time.Duration(math.Exp(float64(i)/1000) * 100) // 100 ns to 2.2 ms
		h.Record(d)
		exact = append(exact, d)
	}
	c := ofProbe(&h)
	var m dto.Metric
	check(t, c.metric(coreTCP.desc(), "3").Write(&m))
	g := m.GetHistogram()
	if g.GetSampleCount() != 10_000 || math.Abs(g.GetSampleSum()-h.Sum().Seconds()) > 1e-9 || g.GetSchema() != schema {
		t.Errorf("%v", g)
	}
	if len(g.Bucket) != len(classicBounds) || g.Bucket[len(g.Bucket)-1].GetCumulativeCount() != 10_000 {
		t.Errorf("%v", g.Bucket)
	}
	for _, b := range g.Bucket {
		n, _ := slices.BinarySearch(exact, time.Duration(b.GetUpperBound()*1e9)+1)
		if got := float64(b.GetCumulativeCount()); math.Abs(got-float64(n)) > 40 { // of the bucket that the bound is in: 1/32 of 1000 a factor of e
			t.Errorf("%v up to %v s instead of %d", got, b.GetUpperBound(), n)
		}
	}
	for _, q := range []float64{0.1, 0.5, 0.9, 0.99} {
		if got, want := nativeQuantile(c.native, q), exact[int(q*10_000)].Seconds(); math.Abs(got-want) > 0.05*want {
			t.Errorf("quantile %v is %v instead of %v", q, got, want)
		}
	}
	empty := counts{}
	check(t, empty.metric(coreTCP.desc(), "3").Write(&m))
	zero := counts{}
	zero.add(0, 5)
	zero.add(100, 1)
	check(t, zero.metric(coreTCP.desc(), "3").Write(&m))
	if g := m.GetHistogram(); g.GetSampleCount() != 6 || g.GetZeroCount() != 5 || g.Bucket[0].GetCumulativeCount() != 5 ||
		g.Bucket[len(g.Bucket)-1].GetCumulativeCount() != 5 {
		t.Errorf("%v", g)
	}
}

func nativeQuantile(native map[int]int64, q float64) float64 {
	var at []int
	n := int64(0)
	for i, c := range native {
		at = append(at, i)
		n += c
	}
	slices.Sort(at)
	rank := int64(q * float64(n))
	for _, i := range at {
		if rank < native[i] {
			return math.Exp2((float64(i) - 0.5) / (1 << schema))
		}
		rank -= native[i]
	}
	return math.NaN()
}

// transport is an engine's snapshot with frames sent over some transports, and sessions.
func transport(frames uint64, sessions int, names ...string) *engine.Snapshot {
	s := &engine.Snapshot{}
	for _, n := range names {
		t := engine.TransportSnapshot{Transport: n, Sessions: sessions}
		t.FramesSent = frames
		s.Transports = append(s.Transports, t)
	}
	return s
}

func TestSumsOfEnginesOnlyGrow(t *testing.T) {
	var s sums
	for n, step := range []struct {
		found            map[string]*engine.Snapshot
		frames, sessions float64
	}{
		{map[string]*engine.Snapshot{"a": transport(10, 1, "shm")}, 10, 1},
		{map[string]*engine.Snapshot{"a": transport(15, 2, "shm"), "b": transport(100, 1, "shm")}, 115, 3},
		{map[string]*engine.Snapshot{"b": transport(101, 1, "shm")}, 116, 1}, // a has ended
		{map[string]*engine.Snapshot{"b": transport(3, 1, "shm")}, 119, 1},   // began again
		{nil, 119, 0},
		{map[string]*engine.Snapshot{"a": transport(1, 1, "shm", "tcp")}, 120, 1},
	} {
		s.update(step.found)
		frames, sessions := s.values["corechan_frames_sent_total"]["shm"], s.values["corechan_sessions"]["shm"]
		if frames != step.frames || sessions != step.sessions {
			t.Errorf("step %d: %v frames, %v sessions", n, frames, sessions)
		}
	}
	if len(s.last) != 1 {
		t.Errorf("%d engines are remembered", len(s.last))
	}
}

// A process that makes up transports and cores fills the set of labels, and what is beyond it is added up.
func TestAFullSetOfLabelsStaysFull(t *testing.T) {
	var s sums
	for round := range 3 {
		lies := transport(1, 1)
		for i := range 100 {
			one := transport(1, 1, fmt.Sprintf("lie %d %d", round, i))
			lies.Transports = append(lies.Transports, one.Transports...)
		}
		for i := range 2 * MaxCores {
			lies.Loops = append(lies.Loops, engine.LoopSnapshot{Core: i + round*10_000, Load: 1})
		}
		s.update(map[string]*engine.Snapshot{fmt.Sprint(round): lies})
	}
	if n := len(s.values["corechan_frames_sent_total"]); n != MaxTransports+1 {
		t.Errorf("%d transports", n)
	}
	if n := len(s.values["corechan_loop_sources"]); n != MaxCores+1 {
		t.Errorf("%d cores", n)
	}
	total := 0.0
	for _, v := range s.values["corechan_frames_sent_total"] {
		total += v
	}
	if total != 300 {
		t.Errorf("%v frames of 300", total)
	}
}

func TestTheDashboardIsUpToDateAndShowsEveryMetric(t *testing.T) {
	committed, err := os.ReadFile("grafana.json")
	check(t, err)
	now, err := Dashboard()
	check(t, err)
	if !bytes.Equal(committed, now) {
		t.Error("grafana.json is not up to date: run go generate")
	}
	named := map[string]bool{}
	for _, n := range regexp.MustCompile(`corechan_\w+`).FindAllString(string(committed), -1) {
		named[strings.TrimSuffix(strings.TrimSuffix(n, "_bucket"), "_sum")] = true
	}
	for _, d := range definitions() {
		if !named[d.name] {
			t.Errorf("no panel of %s", d.name)
		}
		delete(named, d.name)
	}
	if len(named) != 0 {
		t.Errorf("there is no metric %v", named)
	}
}

// A scrape that has looked before another one must not add up after it: that would be a counter that begins again.
func TestScrapesAtTheSameTimeCountNothingTwice(t *testing.T) {
	ctx := watchdog(t)
	eng := busy(t, 10)
	c := New(Config{Engines: []*engine.Engine{eng}})
	a, b, err := inmem.Pair(&inmem.Options{Engine: eng})
	check(t, err)
	s, err := engine.Open[engine.Raw](ctx, a, "x")
	check(t, err)
	r, err := engine.Accept[engine.Raw](ctx, b, "x")
	check(t, err)
	var scrapes sync.WaitGroup
	for range 4 {
		scrapes.Go(func() {
			for range 20 {
				gather(t, c)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		scrapes.Wait()
	}()
	for sending := true; sending; {
		select {
		case <-done:
			sending = false
		default:
		}
		check(t, s.Send(ctx, &engine.Raw{1}))
		check(t, r.Receive(ctx, new(engine.Raw)))
	}
	want := float64(eng.Snapshot().Transports[0].FramesSent)
	if got := gather(t, c)["corechan_frames_sent_total"].Metric[0].GetCounter().GetValue(); got != want {
		t.Errorf("%v frames of %v", got, want)
	}
}
