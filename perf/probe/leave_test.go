package probe

import (
	"testing"
	"time"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// linkIDs returns the kernel's ids of what a Probe has attached.
func linkIDs(p *Probe) (ids []uint32) {
	for _, a := range p.attached {
		for _, l := range a.links {
			info, err := l.Info()
			if err != nil {
				panic(err)
			}
			ids = append(ids, uint32(info.ID))
		}
	}
	return ids
}

// stillAttached returns how many of the links exist, of whatever process.
func stillAttached(t *testing.T, ids []uint32) (n int) {
	t.Helper()
	exists := make(map[uint32]bool)
	for _, id := range ids {
		exists[id] = true
	}
	it := &link.Iterator{}
	defer it.Close()
	for it.Next() {
		if exists[uint32(it.ID)] {
			n++
		}
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNothingIsLeftAfterClose(t *testing.T) {
	p := startProbe(t, Config{Groups: append(Default(), Syscalls, TCP)})
	ids := linkIDs(p)
	if n := stillAttached(t, ids); n != len(ids) || n < 20 {
		t.Fatalf("%d of %d links are seen while they are attached", n, len(ids))
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if n := stillAttached(t, ids); n != 0 {
		t.Errorf("%d links are left", n)
	}
}

func TestNothingIsLeftAfterKill(t *testing.T) {
	needKernel(t)
	a := startActor(t, "prober", 0)
	ids := a.ask().IDs
	if n := stillAttached(t, ids); n != len(ids) || n < 20 {
		t.Fatalf("%d of %d links are seen while they are attached", n, len(ids))
	}
	if err := a.cmd.Process.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	a.end()
	deadline := time.Now().Add(10 * time.Second)
	for stillAttached(t, ids) != 0 { // the kernel frees links a moment later
		if time.Now().After(deadline) {
			t.Fatalf("%d links are left", stillAttached(t, ids))
		}
		time.Sleep(10 * time.Millisecond)
	}
}
