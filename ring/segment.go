package ring

import (
	"encoding/binary"
	"fmt"
)

// A Segment is the memory that one process writes and its peer reads: a header of words and an area of records.
//
// The owner has it from Create or NewHeap, the peer from Open. The header's constant part is read and checked once,
// when the segment is opened. A Segment may be used by several goroutines; its ends (Producer, Consumer) may not.
type Segment struct {
	header []byte
	// records is the record area with its second mapping behind it: 2*capacity bytes.
	records  []byte
	capacity uint64
	own      bool

	tail, head, tailSleep, headSleep *uint64

	unmap func() error
	trim  func()
}

// NewHeap returns a segment over ordinary memory, for both ends in one process: what the inmem transport, the race
// detector, property tests and fuzzing use. Of the options only Capacity and HeaderOnly matter.
func NewHeap(o *Options) (*Segment, error) {
	capacity, err := o.capacity()
	if err != nil {
		return nil, err
	}
	header := alignedBytes(pageHeader())
	writeHeader(header, pageHeader(), capacity)
	return newSegment(header, alignedBytes(int(2*capacity)), capacity, true), nil
}

// FromBytes returns the view that a peer has of a segment whose header and records (2*capacity bytes, the second
// half what the second mapping would show) are given. It checks the header as Open does. header must be aligned to 8.
// Hostile segments in tests and fuzzing are made this way.
func FromBytes(header, records []byte) (*Segment, error) {
	if len(header) < usedHeader {
		return nil, fmt.Errorf("ring: header of %d bytes, %d needed: %w", len(header), usedHeader, ErrHeader)
	}
	capacity, headerSize, err := readHeader(header)
	if err != nil {
		return nil, err
	}
	if headerSize != len(header) || uint64(len(records)) != 2*capacity {
		return nil, fmt.Errorf("ring: header says %d+%d bytes, memory is %d+%d: %w", headerSize, capacity, len(header),
			len(records)/2, ErrHeader)
	}
	return newSegment(header, records, capacity, false), nil
}

func newSegment(header, records []byte, capacity uint64, own bool) *Segment {
	return &Segment{
		header: header, records: records, capacity: capacity, own: own,
		tail:      word(header, offTail),
		head:      word(header, offHead),
		tailSleep: word(header, offTailSleep),
		headSleep: word(header, offHeadSleep),
	}
}

// Capacity returns the size of the record area in bytes; 0 if the segment has none.
func (s *Segment) Capacity() int { return int(s.capacity) }

// MaxRecord returns the size of the largest record that fits, in bytes.
func (s *Segment) MaxRecord() int { return int(s.capacity) }

// Close unmaps the segment. Nothing of it may be in use: no end, no record, no lease. A second call does nothing.
func (s *Segment) Close() error {
	if s.unmap == nil {
		return nil
	}
	unmap := s.unmap
	s.unmap = nil
	s.header, s.records, s.tail, s.head, s.tailSleep, s.headSleep = nil, nil, nil, nil, nil, nil
	return unmap()
}

// Trim gives the memory of the records back to the system, until it is used again. Nothing may be in the ring, nor be
// written to it meanwhile. Only a private segment has memory to give.
func (s *Segment) Trim() {
	if s.trim != nil {
		s.trim()
	}
}

func writeHeader(b []byte, headerSize int, capacity uint64) {
	binary.LittleEndian.PutUint64(b[offMagic:], Magic)
	binary.LittleEndian.PutUint32(b[offVersion:], Version)
	binary.LittleEndian.PutUint32(b[offHeaderSize:], uint32(headerSize))
	binary.LittleEndian.PutUint64(b[offCapacity:], capacity)
	binary.LittleEndian.PutUint64(b[offFeatures:], 0)
}

// readHeader reads each constant word of a peer's header once and checks it.
func readHeader(b []byte) (capacity uint64, headerSize int, err error) {
	if magic := binary.LittleEndian.Uint64(b[offMagic:]); magic != Magic {
		return 0, 0, fmt.Errorf("ring: first word is %#x: %w", magic, ErrMagic)
	}
	if v := binary.LittleEndian.Uint32(b[offVersion:]); v != Version {
		return 0, 0, fmt.Errorf("ring: peer has version %d, this build %d: %w", v, Version, ErrVersion)
	}
	if f := binary.LittleEndian.Uint64(b[offFeatures:]); f != 0 {
		return 0, 0, fmt.Errorf("ring: peer's segment needs features %#x, this build has none: %w", f, ErrVersion)
	}
	size := binary.LittleEndian.Uint32(b[offHeaderSize:])
	if int(size) != pageHeader() && size != hugePageSize {
		return 0, 0, fmt.Errorf("ring: header size %d, not %d or %d: %w", size, pageHeader(), hugePageSize, ErrHeader)
	}
	capacity = binary.LittleEndian.Uint64(b[offCapacity:])
	if capacity != 0 && !validCapacity(capacity) {
		return 0, 0, fmt.Errorf("ring: peer's capacity %d: %w", capacity, ErrCapacity)
	}
	return capacity, int(size), nil
}
