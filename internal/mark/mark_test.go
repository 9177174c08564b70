package mark

import (
	"reflect"
	"runtime"
	"testing"
)

func TestTheNamesAreTheFunctions(t *testing.T) {
	for name, f := range map[string]any{SentName: Sent, ReceivedName: Received} {
		if got := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name(); got != name {
			t.Errorf("%s is called %s in this program", name, got)
		}
	}
}

func TestOneInSoManyIsDueWhateverTheInterval(t *testing.T) {
	const stamps = 1 << 16
	for _, interval := range []uint64{1, 40, 64, 128, 1000, 1024, 10_000, 1 << 20, 1_000_000, 1e9} {
		n, longest, since := 0, 0, 0
		for i := range uint64(stamps) {
			since++
			if Due(123_456_789_012_345 + i*interval) {
				n++
				since = 0
			}
			longest = max(longest, since)
		}
		if n < stamps/Every/2 || n > stamps/Every*2 || longest > 20*Every {
			t.Errorf("every %d ns: %d of %d are due, and of %d in a row none is", interval, n, stamps, longest)
		}
	}
}

func TestTheFirstInstructionIsCheapToProbe(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("for amd64 only")
	}
	const pushFramePointer = 0x55
	for name, f := range map[string]any{SentName: Sent, ReceivedName: Received} {
		if first := *(*byte)(reflect.ValueOf(f).UnsafePointer()); first != pushFramePointer {
			t.Errorf("%s begins with %#x", name, first)
		}
	}
}

func BenchmarkSent(b *testing.B) {
	for b.Loop() {
		Sent(1)
	}
}
