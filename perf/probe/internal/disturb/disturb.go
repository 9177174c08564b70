// Package disturb does on purpose what package probe finds: its tests, and the command beside it, which docs/tracing.md names for each
// pattern. Each function but Stop keeps its thread busy, or its core's interrupts, until its context ends, and belongs on a thread of its
// own, pinned to the core that is to be disturbed: see Pin.
package disturb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pin locks the calling goroutine to its thread, for good, and the thread to a core.
func Pin(core int) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin to core %d: %w", core, err)
	}
	return nil
}

// Compete takes as much of the core as it can get.
func Compete(ctx context.Context) error {
	turns := 0
	for ctx.Err() == nil {
		for range 100_000 { // the context is not asked at each turn, as that takes a lock
			turns++
		}
	}
	runtime.KeepAlive(turns)
	return nil
}

// Timers makes a core's timer interrupt run 200 handlers 500 times a second, while this thread sleeps. It takes CAP_PERFMON.
func Timers(ctx context.Context, core int) error {
	const handlers, period = 200, 2 * time.Millisecond
	for range handlers {
		fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{
			Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
			Sample: uint64(period), Bits: unix.PerfBitDisabled,
		}, -1, core, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			return fmt.Errorf("ask for timer interrupts: %w", err)
		}
		defer unix.Close(fd)
	}
	// At once, so that they expire together.
	if err := unix.Prctl(unix.PR_TASK_PERF_EVENTS_ENABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("start timers: %w", err)
	}
	<-ctx.Done()
	return nil
}

// FaultTime is the longest that touching a page takes, or else the thread did not run.
const FaultTime = 50 * time.Microsecond

// Fault touches fresh pages, and counts them, and in busy the nanoseconds that it took, without those pages that took longer than
// FaultTime.
func Fault(ctx context.Context, count, busy *atomic.Int64) error {
	const size = 16 << 20
	page := os.Getpagesize()
	begun := time.Now()
	for ctx.Err() == nil {
		b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err == nil {
			err = unix.Madvise(b, unix.MADV_NOHUGEPAGE)
		}
		if err != nil {
			return fmt.Errorf("map fresh pages: %w", err)
		}
		last := time.Since(begun)
		for at := 0; at < size; at += page {
			b[at] = 1
			now := time.Since(begun)
			if took := now - last; took < FaultTime {
				busy.Add(int64(took))
			}
			last = now
			count.Add(1)
		}
		if err := unix.Munmap(b); err != nil {
			return fmt.Errorf("unmap pages: %w", err)
		}
	}
	return nil
}

// Flood sends datagrams over loopback to a socket that nobody reads, many with one call, so that one softirq receives many.
func Flood(ctx context.Context) error {
	to, errTo := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	from, errFrom := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err := errors.Join(errTo, errFrom); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(to)
	defer unix.Close(from)
	const segment, segments = 1200, 50
	err := errors.Join(unix.Bind(to, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}),
		unix.SetsockoptInt(from, unix.SOL_UDP, unix.UDP_SEGMENT, segment))
	address, errName := unix.Getsockname(to)
	if err := errors.Join(err, errName); err != nil {
		return fmt.Errorf("prepare sockets: %w", err)
	}
	b := make([]byte, segments*segment)
	for ctx.Err() == nil {
		if err := unix.Sendto(from, b, 0, address); err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
}

// Stop stops a process for a time, by signals.
func Stop(ctx context.Context, pid int, span time.Duration) error {
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(span):
	}
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		return fmt.Errorf("let process %d go on: %w", pid, err)
	}
	return nil
}
