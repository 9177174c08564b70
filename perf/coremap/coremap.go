package coremap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/perf/rig"
)

// Bounds of a Config, and its defaults.
const (
	DefaultTrips  = 2000
	DefaultRounds = 5
	MaxTrips      = 1 << 20
	MaxRounds     = 1000
	MaxCores      = 1024
)

// size is how many bytes travel: a cache line's.
const size = 64

// Config says what to measure. The zero value of each field stands for the default.
type Config struct {
	Cores  []int // default: all that this process may use
	Trips  int   // round trips of a slice; default 2000
	Rounds int   // slices of each pair; default 5
}

// Map is what was measured. Its JSON names are a contract; fields may be added.
type Map struct {
	Cores       []int    `json:"cores"`
	P50Ns       [][]Cell `json:"p50_ns"`   // [i][j] of Cores[i] and Cores[j]: median of the slices' p50 of a round trip; null where there is none
	Siblings    [][]int  `json:"siblings"` // of Cores, those that share a physical core
	Trips       int      `json:"trips"`    // of a slice
	Rounds      int      `json:"rounds"`   // that are complete
	Seconds     float64  `json:"seconds"`
	Interrupted bool     `json:"interrupted"` // less was measured than was asked for

	Marks []environment.Mark `json:"marks"` // what disturbed it
}

// Cell is a time in nanoseconds; nil if there is none: of a core with itself, or where it was interrupted.
type Cell = *float64

// Progress is how far a measurement has come.
type Progress struct {
	Done float64 // 0 to 1
	A, B int     // the pair that was measured last
	Ns   float64
}

// Measure measures all pairs. When ctx ends, the map has what was measured until then, and says so.
func Measure(ctx context.Context, c Config, progress func(Progress)) (m Map, err error) {
	machine, err := rig.ThisMachine()
	if err != nil {
		return m, err
	}
	if c, err = c.complete(machine); err != nil {
		return m, err
	}
	clock, err := measure.NewClock()
	if err != nil {
		return m, err
	}
	defer rig.Quiet(2)()
	t, err := newTable(c, clock)
	if err != nil {
		return m, err
	}
	defer t.close()
	if err := t.watch(); err != nil {
		return m, err
	}
	begin := time.Now()
	rounds := 0
	pairs := pairsOf(len(c.Cores))
	for ; rounds < c.Rounds && ctx.Err() == nil; rounds++ {
		for k, p := range pairs {
			if ctx.Err() != nil {
				break
			}
			ns, err := t.slice(p)
			if err != nil {
				return m, err
			}
			t.found[p] = append(t.found[p], ns)
			if progress != nil {
				progress(Progress{
					Done: (float64(rounds) + float64(k+1)/float64(len(pairs))) / float64(c.Rounds), A: c.Cores[p.a], B: c.Cores[p.b], Ns: ns,
				})
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	m = Map{
		Cores: c.Cores, P50Ns: t.cells(), Siblings: siblingsOf(machine, c.Cores), Trips: c.Trips, Rounds: rounds,
		Seconds: time.Since(begin).Seconds(), Interrupted: rounds < c.Rounds,
	}
	if len(t.found) == 0 {
		return m, ErrNothing
	}
	m.Marks, err = t.marks()
	return m, err
}

// ErrNothing says that the context ended before anything was measured.
var ErrNothing = errors.New("interrupted before anything was measured")

func (c Config) complete(m rig.Machine) (Config, error) {
	if len(c.Cores) == 0 {
		c.Cores = m.Allowed
	}
	if c.Trips == 0 {
		c.Trips = DefaultTrips
	}
	if c.Rounds == 0 {
		c.Rounds = DefaultRounds
	}
	c.Cores = slices.Compact(slices.Sorted(slices.Values(c.Cores)))
	if err := m.Check(c.Cores...); err != nil {
		return c, err
	}
	switch {
	case len(c.Cores) < 2:
		return c, fmt.Errorf("%w: only one (%s), and a ping-pong has two sides; give two or more, or give the process more (taskset, or the "+
			"container's cpuset)", rig.ErrCores, rig.FormatCores(c.Cores))
	case len(c.Cores) > MaxCores:
		return c, fmt.Errorf("%w: %d; give at most %d at a time", rig.ErrCores, len(c.Cores), MaxCores)
	case c.Trips < 1 || c.Trips > MaxTrips:
		return c, fmt.Errorf("%w: %d round trips in a slice; give 1 to %d", rig.ErrConfig, c.Trips, MaxTrips)
	case c.Rounds < 1 || c.Rounds > MaxRounds:
		return c, fmt.Errorf("%w: %d rounds; give 1 to %d", rig.ErrConfig, c.Rounds, MaxRounds)
	}
	return c, nil
}

// pair is two cores by their places in Config.Cores, the lower one first.
type pair struct{ a, b int }

func pairsOf(n int) (all []pair) {
	for a := range n {
		for b := a + 1; b < n; b++ {
			all = append(all, pair{a, b})
		}
	}
	return all
}

// siblingsOf are the groups, of two or more of these cores, that share a physical one.
func siblingsOf(m rig.Machine, cores []int) [][]int {
	groups := [][]int{}
	seen := map[int]bool{}
	for _, c := range cores {
		if seen[c] {
			continue
		}
		var group []int
		for _, s := range m.Sibling(c) {
			if slices.Contains(cores, s) {
				group = append(group, s)
				seen[s] = true
			}
		}
		if len(group) > 1 {
			groups = append(groups, group)
		}
	}
	return groups
}

// table is the threads, one on each core, and what they have found. It is used by one goroutine.
type table struct {
	config  Config
	clock   measure.Clock
	mem     []byte
	samples []int64
	jobs    []chan func()
	threads []environment.Thread
	watches []*environment.Watch
	ended   sync.WaitGroup
	found   map[pair][]float64
	times   *hdrhistogram.Histogram
}

func newTable(c Config, clock measure.Clock) (*table, error) {
	t := &table{
		config: c, clock: clock, mem: make([]byte, limit.PingBytes(size)), samples: make([]int64, c.Trips),
		found: map[pair][]float64{}, times: hdrhistogram.New(1, time.Minute.Nanoseconds(), 3),
	}
	for _, core := range c.Cores {
		jobs, ready := make(chan func()), make(chan error)
		tid := 0
		t.ended.Go(func() {
			unpin, err := rig.Pin(core)
			tid = unix.Gettid()
			ready <- err
			if err != nil {
				return
			}
			defer unpin()
			for job := range jobs {
				job()
			}
		})
		t.jobs = append(t.jobs, jobs)
		if err := <-ready; err != nil {
			t.close()
			return nil, err
		}
		t.threads = append(t.threads, environment.Thread{Name: "thread", PID: os.Getpid(), TID: tid, Core: core})
	}
	return t, nil
}

func (t *table) close() {
	for _, j := range t.jobs {
		close(j)
	}
	t.ended.Wait()
	runtime.KeepAlive(t.mem)
}

// watch begins to watch all threads.
func (t *table) watch() error {
	for _, one := range t.threads {
		w, err := environment.Begin(one)
		if err != nil {
			return err
		}
		t.watches = append(t.watches, w)
	}
	return nil
}

// maxMarks bounds the marks: of very many cores, the first that were disturbed are enough.
const maxMarks = 100

// marks says what came in their way.
func (t *table) marks() ([]environment.Mark, error) {
	marks := []environment.Mark{}
	for _, w := range t.watches {
		d, err := w.End()
		if err != nil {
			return nil, err
		}
		marks = append(marks, environment.Marks([]environment.Disturbance{d})...)
	}
	return marks[:min(len(marks), maxMarks)], nil
}

// slice measures a pair once, and returns the p50.
func (t *table) slice(p pair) (float64, error) {
	clear(t.mem)
	warm := min(t.config.Trips/10+1, 500)
	results := make(chan error, 2)
	for _, side := range []struct {
		at      int
		side    measure.Side
		samples []int64
	}{{p.b, measure.Far, nil}, {p.a, measure.Near, t.samples}} {
		half, err := limit.NewPingpong(t.mem, size, side.side, t.clock)
		if err != nil {
			return 0, err
		}
		t.jobs[side.at] <- func() {
			results <- half.Run(&measure.Slice{Warm: warm, Count: t.config.Trips, Samples: side.samples})
		}
	}
	if err := errors.Join(<-results, <-results); err != nil {
		return 0, fmt.Errorf("cores %d and %d: %w", t.config.Cores[p.a], t.config.Cores[p.b], err)
	}
	t.times.Reset()
	for _, ns := range t.samples {
		_ = t.times.RecordValue(min(max(ns, 1), time.Minute.Nanoseconds())) // in range by construction
	}
	return float64(t.times.ValueAtPercentile(50)), nil
}

// cells is the matrix, symmetric.
func (t *table) cells() [][]Cell {
	all := make([][]Cell, len(t.config.Cores))
	for i := range all {
		all[i] = make([]Cell, len(t.config.Cores))
	}
	for p, ns := range t.found {
		slices.Sort(ns)
		v := ns[len(ns)/2]
		all[p.a][p.b], all[p.b][p.a] = &v, &v
	}
	return all
}
