package probe

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/perf/probe/internal/objects"
)

func TestCloseFreesAllAndIsFinal(t *testing.T) {
	fdtest.Snapshot(t)
	p := startProbe(t, Config{PIDs: []int{os.Getpid()}})
	s := snapshot(t, p)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a second Close returns %v", err)
	}
	if _, err := p.Snapshot(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Snapshot after Close returns %v", err)
	}
	for _, status := range p.Status() {
		if status.State != Off {
			t.Errorf("%+v after Close", status)
		}
	}
	if s.Core(0) == nil && len(s.Cores) == 0 {
		t.Error("the snapshot is gone")
	}
}

func TestAProcessThatEndsIsSaidToHave(t *testing.T) {
	a := startActor(t, "spinner", lastCore(t))
	p := startProbe(t, Config{PIDs: []int{a.pid()}})
	if s := snapshot(t, p); len(s.Ended) != 0 {
		t.Errorf("%v ended", s.Ended)
	}
	pid := a.pid()
	a.end()
	if s := snapshot(t, p); len(s.Ended) != 1 || s.Ended[0] != pid {
		t.Errorf("%v ended, want %d", s.Ended, pid)
	}
}

func TestTwoProbesSeeTheSame(t *testing.T) {
	core := lastCore(t)
	a := startActor(t, "pingpong", core)
	c := Config{PIDs: []int{a.pid()}, PinnedOnly: true}
	stop(t, a)
	p, q := startProbe(t, c), startProbe(t, c)
	cont(t, a)
	time.Sleep(window / 10)
	stop(t, a)
	r, s := snapshot(t, p).Core(core).RunQueue, snapshot(t, q).Core(core).RunQueue
	cont(t, a)
	// A thread that is woken just as it goes to sleep may look to one as if it waited, and to the other not.
	missed := max(r.Missed, s.Missed)
	if r.Seen != s.Seen || r.Seen < 10 || r.Preempted.Count() != s.Preempted.Count() || missed > r.Seen/50 {
		t.Errorf("one saw %d switches, %d preempted, %d missed; the other %d, %d, %d",
			r.Seen, r.Preempted.Count(), r.Missed, s.Seen, s.Preempted.Count(), s.Missed)
	}
}

// inRole runs this binary in a role to its end, and returns what it says.
func inRole(t *testing.T, role string, attributes *syscall.SysProcAttr) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.SysProcAttr = attributes
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestTwoCapabilitiesSuffice(t *testing.T) {
	needKernel(t)
	if os.Getuid() != 0 {
		t.Skip("needs root, to start a process with just two capabilities")
	}
	for _, test := range []struct {
		caps []uintptr
		says string
	}{
		{[]uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, "active 9 failed 0, then active 2 failed 7"},
		{nil, "active 2 failed 7, then active 2 failed 7"},
	} {
		said := inRole(t, "user", &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: test.caps,
		})
		if before, has := strings.CutSuffix(said, cannotDrop); has {
			said, test.says = before, test.says[:len(before)]
		}
		if said != test.says {
			t.Errorf("with %v: %s; want %s", test.caps, said, test.says)
		}
	}
}

func TestMarksNeedTheCapabilitiesThatTheySayTheyNeed(t *testing.T) {
	needKernel(t)
	if os.Getuid() != 0 {
		t.Skip("needs root, to start a process with just some capabilities")
	}
	const seen, admin, others = "active, its own marks are seen", "failed: CAP_SYS_ADMIN", "; of another user's process: CAP_SYS_PTRACE"
	for _, test := range []struct {
		caps []uintptr
		says []string
	}{
		{[]uintptr{unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_SYS_ADMIN}, []string{seen}},
		{[]uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, []string{seen, admin}}, // as the kernel is
	} {
		said, ok := strings.CutSuffix(inRole(t, "marking user", &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: test.caps,
		}), others)
		if !ok || !slices.Contains(test.says, said) {
			t.Errorf("with %v: %s; want one of %q", test.caps, said, test.says)
		}
	}
}

func TestLayoutsAreTheKernels(t *testing.T) {
	const histogram = 16 + 8*buckets
	sizes := map[Group]uintptr{
		RunQueue: unsafe.Sizeof(objects.RunqRunqCore{}),
		Preempt:  unsafe.Sizeof(objects.PreemptPreemptCore{}),
		Migrate:  unsafe.Sizeof(objects.MigrateMigrateCore{}),
		IRQ:      unsafe.Sizeof(objects.IrqStolenCore{}),
		SoftIRQ:  unsafe.Sizeof(objects.SoftirqStolenCore{}),
		Vectors:  unsafe.Sizeof(objects.VectorsStolenCore{}),
		Faults:   unsafe.Sizeof(objects.FaultsFaultsCore{}),
		Syscalls: unsafe.Sizeof(objects.SyscallsSyscallsCore{}),
		TCP:      unsafe.Sizeof(objects.TcpTcpCore{}),
		Marks:    unsafe.Sizeof(objects.MarksMarksCore{}),
	}
	every := Config{Groups: Groups()}
	for _, o := range slices.Concat(kernelObjects(&every), kernelObjects(&every)[0].apart) {
		spec, err := o.load()
		if err != nil {
			t.Fatal(err)
		}
		for g, name := range o.cores {
			if size := uintptr(spec.Maps[name].ValueSize); size != sizes[g] || size%8 != 0 {
				t.Errorf("%s: a core's counters are %d bytes in the object and %d in Go", g, size, sizes[g])
			}
		}
		for _, event := range slices.Concat(o.sets...) {
			if spec.Programs[typedPrefix+event] == nil || spec.Programs[rawPrefix+event] == nil {
				t.Errorf("%v: no program for %s", o.groups(), event)
			}
		}
	}
	var r objects.RunqRunqCore
	for what, offsets := range map[string][2]uintptr{
		"doorbell": {unsafe.Offsetof(r.Doorbell), 32},
		"woken":    {unsafe.Offsetof(r.Woken), 32 + histogram},
		"stopped":  {unsafe.Offsetof(r.Stopped), 32 + 3*histogram},
		"buckets":  {unsafe.Offsetof(r.Doorbell.Buckets), 16},
	} {
		if offsets[0] != offsets[1] {
			t.Errorf("%s at %d, want %d", what, offsets[0], offsets[1])
		}
	}
}
