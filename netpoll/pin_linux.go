package netpoll

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Allowed returns the cores on which the process may run: the cpuset of its cgroup, further limited by taskset(1) or
// sched_setaffinity(2).
//
// The kernel keeps a mask per thread, not per process, and [Pin] narrows one of them. So Allowed joins the masks of
// all threads: the Go runtime has at least one that is never pinned.
//
// It fails with an [*OpError] if the kernel has more than 1024 cores (EINVAL). See sched_getaffinity(2), cpuset(7).
func Allowed() (CoreSet, error) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return affinity(0) // without /proc, what this thread has is the best that is known
	}
	var all CoreSet
	for _, t := range threads {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		one, err := affinity(tid)
		if errors.Is(err, unix.ESRCH) {
			continue // ended meanwhile
		}
		if err != nil {
			return CoreSet{}, err
		}
		for i, w := range one.words {
			all.words[i] |= w
		}
	}
	return all, nil
}

// Pin confines the calling OS thread to one core. The caller must have locked its goroutine to the thread
// (runtime.LockOSThread), and either calls [Unpin] before it unlocks, or lets the goroutine end while it is locked,
// which ends the thread. Threads that Go starts later are not affected, and other threads may still use the core.
//
// A core outside [Allowed] is refused with a [*CoresError], anything else with an [*OpError]. See
// sched_setaffinity(2).
func Pin(core int) error {
	allowed, err := Allowed()
	if err != nil {
		return err
	}
	if core < 0 || core >= maxCores {
		return opError("pin", -1, errors.New("core "+strconv.Itoa(core)+" does not exist: choose among "+allowed.String()))
	}
	var one CoreSet
	one.add(core)
	if err := one.Check(allowed); err != nil {
		return err
	}
	return setAffinity("pin", one)
}

// Unpin lets the calling OS thread run on all cores that the process may use. The conditions are those of [Pin].
func Unpin() error {
	allowed, err := Allowed()
	if err != nil {
		return err
	}
	return setAffinity("unpin", allowed)
}

// affinity returns the mask of a thread; 0 is the calling one.
func affinity(tid int) (CoreSet, error) {
	var mask unix.CPUSet
	if err := unix.SchedGetaffinity(tid, &mask); err != nil {
		return CoreSet{}, opError("get affinity", -1, err)
	}
	var s CoreSet
	for c := range maxCores {
		if mask.IsSet(c) {
			s.add(c)
		}
	}
	return s, nil
}

func setAffinity(op string, s CoreSet) error {
	var mask unix.CPUSet
	for _, c := range s.List() {
		mask.Set(c)
	}
	return opError(op, -1, unix.SchedSetaffinity(0, &mask))
}
