package engine

import (
	"cmp"
	"iter"
	"slices"
	"sync/atomic"
	"time"
)

// A Direction says which way a channel's messages go.
type Direction string

// The directions.
const (
	Sends    Direction = "send"
	Receives Direction = "receive"
)

// A ChannelInfo is what is known of a channel that is open, as of now.
type ChannelInfo struct {
	// ID is the channel's number on its session. Odd ones were opened by the side that dialled.
	ID uint32 `json:"id"`
	// Name is empty for a channel that came in a message.
	Name      string    `json:"name"`
	Direction Direction `json:"direction"`
	Codec     string    `json:"codec"`
	// Lane says that it has a ring of its own.
	Lane bool `json:"lane"`
	// Queued is how many messages, and QueuedBytes how many bytes of messages, have arrived and were not received yet. What is
	// still in the ring does not count.
	Queued      int `json:"queued"`
	QueuedBytes int `json:"queued_bytes"`
	// Credit is how many bytes the sender may send before the receiver takes some: of this side's knowledge; -1 without
	// a bound but the ring.
	Credit int64 `json:"credit"`
	// Messages and Bytes are what was sent or received in all; bytes as they take room in the ring.
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	// Age is how long it has been open; 0 for the channel of one answer.
	Age time.Duration `json:"age_ns"`
}

// Channels returns the channels that are open now, those of lanes too, by their numbers. It looks at the list under a lock,
// and at the counters without any; it does not hold up messages.
func (s *Session) Channels() iter.Seq[ChannelInfo] {
	now := time.Now().UnixNano()
	list := s.port.channels(nil, now, false)
	for _, l := range s.allLanes() {
		list = l.channels(list, now, true)
	}
	slices.SortFunc(list, func(a, b ChannelInfo) int { return cmp.Compare(a.ID, b.ID) })
	return slices.Values(list)
}

func (p *port) channels(list []ChannelInfo, now int64, lane bool) []ChannelInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.recvs {
		c := ChannelInfo{
			ID: r.id.Load(), Name: r.name, Direction: Receives, Codec: r.codec, Lane: lane, Credit: -1,
			Messages: atomic.LoadUint64(&r.messages), Bytes: atomic.LoadUint64(&r.received), Age: age(now, r.born),
		}
		for _, l := range r.inbox[r.first:] {
			c.Queued++
			c.QueuedBytes += l.buf.Len()
		}
		if r.window != 0 {
			c.Credit = int64(r.granted.Load() - c.Bytes)
		}
		list = append(list, c)
	}
	for _, s := range p.sends {
		c := ChannelInfo{
			ID: s.id, Name: s.name, Direction: Sends, Codec: s.codec, Lane: lane, Credit: -1,
			Messages: atomic.LoadUint64(&s.messages), Bytes: atomic.LoadUint64(&s.sent), Age: age(now, s.born),
		}
		if s.flow {
			c.Credit = int64(s.granted.Load() - c.Bytes)
		}
		list = append(list, c)
	}
	return list
}

func age(now, born int64) time.Duration {
	if born == 0 {
		return 0
	}
	return time.Duration(max(now-born, 0))
}

// SessionStats are a session's counters.
type SessionStats struct {
	// Channels is how many are open, References how many of them came in messages that nobody has received yet.
	Channels, References int
	// Opened is how many channels this side has opened, PeerOpened the peer, until their numbers come round.
	Opened, PeerOpened uint32
}

// Stats returns the session's counters, without a lock.
func (s *Session) Stats() SessionStats {
	return SessionStats{
		Channels: int(s.port.open.Load()), References: int(s.references.Load()),
		Opened: (s.lastID.Load() + 1) / 2, PeerOpened: (s.peerID.Load() + 1) / 2,
	}
}

// Sessions returns the sessions of the engine, in no order.
func (e *Engine) Sessions() iter.Seq[*Session] {
	e.mu.Lock()
	list := make([]*Session, 0, len(e.sessions))
	for s := range e.sessions {
		list = append(list, s)
	}
	e.mu.Unlock()
	return slices.Values(list)
}
