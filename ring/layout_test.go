package ring

import (
	"bytes"
	"testing"
)

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
}

func TestANewSegmentsHeaderIsTheProtocolsByteForByte(t *testing.T) {
	want := make([]byte, pageHeader())
	copy(want, "corechan"+
		"\x01\x00\x00\x00"+ // version 1
		string([]byte{byte(pageHeader()), byte(pageHeader() >> 8), byte(pageHeader() >> 16), 0})+
		"\x00\x00\x04\x00\x00\x00\x00\x00"+ // capacity 256 KiB
		"\x00\x00\x00\x00\x00\x00\x00\x00") // no features
	heap, err := NewHeap(nil)
	if err != nil {
		t.Fatal(err)
	}
	own, peer := mapped(t, nil)
	for name, s := range map[string]*Segment{"heap": heap, "own": own, "peer's": peer} {
		if !bytes.Equal(s.header, want) {
			t.Errorf("%s: the header begins with % x, want % x", name, s.header[:32], want[:32])
		}
	}
}

func TestEachWordIsWhereTheDiagramShows(t *testing.T) {
	own, peer := mapped(t, nil)
	for i, w := range []*uint64{own.tail, own.head, own.tailSleep, own.headSleep} {
		*w = uint64(i) + 1
	}
	for i, w := range []*uint64{peer.tail, peer.head, peer.tailSleep, peer.headSleep} {
		if at := 128 * (i + 1); *w != uint64(i)+1 || peer.header[at] != byte(i)+1 {
			t.Errorf("word %d: the peer reads %d, and %d at %d", i, *w, peer.header[at], at)
		}
	}
}
