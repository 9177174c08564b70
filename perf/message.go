package perf

import (
	"fmt"

	"github.com/tinylib/msgp/msgp"
)

//go:generate msgp -io=false -tests=false -file message.go -o message_gen.go

//msgp:tuple Message

// Message is what the typed mode sends. Seq and Sent are always so large that msgpack takes nine bytes for each of them,
// so every message of a run has the same encoded size.
type Message struct {
	Seq  uint64 // counts from firstSeq
	Sent int64  // Unix time in nanoseconds
	Pad  []byte
}

// firstSeq is the least number that msgpack encodes in nine bytes.
const firstSeq = 1 << 32

// MinTypedSize is the encoded size of a Message without padding: the tuple's header, two numbers, an empty byte string.
const MinTypedSize = 1 + 9 + 9 + 2

// NewMessage makes a message whose encoding takes size bytes once Sent is set.
func NewMessage(size int) (Message, error) {
	pad, err := padFor(size)
	if err != nil {
		return Message{}, err
	}
	return Message{Seq: firstSeq, Pad: make([]byte, pad)}, nil
}

// padFor returns how much padding gives a message of size bytes. The length prefix of msgpack's byte strings grows with
// the length, so a few sizes do not exist.
func padFor(size int) (int, error) {
	if size < MinTypedSize {
		return 0, tooSmall(size, MinTypedSize)
	}
	for _, prefix := range []int{2, 3, 5} {
		pad := size - (MinTypedSize - 2) - prefix
		switch {
		case pad < 0:
			return 0, noSuchSize(size)
		case prefixBytes(pad) == prefix:
			return pad, nil
		}
	}
	return 0, noSuchSize(size)
}

func tooSmall(size, least int) error {
	hint := "raw ones have any size from 1"
	if least != MinTypedSize {
		hint = "what it carries takes some of them"
	}
	return fmt.Errorf("%w: %d bytes; a typed message has at least %d (%s)", ErrSize, size, least, hint)
}

func noSuchSize(size int) error {
	return fmt.Errorf("%w: no typed message has %d bytes, because msgpack's length prefix grows just there; try %d",
		ErrSize, size, size+2)
}

func prefixBytes(length int) int { return len(msgp.AppendBytesHeader(nil, uint32(length))) }

// MarshalHead implements engine.Tailed.
func (z *Message) MarshalHead(b []byte) (o, tail []byte, err error) {
	o = append(b, 0x93)
	o = msgp.AppendUint64(o, z.Seq)
	o = msgp.AppendInt64(o, z.Sent)
	return msgp.AppendBytesHeader(o, uint32(len(z.Pad))), z.Pad, nil
}

// TailMsg implements engine.Tailed.
func (z *Message) TailMsg(v *Message) (key string, field *[]byte) { return "", &v.Pad }
