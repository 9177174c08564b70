package probe

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// switches are the kernel's own counters of how often a thread left a core.
type switches struct{ voluntary, involuntary uint64 }

var switchLines = regexp.MustCompile(`(?m)^(voluntary|nonvoluntary)_ctxt_switches:\s+(\d+)$`)

func switchesOf(t *testing.T, pid, tid int) (s switches) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/status", pid, tid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range switchLines.FindAllSubmatch(b, -1) {
		n, _ := strconv.ParseUint(string(line[2]), 10, 64)
		if string(line[1]) == "voluntary" {
			s.voluntary = n
		} else {
			s.involuntary = n
		}
	}
	return s
}

// stop stops a process and waits until its pinned thread has left its core, so that nothing counts.
func stop(t *testing.T, a *actor) {
	t.Helper()
	if err := a.cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(a.pid(), &status, unix.WUNTRACED, nil)
		if err == nil && status.Stopped() {
			break
		}
		if err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
	// The last thread says that it stops before it leaves its core.
	for is, was := switchesOf(t, a.pid(), a.tid), (switches{}); is != was; {
		time.Sleep(5 * time.Millisecond)
		was, is = is, switchesOf(t, a.pid(), a.tid)
	}
}

func cont(t *testing.T, a *actor) {
	t.Helper()
	if err := a.cmd.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// Whatever a thread does, each time that it comes onto a core is seen, and counted once.
func TestEverySwitchIsCountedOnce(t *testing.T) {
	for _, form := range []string{"typed", "untyped"} {
		t.Run(form, func(t *testing.T) {
			needKernel(t)
			core := lastCore(t)
			a := startActor(t, "pingpong", core)
			startActor(t, "competitor", core) // so that some waits are preemptions
			tid := a.tid
			k := &refusing{linux: newLinux(), typed: form == "untyped"}
			p, err := start(Config{PIDs: []int{a.pid()}, PinnedOnly: true}, k)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			for _, s := range p.Status() {
				if s.State == Failed || s.Group == RunQueue && s.Untyped != (form == "untyped") {
					t.Fatalf("%+v", s)
				}
			}
			runtime.GC() // which closes links that nobody holds
			runtime.GC()

			stop(t, a)
			before, was := snapshot(t, p).Core(core), switchesOf(t, a.pid(), tid)
			cont(t, a)
			trips := a.ask().Count
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
				if a.ask().Count > trips+3000 && switchesOf(t, a.pid(), tid).involuntary > was.involuntary+5 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the actor does not get on")
				}
			}
			stop(t, a)
			after, is := snapshot(t, p).Core(core), switchesOf(t, a.pid(), tid)
			cont(t, a)

			d := difference(after.RunQueue, before.RunQueue)
			counted := d.Doorbell.Count() + d.Woken.Count() + d.Preempted.Count() + d.Missed + d.Discarded
			if d.Seen != counted {
				t.Errorf("seen %d, counted %d: %d doorbell, %d woken, %d preempted, %d missed, %d discarded", d.Seen, counted,
					d.Doorbell.Count(), d.Woken.Count(), d.Preempted.Count(), d.Missed, d.Discarded)
			}
			left := is.voluntary + is.involuntary - was.voluntary - was.involuntary
			if d.Seen != left {
				t.Errorf("seen %d times, but the kernel says that it left %d times", d.Seen, left)
			}
			// A thread that is about to sleep and has a signal leaves its core while it can run: it is preempted, and the kernel counts
			// that as voluntary (kernel/sched/core.c, __schedule). The stop sends one, the runtime now and then.
			n := is.involuntary - was.involuntary
			if got := d.Preempted.Count(); got < n || got > n+1+left/100_000 {
				t.Errorf("preempted %d times, but the kernel says %d", got, n)
			}
			if by := difference(after.Preempt, before.Preempt); by.Count() != d.Preempted.Count() {
				t.Errorf("%d preemptions by somebody, want %d", by.Count(), d.Preempted.Count())
			}
			if d.Stopped.Count() == 0 {
				t.Error("the stop is not counted")
			}
			if d.Missed > d.Seen/100 {
				t.Errorf("missed %d of %d", d.Missed, d.Seen)
			}
			s := difference(after.Stolen, before.Stolen)
			var interrupts uint64
			for i := range s.BySource {
				interrupts += s.BySource[i].Count()
			}
			if s.Seen != interrupts || s.Lost != 0 {
				t.Errorf("%d interrupts seen, %d counted, %d lost", s.Seen, interrupts, s.Lost)
			}
			t.Logf("%d switches: %d doorbell p50 %v, %d woken, %d preempted, %d missed", d.Seen, d.Doorbell.Count(),
				d.Doorbell.Quantile(0.5), d.Woken.Count(), d.Preempted.Count(), d.Missed)
		})
	}
}

func TestOthersAreNotCounted(t *testing.T) {
	core := lastCore(t)
	a := startActor(t, "spinner", core)
	p := startProbe(t, Config{PIDs: []int{a.pid()}, Cores: []int{core}, Groups: append(Default(), Syscalls)})
	startActor(t, "faulter", core)
	stop(t, a)
	defer cont(t, a)
	before := snapshot(t, p)
	wait()
	d := snapshot(t, p).Sub(before)
	c := d.Core(core)
	if len(d.Cores) != 1 || c.RunQueue.Seen != 0 || c.Stolen.Seen != 0 || c.Faults.Count != 0 || c.Syscalls.Entered != 0 {
		t.Errorf("a stopped process is said to have done something: %+v", c)
	}
}

func TestSystemCallsAreCounted(t *testing.T) {
	core := lastCore(t)
	a := startActor(t, "pingpong", core)
	p := startProbe(t, Config{PIDs: []int{a.pid()}, PinnedOnly: true, Groups: []Group{Syscalls}})
	stop(t, a)
	before := snapshot(t, p).Core(core).Syscalls
	cont(t, a)
	begin := a.ask().Count
	time.Sleep(window / 5)
	end := a.ask().Count
	stop(t, a)
	after := snapshot(t, p).Core(core).Syscalls
	cont(t, a)
	d := difference(after, before)
	var reads, writes uint64
	for _, c := range d.Calls {
		switch c.Number {
		case unix.SYS_READ:
			reads = c.Count
		case unix.SYS_WRITE:
			writes = c.Count
		}
	}
	// The stop may find the thread in either, and the first and last trip are not asked for at the same moment.
	if trips := end - begin; reads+1 < trips || writes+1 < trips || reads > writes+1 || writes > reads+1 {
		t.Errorf("%d round trips, %d reads, %d writes", trips, reads, writes)
	}
	if d.All.Count() < d.Entered-1 || d.All.Count() > d.Entered+1 {
		t.Errorf("%d entered, %d ended", d.Entered, d.All.Count())
	}
}
