package coremap

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func of(cores ...int) rig.Machine {
	return rig.Machine{Online: []int{0, 1, 2, 3, 4, 5, 6, 7}, Allowed: cores, Sibling: func(c int) []int { return []int{c &^ 1, c | 1} }}
}

func TestEachPairOfCoresIsMeasured(t *testing.T) {
	machine, err := rig.ThisMachine()
	if err != nil {
		t.Fatal(err)
	}
	if len(machine.Allowed) < 2 {
		t.Skip("needs two cores")
	}
	cores := machine.Allowed[:min(len(machine.Allowed), 4)]
	done := 0.0
	m, err := Measure(t.Context(), Config{Cores: cores, Trips: 50, Rounds: 3}, func(p Progress) {
		if p.Done <= done || p.Done > 1 || p.Ns <= 0 || p.A >= p.B {
			t.Errorf("%+v after %v", p, done)
		}
		done = p.Done
	})
	if err != nil || done != 1 || m.Interrupted || m.Rounds != 3 || len(m.Cores) != len(cores) {
		t.Fatalf("%+v, %v", m, err)
	}
	for i := range m.Cores {
		for j := range m.Cores {
			ns := m.P50Ns[i][j]
			if (ns == nil) != (i == j) || ns != nil && (*ns <= 0 || *ns != *m.P50Ns[j][i]) {
				t.Errorf("cores %d and %d: %v", m.Cores[i], m.Cores[j], ns)
			}
		}
	}
	r := m.Result(t.Context())
	if len(r.Subjects) != len(cores)*(len(cores)-1)/2 {
		t.Errorf("%d subjects", len(r.Subjects))
	}
	if _, err := result.Write(t.TempDir()+"/", r); err != nil {
		t.Error(err)
	}
}

func TestAnInterruptedMapHasWhatWasMeasured(t *testing.T) {
	machine, err := rig.ThisMachine()
	if err != nil {
		t.Fatal(err)
	}
	if len(machine.Allowed) < 2 {
		t.Skip("needs two cores")
	}
	ctx, cancel := context.WithCancel(t.Context())
	m, err := Measure(ctx, Config{Trips: 50, Rounds: 1000}, func(Progress) { cancel() })
	if err != nil || !m.Interrupted || m.P50Ns[0][1] == nil {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := Measure(ctx, Config{}, nil); !errors.Is(err, ErrNothing) {
		t.Error(err)
	}
}

func TestWhatIsWrongWithAMapIsSaid(t *testing.T) {
	for _, test := range []struct {
		config  Config
		machine rig.Machine
		says    string
	}{
		{Config{}, of(3), "only one (3)"},
		{Config{Cores: []int{2, 2}}, of(2, 3), "only one (2)"},
		{Config{Cores: []int{2, 9}}, of(2, 3), "no core 9"},
		{Config{Cores: []int{2, 5}}, of(2, 3), "outside the set of this process (2,3)"},
		{Config{Trips: -1}, of(2, 3), "-1 round trips"},
		{Config{Rounds: MaxRounds + 1}, of(2, 3), "1 to 1000"},
	} {
		if _, err := test.config.complete(test.machine); !errors.Is(err, rig.ErrConfig) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v does not say %q", test.config, err, test.says)
		}
	}
}

func TestSiblingsAreTold(t *testing.T) {
	all := siblingsOf(of(0, 1, 2, 4, 5), []int{0, 1, 2, 4, 5})
	if len(all) != 2 || all[0][0] != 0 || all[0][1] != 1 || all[1][0] != 4 || all[1][1] != 5 {
		t.Error(all)
	}
}
