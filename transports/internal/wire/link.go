package wire

import (
	"errors"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/netpoll"
	"github.com/corechan/corechan/ring"
)

// Options are what a link is made with.
type Options struct {
	Engine *engine.Engine
	// Ring is the capacity of the rings of both directions; see hello.Ring.
	Ring ring.Options
	// Link has what the transport knows of the session: its name, the peer, what the peer announced, which side this is.
	Link engine.Link
	// Label names the session's socket in the statistics of loops.
	Label string
}

// NewSession makes a session of a stream whose handshake is done. The stream is the session's from then on; on error it is
// closed.
func NewSession(s Stream, o *Options) (*engine.Session, error) {
	b, err := newBell(s, o)
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	l := o.Link
	l.Producer, l.Consumer = ring.NewProducer(b.out.seg, b.out.seg), ring.NewConsumer(b.in.seg, b.in.seg)
	l.Bell, l.Fill, l.Over, l.Flush, l.Cork = b, b.fill, b.over, b.flush, b.cork
	l.PlaceBy, l.Unplace = b.placeBy, b.unplace
	b.producer, b.consumer = l.Producer, l.Consumer
	if b.gatherer != nil {
		l.Gather = b.gather
	}
	l.MaxRecord, l.Window = b.out.seg.MaxRecord(), o.Engine.WindowFor(o.Ring.Capacity)
	_, l.Descriptors = s.(Passer)
	l.Close = b.in.seg.Close
	sess, err := engine.NewSession(o.Engine, &l)
	if err != nil {
		return nil, err
	}
	b.attach(sess)
	return sess, nil
}

// newBell makes a link's bell, and the rings.
func newBell(s Stream, o *Options) (b *bell, err error) {
	loop, release, err := o.Engine.Service()
	if err != nil {
		return nil, err
	}
	b = &bell{stream: s, eng: o.Engine, loop: loop, release: release, label: o.Label, parked: make(chan struct{}, 1), sleeper: o.Engine.NewSleeper()}
	b.passer, _ = s.(Passer)
	b.gatherer, _ = s.(Gatherer)
	undo := func() {
		release()
		if b.in.seg != nil {
			_ = b.in.seg.Close()
		}
		if b.out.seg != nil {
			_ = b.out.seg.Close()
		}
	}
	if err := errors.Join(fd.SetReceiveTimeout(s.Socket(), patience), fd.SetSendTimeout(s.Socket(), stall)); err != nil {
		undo()
		return nil, err
	}
	if b.in.seg, err = ring.NewPrivate(&o.Ring); err == nil {
		b.out.seg, err = ring.NewPrivate(&o.Ring)
	}
	if err != nil {
		undo()
		return nil, err
	}
	b.in.inlet, b.in.more = ring.NewInlet(b.in.seg, engine.HeaderSize), true
	b.out.outlet = ring.NewOutlet(b.out.seg)
	b.out.outlet.Arm()
	b.mu.Lock() // until reg is known
	defer b.mu.Unlock()
	b.reg, err = loop.Register(s.Socket(), netpoll.RDHup|netpoll.Edge, (*watcher)(b))
	if err != nil {
		undo()
		return nil, err
	}
	return b, nil
}

const (
	// patience is how long a thread sleeps for one session before it leaves that to the service loop, so that idle
	// sessions hold no threads.
	patience = 200 * time.Millisecond
	// linger is how long what was sent has to leave after Close, and the peer to close its side; as long again, a few times, while
	// something leaves.
	linger     = 5 * time.Second
	maxLingers = 11
)
