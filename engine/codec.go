package engine

import (
	"context"
	"fmt"
	"reflect"

	"github.com/tinylib/msgp/msgp"
)

// A Message is a type with the methods that tinylib/msgp generates.
type Message interface {
	msgp.Marshaler
	msgp.Unmarshaler
	msgp.Sizer
}

// Raw is a message of bytes without a codec: what Reserve and Lease handle in place. A Send copies it, and a Receive
// appends to it from its beginning, so that a buffer is used again.
type Raw []byte

// The codecs by the names that travel in OPEN.
const (
	codecMsgp = "msgpack"
	codecRaw  = "raw"
)

// codecOf says how T is encoded, once, when an end is made.
func codecOf[T any]() (string, error) {
	var v *T
	switch any(v).(type) {
	case *Raw:
		return codecRaw, nil
	case *any, Message:
		return codecMsgp, nil
	}
	return "", fmt.Errorf("engine: %v: %w: generate its methods with `go run github.com/tinylib/msgp` (MarshalMsg, "+
		"UnmarshalMsg, Msgsize on the pointer), or use Raw or any", reflect.TypeFor[T](), ErrNoCodec)
}

// sendOther sends what has no methods: *Raw or *any.
func sendOther(ctx context.Context, s *sendEnd, v any) error {
	switch v := v.(type) {
	case *Raw:
		b, err := s.reserve(ctx, len(*v))
		if err != nil {
			return err
		}
		copy(b, *v)
		s.commit(len(*v))
		return nil
	case *any:
		if v == nil {
			break
		}
		encoded, err := msgp.AppendIntf(nil, *v)
		if err != nil {
			return fmt.Errorf("engine: encode %T: %w", *v, err)
		}
		b, err := s.reserve(ctx, len(encoded))
		if err != nil {
			return err
		}
		copy(b, encoded)
		s.commit(len(encoded))
		return nil
	}
	return fmt.Errorf("engine: send %T: %w", v, ErrNoCodec)
}

// decodeOther decodes into a *Raw or *any.
func decodeOther(payload []byte, v any) error {
	switch v := v.(type) {
	case *Raw:
		*v = append((*v)[:0], payload...)
		return nil
	case *any:
		private := append([]byte(nil), payload...)
		i, rest, err := msgp.ReadIntfBytes(private)
		if err != nil || len(rest) != 0 {
			return malformed(v, err, len(rest))
		}
		*v = i
		return nil
	}
	return fmt.Errorf("engine: receive %T: %w", v, ErrNoCodec)
}
