package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The binary form of a Snapshot, which one process reads of another. All numbers are little-endian:
//
//	0 ┌──────────────────────────────────────┐
//	  │ snapshotHeader: magic, version, time │
//	  │ 8 sections: offset, count, size      │
//	  ├──────────────────────────────────────┤
//	  │ loopRecord …                         │
//	  │ transportRecord …                    │
//	  │ sessionRecord …                      │
//	  │ channelRecord …     of which session │
//	  │ bucketRecord …      scheduler        │
//	  │ bucketRecord …      collector        │
//	  │ latencyRecord …                      │
//	  │ bucketRecord …      of all latencies │
//	  └──────────────────────────────────────┘
//
// A section is an array: count records of size bytes each, from offset on. A later version may append fields to a record and use what
// is left of the header for sections; readers skip what they do not know, and take as zero what an earlier version does not have. Text is UTF-8, cut to its field, and padded with zeros.
const (
	snapshotMagic   = 0x73746174_6e616863 // "chanstat"
	snapshotVersion = 1
)

// The sections, in their order.
const (
	sectionLoops = iota
	sectionTransports
	sectionSessions
	sectionChannels
	sectionScheduler
	sectionCollector
	sectionLatencies
	sectionLatencyBuckets
	sectionCount
)

// Bounds of the binary form.
const (
	// MaxSnapshot is its size in bytes, at most.
	MaxSnapshot = 4 << 20
	// MaxSnapshotSessions and MaxSnapshotChannels are how many it has. Of more, those with the most bytes are kept.
	MaxSnapshotSessions = 4096
	MaxSnapshotChannels = 16384

	maxSnapshotLoops      = 1024
	maxSnapshotTransports = 32
	maxSnapshotBuckets    = 512
	maxLatencyBuckets     = 16384

	minRecord, maxRecord = 16, 4096 // bytes
)

// ErrSnapshot says that bytes are no snapshot.
var ErrSnapshot = errors.New("not a snapshot of an engine")

// AppendBinary appends the snapshot's binary form to b. It has MaxSnapshot bytes at most: MoreSessions and MoreChannels say how
// many of these were left out, and long texts are cut.
func (s *Snapshot) AppendBinary(b []byte) ([]byte, error) {
	start := len(b)
	h := snapshotHeader{
		Magic: snapshotMagic, Version: snapshotVersion, Size: uint32(binary.Size(snapshotHeader{})), Time: s.Time.UnixNano(),
		Goroutines: s.Runtime.Goroutines, GCCycles: s.Runtime.GCCycles, MoreSessions: s.MoreSessions, MoreChannels: s.MoreChannels,
	}
	b = append(b, make([]byte, h.Size)...)
	sessions := s.Sessions
	if more := len(sessions) - MaxSnapshotSessions; more > 0 {
		h.MoreSessions += uint64(more)
		sessions = slices.Clone(sessions)
		slices.SortStableFunc(sessions, func(a, b SessionSnapshot) int { return compareBusy(&b, &a) })
		sessions = sessions[:MaxSnapshotSessions]
	}
	var channels []channelRecord
	for i := range s.Sessions {
		h.MoreChannels += uint64(len(s.Sessions[i].Channels))
	}
	for i := range sessions {
		for j := range sessions[i].Channels {
			if len(channels) < MaxSnapshotChannels {
				channels = append(channels, packChannel(i, &sessions[i].Channels[j]))
			}
		}
	}
	h.MoreChannels -= uint64(len(channels))
	b = putSection(b, start, &h.Sections[sectionLoops], maxSnapshotLoops, s.Loops, packLoop)
	b = putSection(b, start, &h.Sections[sectionTransports], maxSnapshotTransports, s.Transports, packTransport)
	b = putSection(b, start, &h.Sections[sectionSessions], MaxSnapshotSessions, sessions, packSession)
	b = putSection(b, start, &h.Sections[sectionChannels], MaxSnapshotChannels, channels, func(c *channelRecord) channelRecord { return *c })
	b = putSection(b, start, &h.Sections[sectionScheduler], maxSnapshotBuckets, s.Runtime.SchedulerLatency, packBucket)
	b = putSection(b, start, &h.Sections[sectionCollector], maxSnapshotBuckets, s.Runtime.GCPauses, packBucket)
	latencies, buckets := packLatencies(s.Latencies, maxLatencyBuckets)
	b = putSection(b, start, &h.Sections[sectionLatencies], MaxLatencies+1, latencies, func(l *latencyRecord) latencyRecord { return *l })
	b = putSection(b, start, &h.Sections[sectionLatencyBuckets], maxLatencyBuckets, buckets, packBucket)
	_, err := binary.Encode(b[start:], binary.LittleEndian, &h)
	return b, err
}

func compareBusy(a, b *SessionSnapshot) int {
	x, y := a.BytesSent+a.BytesReceived, b.BytesSent+b.BytesReceived
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// putSection appends an array of records, most of them at most.
func putSection[T, R any](b []byte, start int, at *section, most int, list []T, pack func(*T) R) []byte {
	list = list[:min(len(list), most)]
	*at = section{Offset: uint32(len(b) - start), Count: uint32(len(list)), Size: uint32(binary.Size(*new(R)))}
	for i := range list {
		r := pack(&list[i])
		b, _ = binary.Append(b, binary.LittleEndian, &r) // it fails for types of no fixed size only
	}
	return b
}

// UnmarshalBinary makes s what b, which may come from anybody, says: it is checked against the bounds above and its own size. Text
// has nothing left that a terminal would obey. On error, ErrSnapshot with what is wrong, s is as it was.
func (s *Snapshot) UnmarshalBinary(b []byte) error {
	var h snapshotHeader
	if len(b) > MaxSnapshot {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrSnapshot, len(b), MaxSnapshot)
	}
	if _, err := binary.Decode(b, binary.LittleEndian, &h); err != nil {
		return fmt.Errorf("%w: %d bytes are too few", ErrSnapshot, len(b))
	}
	if h.Magic != snapshotMagic || h.Version != snapshotVersion {
		return fmt.Errorf("%w: magic %#x, version %d; this reads version %d", ErrSnapshot, h.Magic, h.Version, snapshotVersion)
	}
	n := Snapshot{
		Time: time.Unix(0, h.Time), MoreSessions: h.MoreSessions, MoreChannels: h.MoreChannels,
		Runtime: RuntimeSnapshot{Goroutines: h.Goroutines, GCCycles: h.GCCycles},
	}
	var channels []channelRecord
	var scheduler, collector, buckets []DurationBucket
	var latencies []latencyRecord
	err := errors.Join(
		getSection(b, h.Sections[sectionLoops], maxSnapshotLoops, &n.Loops, unpackLoop),
		getSection(b, h.Sections[sectionTransports], maxSnapshotTransports, &n.Transports, unpackTransport),
		getSection(b, h.Sections[sectionSessions], MaxSnapshotSessions, &n.Sessions, unpackSession),
		getSection(b, h.Sections[sectionChannels], MaxSnapshotChannels, &channels, func(c *channelRecord) channelRecord { return *c }),
		getSection(b, h.Sections[sectionScheduler], maxSnapshotBuckets, &scheduler, unpackBucket),
		getSection(b, h.Sections[sectionCollector], maxSnapshotBuckets, &collector, unpackBucket),
		getSection(b, h.Sections[sectionLatencies], MaxLatencies+1, &latencies, func(l *latencyRecord) latencyRecord { return *l }),
		getSection(b, h.Sections[sectionLatencyBuckets], maxLatencyBuckets, &buckets, unpackBucket),
	)
	if err != nil {
		return err
	}
	var whole bool
	if n.Latencies, whole = unpackLatencies(latencies, buckets); !whole {
		return fmt.Errorf("%w: latencies have more buckets than the %d that there are", ErrSnapshot, len(buckets))
	}
	n.Runtime.SchedulerLatency, n.Runtime.GCPauses = scheduler, collector
	for i := range channels {
		at := channels[i].Session
		if uint64(at) >= uint64(len(n.Sessions)) {
			return fmt.Errorf("%w: channel %d is of session %d of %d", ErrSnapshot, i, at, len(n.Sessions))
		}
		of := &n.Sessions[at]
		of.Channels = append(of.Channels, unpackChannel(&channels[i]))
	}
	*s = n
	return nil
}

// getSection reads an array of records.
func getSection[T, R any](b []byte, at section, most int, list *[]T, unpack func(*R) T) error {
	size := uint64(binary.Size(*new(R)))
	end := uint64(at.Offset) + uint64(at.Count)*uint64(at.Size)
	switch {
	case at.Count == 0:
		return nil
	case at.Size < minRecord || at.Size > maxRecord:
		return fmt.Errorf("%w: records of %d bytes instead of %d", ErrSnapshot, at.Size, size)
	case uint64(at.Count) > uint64(most):
		return fmt.Errorf("%w: %d records of a kind, at most %d", ErrSnapshot, at.Count, most)
	case end > uint64(len(b)):
		return fmt.Errorf("%w: records up to byte %d of %d", ErrSnapshot, end, len(b))
	}
	all := make([]T, at.Count)
	record := make([]byte, size) // what an earlier version does not have stays zero
	for i := range all {
		var r R
		from := uint64(at.Offset) + uint64(i)*uint64(at.Size)
		copy(record, b[from:from+uint64(at.Size)])
		if _, err := binary.Decode(record, binary.LittleEndian, &r); err != nil {
			return fmt.Errorf("%w: %w", ErrSnapshot, err)
		}
		all[i] = unpack(&r)
	}
	*list = all
	return nil
}
