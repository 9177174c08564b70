package ring

import "testing"

// The layout is a contract with every other implementation (PROTOCOL.md).
func TestTheLayoutIsWhatTheDiagramShows(t *testing.T) {
	for name, want := range map[string][2]int{
		"magic": {offMagic, 0}, "version": {offVersion, 8}, "header size": {offHeaderSize, 12},
		"capacity": {offCapacity, 16}, "features": {offFeatures, 24}, "tail": {offTail, 128}, "head": {offHead, 256},
		"tailSleep": {offTailSleep, 384}, "headSleep": {offHeadSleep, 512}, "end": {usedHeader, 640},
	} {
		if want[0] != want[1] {
			t.Errorf("%s at %d, the diagram says %d", name, want[0], want[1])
		}
	}
	if string([]byte{0x63, 0x6f, 0x72, 0x65, 0x63, 0x68, 0x61, 0x6e}) != "corechan" {
		t.Error("magic")
	}
}
