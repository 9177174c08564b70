package engine

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/corechan/corechan/netpoll"
)

// A Snapshot is what an engine holds, and what it has done since it was made, as of now.
type Snapshot struct {
	Time time.Time `json:"time"`
	// Loops are those that run now: by core, the service loop last.
	Loops []LoopSnapshot `json:"loops"`
	// Transports are those that had a session, by name. Their counters only grow: sessions that ended are in them.
	Transports []TransportSnapshot `json:"transports"`
	// Sessions are those that there are, the oldest first.
	Sessions []SessionSnapshot `json:"sessions"`
	Runtime  RuntimeSnapshot   `json:"runtime"`
	// Latencies are of the messages that say when they were sent: see Engine.StampMessages.
	Latencies []LatencySnapshot `json:"latencies,omitempty"`
	// MoreSessions and MoreChannels are how many were left out: 0 unless it was read from another process; see AppendBinary.
	MoreSessions uint64 `json:"more_sessions"`
	MoreChannels uint64 `json:"more_channels"`
}

// A LoopSnapshot is what a loop has done since it was started.
type LoopSnapshot struct {
	// Core is the core that it is pinned to, -1 if to none.
	Core int `json:"core"`
	// Service says that it watches sockets; else it runs handlers.
	Service bool `json:"service"`
	// Load is how many descriptors, sessions among them, it serves.
	Load int `json:"load"`
	// Sessions is how many links of sessions, their own and those of lanes, the loop reads. Passed is what passed over these and those that
	// it has read before, and over those of earlier loops of the engine on this core; it only grows. Queues are those of now.
	Sessions int      `json:"sessions"`
	Passed   Counters `json:"passed"`
	Queues   Queues   `json:"queues"`
	netpoll.Stats
}

// A TransportSnapshot is what passed over all sessions of one transport.
type TransportSnapshot struct {
	Transport string `json:"transport"`
	// Sessions is how many there are, Opened how many there have been.
	Sessions int    `json:"sessions"`
	Opened   uint64 `json:"opened"`
	Counters
	// Queues are those of the sessions that there are.
	Queues
}

// A SessionSnapshot is a session's state and counters.
type SessionSnapshot struct {
	// ID is the session's number within its engine, from 1; none is used twice.
	ID        uint64 `json:"id"`
	Transport string `json:"transport"`
	// Dialer says that this side has dialled, at Addr, or else that the peer has.
	Dialer bool   `json:"dialer"`
	Addr   string `json:"addr"`
	// PeerPID and PeerUID are the peer's process and user where Local.
	Local   bool   `json:"local"`
	PeerPID int    `json:"peer_pid"`
	PeerUID uint32 `json:"peer_uid"`
	// Core is that of the loop that runs its handlers: -1 if that has none, or there is no such loop.
	Core int           `json:"core"`
	Age  time.Duration `json:"age_ns"`
	// Lanes is how many of its channels have a ring of their own, References how many ends nobody has received yet.
	Lanes      int `json:"lanes"`
	References int `json:"references"`
	Counters
	Queues
	// Channels are those that are open, by number.
	Channels []ChannelInfo `json:"channels"`
}

// Snapshot returns what the engine holds and has done. It looks at each session for less than a microsecond and for some
// nanoseconds at each channel, and holds up messages no longer than that; while nobody calls it, it costs nothing but a few counters.
func (e *Engine) Snapshot() *Snapshot {
	now := time.Now()
	s := &Snapshot{Time: now, Runtime: readRuntime(), Latencies: e.latencies.read()}
	e.mu.Lock()
	sessions := slices.SortedFunc(maps.Keys(e.sessions), func(a, b *Session) int { return cmp.Compare(a.id, b.id) })
	if e.loops != nil {
		for _, l := range e.loops.Loops() {
			s.Loops = append(s.Loops, LoopSnapshot{Core: l.Core(), Load: l.Load(), Stats: l.Stats()})
		}
	}
	if l := e.service; l != nil {
		s.Loops = append(s.Loops, LoopSnapshot{Core: l.Core(), Service: true, Load: l.Load(), Stats: l.Stats()})
	}
	e.mu.Unlock()

	s.Sessions = make([]SessionSnapshot, len(sessions))
	at := make(map[*Session]*SessionSnapshot, len(sessions))
	for i, sess := range sessions {
		s.Sessions[i] = sess.snapshot(now)
		at[sess] = &s.Sessions[i]
	}
	loops := make(map[int]*LoopSnapshot, len(s.Loops))
	for i := range s.Loops {
		if l := &s.Loops[i]; !l.Service {
			loops[l.Core] = l
		}
	}
	s.Transports = e.tally.read(at, loops)
	return s
}

// snapshot returns all but the counters.
func (s *Session) snapshot(now time.Time) SessionSnapshot {
	peer := s.Peer()
	one := SessionSnapshot{
		ID: s.id, Transport: s.link.Transport, Dialer: s.link.Dialer, Addr: peer.Addr, Local: peer.Local,
		PeerPID: peer.Cred.PID, PeerUID: peer.Cred.UID, Core: -1, Age: age(now.UnixNano(), s.born),
		Lanes: len(s.allLanes()), References: int(s.references.Load()), Channels: slices.Collect(s.Channels()),
	}
	if l := s.port.loop.Load(); l != nil {
		one.Core = l.Core()
	}
	return one
}

// read adds the counters to those sessions and loops, by core, and returns them by transport.
func (t *tally) read(sessions map[*Session]*SessionSnapshot, loops map[int]*LoopSnapshot) []TransportSnapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[string]*TransportSnapshot, len(t.past))
	for name, past := range t.past {
		all[name] = &TransportSnapshot{Transport: name, Opened: past.opened, Counters: past.counters}
	}
	for p, sess := range t.ports {
		c, q := p.counts()
		of := all[sess.link.Transport]
		of.Counters.Add(&c)
		of.Queues.add(&q)
		if one := sessions[sess]; one != nil {
			one.Counters.Add(&c)
			one.Queues.add(&q)
		}
		if l := p.loop.Load(); l != nil && loops[l.Core()] != nil {
			on := loops[l.Core()]
			on.Sessions++
			on.Passed.Add(&c)
			on.Queues.add(&q)
		}
	}
	for core, on := range loops {
		if past := t.loops[core]; past != nil {
			on.Passed.Add(past)
		}
	}
	for sess, one := range sessions {
		if sess.past != nil {
			one.Counters.Add(sess.past)
		}
		if of := all[sess.link.Transport]; of != nil { // else it has just been made
			of.Sessions++
		}
	}
	var list []TransportSnapshot
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[name])
	}
	return list
}
