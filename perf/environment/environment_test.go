package environment

import (
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAnEnvironmentSaysWhatWasMeasuredOn(t *testing.T) {
	e := Read(t.Context())
	b, err := json.Marshal(&e)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	// What no Linux machine is without, whether virtual or not.
	for _, name := range []string{
		"time", "command", "kernel", "kernel_command", "arch", "cpu", "memory_bytes", "cores", "quota", "siblings", "numa", "isolated",
		"nohz_full", "rcu_nocbs", "clock_source", "hypervisor", "gomaxprocs", "go",
	} {
		if v := fields[name]; v == nil || v == "" || v == 0.0 {
			t.Errorf("%s is not told: %v", name, v)
		}
	}
	if strings.Contains(e.Command[0], "/") {
		t.Errorf("command %q has a path", e.Command[0])
	}
}

func TestProcessorsAreNamed(t *testing.T) {
	for cpuinfo, want := range map[string]string{
		"processor\t: 0\nmodel name\t: A CPU @ 3 GHz\nprocessor\t: 1\nmodel name\t: B\n":    "A CPU @ 3 GHz",
		"processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd0c\n": "implementer 0x41, part 0xd0c",
		"": "",
	} {
		if got := model(cpuinfo); got != want {
			t.Errorf("%q: %q, want %q", cpuinfo, got, want)
		}
	}
}

func TestWhatTheKernelCountsIsRead(t *testing.T) {
	const stat = "cpu  1 2 3 4 5 6 7 890 0 0\ncpu0 1 2 3 4 5 6 7 12 0 0\ncpu1 1 2 3 4 5 6 7 34 0 0\ncpu10 1\nintr 5\n"
	for core, want := range map[int]time.Duration{-1: 8900 * time.Millisecond, 0: 120 * time.Millisecond, 1: 340 * time.Millisecond, 10: 0, 2: 0} {
		if got := stealOf(stat, core); got != want {
			t.Errorf("steal of core %d: %v, want %v", core, got, want)
		}
	}
	for schedstat, want := range map[string]time.Duration{"579654 77353 2\n": 77353, "": 0, "5": 0, "a b c": 0} {
		if got := runDelay(schedstat); got != want {
			t.Errorf("%q: waited %v, want %v", schedstat, got, want)
		}
	}
	const tail = " R 1581 1581 25427 0 -1 4194304 96 1 7 2 0 0\n"
	for stat, want := range map[string]int64{"1591 (cat)" + tail: 96, "1591 (a) b) (c)" + tail: 96, "": 0, "1 (x) R 1": 0} {
		if minor, major := faults(stat); minor != want || want != 0 && major != 7 {
			t.Errorf("%q: %d and %d faults, want %d and 7", stat, minor, major, want)
		}
	}
	for sched, want := range map[string]int64{"x (1, #threads: 1)\n---\nse.nr_migrations      :       17\n": 17, "": 0, "se.nr_migrations : x": 0} {
		if got := migrations(sched); got != want {
			t.Errorf("%q: %d migrations, want %d", sched, got, want)
		}
	}
}

func TestPageFaultsOfAThreadAreSeen(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const pages = 300
	mem, err := unix.Mmap(-1, 0, pages*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(mem) }()
	if err := unix.Madvise(mem, unix.MADV_NOHUGEPAGE); err != nil {
		t.Fatal(err)
	}
	w, err := Begin(Thread{Name: "toucher", PID: os.Getpid(), TID: unix.Gettid(), Core: -1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pages {
		mem[i*os.Getpagesize()] = 1
	}
	d, err := w.End()
	if err != nil {
		t.Fatal(err)
	}
	if d.MinorFaults < pages || d.Time <= 0 || Step() <= 0 {
		t.Errorf("%+v", d)
	}
	if d.Time < time.Second && !slices.ContainsFunc(Marks([]Disturbance{d}), func(m Mark) bool { return m.Kind == Faults }) {
		t.Errorf("no mark of %d faults in %v", d.MinorFaults, d.Time)
	}
}

// Two threads that never sleep have one core: each is preempted sooner or later.
func TestPreemptionsOfAThreadAreSeen(t *testing.T) {
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	core := 0
	for !before.IsSet(core) {
		core++
	}
	one.Set(core)
	pinned := func() (unpin func()) {
		runtime.LockOSThread()
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Error(err)
		}
		return func() {
			_ = unix.SchedSetaffinity(0, &before) // it was possible before
			runtime.UnlockOSThread()
		}
	}
	var over atomic.Bool
	var other sync.WaitGroup
	other.Go(func() {
		defer pinned()()
		for !over.Load() {
		}
	})
	defer pinned()()
	defer func() { over.Store(true); other.Wait() }()
	w, err := Begin(Thread{Name: "victim", PID: os.Getpid(), TID: unix.Gettid(), Core: core})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		d, err := w.End()
		if err != nil {
			t.Fatal(err)
		}
		if d.Involuntary >= 3 && d.Waited > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never preempted: %+v", d)
		}
	}
}

func TestAThreadThatIsGoneCannotBeWatched(t *testing.T) {
	if _, err := Begin(Thread{Name: "other", PID: os.Getpid(), TID: 1 << 30, Core: -1}); err == nil || !strings.Contains(err.Error(), "other thread") {
		t.Error(err)
	}
	w, err := Begin(Thread{Name: "all", PID: os.Getpid(), Core: -1})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := w.End(); err != nil || w.counts.minor == 0 || d.Time <= 0 {
		t.Errorf("all threads: %+v, %+v, %v", w.counts, d, err)
	}
}

func TestMarksNameWhatIsTooMuch(t *testing.T) {
	const second = time.Second
	quiet := Disturbance{Thread: "sender", Core: 1, Time: 10 * second, StepBefore: 1, StepAfter: 1.01, Voluntary: 1}
	if m := Marks([]Disturbance{quiet, {}}); len(m) != 0 {
		t.Errorf("marks of a quiet run: %+v", m)
	}
	for _, test := range []struct {
		spoil func(*Disturbance)
		want  Kind // empty: none
		says  string
	}{
		{func(d *Disturbance) { d.Steal = 20 * time.Millisecond }, Steal, "lost 20ms of 10s to the host"},
		{func(d *Disturbance) { d.Steal = 10 * time.Millisecond }, "", ""},
		{func(d *Disturbance) { d.Involuntary = 101 }, Preempted, "preempted 101 times in 10s"},
		{func(d *Disturbance) { d.Involuntary = 100 }, "", ""},
		{func(d *Disturbance) { d.Waited = 11 * time.Millisecond }, Preempted, "waited for the core for 11ms"},
		{func(d *Disturbance) { d.Waited, d.Voluntary = second, 1000 }, "", ""},
		{func(d *Disturbance) { d.Migrations = 1 }, Migrated, "although it was pinned"},
		{func(d *Disturbance) { d.Migrations, d.Core = 1, -1 }, "", ""},
		{func(d *Disturbance) { d.MajorFaults = 101 }, Faults, "101 of them from disk"},
		{func(d *Disturbance) { d.StepAfter = 1.1 }, Frequency, "1.100 ns after"},
		{func(d *Disturbance) { d.StepAfter, d.KHzBefore, d.KHzAfter = 1.1, 3e6, 3e6 }, "", ""},
		{func(d *Disturbance) { d.KHzBefore, d.KHzAfter = 3e6, 2e6 }, Frequency, "3000 MHz before and at 2000 MHz"},
	} {
		d := quiet
		test.spoil(&d)
		marks := Marks([]Disturbance{quiet, d})
		switch {
		case test.want == "" && len(marks) == 0:
		case len(marks) != 1 || marks[0].Kind != test.want || !strings.Contains(marks[0].Text, test.says) || marks[0].Value <= marks[0].Bound:
			t.Errorf("%+v: marks %+v, want %q: %s", d, marks, test.want, test.says)
		}
	}
}

func TestDisturbancesOfAThreadAddUp(t *testing.T) {
	var sum Disturbance
	sum.Add(&Disturbance{Thread: "a", Core: 1, Time: 1, Steal: 2, Involuntary: 3, MinorFaults: 4, StepBefore: 5, StepAfter: 6})
	sum.Add(&Disturbance{Thread: "a", Core: 1, Time: 10, Steal: 20, Involuntary: 30, MinorFaults: 40, StepBefore: 50, StepAfter: 60})
	want := Disturbance{Thread: "a", Core: 1, Time: 11, Steal: 22, Involuntary: 33, MinorFaults: 44, StepBefore: 5, StepAfter: 60}
	if sum != want {
		t.Errorf("%+v, want %+v", sum, want)
	}
}
