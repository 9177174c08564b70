package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A frame is the unit on every link: a header, and a payload behind it. PROTOCOL.md has each type's fields.
//
//	0       4     5       6             8         12       16
//	┌───────┬─────┬───────┬─────────────┬─────────┬────────┬─────────┐
//	│length │type │flags  │ attachments │ channel │ arg    │ payload │
//	│u32    │u8   │u8     │ u16         │ u32     │ u32    │         │
//	└───────┴─────┴───────┴─────────────┴─────────┴────────┴─────────┘
//
// All little-endian. length counts the whole frame, header included.
const (
	// HeaderSize is the size of a frame's header in bytes.
	HeaderSize = 16
)

type frameType uint8

const (
	frameOpen   frameType = 1 // a channel is opened; payload: codec and name
	frameData   frameType = 2 // a message
	frameCredit frameType = 3 // arg more bytes may be sent
	frameClose  frameType = 4 // the sender has ended the channel; arg: code, payload: text
	frameReset  frameType = 5 // the receiver wants no more; arg: code, payload: text
	framePing   frameType = 6 // arg comes back in a PONG
	framePong   frameType = 7
	frameGoAway frameType = 8 // the session ends; arg: code, payload: text
	frameLane   frameType = 9 // answers an OPEN of a lane
)

func (t frameType) String() string {
	names := [...]string{"", "OPEN", "DATA", "CREDIT", "CLOSE", "RESET", "PING", "PONG", "GOAWAY", "LANE"}
	if int(t) < len(names) && t != 0 {
		return names[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

const (
	// flagLane on an OPEN says that the channel has a ring of its own.
	flagLane = 1
	// flagLast on DATA says that the channel ends cleanly behind it, as by CLOSE.
	flagLast = 1
	// flagUnbuffered on OPEN says that credit is granted for each message as soon as it is taken.
	flagUnbuffered = 4
	// flagHeader on OPEN and DATA says that there is a header.
	flagHeader = 2
)

// header is a frame's header without its length, which the ring knows.
type header struct {
	typ         frameType
	flags       uint8
	attachments uint16
	channel     uint32
	arg         uint32
}

// plain packs type, flags and attachments as they stand in the frame.
func (h header) kind() uint32 {
	return uint32(h.typ) | uint32(h.flags)<<8 | uint32(h.attachments)<<16
}

// kindData is kind of a DATA frame without flags and attachments: the one compared on the fast path.
const kindData = uint32(frameData)

func putHeader(b []byte, kind, channel, arg uint32) {
	_ = b[HeaderSize-1]
	binary.LittleEndian.PutUint32(b[4:], kind)
	binary.LittleEndian.PutUint64(b[8:], uint64(channel)|uint64(arg)<<32)
}

// readHeader reads a header, each word once. The caller has checked the length.
func readHeader(b []byte) (kind, channel, arg uint32) {
	_ = b[HeaderSize-1]
	kind = binary.LittleEndian.Uint32(b[4:])
	w := binary.LittleEndian.Uint64(b[8:])
	return kind, uint32(w), uint32(w >> 32)
}

func unpackHeader(kind, channel, arg uint32) header {
	return header{frameType(kind), uint8(kind >> 8), uint16(kind >> 16), channel, arg}
}

const (
	// MaxNameLen bounds a channel's name in bytes.
	MaxNameLen = 255
	// maxCodecLen bounds a codec's name.
	maxCodecLen = 31
	// maxTextLen bounds the text of a reason; a longer one is cut.
	maxTextLen = 1024
)

// readText returns the text of a CLOSE, RESET or GOAWAY, as UTF-8 whatever it is, and whether it has the right size.
func readText(payload []byte) (text string, ok bool) {
	if len(payload) > maxTextLen {
		return "", false
	}
	return strings.ToValidUTF8(string(payload), "\uFFFD"), true
}

// OPEN's payload: codec length u8, codec, name length u8, name, and the header where there is one.

func openSize(codec, name, header string) int { return 2 + len(codec) + len(name) + len(header) }

func putOpen(b []byte, codec, name, header string) {
	b[0] = byte(len(codec))
	n := 1 + copy(b[1:], codec)
	b[n] = byte(len(name))
	n += 1 + copy(b[n+1:], name)
	copy(b[n:], header)
}

var errOpenPayload = errors.New("OPEN's payload is malformed")

// readOpen parses a private copy of OPEN's payload. rest is what comes after the name.
func readOpen(b []byte) (codec, name string, rest []byte, err error) {
	if len(b) < 1 || int(b[0]) > maxCodecLen || len(b) < 2+int(b[0]) {
		return "", "", nil, errOpenPayload
	}
	codec, b = string(b[1:1+b[0]]), b[1+b[0]:]
	if len(b) < 1+int(b[0]) {
		return "", "", nil, errOpenPayload
	}
	n := 1 + int(b[0])
	name, rest = string(b[1:n]), b[n:]
	if name == "" || !utf8.ValidString(name) || !utf8.ValidString(codec) {
		return "", "", nil, errOpenPayload
	}
	return codec, name, rest, nil
}

// cutText makes a reason's text what a frame may carry: UTF-8, and cut at a rune.
func cutText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxTextLen {
		return s
	}
	n := maxTextLen
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
