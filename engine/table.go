package engine

import (
	"encoding/binary"
	"fmt"
)

// An attachment table stands before the message in the payload of a DATA frame whose argument is not 0: that many
// entries, each
//
//	0       4      5       6        8         12       16
//	┌───────┬──────┬───────┬────────┬─────────┬────────┐
//	│ ref   │ kind │ codec │ flags  │ channel │ second │
//	│ u32   │ u8   │ u8    │ u16    │ u32     │ u32    │
//	└───────┴──────┴───────┴────────┴─────────┴────────┘
//
// The message refers to an entry by its ref. PROTOCOL.md has each kind's fields.
const (
	entrySize = 16
	// maxEntries bounds what one message carries.
	maxEntries = 1024
)

type entryKind uint8

const (
	kindSender     entryKind = 1 // who gets the message sends on channel
	kindReceiver   entryKind = 2 // who gets the message receives on channel
	kindDuplex     entryKind = 3 // a byte stream both ways: receives on channel, sends on second
	kindDescriptor entryKind = 4 // the frame's next descriptor
	kindHome       entryKind = 5 // channel's sending end comes back to the side that receives on it
	kindLocal      entryKind = 6 // within a process: the frame's next attachment is the value
)

func (k entryKind) String() string {
	names := [...]string{"", "sender", "receiver", "duplex stream", "descriptor", "sender come home", "local value"}
	if int(k) < len(names) && k != 0 {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// The flags of an entry.
const (
	entryOnce   = 1 // a sender of one message, which ends the channel
	entryStream = 2 // a byte stream: messages are pieces of it
)

// An entry is one line of an attachment table.
type entry struct {
	ref     uint32
	kind    entryKind
	codec   uint8
	flags   uint16
	channel uint32
	second  uint32
}

func putEntry(b []byte, e *entry) {
	_ = b[entrySize-1]
	binary.LittleEndian.PutUint32(b, e.ref)
	b[4], b[5] = byte(e.kind), e.codec
	binary.LittleEndian.PutUint16(b[6:], e.flags)
	binary.LittleEndian.PutUint32(b[8:], e.channel)
	binary.LittleEndian.PutUint32(b[12:], e.second)
}

// readEntry reads an entry, each word once, and checks what can be checked without its session.
func readEntry(b []byte) (entry, error) {
	_ = b[entrySize-1]
	lo, hi := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	e := entry{
		ref: uint32(lo), kind: entryKind(lo >> 32), codec: uint8(lo >> 40), flags: uint16(lo >> 48),
		channel: uint32(hi), second: uint32(hi >> 32),
	}
	fits, flags := e.channel != 0, uint16(0)
	switch e.kind {
	case kindSender:
		flags = entryOnce | entryStream
	case kindReceiver:
		flags = entryStream
	case kindDuplex:
		flags = entryStream
		fits = fits && e.flags == entryStream && e.codec == codecNumberRaw
	case kindDescriptor, kindLocal:
		fits = e.channel == 0 && e.codec == 0
	case kindHome:
		flags = entryStream
	default:
		return e, fmt.Errorf("table entry of unknown %v", e.kind)
	}
	if e.flags&entryStream != 0 && e.kind != kindHome && e.codec != codecNumberRaw {
		fits = false // a byte stream is of bytes
	}
	second := e.second != 0 == (e.kind == kindDuplex)
	if e.kind == kindReceiver || e.kind == kindSender && e.flags&entryOnce != 0 {
		second = true // may be
	}
	if e.ref == 0 || !fits || e.flags&^flags != 0 || !second {
		return e, fmt.Errorf("table entry of a %v is malformed", e.kind)
	}
	return e, nil
}

const codecNumberRaw = 1

// The codecs by the numbers that stand for them in a table.
var codecNumbers = [...]string{codecNumberRaw: codecRaw, 2: codecMsgp, 3: "json", 4: "xml", 5: "protobuf"}

// codecNumber returns the number of a codec, and 0 for one that has none.
func codecNumber(name string) uint8 {
	for i, n := range codecNumbers {
		if n == name {
			return uint8(i)
		}
	}
	return 0
}

// codecName returns the name of a number: 0 is the codec of the channel that carries the table.
func codecName(n uint8, carrying string) (string, bool) {
	if n == 0 {
		return carrying, true
	}
	if int(n) < len(codecNumbers) {
		return codecNumbers[n], true
	}
	return "", false
}
