package engine

import (
	"sync"
	"sync/atomic"
	"time"
)

// Counters are what has passed over a session's links, its own and those of its lanes, or over those of several sessions. They
// only grow.
type Counters struct {
	// Frames are messages and what the protocol itself sends; bytes as they take room in the ring.
	FramesSent     uint64 `json:"frames_sent"`
	FramesReceived uint64 `json:"frames_received"`
	BytesSent      uint64 `json:"bytes_sent"`
	BytesReceived  uint64 `json:"bytes_received"`
	// FullRing is how often a frame found no room in the ring, FullRingTime how long frames waited for it, of waits that last
	// longer than a microsecond or two.
	FullRing     uint64        `json:"full_ring"`
	FullRingTime time.Duration `json:"full_ring_ns"`
	// NoCredit is how often a message waited as its channel had used up its credit, NoCreditTime for how long.
	NoCredit     uint64        `json:"no_credit"`
	NoCreditTime time.Duration `json:"no_credit_ns"`
	// Sleeps is how often somebody who waited for a message slept, Rings how often the peer was woken. Over a socket, a ring is
	// a write. What a loop sleeps is in its own counters.
	Sleeps uint64 `json:"sleeps"`
	Rings  uint64 `json:"rings"`
}

// Add adds what o counts.
func (c *Counters) Add(o *Counters) {
	c.FramesSent += o.FramesSent
	c.FramesReceived += o.FramesReceived
	c.BytesSent += o.BytesSent
	c.BytesReceived += o.BytesReceived
	c.FullRing += o.FullRing
	c.FullRingTime += o.FullRingTime
	c.NoCredit += o.NoCredit
	c.NoCreditTime += o.NoCreditTime
	c.Sleeps += o.Sleeps
	c.Rings += o.Rings
}

// Queues are how full rings are, in bytes. What was read and is still in use takes its room.
type Queues struct {
	// SendQueue is what the peer has not read yet, SendRing how much fits.
	SendQueue uint64 `json:"send_queue"`
	SendRing  uint64 `json:"send_ring"`
	// ReceiveQueue is what the peer has sent and was not read yet, ReceiveRing how much fits.
	ReceiveQueue uint64 `json:"receive_queue"`
	ReceiveRing  uint64 `json:"receive_ring"`
}

func (q *Queues) add(o *Queues) {
	q.SendQueue += o.SendQueue
	q.SendRing += o.SendRing
	q.ReceiveQueue += o.ReceiveQueue
	q.ReceiveRing += o.ReceiveRing
}

// slowCounts are the counters of a port for what happens where time is lost anyway.
type slowCounts struct {
	fullRing, fullRingNanos, noCredit, noCreditNanos, sleeps, rings atomic.Uint64
}

// ring rings the peer's bell, and counts it.
func (p *port) ring() {
	p.slow.rings.Add(1)
	p.bell.Ring()
}

// A tally adds up the counters of an engine's ports, those that are gone too. Every port is in it from before its first frame
// until after its last one, and adds its counters to what is past in the same step in which it leaves: so no sum ever goes back.
type tally struct {
	mu    sync.Mutex // before port.mu
	ports map[*port]*Session
	past  map[string]*pastTransport
	loops map[int]*Counters // what is past of the loops that run handlers, by core
}

// pastTransport is what is past of a transport.
type pastTransport struct {
	opened   uint64 // sessions
	counters Counters
}

func (t *tally) of(s *Session) *pastTransport {
	p := t.past[s.link.Transport]
	if p == nil {
		if t.past == nil {
			t.ports, t.past, t.loops = map[*port]*Session{}, map[string]*pastTransport{}, map[int]*Counters{}
		}
		p = &pastTransport{}
		t.past[s.link.Transport] = p
	}
	return p
}

func (t *tally) enter(p *port, s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	past := t.of(s)
	if p == s.port {
		past.opened++
	}
	t.ports[p] = s
}

// refuse undoes enter for a session that was not made in the end.
func (t *tally) refuse(p *port, s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.ports, p)
	t.of(s).opened--
}

// leave is called when nobody uses the port any more, while its rings are still there.
func (t *tally) leave(p *port, s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.ports, p)
	c, _ := p.counts()
	if s.past == nil {
		s.past = &Counters{}
	}
	s.past.Add(&c)
	t.of(s).counters.Add(&c)
	if l := p.loop.Load(); l != nil {
		if t.loops[l.Core()] == nil {
			t.loops[l.Core()] = &Counters{}
		}
		t.loops[l.Core()].Add(&c)
	}
}

// counts reads the port's counters.
func (p *port) counts() (c Counters, q Queues) {
	s := &p.slow
	c = Counters{
		FramesSent: p.prod.Records(), FramesReceived: p.cons.Records(),
		FullRing: s.fullRing.Load(), FullRingTime: time.Duration(s.fullRingNanos.Load()),
		NoCredit: s.noCredit.Load(), NoCreditTime: time.Duration(s.noCreditNanos.Load()),
		Sleeps: s.sleeps.Load(), Rings: s.rings.Load(),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tornDown { // the rings may be gone; nobody uses their ends any more
		c.BytesSent, c.BytesReceived = p.prod.Published(), p.cons.Released()
		return c, q
	}
	c.BytesSent, c.BytesReceived = p.prod.Tail(), p.cons.Head()
	q.SendRing, q.ReceiveRing = uint64(p.prod.Capacity()), uint64(p.cons.Capacity())
	q.SendQueue = queued(c.BytesSent, p.prod.Head(), q.SendRing)
	q.ReceiveQueue = queued(p.cons.Tail(), c.BytesReceived, q.ReceiveRing)
	return c, q
}

// queued returns what is between two positions, one of which the peer may have made up, and which are not of one moment.
func queued(tail, head, capacity uint64) uint64 {
	if n := int64(tail - head); n > 0 {
		return min(uint64(n), capacity)
	}
	return 0
}
