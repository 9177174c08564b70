package perf

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what is known about the cores.
type machine struct {
	online  []int           // cores that exist and are up
	allowed []int           // cores that this process may use, in order
	sibling func(int) []int // cores that share a physical core with this one, itself included
}

// thisMachine asks the kernel, on a thread that is not pinned.
func thisMachine() (machine, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return machine{}, fmt.Errorf("read the cores allowed to this process: %w", err)
	}
	m := machine{sibling: siblings}
	for core := range len(set) * strconv.IntSize {
		if set.IsSet(core) {
			m.allowed = append(m.allowed, core)
		}
	}
	online, err := readCores("/sys/devices/system/cpu/online")
	if err != nil {
		online = m.allowed // no sysfs: what the scheduler allows exists
	}
	m.online = online
	return m, nil
}

func siblings(core int) []int {
	all, err := readCores(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", core))
	if err != nil {
		return []int{core}
	}
	return all
}

func readCores(path string) ([]int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseCores(strings.TrimSpace(string(b)))
}

// ParseCores reads a list such as 0,1 or 0-3,6.
func ParseCores(s string) ([]int, error) {
	var cores []int
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, errA := strconv.ParseUint(first, 10, 12)
		b, errB := strconv.ParseUint(last, 10, 12)
		if errors.Join(errA, errB) != nil || b < a {
			return nil, fmt.Errorf("%w: %q is no list of cores; write for instance 0,1", ErrCores, s)
		}
		for c := a; c <= b; c++ {
			cores = append(cores, int(c))
		}
	}
	return cores, nil
}

// FormatCores is ParseCores' inverse, in its shortest form.
func FormatCores(cores []int) string {
	var b strings.Builder
	for i := 0; i < len(cores); {
		j := i
		for j+1 < len(cores) && cores[j+1] == cores[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(cores[i]))
		if j > i {
			sep := byte('-')
			if j == i+1 {
				sep = ','
			}
			b.WriteByte(sep)
			b.WriteString(strconv.Itoa(cores[j]))
		}
		i = j + 1
	}
	return b.String()
}

// choose checks the two cores that were asked for, or picks two.
func (m machine) choose(asked []int, c *Config) ([]int, error) {
	if !c.pinned() {
		if len(asked) != 0 {
			return nil, fmt.Errorf("%w: goroutines that block within one process are not pinned; leave --cores out", ErrCores)
		}
		return []int{}, nil
	}
	if c.Wait == Spin && len(m.allowed) < 2 {
		return nil, fmt.Errorf("%w: only one (%s) for this process, and with --wait spin each side needs its own; "+
			"use --wait hybrid or block, or give the process a second core (taskset, or the container's cpuset)",
			ErrCores, FormatCores(m.allowed))
	}
	if len(asked) == 0 {
		return m.pick(), nil
	}
	if len(asked) != 2 {
		return nil, fmt.Errorf("%w: %d given; give two, one for each side, for instance %s",
			ErrCores, len(asked), FormatCores(m.pick()))
	}
	for _, core := range asked {
		switch {
		case oneOf(core, m.allowed...):
		case oneOf(core, m.online...):
			return nil, fmt.Errorf("%w: %d is outside the set of this process (%s); choose from that set, or start under taskset -c %s",
				ErrCores, core, FormatCores(m.allowed), FormatCores(asked))
		default:
			return nil, fmt.Errorf("%w: there is no core %d; this process may use %s", ErrCores, core, FormatCores(m.allowed))
		}
	}
	if c.Wait == Spin && asked[0] == asked[1] {
		return nil, fmt.Errorf("%w: %d twice: two threads that poll would wait for each other's time slice; "+
			"give two different cores or use --wait hybrid or block", ErrCores, asked[0])
	}
	return asked, nil
}

// pick returns the first two allowed cores that do not share a physical core, or else the first two, or one twice.
func (m machine) pick() []int {
	first := m.allowed[0]
	for _, core := range m.allowed[1:] {
		if !oneOf(core, m.sibling(first)...) {
			return []int{first, core}
		}
	}
	return []int{first, m.allowed[min(1, len(m.allowed)-1)]}
}

// pin locks the goroutine to its thread and the thread to the core. The result undoes both; it may be ignored only by a
// goroutine whose process ends before it.
//
// A goroutine that ends while it is locked would take its thread with it, pinning and all, but not if that is the main
// thread: the runtime keeps that one, and the kernel shows its cores as the process's.
func pin(core int) (unpin func(), err error) {
	runtime.LockOSThread()
	var before, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("read the cores of a thread: %w", err)
	}
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("pin to core %d: %w", core, err)
	}
	return func() {
		if unix.SchedSetaffinity(0, &before) == nil {
			runtime.UnlockOSThread()
		}
	}, nil
}

// confine binds all threads of the process to a core, and with them those that they start. The result gives each the cores back
// that it had.
func confine(core int) (release func(), err error) {
	var wide, narrow unix.CPUSet // wide: what a thread has that nobody has pinned, as this one
	if err := unix.SchedGetaffinity(0, &wide); err != nil {
		return nil, fmt.Errorf("read the cores of a thread: %w", err)
	}
	narrow.Set(core)
	before := map[int]unix.CPUSet{}
	for fresh := true; fresh; { // a thread may have been started while the others were bound
		fresh = false
		ids, err := threads()
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if _, known := before[id]; known {
				continue
			}
			var set unix.CPUSet
			if unix.SchedGetaffinity(id, &set) == nil && unix.SchedSetaffinity(id, &narrow) == nil { // or it has ended
				before[id], fresh = set, true
			}
		}
	}
	return func() {
		given := map[int]bool{}
		for fresh := true; fresh; { // one that is still bound may have started another meanwhile
			fresh = false
			ids, err := threads()
			if err != nil {
				return // the process goes on with one core
			}
			for _, id := range ids {
				if given[id] {
					continue
				}
				set, known := before[id]
				if !known {
					set = wide
				}
				_ = unix.SchedSetaffinity(id, &set) // or it has ended
				given[id], fresh = true, true
			}
		}
	}, nil
}

// threads returns the ids of this process's threads.
func threads() ([]int, error) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, fmt.Errorf("list the threads: %w", err)
	}
	ids := make([]int, 0, len(tasks))
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err != nil {
			return nil, fmt.Errorf("list the threads: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
