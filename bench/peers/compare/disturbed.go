package compare

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Disturbance is what others did on the machine during a run, in cores that it took them.
type Disturbance struct {
	Others float64 `json:"others_cores"` // other processes
	Steal  float64 `json:"steal_cores"`  // other virtual machines
}

// tolerable is how many cores others may take before a run counts as disturbed.
const tolerable = 0.15

// Disturbed says whether what was measured is not worth much.
func (d *Disturbance) Disturbed() bool { return d.Others+d.Steal > tolerable }

func (d *Disturbance) String() string {
	return fmt.Sprintf("disturbed: other processes kept %.2f cores busy, other machines %.2f; the figures say little, repeat this when it is quiet",
		d.Others, d.Steal)
}

// watch is the state of the machine at one moment.
type watch struct {
	at          time.Time
	busy, steal float64 // seconds that all cores were, since the machine began
	own         float64 // seconds of this process and of those that it has waited for
}

// userHz is the unit of /proc/stat on Linux, in ticks a second: see proc(5).
const userHz = 100

func watchMachine() watch {
	w := watch{at: time.Now(), own: ownTime()}
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(b), "\n")
	fields := strings.Fields(line)
	for i := 1; i < len(fields); i++ {
		ticks, _ := strconv.ParseFloat(fields[i], 64)
		switch i { // user nice system idle iowait irq softirq steal guest guest_nice; guests are in user and nice
		case 1, 2, 3, 6, 7:
			w.busy += ticks / userHz
		case 8:
			w.steal = ticks / userHz
		}
	}
	return w
}

func ownTime() (seconds float64) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if unix.Getrusage(who, &u) == nil {
			seconds += time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
		}
	}
	return seconds
}

// since says what others did since then. All workers must have been waited for.
func (w *watch) since() Disturbance {
	now := watchMachine()
	elapsed := max(now.at.Sub(w.at).Seconds(), 0.01)
	return Disturbance{
		Others: max((now.busy-w.busy-(now.own-w.own))/elapsed, 0),
		Steal:  max((now.steal-w.steal)/elapsed, 0),
	}
}
