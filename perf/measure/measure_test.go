package measure

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTheClockIsTheMachinesMonotonicClock(t *testing.T) {
	clock, err := NewClock()
	if err != nil {
		t.Fatal(err)
	}
	var before, after unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &before); err != nil {
		t.Fatal(err)
	}
	now := clock.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &after); err != nil {
		t.Fatal(err)
	}
	// The two clocks were read one after the other when ours was made: a preemption in between shifts them.
	slack := (10 * time.Second).Nanoseconds()
	if now < before.Nano()-slack || now > after.Nano()+slack {
		t.Errorf("Now() = %d, CLOCK_MONOTONIC went from %d to %d", now, before.Nano(), after.Nano())
	}
	if later := clock.Now(); later < now {
		t.Errorf("the clock went back from %d to %d", now, later)
	}
	if wall := time.Unix(0, clock.Unix(now)); time.Since(wall).Abs() > time.Minute {
		t.Errorf("Unix(Now()) = %v, far from now", wall)
	}
	if o := clock.Overhead(); o <= 0 {
		t.Errorf("Overhead() = %v", o)
	}
}

func TestFillWritesAndDrainReadsEveryByte(t *testing.T) {
	for _, size := range []int{0, 1, 7, 8, 9, 64, 1000} {
		src := bytes.Repeat([]byte{0xa5}, size)
		dst := make([]byte, size)
		Fill(dst, src, 0x0102030405060708)
		if !bytes.Equal(dst, src) {
			t.Errorf("size %d: %x, want %x", size, dst, src)
		}
		if size >= 8 && !bytes.Equal(dst[:8], []byte{8, 7, 6, 5, 4, 3, 2, 1}) {
			t.Errorf("size %d: begins with %x, not with the sequence number", size, dst[:8])
		}
		out := make([]byte, size)
		Drain(out, dst)
		if !bytes.Equal(out, dst) {
			t.Errorf("size %d: drained %x of %x", size, out, dst)
		}
	}
}
