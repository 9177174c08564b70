package engine

import (
	"context"
	"fmt"
)

// A Tailed message ends with the bytes of one of its fields. Where a link's bytes go into a system call, a large one is sent from
// the field itself, and received into it, without a copy in between. corechan gen writes these methods for a struct whose last
// field is a []byte.
type Tailed[T any] interface {
	Message
	// MarshalHead appends what MarshalMsg does, but for the last field's bytes, which it returns.
	MarshalHead(b []byte) (head, tail []byte, err error)
	// TailMsg returns the last field of a message, and its key, which is empty if the message is a tuple. Its parameter's type is T's
	// own, so that a struct does not have it from one that it embeds. It does not use its receiver.
	TailMsg(v *T) (key string, field *[]byte)
}

// largeTail is from how many bytes on it is worthwhile.
const largeTail = 64 << 10

// A headed is a Tailed of any type.
type headed interface {
	Message
	MarshalHead(b []byte) (head, tail []byte, err error)
}

// sendHead is sendPlain for a large message, of Msgsize bytes, that is Tailed: only its head is encoded into the ring.
func (s *sendEnd) sendHead(ctx context.Context, m headed, size int) error {
	b, err := s.reserve(ctx, min(size, s.maxMessage))
	if err == errCameHome { //nolint:errorlint // never wrapped
		return s.sendInto(ctx, &Cargo{}, m, nil, 0)
	}
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			s.abort() // MarshalHead failed or panicked
		}
	}()
	head, tail, err := m.MarshalHead(b[:0])
	if err != nil {
		return fmt.Errorf("engine: encode %T: %w", m, err)
	}
	n := len(head) + len(tail)
	if n > len(b) {
		return s.tooLarge(n)
	}
	if len(head) != 0 && &head[0] != &b[0] { // it was appended somewhere else
		copy(b, head)
	}
	committed = true
	s.commitTail(n, tail)
	return nil
}
