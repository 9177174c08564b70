package dash

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/probe"
)

func TestASpinningPollerFindsItsGaps(t *testing.T) {
	var may unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		t.Fatal(err)
	}
	core := 0
	for !may.IsSet(core) {
		core++
	}
	p := must(probe.Start(probe.Config{Groups: []probe.Group{probe.Steal}}))
	defer p.Close()
	gaps := probe.NewGaps(time.Nanosecond) // each turn is one, so that the test waits for nobody
	ctx, cancel := context.WithCancel(t.Context())
	var spin sync.WaitGroup
	spin.Go(func() {
		if err := Spin(ctx, core, gaps); err != nil {
			t.Error(err)
		}
	})
	defer spin.Wait()
	defer cancel()
	eventually(t, "it ticks", func() bool { return gaps.Snapshot().Count() > 0 })

	for _, explains := range []*probe.Probe{nil, p} {
		d := must(New(Config{Probe: p, Interval: MinInterval, Pollers: []Poller{{Core: core, Gaps: gaps, Probe: explains}}}))
		s := must(dial(t, serve(t, d), "", nil))
		from := accept(t, s)
		receive[About](t, from)
		var found *Core
		sample := receive[Sample](t, from)
		for i := range sample.Cores {
			if c := &sample.Cores[i]; c.ID == core {
				found = c
			} else if c.Gaps != nil {
				t.Errorf("core %d has gaps", c.ID)
			}
		}
		if found == nil || found.Gaps == nil || found.Gaps.Count == 0 || (found.Unexplained != nil) != (explains != nil) {
			t.Errorf("%+v", found)
		}
		if found != nil && explains != nil && *found.Unexplained != found.Gaps.Sum {
			t.Errorf("%v of %v are unexplained, and nothing explains any", *found.Unexplained, found.Gaps.Sum)
		}
		_ = s.Close()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAPollerOnACoreThatIsNotThereSaysSo(t *testing.T) {
	done := make(chan error)
	go func() { done <- Spin(t.Context(), 1023, probe.NewGaps(0)) }()
	if err := <-done; !errors.Is(err, unix.EINVAL) {
		t.Error(err)
	}
}
