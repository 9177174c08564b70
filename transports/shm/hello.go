package shm

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/corechan/corechan/engine"
)

// The messages of the handshake, little-endian. PROTOCOL.md has the same table.
//
//	0        8        10     12        16        20          24       28
//	┌────────┬────────┬──────┬─────────┬─────────┬───────────┬────────┬──────────┐
//	│ magic  │version │ type │ length  │ window  │maxMessage │ flags  │ zero     │   HELLO: 40 bytes, 1 descriptor
//	│ u64    │ u16    │ u16  │ u32     │ u32     │ u32       │ u32    │ 12 bytes │
//	└────────┴────────┴──────┴─────────┴─────────┴───────────┴────────┴──────────┘
//	┌────────┬────────┬──────┬─────────┬──────────────────────┐
//	│ magic  │version │ type │ length  │ text                 │                      REFUSE: 16 bytes and up to 240
//	└────────┴────────┴──────┴─────────┴──────────────────────┘
const (
	helloMagic   = 0x6f6c6c65_486e6168 // "hanHello"
	helloVersion = 1
	typeHello    = 1
	typeRefuse   = 2
	prefixSize   = 16
	helloSize    = 40
	maxText      = 240
	// maxHello is the size of the largest message of the handshake.
	maxHello = prefixSize + maxText
)

var (
	// ErrHandshake is a handshake that is not corechan's: another protocol on this socket, or a broken peer.
	ErrHandshake = errors.New("malformed handshake")
	// ErrVersion is a peer that speaks another version.
	ErrVersion = errors.New("peer speaks another version")
	// ErrRefused is a listener's refusal; its text says why.
	ErrRefused = errors.New("listener refused")
)

func appendPrefix(b []byte, typ uint16, length int) []byte {
	b = binary.LittleEndian.AppendUint64(b, helloMagic)
	b = binary.LittleEndian.AppendUint16(b, helloVersion)
	b = binary.LittleEndian.AppendUint16(b, typ)
	return binary.LittleEndian.AppendUint32(b, uint32(length))
}

// A hello is what a HELLO says.
type hello struct {
	engine.Announced
	flags uint32
}

// flagBarrier: this side's sleepers execute the peer's fences (membarrier(2)), and its threads let others do so. It
// takes effect if both sides have set it. Flags that are not known are ignored.
const flagBarrier = 1

func encodeHello(h hello) []byte {
	b := appendPrefix(make([]byte, 0, helloSize), typeHello, helloSize)
	b = binary.LittleEndian.AppendUint32(b, h.Window)
	b = binary.LittleEndian.AppendUint32(b, h.MaxMessage)
	b = binary.LittleEndian.AppendUint32(b, h.flags)
	return append(b, make([]byte, helloSize-len(b))...)
}

func encodeRefuse(text string) []byte {
	text = text[:min(len(text), maxText)]
	return append(appendPrefix(nil, typeRefuse, prefixSize+len(text)), text...)
}

// parsePrefix checks the first 16 bytes of a message and returns its type and length.
func parsePrefix(b []byte) (typ uint16, length int, err error) {
	if magic := binary.LittleEndian.Uint64(b); magic != helloMagic {
		return 0, 0, fmt.Errorf("%w: it begins with %q", ErrHandshake, b[:8])
	}
	version, typ := binary.LittleEndian.Uint16(b[8:]), binary.LittleEndian.Uint16(b[10:])
	n := binary.LittleEndian.Uint32(b[12:])
	switch {
	case typ == typeRefuse && n >= prefixSize && n <= maxHello: // also from another version
	case version != helloVersion:
		return 0, 0, fmt.Errorf("%w: %d, this build %d", ErrVersion, version, helloVersion)
	case typ != typeHello || n != helloSize:
		return 0, 0, fmt.Errorf("%w: type %d of %d bytes", ErrHandshake, typ, n)
	}
	return typ, int(n), nil
}

// parse parses a whole message: what a HELLO announces, or the error of a REFUSE.
func parse(b []byte) (a hello, err error) {
	if len(b) < prefixSize {
		return a, fmt.Errorf("%w: %d bytes", ErrHandshake, len(b))
	}
	typ, n, err := parsePrefix(b)
	if err != nil {
		return a, err
	}
	if n != len(b) {
		return a, fmt.Errorf("%w: %d bytes of %d", ErrHandshake, len(b), n)
	}
	if typ == typeRefuse {
		return a, fmt.Errorf("%w: %q", ErrRefused, b[prefixSize:])
	}
	a.Window = binary.LittleEndian.Uint32(b[16:])
	a.MaxMessage = binary.LittleEndian.Uint32(b[20:])
	a.flags = binary.LittleEndian.Uint32(b[24:])
	if a.Window == 0 || a.MaxMessage == 0 {
		return a, fmt.Errorf("%w: window %d, largest message %d", ErrHandshake, a.Window, a.MaxMessage)
	}
	return a, nil
}
