package matrix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/load"
	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

const roleVariable = "CORECHAN_MATRIX_TEST_ROLE"

// TestMain lets the test binary be the second process of its measurements.
func TestMain(m *testing.M) {
	serve := map[string]func(context.Context) error{"peer": perf.ServePeer, "load": load.ServePeer}[os.Getenv(roleVariable)]
	if serve == nil {
		goleak.VerifyTestMain(m)
		return
	}
	if err := serve(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func as(role string) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), roleVariable+"="+role)
		return cmd
	}
}

func needTwoCores(t *testing.T) {
	t.Helper()
	m, err := rig.ThisMachine()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Allowed) < 2 {
		t.Skip("needs two cores")
	}
}

func TestEachCombinationIsMeasuredInTheOrderOfTheSeed(t *testing.T) {
	needTwoCores(t)
	c := Config{
		Transports: []rig.Transport{rig.Shm, rig.WS}, Sizes: []int{64, 100, 200}, Repeats: 2, Time: 20 * time.Millisecond, Seed: 4,
	}
	var order []Cell
	r, err := Run(t.Context(), c, &Options{Peer: as("peer"), LoadPeer: as("load"), Progress: func(p Progress) {
		if p.Done != len(order) || p.Of != 6 {
			t.Errorf("%+v after %d", p, len(order))
		}
		order = append(order, p.Next)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Cells) != 3 || len(r.Skipped) != 3 || r.Skipped[0].Transport != rig.WS || r.Skipped[0].Wait != perf.Spin || r.Repeats != 2 || r.Interrupted {
		t.Errorf("%+v", r)
	}
	for i := range r.Cells {
		f := &r.Cells[i]
		if f.TripNs <= 0 || f.P50Ns <= 0 || f.P99Ns < f.P50Ns || f.Rate <= 0 || f.LimitNs <= 0 || f.Ratio <= 0 || len(f.Ratios) != 2 || f.Limit == "" ||
			f.Spread < 0 || f.Spread > r.SpreadMax {
			t.Errorf("%+v", f)
		}
	}
	if err := c.complete(); err != nil {
		t.Fatal(err)
	}
	cells, _, err := c.cells()
	if err != nil {
		t.Fatal(err)
	}
	for repeat := range 2 { // the same again from the seed
		for k, i := range c.order(len(cells), repeat) {
			if order[repeat*len(cells)+k] != cells[i] {
				t.Fatalf("%v was measured where %v was due", order[repeat*len(cells)+k], cells[i])
			}
		}
	}
	if slices.Equal(order[:3], order[3:]) {
		t.Error("both repeats have the same order")
	}
	kept := r.Result(t.Context())
	if len(kept.Subjects) != 6 || kept.Config["sizes"] != "64,100,200" || len(kept.Subjects[0].Figure(result.FigureRatio).Runs) != 2 {
		t.Errorf("%+v", kept)
	}
	if _, err := result.Write(t.TempDir()+"/", kept); err != nil {
		t.Error(err)
	}
}

func TestSeveralSessionsAreHeldAgainstTheLimitBeforeAndAfter(t *testing.T) {
	needTwoCores(t)
	c := Config{Sessions: []int{3}, Repeats: 1, Time: 20 * time.Millisecond}
	r, err := Run(t.Context(), c, &Options{Peer: as("peer"), LoadPeer: as("load")})
	if err != nil || len(r.Cells) != 1 || r.Cells[0].Sessions != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	if f := &r.Cells[0]; f.LimitNs <= 0 || f.Ratio <= 0 || f.TripNs <= 0 || f.P50Ns <= 0 {
		t.Errorf("%+v", f)
	}
}

func TestAnInterruptedMatrixHasTheCellsThatWereMeasured(t *testing.T) {
	needTwoCores(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := Config{Sizes: []int{64, 100, 200}, Time: 20 * time.Millisecond}
	r, err := Run(ctx, c, &Options{Peer: as("peer"), Progress: func(p Progress) {
		if p.Done == 1 {
			cancel()
		}
	}})
	if err != nil || !r.Interrupted || len(r.Cells) != 1 || r.Repeats != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Run(ctx, c, &Options{Peer: as("peer")}); !errors.Is(err, perf.ErrInterrupted) {
		t.Error(err)
	}
}

func TestOfSeveralMarksOfAKindTheWorstIsKept(t *testing.T) {
	var f Figures
	f.disturbed([]environment.Mark{{Kind: environment.Steal, Value: 2}, {Kind: environment.Faults, Value: 5}})
	f.disturbed([]environment.Mark{{Kind: environment.Steal, Value: 3}, {Kind: environment.Faults, Value: 4}})
	if len(f.Marks) != 2 || f.Marks[0].Value != 3 || f.Marks[1].Value != 5 {
		t.Errorf("%+v", f.Marks)
	}
}

func TestTheSpreadIsThatOfTheRepeats(t *testing.T) {
	cell := func(ratios ...float64) Figures {
		var f Figures
		for _, v := range ratios {
			f.repeated = append(f.repeated, once{ratio: v})
		}
		return f
	}
	var r Report
	r.finish([]Figures{cell(1, 1.1, 0.9), cell(2, 3), cell(), cell(4, 4)})
	if len(r.Cells) != 3 || r.Cells[0].Ratio != 1 || r.Cells[0].Spread != 0.2 || r.Cells[1].Ratio != 2.5 || r.Cells[1].Spread != 0.4 ||
		r.Cells[2].Spread != 0 || r.Spread != 0.2 || r.SpreadMax != 0.4 {
		t.Errorf("%+v", r)
	}
}

func TestWhatIsWrongWithAMatrixIsSaidBeforeAnythingIsMeasured(t *testing.T) {
	needTwoCores(t)
	for _, test := range []struct {
		config Config
		want   error
		says   string
	}{
		{Config{Transports: []rig.Transport{"smoke"}}, rig.ErrConfig, "use shm"},
		{Config{Transports: []rig.Transport{rig.Bare}}, rig.ErrConfig, "use shm"},
		{Config{Sizes: []int{64, 0}}, rig.ErrSize, "at least 21"},
		{Config{Sizes: []int{64, 1 << 29}}, rig.ErrSize, "--ring"},
		{Config{Waits: []perf.Wait{"nap"}}, rig.ErrConfig, "spin, hybrid or block"},
		{Config{Sessions: []int{0}}, rig.ErrConfig, "at least 1"},
		{Config{Sessions: []int{1 << 20}}, rig.ErrConfig, "at most"},
		{Config{Cores: []int{0, 4000}}, rig.ErrCores, "no core 4000"},
		{Config{Repeats: -1}, rig.ErrConfig, "1 to 100"},
		{Config{Time: time.Nanosecond}, rig.ErrConfig, "10ms"},
		{Config{Transports: []rig.Transport{rig.H2}}, rig.ErrConfig, "no cell is left"},
	} {
		if _, err := Run(t.Context(), test.config, nil); !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v does not say %q", test.config, err, test.says)
		}
	}
	many := Config{Sizes: make([]int, MaxCells+1)}
	for i := range many.Sizes {
		many.Sizes[i] = 300 + i
	}
	if _, err := Run(t.Context(), many, nil); err == nil || !strings.Contains(err.Error(), "2001 cells") {
		t.Error(err)
	}
}
