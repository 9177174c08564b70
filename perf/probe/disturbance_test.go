package probe

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// window is how long a disturbance has to be found.
const window = time.Second

// lastCore returns a core that this process may use.
func lastCore(t *testing.T) int {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	for core := len(set)*64 - 1; core >= 0; core-- {
		if set.IsSet(core) {
			return core
		}
	}
	t.Fatal("no core")
	return 0
}

// near fails the test unless got is within 20 % of the true time.
func near(t *testing.T, what string, got, truth time.Duration) {
	t.Helper()
	between(t, what, got, truth, truth)
}

// between fails the test unless got is within 20 % of what is at least low and at most high.
func between(t *testing.T, what string, got, low, high time.Duration) {
	t.Helper()
	t.Logf("%s: %v, true time %v to %v (%+.1f %%)", what, got, low, high, 200*float64(got)/float64(low+high)-100)
	if low <= 0 || got < low-low/5 || got > high+high/5 {
		t.Errorf("%s: %v, but the true time is %v to %v", what, got, low, high)
	}
}

// observed is what happened on the actor's core in a window: as the probes say, and by the actor's own clock.
type observed struct {
	*Core
	least, most told // from after the first snapshot to before the second, and from before to after
}

// observe looks at an actor for a time.
func observe(t *testing.T, p *Probe, a *actor, core int, during func()) observed {
	t.Helper()
	outer := a.ask()
	before := snapshot(t, p)
	inner := a.ask()
	during()
	least := a.ask()
	after := snapshot(t, p)
	most := a.ask()
	d := after.Sub(before)
	for i := range d.Cores {
		if c := &d.Cores[i]; c.ID != core && p.config.PinnedOnly && c.RunQueue.Seen > 0 {
			t.Errorf("core %d is said to have run a thread that is pinned to core %d", c.ID, core)
		}
	}
	return observed{d.Core(core), least.since(inner), most.since(outer)}
}

func wait() { time.Sleep(window) }

func TestACompetingThreadIsFound(t *testing.T) {
	core := lastCore(t)
	victim := startActor(t, "spinner", core)
	p := startProbe(t, Config{PIDs: []int{victim.pid()}, PinnedOnly: true})
	competitor := startActor(t, "competitor", core)
	var least, most time.Duration
	began := competitor.ask().Time
	o := observe(t, p, victim, core, func() {
		least = competitor.ask().Time
		wait()
		least = competitor.ask().Time - least
	})
	most = competitor.ask().Time - began

	between(t, "preempted", o.RunQueue.Preempted.Sum(), o.least.Time, o.most.Time)
	// A wait that is not over is not in preempted, but whoever has run since is charged.
	between(t, "by all preemptors", o.Preempt.Time(), o.RunQueue.Preempted.Sum(), o.most.Time)
	between(t, "explained", o.Explained(), o.least.Time, o.most.Time)
	tid := competitor.tid
	at := slices.IndexFunc(o.Preempt.By, func(b Preemptor) bool { return b.TID == tid && b.PID == competitor.pid() })
	if at < 0 {
		t.Fatalf("the competitor, thread %d of process %d, is not named: %+v", tid, competitor.pid(), o.Preempt.By)
	}
	between(t, "by the competitor", o.Preempt.By[at].Time, least, most)
}

func TestAStoppedProcessIsFound(t *testing.T) {
	const stop = 300 * time.Millisecond
	core := lastCore(t)
	victim := startActor(t, "spinner", core)
	p := startProbe(t, Config{PIDs: []int{victim.pid()}, PinnedOnly: true})
	var stopped time.Duration
	o := observe(t, p, victim, core, func() {
		begin := time.Now()
		if err := victim.cmd.Process.Signal(unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(stop)
		if err := victim.cmd.Process.Signal(unix.SIGCONT); err != nil {
			t.Fatal(err)
		}
		stopped = time.Since(begin)
		for deadline := time.Now().Add(10 * time.Second); victim.ask().Max < stop; { // until it runs again
			if time.Now().After(deadline) {
				t.Fatal("it does not run again")
			}
			time.Sleep(time.Millisecond)
		}
	})
	near(t, "stopped", o.RunQueue.Stopped.Sum(), stopped)
	if n := o.RunQueue.Stopped.Count(); n != 1 {
		t.Errorf("stopped %d times, want once", n)
	}
}

func TestABurstOfTimersIsFound(t *testing.T) {
	needKernel(t)
	core := lastCore(t)
	cost, err := InterruptCost()
	for tries := 0; errors.Is(err, ErrNoCost); tries++ {
		if tries == 20 {
			t.Skip("in 20 tries: ", err)
		}
		cost, err = InterruptCost()
	}
	if err != nil {
		t.Fatal(err)
	}
	victim := startActor(t, "spinner", core)
	startActor(t, "timers", core)
	p := startProbe(t, Config{PIDs: []int{victim.pid()}, PinnedOnly: true, InterruptCost: cost})
	o := observe(t, p, victim, core, wait)
	// Where the machine is busy, preemptions are most of the gaps, but not of the short ones.
	preempted := short(&o.RunQueue.Preempted)
	if !raceDetector {
		between(t, "interrupts", o.Stolen.Sum(), o.least.Short-preempted, o.most.Short-preempted)
	}
	timer := o.Stolen.Of(Timer)
	t.Logf("timer: %d times, %v in handlers; %v around each", timer.Count(), timer.Sum(), cost)
	if handlers := o.Stolen.Sum() - o.Stolen.Outside; timer.Sum() < handlers*9/10 {
		t.Errorf("the timer took %v of %v", timer.Sum(), handlers)
	}
}

// short returns the sum of what is shorter than shortGap, by the middles of buckets.
func short(h *Histogram) (d time.Duration) {
	for i, n := range h.buckets {
		if low, high := bucketBounds(i); high <= uint64(shortGap) {
			d += time.Duration((low + high) / 2 * n)
		}
	}
	return d
}

func TestAStormOfPageFaultsIsFound(t *testing.T) {
	core := lastCore(t)
	faulter := startActor(t, "faulter", core)
	p := startProbe(t, Config{PIDs: []int{faulter.pid()}, PinnedOnly: true})
	o := observe(t, p, faulter, core, wait)
	between(t, "storm", o.Faults.Storm, o.least.Time, o.most.Time)
	if n := o.Faults.Count; n+2 < o.least.Count || n > o.most.Count*101/100 { // the actor has other memory too
		t.Errorf("%d faults, but %d to %d pages were touched", n, o.least.Count, o.most.Count)
	}
}

func TestASoftirqFloodIsFound(t *testing.T) {
	core := lastCore(t)
	flood := startActor(t, "flood", core)
	p := startProbe(t, Config{Cores: []int{core}}) // all that runs there, as the kernel's own figure is of the core
	// The kernel's own figure is a sample at each tick, 100 a second: six seconds of it are known to about 4 %, two were to 7 %.
	before := softirqTime(t, core)
	o := observe(t, p, flood, core, func() {
		for deadline := time.Now().Add(36 * window); softirqTime(t, core)-before < 6*window && time.Now().Before(deadline); {
			time.Sleep(window / 10)
		}
	})
	truth := softirqTime(t, core) - before
	received := o.Stolen.Of(SoftNetRx)
	near(t, "net_rx", received.Sum(), truth)
	if received.Sum() < o.Stolen.Sum()*9/10 {
		t.Errorf("net_rx took %v of %v", received.Sum(), o.Stolen.Sum())
	}
}

// softirqTime is what /proc/stat says a core has spent in softirqs.
func softirqTime(t *testing.T, core int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(procStat)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		if f := strings.Fields(string(line)); f[0] == "cpu"+strconv.Itoa(core) {
			n, err := strconv.Atoi(f[7])
			if err != nil {
				t.Fatal(err)
			}
			return time.Duration(n) * tick
		}
	}
	t.Fatalf("no core %d", core)
	return 0
}
