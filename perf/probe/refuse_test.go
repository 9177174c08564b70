package probe

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/probe/internal/objects"
)

// refusing is the running kernel, but for what it refuses.
type refusing struct {
	*linux
	permit error  // all of it
	btf    bool   // to describe its types
	typed  bool   // programs that read its types in place
	event  string // to have this event
	attach error  // to attach to anything
	loads  error  // to load anything
	shared bool   // programs for several groups
}

func (r *refusing) permitted() error {
	if r.permit != nil {
		return r.permit
	}
	return r.linux.permitted()
}

func (r *refusing) hasEvent(name string) error {
	switch {
	case r.btf:
		return ErrNoBTF
	case name == r.event:
		return fmt.Errorf("%w %s", ErrNoEvent, name)
	}
	return r.linux.hasEvent(name)
}

func (r *refusing) load(spec *ebpf.CollectionSpec, shared map[string]*ebpf.Map) (*ebpf.Collection, error) {
	if r.loads != nil {
		return nil, r.loads
	}
	if r.shared && spec.Maps[objects.SchedMapRunqCores] != nil && spec.Maps[objects.SchedMapPreemptCores] != nil {
		return nil, unix.E2BIG
	}
	return r.linux.load(spec, shared)
}

func (r *refusing) attachTo(program *ebpf.Program, event string, typed bool) (link.Link, error) {
	if typed && r.typed {
		return nil, unix.EPERM
	}
	if r.attach != nil {
		return nil, r.attach
	}
	return r.linux.attachTo(program, event, typed)
}

func (r *refusing) attachAt(program *ebpf.Program, executable string, offset uint64, pid int) (link.Link, error) {
	if r.attach != nil {
		return nil, r.attach
	}
	return r.linux.attachAt(program, executable, offset, pid)
}

func statusOf(p *Probe, g Group) Status {
	all := p.Status()
	return all[slices.IndexFunc(all, func(s Status) bool { return s.Group == g })]
}

// kernelNames are the groups of the kernel that are on by default.
var kernelNames = []Group{RunQueue, Preempt, Migrate, IRQ, SoftIRQ, Vectors, Faults}

func TestARefusalIsExplainedAndTheRestWorks(t *testing.T) {
	for _, test := range []struct {
		name   string
		kernel refusing
		failed []Group
		err    error
		says   []string
	}{
		{"no capabilities", refusing{permit: ErrCapabilities}, kernelNames, ErrCapabilities, []string{"setcap cap_bpf,cap_perfmon+ep", "root", "steal"}},
		{"no BTF", refusing{btf: true}, kernelNames, ErrNoBTF, []string{"CONFIG_DEBUG_INFO_BTF", "steal and runtime work"}},
		{"no page faults", refusing{event: "page_fault_user"}, []Group{Faults}, ErrNoEvent, []string{"page_fault_user"}},
		{"no attaching", refusing{attach: unix.EPERM}, kernelNames, unix.EPERM, []string{"lockdown", "sched_switch"}},
		{"no bpf", refusing{loads: unix.ENOSYS}, kernelNames, unix.ENOSYS, []string{"CONFIG_BPF_SYSCALL"}},
		{"an old kernel", refusing{loads: ebpf.ErrNotSupported}, kernelNames, ebpf.ErrNotSupported, []string{"5.11"}},
		{"no memory", refusing{loads: unix.ENOMEM}, kernelNames, unix.ENOMEM, []string{"memory limit"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			needKernel(t)
			test.kernel.linux = newLinux()
			p, err := start(Config{}, &test.kernel)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			var why string
			for _, s := range p.Status() {
				want := Active
				switch {
				case slices.Contains(test.failed, s.Group):
					want, why = Failed, why+s.Why
				case s.Group == Syscalls || s.Group == TCP || s.Group == Marks:
					want = Off
				}
				if s.State != want || want == Failed && !errors.Is(s.Err, test.err) {
					t.Errorf("%+v, want it to be %s, by %v", s, want, test.err)
				}
			}
			for _, s := range test.says {
				if !strings.Contains(why, s) {
					t.Errorf("%q does not say %q", why, s)
				}
			}
			c := snapshot(t, p)
			if c.Cores[0].Steal == nil || c.Runtime == nil {
				t.Error("what needs no privilege does not work")
			}
			if has := c.Cores[0].RunQueue != nil; has == slices.Contains(test.failed, RunQueue) {
				t.Errorf("a group that failed has figures, or the other way round")
			}
		})
	}
}

func TestWhatOneVectorLacksTheOthersHave(t *testing.T) {
	needKernel(t)
	sets := vectorSets()
	if len(sets) == 1 {
		t.Skip("this architecture has one pair of events")
	}
	p, err := start(Config{Groups: []Group{Vectors}}, &refusing{linux: newLinux(), event: sets[1][1]})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s := statusOf(p, Vectors)
	if s.State != Active || !slices.Equal(s.Missing, []string{sets[1][1]}) {
		t.Errorf("%+v", s)
	}
	if n := len(p.groups[Vectors].links); n != 2*(len(sets)-1) {
		t.Errorf("%d programs are attached", n)
	}
}

func TestGroupsThatCannotShareAProgramHaveTheirOwn(t *testing.T) {
	needKernel(t)
	p, err := start(Config{}, &refusing{linux: newLinux(), shared: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.groups[RunQueue] == nil || p.groups[Preempt] == nil || p.groups[RunQueue] == p.groups[Preempt] {
		t.Errorf("%+v, %+v", statusOf(p, RunQueue), statusOf(p, Preempt))
	}
	if c := snapshot(t, p).Cores[0]; c.RunQueue == nil || c.Preempt == nil {
		t.Error("a group has no figures")
	}
}

func TestAConfigThatCannotBeIsExplained(t *testing.T) {
	for _, test := range []struct {
		c    Config
		says string
	}{
		{Config{PIDs: make([]int, MaxProcesses+1)}, "at most 8"},
		{Config{PIDs: []int{0}}, "id of one"},
		{Config{PIDs: []int{-4}}, "id of one"},
		{Config{PIDs: []int{1 << 30}}, "ps -e"},
		{Config{PIDs: []int{threadOf(t)}}, "it is a thread"},
		{Config{Groups: []Group{"naps"}}, "runq"},
		{Config{Cores: []int{-1}}, "0 or more"},
		{Config{Ports: make([]uint16, MaxPorts+1)}, "at most 8"},
		{Config{Ports: []uint16{0}}, "1 to 65535"},
		{Config{InterruptCost: -1}, "0 or more"},
		{Config{Groups: []Group{Marks}}, "ids of those that send"},
	} {
		_, err := Start(test.c)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v; want it to say %q", test.c, err, test.says)
		}
	}
}

// threadOf returns the id of a thread of this process that is not its first.
func threadOf(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		var tid int
		if fmt.Sscan(task.Name(), &tid); tid != os.Getpid() {
			return tid
		}
	}
	t.Fatal("one thread only")
	return 0
}
