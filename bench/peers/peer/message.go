package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MinSize is the least that a message has: its two numbers, and the byte that asks for a reply.
const MinSize = 24

// ErrMismatch reports a message that is not the one that was due.
var ErrMismatch = errors.New("another message than was due")

const replyAt = 8

// Stamp makes b the message with this number.
func Stamp(b []byte, number uint64, reply bool) {
	binary.LittleEndian.PutUint64(b, number)
	b[replyAt] = 0
	if reply {
		b[replyAt] = 1
	}
	binary.LittleEndian.PutUint64(b[len(b)-8:], number)
}

// Check returns the number of a message, and an error unless it is whole and has this size.
func Check(b []byte, size int) (number uint64, err error) {
	if len(b) != size || size < MinSize {
		return 0, fmt.Errorf("%w: %d bytes instead of %d", ErrMismatch, len(b), size)
	}
	number = binary.LittleEndian.Uint64(b)
	if last := binary.LittleEndian.Uint64(b[size-8:]); last != number {
		return 0, fmt.Errorf("%w: it begins as number %d and ends as number %d", ErrMismatch, number, last)
	}
	return number, nil
}

// WantsReply says whether the far side has to answer.
func WantsReply(b []byte) bool { return b[replyAt] == 1 }

// Order checks that the messages of a connection come whole and in order, the first with number 1. It is used by one goroutine.
type Order struct {
	Size int
	last uint64
}

// Take checks the next message.
func (o *Order) Take(b []byte) error {
	number, err := Check(b, o.Size)
	if err != nil {
		return err
	}
	if number != o.last+1 {
		return fmt.Errorf("%w: number %d instead of %d", ErrMismatch, number, o.last+1)
	}
	o.last = number
	return nil
}
