package perf

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	results "github.com/corechan/corechan/perf/result"

	"github.com/corechan/corechan/perf/probe"
)

// needProbes skips a test where this process may not attach probes.
func needProbes(t *testing.T) {
	t.Helper()
	p, err := probe.Start(probe.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, s := range p.Status() {
		if errors.Is(s.Err, probe.ErrCapabilities) {
			t.Skip("needs CAP_BPF and CAP_PERFMON, or root")
		}
	}
}

// What probes cost depends on the machine; that the slices are those that they should be does not.
func TestProbesAreMeasuredBesideSlicesWithoutThem(t *testing.T) {
	for _, c := range []Config{
		{Wait: Spin, Count: 1003, Probes: true},
		{Transport: Inmem, Wait: Block, Count: 503, Probes: true, Runs: 2},
	} {
		t.Run(fmt.Sprint(c.Transport, c.Wait), func(t *testing.T) {
			forTwoCores(t, c)
			needProbes(t)
			o := testOptions(nil)
			o.Result = &results.Result{}
			r, err := Pingpong(t.Context(), c, o)
			if err != nil {
				t.Fatal(err)
			}
			p := r.Probes
			if p == nil || len(p.Refused) != 0 || !slices.Equal(p.Groups, probe.Default()) {
				t.Fatalf("%+v", p)
			}
			if !(0 < p.RatioLow && p.RatioLow <= p.Ratio && p.Ratio <= p.RatioHigh) || p.P50Ns <= 0 || p.WithoutNs <= 0 || p.SwitchNs <= 0 {
				t.Errorf("%+v", p)
			}
			if c.Runs < 2 && !(p.MedianLow <= p.Ratio && p.Ratio <= p.MedianHigh) {
				t.Errorf("%+v", p)
			}
			last := o.Result.Subjects[len(o.Result.Subjects)-1]
			if !strings.Contains(last.Name, "probes") || last.Role != results.Rival || len(last.Figures) != 1 {
				t.Errorf("the result has %+v", last)
			}
		})
	}
}

func TestOnlyAPingpongIsMeasuredWithProbes(t *testing.T) {
	if _, err := Stream(t.Context(), Config{Probes: true, Count: 1}, testOptions(nil)); !errors.Is(err, ErrConfig) {
		t.Errorf("a stream: %v", err)
	}
}

// Whoever may not attach is told what it takes, and no process is left.
func TestProbesWithoutPrivilegesAreExplained(t *testing.T) {
	forTwoCores(t, Config{Count: 1})
	cmd := inRole(roleProbed)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	for _, want := range []string{ErrProbes.Error(), "CAP_BPF and CAP_PERFMON", "setcap"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("%q does not say %q", said, want)
		}
	}
}

func TestTheBoundsOfAMedian(t *testing.T) {
	var values []float64
	for i := range 100 {
		values = append(values, float64(99-i))
	}
	if low, high := medianBounds(values); low != 40 || high != 59 { // 50 ± 9.8 of 100 values: ranks 40 and 61
		t.Errorf("%v to %v", low, high)
	}
	if low, high := medianBounds([]float64{3, 1, 2}); low != 1 || high != 3 {
		t.Errorf("of three: %v to %v", low, high)
	}
	if low, high := medianBounds(nil); low != 0 || high != 0 {
		t.Errorf("of none: %v to %v", low, high)
	}
}
