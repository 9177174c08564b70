package probe_test

import (
	"fmt"
	"os"

	"github.com/corechan/corechan/perf/probe"
)

// What needs no privilege works in any process; the status of each group says what became of it.
func Example() {
	p, err := probe.Start(probe.Config{PIDs: []int{os.Getpid()}, Groups: []probe.Group{probe.Steal, probe.Runtime}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	for _, s := range p.Status() {
		if s.State == probe.Active {
			fmt.Println(s.Group, s.State)
		}
	}
	before, _ := p.Snapshot()
	after, _ := p.Snapshot()
	delta := after.Sub(before)
	fmt.Println(len(delta.Cores) > 0, delta.Runtime.GCPauses.Count() == 0)
	// Output:
	// steal active
	// runtime active
	// true true
}

// A poller calls Tick at each turn, and learns of the times in which it did not run.
func ExampleGaps() {
	gaps := probe.NewGaps(probe.DefaultGap)
	for range 1000 {
		// ... look for work ...
		gaps.Tick()
	}
	found := gaps.Snapshot()
	fmt.Println(found.Count() <= 999, found.Max() <= found.Sum())
	// Output: true true
}
