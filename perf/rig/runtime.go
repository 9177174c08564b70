package rig

import (
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime is how long the process has run, on all cores together.
func CPUTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0 // it cannot fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memoryLimit is where the collector sets in although it is off.
const memoryLimit = 1 << 30

// Quiet makes room for that many threads which poll without ever yielding, and turns the garbage collector off.
// The result undoes it.
func Quiet(pollers int) (restore func()) {
	procs := runtime.GOMAXPROCS(0)
	if procs < pollers+1 {
		runtime.GOMAXPROCS(pollers + 1)
	}
	bound := debug.SetMemoryLimit(memoryLimit)
	percent := debug.SetGCPercent(-1)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(bound)
		if procs < pollers+1 {
			runtime.GOMAXPROCS(procs)
		}
	}
}
