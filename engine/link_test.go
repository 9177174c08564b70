package engine_test

import (
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

// A side is one end of a connection made by hand, so that a test can hold it, or see how its memory is freed.
type side struct {
	link *engine.Link
	bell *engine.ProcessBell
	over chan struct{} // has a value for each time that the link was closed
}

// newLinks connects two sides. The listener's and the dialer's rings have one capacity.
func newLinks(t testing.TB, capacity int, lanes engine.Lanes) (dialer, listener *side) {
	t.Helper()
	segA, segB := must(ring.NewHeap(&ring.Options{Capacity: capacity})), must(ring.NewHeap(&ring.Options{Capacity: capacity}))
	bellA, bellB := engine.NewBells()
	announced := engine.Announced{Window: 256 << 10, MaxMessage: 1 << 30}
	mk := func(own, peer *ring.Segment, bell *engine.ProcessBell, dials bool) *side {
		s := &side{bell: bell, over: make(chan struct{}, 10)}
		s.link = &engine.Link{
			Producer: ring.NewProducer(own, peer), Consumer: ring.NewConsumer(own, peer), Bell: bell, Lanes: lanes,
			Dialer: dials, Transport: "test", PeerLimits: announced, MaxRecord: own.MaxRecord(),
			Close: func() error { s.over <- struct{}{}; return nil },
		}
		return s
	}
	return mk(segA, segB, bellA, true), mk(segB, segA, bellB, false)
}

// session makes a session of a side.
func (s *side) session(t testing.TB, eng *engine.Engine) *engine.Session {
	t.Helper()
	sess, err := engine.NewSession(eng, s.link)
	if err != nil {
		t.Fatal(err)
	}
	s.bell.OnGone(sess.PeerGone)
	t.Cleanup(func() { _ = sess.Close() })
	return sess
}
