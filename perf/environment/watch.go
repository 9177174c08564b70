package environment

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Disturbance is what came in the way of a hot thread while it was watched. Counts of the kernel's that it does not tell are 0.
type Disturbance struct {
	Thread      string        `json:"thread"`       // its part in the run
	Core        int           `json:"core"`         // -1: not pinned
	Time        time.Duration `json:"time_ns"`      // that it was watched
	Steal       time.Duration `json:"steal_ns"`     // that the host ran something else on the core, in steps of 10 ms
	Involuntary int64         `json:"involuntary"`  // context switches of a thread that could have run on
	Voluntary   int64         `json:"voluntary"`    // of one that waited for something
	Waited      time.Duration `json:"waited_ns"`    // that it could have run and did not; of a sleeper, also between a wake and running
	Migrations  int64         `json:"migrations"`   // to another core
	MinorFaults int64         `json:"minor_faults"` // of pages that were in memory
	MajorFaults int64         `json:"major_faults"` // of those that had to be read
	StepBefore  float64       `json:"step_before"`  // ns of a step of known length: says how fast the core's clock is
	StepAfter   float64       `json:"step_after"`   //
	KHzBefore   int64         `json:"khz_before"`   // clock rate, if the kernel tells
	KHzAfter    int64         `json:"khz_after"`    //
}

// Watch watches the thread on which it was begun, or all of the process. It is used by one goroutine, locked to its thread unless
// the whole process is watched.
type Watch struct {
	thread string
	core   int
	all    bool
	begin  int64
	steal  time.Duration
	sched  sched
	usage  usage
	step   float64
	khz    int64
}

// Begin begins to watch the calling thread, to be known by this name, which runs on this core, or on any (-1). If all is set, it
// watches all threads of the process.
//
// What is read of the thread itself is read last, and first by End: reading is a disturbance too.
func Begin(thread string, core int, all bool) (*Watch, error) {
	w := &Watch{thread: thread, core: core, all: all, step: step(), khz: khz(core), steal: steal(core)}
	w.sched = readSched(all)
	var err error
	if w.usage, err = readUsage(all); err != nil {
		return nil, err
	}
	w.begin, err = monotonic()
	return w, err
}

// End says what has come in the way since Begin.
func (w *Watch) End() (Disturbance, error) {
	end, err := monotonic()
	if err != nil {
		return Disturbance{}, err
	}
	u, err := readUsage(w.all)
	if err != nil {
		return Disturbance{}, err
	}
	s := readSched(w.all)
	return Disturbance{
		Thread: w.thread, Core: w.core, Time: time.Duration(end - w.begin),
		Steal:       max(steal(w.core)-w.steal, 0),
		Involuntary: u.involuntary - w.usage.involuntary, Voluntary: u.voluntary - w.usage.voluntary,
		MinorFaults: u.minor - w.usage.minor, MajorFaults: u.major - w.usage.major,
		Waited: max(s.waited-w.sched.waited, 0), Migrations: max(s.migrations-w.sched.migrations, 0), // less: a thread has ended
		StepBefore: w.step, StepAfter: step(), KHzBefore: w.khz, KHzAfter: khz(w.core),
	}, nil
}

// Add adds what came in the way of the same thread later.
func (d *Disturbance) Add(more *Disturbance) {
	first := d.Time == 0
	d.Thread, d.Core = more.Thread, more.Core
	d.Time += more.Time
	d.Steal += more.Steal
	d.Involuntary += more.Involuntary
	d.Voluntary += more.Voluntary
	d.Waited += more.Waited
	d.Migrations += more.Migrations
	d.MinorFaults += more.MinorFaults
	d.MajorFaults += more.MajorFaults
	if first {
		d.StepBefore, d.KHzBefore = more.StepBefore, more.KHzBefore
	}
	d.StepAfter, d.KHzAfter = more.StepAfter, more.KHzAfter
}

// usage is what getrusage(2) counts.
type usage struct{ involuntary, voluntary, minor, major int64 }

func readUsage(all bool) (usage, error) {
	who := unix.RUSAGE_THREAD
	if all {
		who = unix.RUSAGE_SELF
	}
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		return usage{}, fmt.Errorf("getrusage: %w", err)
	}
	return usage{u.Nivcsw, u.Nvcsw, u.Minflt, u.Majflt}, nil
}

func monotonic() (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, fmt.Errorf("clock_gettime: %w", err)
	}
	return ts.Nano(), nil
}

// step measures how long an operation takes whose length in cycles is always the same: a multiplication and an addition that need
// the result of the one before. The least of several is one that nothing came in the way of.
func step() float64 {
	const batches, steps = 20, 20_000
	least := time.Duration(0)
	x := uint64(batches)
	for range batches {
		begin := time.Now()
		for range steps {
			x = x*6364136223846793005 + 1442695040888963407
		}
		if d := time.Since(begin); least == 0 || d < least {
			least = d
		}
	}
	if x == 0 {
		return 0 // it never is: but now the loop has a result
	}
	return float64(least) / steps
}
