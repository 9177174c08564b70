package probe

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/probe/internal/objects"
)

// marking is a process whose functions are to be attached to.
type marking struct {
	pid int
	// executable is what the process runs. It is kept open, as offsets are of this file and no other, whatever has the process's id later.
	executable *os.File
	markers
}

func newMarking(pid int) (_ *marking, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w in process %d: %w", ErrNoMarkers, pid, err)
		}
	}()
	f, err := os.Open(fmt.Sprintf("/proc/%d/exe", pid)) // whatever it is called now, in whatever namespace
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("to see its executable takes its user's rights or CAP_SYS_PTRACE: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("it has ended, or is the kernel's: %w", err)
	}
	m := &marking{pid: pid, executable: f}
	if m.markers, err = findMarkers(f); err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// path names the executable for the kernel.
func (m *marking) path() string { return fmt.Sprintf("/proc/self/fd/%d", m.executable.Fd()) }

// anyVersion is of the kernel that a program is for. Kernels do not look at it since Linux 5.0, but where it is 0 the library asks the running one in
// a way that is refused to a binary with file capabilities.
const anyVersion = 1

// attachMarks is attach for an object with marks.
func (o *object) attachMarks(k kernel, c *Config, possible int) (*attached, error) {
	spec, err := o.spec(c, possible, func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	for _, program := range spec.Programs {
		program.KernelVersion = anyVersion
	}
	a := &attached{}
	for _, pid := range c.PIDs {
		m, err := newMarking(pid)
		if err != nil {
			return nil, errors.Join(err, a.close())
		}
		a.markings = append(a.markings, m)
	}
	return a, a.start(k, o, spec, nil)
}

// linkMarkings attaches the programs to all processes: where messages are sent first, so that few are received that were not seen before. A
// process that has ended is none to attach to, which Snapshot.Ended says.
func (a *attached) linkMarkings(k kernel) error {
	for _, program := range []string{objects.MarksProgMarkSent, objects.MarksProgMarkReceived} {
		for _, m := range a.markings {
			offset := m.sent
			if program == objects.MarksProgMarkReceived {
				offset = m.received
			}
			l, err := k.attachAt(a.collection.Programs[program], m.path(), offset, m.pid)
			if errors.Is(err, unix.ESRCH) {
				continue
			}
			if err != nil {
				return fmt.Errorf("attach to process %d: %w", m.pid, err)
			}
			a.links = append(a.links, l)
		}
	}
	return nil
}
