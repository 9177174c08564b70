package environment

import (
	"time"
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

// Watch watches a thread, or all of a process. It is used by one goroutine, which need not be what it watches: it had better not
// be, as reading is a disturbance too.
type Watch struct {
	who    Thread
	begin  time.Time
	steal  time.Duration
	counts counts
	khz    int64
}

// Thread is a thread that can be watched.
type Thread struct {
	Name string // by which it is to be known
	PID  int    // of a process of the same user
	TID  int    // 0: all threads of the process, but those that end meanwhile
	Core int    // to which it is pinned; -1: to none
}

// Begin begins to watch.
func Begin(who Thread) (*Watch, error) {
	w := &Watch{who: who, khz: khz(who.Core), steal: steal(who.Core)}
	var err error
	w.counts, err = readCounts(who)
	w.begin = time.Now()
	return w, err
}

// End says what has come in the way since Begin.
func (w *Watch) End() (Disturbance, error) {
	length := time.Since(w.begin)
	c, err := readCounts(w.who)
	if err != nil {
		return Disturbance{}, err
	}
	return Disturbance{
		Thread: w.who.Name, Core: w.who.Core, Time: length,
		Steal:       max(steal(w.who.Core)-w.steal, 0),
		Involuntary: max(c.involuntary-w.counts.involuntary, 0), Voluntary: max(c.voluntary-w.counts.voluntary, 0), // less: a thread has ended
		MinorFaults: max(c.minor-w.counts.minor, 0), MajorFaults: max(c.major-w.counts.major, 0),
		Waited: max(c.waited-w.counts.waited, 0), Migrations: max(c.migrations-w.counts.migrations, 0),
		KHzBefore: w.khz, KHzAfter: khz(w.who.Core),
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

// Step measures how long an operation takes whose length in cycles is always the same: a multiplication and an addition that need
// the result of the one before. The least of several is one that nothing came in the way of.
func Step() float64 {
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
