package rig

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is what is known about the cores.
type Machine struct {
	Online  []int           // cores that exist and are up
	Allowed []int           // cores that this process may use, in order
	Sibling func(int) []int // cores that share a physical core with this one, itself included
}

// ThisMachine asks the kernel, on a thread that is not pinned.
func ThisMachine() (Machine, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return Machine{}, fmt.Errorf("read the cores allowed to this process: %w", err)
	}
	m := Machine{Sibling: siblings}
	for core := range len(set) * strconv.IntSize {
		if set.IsSet(core) {
			m.Allowed = append(m.Allowed, core)
		}
	}
	online, err := readCores("/sys/devices/system/cpu/online")
	if err != nil {
		online = m.Allowed // no sysfs: what the scheduler allows exists
	}
	m.Online = online
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

// Check says whether this process may use these cores.
func (m Machine) Check(cores ...int) error {
	for _, core := range cores {
		switch {
		case slices.Contains(m.Allowed, core):
		case slices.Contains(m.Online, core):
			return fmt.Errorf("%w: %d is outside the set of this process (%s); choose from that set, or start under taskset -c %s",
				ErrCores, core, FormatCores(m.Allowed), FormatCores(cores))
		default:
			return fmt.Errorf("%w: there is no core %d; this process may use %s", ErrCores, core, FormatCores(m.Allowed))
		}
	}
	return nil
}

// Pick returns the first two allowed cores that do not share a physical core, or else the first two, or one twice.
func (m Machine) Pick() []int {
	first := m.Allowed[0]
	for _, core := range m.Allowed[1:] {
		if !slices.Contains(m.Sibling(first), core) {
			return []int{first, core}
		}
	}
	return []int{first, m.Allowed[min(1, len(m.Allowed)-1)]}
}

// Pin locks the goroutine to its thread and the thread to the core. The result undoes both; it may be ignored only by a
// goroutine whose process ends before it.
//
// A goroutine that ends while it is locked would take its thread with it, pinning and all, but not if that is the main
// thread: the runtime keeps that one, and the kernel shows its cores as the process's.
func Pin(core int) (unpin func(), err error) {
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

// Confine binds all threads of the process to a core, and with them those that they start. The result gives each the cores back
// that it had.
func Confine(core int) (release func(), err error) {
	var wide, narrow unix.CPUSet // wide: what a thread has that nobody has pinned, as this one
	if err := unix.SchedGetaffinity(0, &wide); err != nil {
		return nil, fmt.Errorf("read the cores of a thread: %w", err)
	}
	narrow.Set(core)
	before := map[int]unix.CPUSet{}
	for first, fresh := true, true; fresh; first = false { // a thread may have been started while the others were bound
		fresh = false
		ids, err := Threads()
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if _, known := before[id]; known {
				continue
			}
			var set unix.CPUSet
			if unix.SchedGetaffinity(id, &set) == nil && unix.SchedSetaffinity(id, &narrow) == nil { // or it has ended
				if !first && set == narrow {
					set = wide // it has that of one that was bound before it
				}
				before[id], fresh = set, true
			}
		}
	}
	return func() {
		// One that is still bound may have started another meanwhile, and that is listed only some time after it has got its cores
		// from the first: so look until there is nothing new for a while.
		given := map[int]bool{}
		for quiet := 0; quiet < 3; quiet++ {
			if quiet > 0 {
				time.Sleep(100 * time.Microsecond)
			}
			ids, err := Threads()
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
				given[id], quiet = true, 0
			}
		}
	}, nil
}

// Threads returns the ids of this process's threads.
func Threads() ([]int, error) {
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
