package probe

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// switchesUntil waits until a Probe has seen that many switches more than before, and returns how many it has.
func switchesUntil(t *testing.T, p *Probe, core int, more uint64) uint64 {
	t.Helper()
	before := snapshot(t, p).Core(core).RunQueue.Seen
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if now := snapshot(t, p).Core(core).RunQueue.Seen; now >= before+more {
			return now
		}
		if time.Now().After(deadline) {
			t.Fatalf("less than %d switches were seen", more)
		}
	}
}

func TestNothingIsAttachedWhileItIsPaused(t *testing.T) {
	core := lastCore(t)
	a := startActor(t, "pingpong", core)
	p := startProbe(t, Config{PIDs: []int{a.pid()}, Groups: []Group{RunQueue, IRQ, Syscalls}})
	switchesUntil(t, p, core, 10)
	links := linkIDs(p)
	for range 3 {
		if err := errors.Join(p.Pause(), p.Pause()); err != nil {
			t.Fatal(err)
		}
		if n := stillAttached(t, links); n != 0 {
			t.Errorf("%d links are still there", n)
		}
		if s := statusOf(p, RunQueue).State; s != Paused {
			t.Errorf("a group is %s", s)
		}
		seen := snapshot(t, p).Core(core).RunQueue.Seen
		trips := a.ask().Count
		for deadline := time.Now().Add(10 * time.Second); a.ask().Count < trips+10; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the ping-pong stands still")
			}
		}
		if now := snapshot(t, p).Core(core).RunQueue.Seen; now != seen {
			t.Errorf("%d switches were counted meanwhile", now-seen)
		}
		if err := errors.Join(p.Resume(), p.Resume()); err != nil {
			t.Fatal(err)
		}
		switchesUntil(t, p, core, 10)
		links = linkIDs(p)
	}
	if err := errors.Join(p.Pause(), p.Close()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Pause(), p.Resume()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A wait whose beginning was seen before a pause did not last until what is seen after it.
func TestAWaitDoesNotSpanAPause(t *testing.T) {
	core := lastCore(t)
	a := startActor(t, "pingpong", core)
	p := startProbe(t, Config{PIDs: []int{a.pid()}, PinnedOnly: true, Groups: []Group{RunQueue}})
	stop(t, a)
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	cont(t, a)
	stop(t, a) // another one
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	cont(t, a)
	switchesUntil(t, p, core, 10)
	if n := snapshot(t, p).Core(core).RunQueue.Stopped.Count(); n != 0 {
		t.Errorf("%d stops are counted, of which none was seen from beginning to end", n)
	}
}

func TestAKernelThatRefusesToResumeLeavesItPaused(t *testing.T) {
	needKernel(t)
	k := &refusing{linux: newLinux()}
	p, err := start(Config{Groups: []Group{RunQueue, Faults}}, k)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	k.attach = unix.EPERM
	if err := p.Resume(); !errors.Is(err, unix.EPERM) {
		t.Errorf("Resume returns %v", err)
	}
	if s := statusOf(p, Faults).State; s != Paused || len(linkIDs(p)) != 0 {
		t.Errorf("it is %s, and %d programs are attached", s, len(linkIDs(p)))
	}
	k.attach = nil
	if err := p.Resume(); err != nil || statusOf(p, Faults).State != Active {
		t.Errorf("it does not resume: %v", err)
	}
}
