// Package monotime reads the clock that all processes of a machine and its kernel have in common, CLOCK_MONOTONIC, as fast as time.Now
// does, and says which core that was on.
package monotime

import (
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Now returns nanoseconds of CLOCK_MONOTONIC, that of bpf_ktime_get_ns. Two processes' readings differ by some 100 ns at most by how each
// finds out, once, what Go's own clock begins at. Processes in time namespaces (time_namespaces(7)) of their own have other clocks.
func Now() int64 {
	b := base()
	return b.mono + int64(time.Since(b.at))
}

type beginning struct {
	at   time.Time
	mono int64 // CLOCK_MONOTONIC at that time
}

// base reads both clocks, again and again, and keeps the pair that was read in the shortest time.
var base = sync.OnceValue(func() (best beginning) {
	const tries = 50
	least := time.Duration(-1)
	for range tries {
		var ts unix.Timespec
		before := time.Now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			panic("clock_gettime(CLOCK_MONOTONIC): " + err.Error()) // not on Linux
		}
		if took := time.Since(before); least < 0 || took < least {
			least = took
			best = beginning{before, ts.Nano() - int64(took/2)}
		}
	}
	return best
})

// Core returns the core that the caller ran on just now: a system call that does not block. -1 if the kernel does not say.
func Core() int {
	var core uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&core)), 0, 0); errno != 0 {
		return -1
	}
	return int(core)
}
