package transporttest

import (
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

// TestARemoteLinkConforms runs the suite over a link as a transport between machines makes it: without descriptors and lanes.
func TestARemoteLinkConforms(t *testing.T) {
	Run(t, Transport{Name: "remote", Pair: remotePair})
}

func remotePair(t testing.TB, a, b *engine.Engine) Link {
	t.Helper()
	segA, err := ring.NewHeap(nil)
	if err != nil {
		t.Fatal(err)
	}
	segB, err := ring.NewHeap(nil)
	if err != nil {
		t.Fatal(err)
	}
	bellA, bellB := engine.NewBells()
	link := func(own, peer *ring.Segment, bell engine.Bell, other *engine.Engine) *engine.Link {
		l := other.Limits()
		return &engine.Link{
			Producer: ring.NewProducer(own, peer), Consumer: ring.NewConsumer(own, peer), Bell: bell,
			Barrier: engine.ProcessBarrier(), Close: func() error { return nil }, Transport: "remote",
			MaxRecord: own.MaxRecord(), PeerLimits: engine.Announced{Window: l.Window, MaxMessage: l.MaxMessage},
		}
	}
	la, lb := link(segA, segB, bellA, b), link(segB, segA, bellB, a)
	la.Dialer = true
	sa, err := engine.NewSession(a, la)
	if err != nil {
		t.Fatal(err)
	}
	sb, err := engine.NewSession(b, lb)
	if err != nil {
		t.Fatal(err)
	}
	bellA.OnGone(sa.PeerGone)
	bellB.OnGone(sb.PeerGone)
	return Link{A: sa, B: sb, Cut: func() {
		sa.PeerGone()
		sb.PeerGone()
	}}
}
