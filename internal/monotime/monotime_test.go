package monotime

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func kernels(t *testing.T) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano()
}

func TestItIsTheKernelsClock(t *testing.T) {
	const most = 500 // ns by which its beginning may be off
	for range 1000 {
		before, now, after := kernels(t), Now(), kernels(t)
		if now < before-most || now > after+most {
			t.Fatalf("%d ns, while the kernel's clock went from %d to %d", now, before, after)
		}
	}
}

func TestItKnowsTheCore(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var was unix.CPUSet
	if err := unix.SchedGetaffinity(0, &was); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &was) }()
	for core := range len(was) * 64 {
		if !was.IsSet(core) {
			continue
		}
		var one unix.CPUSet
		one.Set(core)
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Fatal(err)
		}
		if got := Core(); got != core {
			t.Errorf("on core %d it says %d", core, got)
		}
	}
}

func BenchmarkNow(b *testing.B) {
	for b.Loop() {
		Now()
	}
}

func BenchmarkCore(b *testing.B) {
	for b.Loop() {
		Core()
	}
}
