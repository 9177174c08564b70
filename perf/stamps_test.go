package perf

import (
	"errors"
	"slices"
	"testing"

	results "github.com/corechan/corechan/perf/result"
)

func TestStampsAreMeasuredBesideSlicesWithoutThem(t *testing.T) {
	for _, c := range []Config{
		{Transport: Inmem, Wait: Block, Count: 503, Stamps: true, Runs: 2},
		{Transport: Shm, Wait: Hybrid, Compare: true, Count: 503, Stamps: true},
		{Transport: Unix, Wait: Block, Count: 503, Stamps: true},
	} {
		t.Run(string(c.Transport), func(t *testing.T) {
			forTwoCores(t, c)
			o := testOptions(nil)
			o.Result = &results.Result{}
			r, err := Pingpong(t.Context(), c, o) // fails if nothing was stamped
			if err != nil {
				t.Fatal(err)
			}
			s := r.Stamps
			if s == nil || s.P50Ns <= 0 || s.WithoutNs <= 0 || !(0 < s.RatioLow && s.RatioLow <= s.Ratio && s.Ratio <= s.RatioHigh) {
				t.Fatalf("%+v", s)
			}
			if c.Compare && len(r.Rivals) != 2 {
				t.Errorf("%+v", r.Rivals)
			}
			last := o.Result.Subjects[len(o.Result.Subjects)-1]
			if last.Name != string(c.Transport)+", stamped" || last.Role != results.Rival || o.Result.Config["stamps"] != "true" {
				t.Errorf("the result has %+v", last)
			}
		})
	}
}

func TestWhatIsNotStampedFails(t *testing.T) {
	e := &env{kind: pingpong, config: Config{Transport: Shm, Wait: Block, Stamps: true}}
	all := newRivals(e)
	at := slices.IndexFunc(all, func(c contestant) bool { return c.env.stamped })
	if at != len(all)-1 || e.stamped {
		t.Fatalf("%+v", all)
	}
	if err := all[at].system.(*channels).start(all[at].env); err != nil {
		t.Fatal(err)
	}
	defer closeAll(all)
	if err := (&session{all: all}).checkStamps(); !errors.Is(err, errNotStamped) {
		t.Error(err)
	}
}

func TestOnlyAPingpongWithinAMachineIsMeasuredWithStamps(t *testing.T) {
	if _, err := Stream(t.Context(), Config{Stamps: true, Count: 1}, testOptions(nil)); !errors.Is(err, ErrConfig) {
		t.Errorf("a stream: %v", err)
	}
	if _, err := Pingpong(t.Context(), Config{Transport: TCP, Stamps: true, Count: 1}, testOptions(nil)); !errors.Is(err, ErrConfig) {
		t.Errorf("over tcp: %v", err)
	}
}
