// Package hello has the messages of the handshake, which all links between processes begin with.
package hello

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/corechan/corechan/engine"
)

// The messages of the handshake, little-endian. PROTOCOL.md has the same table.
//
//	0        8        10     12        16        20          24       28
//	┌────────┬────────┬──────┬─────────┬─────────┬───────────┬────────┬──────────┐
//	│ magic  │version │ type │ length  │ window  │maxMessage │ flags  │ zero     │   HELLO: 40 bytes
//	│ u64    │ u16    │ u16  │ u32     │ u32     │ u32       │ u32    │ 12 bytes │
//	└────────┴────────┴──────┴─────────┴─────────┴───────────┴────────┴──────────┘
//	┌────────┬────────┬──────┬─────────┬──────────────────────┐
//	│ magic  │version │ type │ length  │ text                 │                      REFUSE: 16 bytes and up to 240
//	└────────┴────────┴──────┴─────────┴──────────────────────┘
//	┌────────┬────────┬──────┬─────────┬──────────────────────┐
//	│ magic  │version │ type │ length  │ ticket               │                      JOIN: 48 bytes
//	└────────┴────────┴──────┴─────────┴──────────────────────┘
//	┌────────┬────────┬──────┬─────────┐
//	│ magic  │version │ type │ length  │                                             JOINED: 16 bytes
//	└────────┴────────┴──────┴─────────┘
const (
	magic      = 0x6f6c6c65_486e6168 // "hanHello"
	version    = 1
	typeHello  = 1
	typeRefuse = 2
	typeJoin   = 3
	typeJoined = 4
	PrefixSize = 16
	Size       = 40
	maxText    = 240
	// MaxSize is the size of the largest message of the handshake.
	MaxSize = PrefixSize + maxText
)

// sizes are those of the messages that have one.
var sizes = map[uint16]uint32{typeHello: Size, typeJoin: PrefixSize + uint32(len(Ticket{})), typeJoined: PrefixSize}

var (
	// ErrHandshake is a handshake that is not corechan's: another protocol on this socket, or a broken peer.
	ErrHandshake = errors.New("malformed handshake")
	// ErrVersion is a peer that speaks another version.
	ErrVersion = errors.New("peer speaks another version")
	// ErrRefused is a listener's refusal; its text says why.
	ErrRefused = errors.New("listener refused")
)

func appendPrefix(b []byte, typ uint16, length int) []byte {
	b = binary.LittleEndian.AppendUint64(b, magic)
	b = binary.LittleEndian.AppendUint16(b, version)
	b = binary.LittleEndian.AppendUint16(b, typ)
	return binary.LittleEndian.AppendUint32(b, uint32(length))
}

// A Hello is what a HELLO says.
type Hello struct {
	engine.Announced
	Flags uint32
}

// FlagBarrier: this side's sleepers execute the peer's fences (membarrier(2)), and its threads let others do so. It
// takes effect if both sides have set it. Flags that are not known are ignored.
const FlagBarrier = 1

// FlagStamps: this side takes DATA frames that say when they were sent, by the clock of this machine's kernel. It takes effect, for both
// directions, if both sides have set it.
const FlagStamps = 2

// Encode returns a HELLO.
func Encode(h Hello) []byte {
	b := appendPrefix(make([]byte, 0, Size), typeHello, Size)
	b = binary.LittleEndian.AppendUint32(b, h.Window)
	b = binary.LittleEndian.AppendUint32(b, h.MaxMessage)
	b = binary.LittleEndian.AppendUint32(b, h.Flags)
	return append(b, make([]byte, Size-len(b))...)
}

// EncodeRefuse returns a REFUSE; a text that is too long is cut.
func EncodeRefuse(text string) []byte {
	text = strings.ToValidUTF8(text[:min(len(text), maxText)], "")
	return append(appendPrefix(nil, typeRefuse, PrefixSize+len(text)), text...)
}

// ParsePrefix checks the first 16 bytes of a HELLO or a REFUSE, and returns its type and length.
func ParsePrefix(b []byte) (typ uint16, length int, err error) {
	return parsePrefix(b, typeHello)
}

// parsePrefix is ParsePrefix for messages of the types wanted, or a REFUSE.
func parsePrefix(b []byte, wanted ...uint16) (typ uint16, length int, err error) {
	if binary.LittleEndian.Uint64(b) != magic {
		return 0, 0, fmt.Errorf("%w: it begins with %q%s", ErrHandshake, b[:8], Whose(b[:8]))
	}
	theirs, typ := binary.LittleEndian.Uint16(b[8:]), binary.LittleEndian.Uint16(b[10:])
	n := binary.LittleEndian.Uint32(b[12:])
	switch {
	case typ == typeRefuse && n >= PrefixSize && n <= MaxSize: // also from another version
	case theirs != version:
		return 0, 0, fmt.Errorf("%w: %d, this build %d", ErrVersion, theirs, version)
	case !slices.Contains(wanted, typ) || n != sizes[typ]:
		return 0, 0, fmt.Errorf("%w: type %d of %d bytes", ErrHandshake, typ, n)
	}
	return typ, int(n), nil
}

// Parse parses a whole message: what a HELLO announces, or the error of a REFUSE.
func Parse(b []byte) (a Hello, err error) {
	if len(b) < PrefixSize {
		return a, fmt.Errorf("%w: %d bytes", ErrHandshake, len(b))
	}
	typ, n, err := ParsePrefix(b)
	if err != nil {
		return a, err
	}
	if n != len(b) {
		return a, fmt.Errorf("%w: %d bytes of %d", ErrHandshake, len(b), n)
	}
	if typ == typeRefuse {
		return a, refused(b)
	}
	a.Window = binary.LittleEndian.Uint32(b[16:])
	a.MaxMessage = binary.LittleEndian.Uint32(b[20:])
	a.Flags = binary.LittleEndian.Uint32(b[24:])
	if a.Window == 0 || a.MaxMessage == 0 {
		return a, fmt.Errorf("%w: window %d, largest message %d", ErrHandshake, a.Window, a.MaxMessage)
	}
	return a, nil
}

// refused is the error of a REFUSE.
func refused(b []byte) error { return fmt.Errorf("%w: %q", ErrRefused, b[PrefixSize:]) }
