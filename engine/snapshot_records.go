package engine

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/corechan/corechan/netpoll"
)

// The records of the binary form of a Snapshot: see snapshot_binary.go.
type (
	snapshotHeader struct {
		Magic         uint64
		Version, Size uint32 // of the header
		Time          int64  // Unix, ns
		Goroutines    uint64
		GCCycles      uint64
		MoreSessions  uint64
		MoreChannels  uint64
		Sections      [sectionCount]section
		_             [32]byte // room for two more
	}
	section    struct{ Offset, Count, Size, _ uint32 }
	loopRecord struct {
		Core, Load                      int32
		Service, _                      uint32
		Turns, Looks, Wakes, EmptyPolls uint64
		Events, Stale, Rings, Posts     uint64
		Timers, PollerItems, Exhausted  uint64
		BusiestCalls, BusiestNanos      uint64
		Busiest                         [64]byte
		Sessions                        uint64
		Passed                          Counters
		Queues                          Queues
	}
	transportRecord struct {
		Name             [16]byte
		Sessions, Opened uint64
		Counters         Counters
		Queues           Queues
	}
	sessionRecord struct {
		ID                uint64
		Age               int64
		Transport         [16]byte
		Addr              [96]byte
		Flags, PeerUID    uint32 // flagDialer, flagLocal
		PeerPID, Core     int32
		Lanes, References uint32
		Counters          Counters
		Queues            Queues
	}
	channelRecord struct {
		Session, ID         uint32 // Session is a place in the section of sessions
		Flags, Queued       uint32 // flagSends, flagLane
		QueuedBytes, Credit int64
		Messages, Bytes     uint64
		Age                 int64
		Name                [64]byte
		Codec               [16]byte
	}
	bucketRecord  struct{ High, Count uint64 }
	latencyRecord struct {
		Name                [64]byte
		Core                int32
		Buckets             uint32 // how many of the section of latency buckets are its own, behind those of the records before
		Sum, Max, Discarded uint64
		Transport           [16]byte
	}
)

const (
	flagDialer = 1 << iota
	flagLocal
)

const (
	flagSends = 1 << iota
	flagOwnRing
)

func packLoop(l *LoopSnapshot) loopRecord {
	r := loopRecord{
		Core: int32(l.Core), Load: int32(l.Load), Turns: l.Turns, Looks: l.Looks, Wakes: l.Wakes, EmptyPolls: l.EmptyPolls,
		Events: l.Events, Stale: l.Stale, Rings: l.Rings, Posts: l.Posts, Timers: l.Timers, PollerItems: l.PollerItems,
		Exhausted: l.Exhausted, BusiestCalls: l.Busiest.Calls, BusiestNanos: uint64(l.Busiest.Time),
		Sessions: uint64(l.Sessions), Passed: l.Passed, Queues: l.Queues,
	}
	if l.Service {
		r.Service = 1
	}
	putText(r.Busiest[:], l.Busiest.Label)
	return r
}

func unpackLoop(r *loopRecord) LoopSnapshot {
	l := LoopSnapshot{Core: int(r.Core), Service: r.Service != 0, Load: int(r.Load), Stats: netpoll.Stats{
		Turns: r.Turns, Looks: r.Looks, Wakes: r.Wakes, EmptyPolls: r.EmptyPolls, Events: r.Events, Stale: r.Stale, Rings: r.Rings,
		Posts: r.Posts, Timers: r.Timers, PollerItems: r.PollerItems, Exhausted: r.Exhausted,
		Busiest: netpoll.Busiest{Label: getText(r.Busiest[:]), Calls: r.BusiestCalls, Time: notNegative(r.BusiestNanos)},
	}}
	l.Sessions, l.Passed, l.Queues = int(r.Sessions&(1<<62-1)), checked(r.Passed), r.Queues
	return l
}

func packTransport(t *TransportSnapshot) transportRecord {
	r := transportRecord{Sessions: uint64(t.Sessions), Opened: t.Opened, Counters: t.Counters, Queues: t.Queues}
	putText(r.Name[:], t.Transport)
	return r
}

func unpackTransport(r *transportRecord) TransportSnapshot {
	return TransportSnapshot{
		Transport: getText(r.Name[:]), Sessions: int(r.Sessions & (1<<62 - 1)), Opened: r.Opened, Counters: checked(r.Counters), Queues: r.Queues,
	}
}

func packSession(s *SessionSnapshot) sessionRecord {
	r := sessionRecord{
		ID: s.ID, Age: int64(s.Age), PeerUID: s.PeerUID, PeerPID: int32(s.PeerPID), Core: int32(s.Core), Lanes: uint32(s.Lanes),
		References: uint32(s.References), Counters: s.Counters, Queues: s.Queues,
	}
	putText(r.Transport[:], s.Transport)
	putText(r.Addr[:], s.Addr)
	if s.Dialer {
		r.Flags |= flagDialer
	}
	if s.Local {
		r.Flags |= flagLocal
	}
	return r
}

func unpackSession(r *sessionRecord) SessionSnapshot {
	return SessionSnapshot{
		ID: r.ID, Age: notNegative(uint64(r.Age)), Transport: getText(r.Transport[:]), Addr: getText(r.Addr[:]),
		Dialer: r.Flags&flagDialer != 0, Local: r.Flags&flagLocal != 0, PeerUID: r.PeerUID, PeerPID: int(r.PeerPID), Core: int(r.Core),
		Lanes: int(r.Lanes), References: int(r.References), Counters: checked(r.Counters), Queues: r.Queues,
	}
}

func packChannel(session int, c *ChannelInfo) channelRecord {
	r := channelRecord{
		Session: uint32(session), ID: c.ID, Queued: uint32(c.Queued), QueuedBytes: int64(c.QueuedBytes), Credit: c.Credit,
		Messages: c.Messages, Bytes: c.Bytes, Age: int64(c.Age),
	}
	putText(r.Name[:], c.Name)
	putText(r.Codec[:], c.Codec)
	if c.Direction == Sends {
		r.Flags |= flagSends
	}
	if c.Lane {
		r.Flags |= flagOwnRing
	}
	return r
}

func unpackChannel(r *channelRecord) ChannelInfo {
	c := ChannelInfo{
		ID: r.ID, Name: getText(r.Name[:]), Codec: getText(r.Codec[:]), Direction: Receives, Lane: r.Flags&flagOwnRing != 0,
		Queued: int(r.Queued), QueuedBytes: int(max(r.QueuedBytes, 0)), Credit: r.Credit, Messages: r.Messages, Bytes: r.Bytes,
		Age: notNegative(uint64(r.Age)),
	}
	if r.Flags&flagSends != 0 {
		c.Direction = Sends
	}
	return c
}

func packBucket(b *DurationBucket) bucketRecord { return bucketRecord{uint64(b.High), b.Count} }

func unpackBucket(r *bucketRecord) DurationBucket {
	return DurationBucket{notNegative(r.High), r.Count}
}

// checked returns counters whose times are none that a Duration cannot hold.
func checked(c Counters) Counters {
	c.FullRingTime, c.NoCreditTime = notNegative(uint64(c.FullRingTime)), notNegative(uint64(c.NoCreditTime))
	return c
}

func notNegative(ns uint64) time.Duration { return max(time.Duration(ns), 0) }

// putText writes text, cut to whole characters.
func putText(to []byte, s string) {
	if n := len(to); len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	copy(to, s)
}

// getText reads text. What a terminal would obey becomes a question mark.
func getText(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// packLatencies returns records and their buckets, most buckets in all: what is beyond is left out.
func packLatencies(list []LatencySnapshot, most int) (records []latencyRecord, buckets []DurationBucket) {
	for i := range list {
		l := &list[i]
		if len(records) > MaxLatencies || len(buckets)+len(l.Times) > most {
			break
		}
		r := latencyRecord{
			Core: int32(l.Core), Buckets: uint32(len(l.Times)), Sum: uint64(l.Sum), Max: uint64(l.Max), Discarded: l.Discarded,
		}
		putText(r.Name[:], l.Channel)
		putText(r.Transport[:], l.Transport)
		records, buckets = append(records, r), append(buckets, l.Times...)
	}
	return records, buckets
}

// unpackLatencies gives each record its buckets; ok is false if there are fewer.
func unpackLatencies(records []latencyRecord, buckets []DurationBucket) (list []LatencySnapshot, ok bool) {
	for i := range records {
		r := &records[i]
		if uint64(r.Buckets) > uint64(len(buckets)) {
			return nil, false
		}
		list = append(list, LatencySnapshot{
			Channel: getText(r.Name[:]), Transport: getText(r.Transport[:]), Core: int(r.Core), Times: buckets[:r.Buckets:r.Buckets],
			Sum: notNegative(r.Sum), Max: notNegative(r.Max), Discarded: r.Discarded,
		})
		buckets = buckets[r.Buckets:]
	}
	return list, true
}
