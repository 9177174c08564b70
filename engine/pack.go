package engine

import (
	"context"
	"fmt"
	"reflect"
)

// A Packer is a message with fields that are carried beside it and have no place for their number: an io.Reader, an *os.File, a
// net.Conn as such, where a [Carried] has one. Its methods are generated: corechan gen writes them. Pack appends the message's
// MessagePack to b and puts those fields into the cargo; Unpack reads it, takes them out of the cargo, and returns the rest.
//
// If it has senders, receivers and Carried fields, too, it has a method Carry, as a [Carrier] has, which is called before Pack and
// after Unpack.
type Packer interface {
	Pack(b []byte, c *Cargo) ([]byte, error)
	Unpack(b []byte, c *Cargo) (rest []byte, err error)
}

// PackValue puts a value of one of the types that a [Carried] may have into the cargo, and appends what stands for it to b. It is
// for generated code.
func PackValue[T any](b []byte, c *Cargo, v T) ([]byte, error) {
	if isNil(v) {
		return appendRef(b, 0), nil
	}
	ref, err := c.addValue(v, reflect.TypeFor[T](), newKey())
	if err != nil {
		return b, err
	}
	return appendRef(b, ref), nil
}

// UnpackValue reads what PackValue appended, and sets v to the value that the cargo has for it. It is for generated code.
func UnpackValue[T any](b []byte, c *Cargo, v *T) (rest []byte, err error) {
	var zero T
	*v = zero
	ref, rest, err := readRef(b)
	if err != nil || ref == 0 {
		return rest, err
	}
	got, err := c.takeValue(ref, reflect.TypeFor[T]())
	if err == nil {
		*v = got.(T)
	}
	return rest, err
}

// sendPacked sends a Packer.
func (s *sendEnd) sendPacked(ctx context.Context, c *Cargo, v any, flags uint32) error {
	buf := encoded.Get()
	defer encoded.Put(buf)
	var err error
	if m, ok := v.(interface{ Carry(c *Cargo) error }); ok {
		err = m.Carry(c)
	}
	if err == nil {
		buf.B, err = v.(Packer).Pack(buf.B[:0], c)
	}
	if err != nil {
		c.abandon()
		return fmt.Errorf("engine: encode %T: %w", v, err)
	}
	return s.sendEncoded(ctx, c, buf.B, flags)
}

// unpackMessage decodes a Packer.
func unpackMessage(payload []byte, c *Cargo, v any) error {
	if c == nil {
		c = &Cargo{in: true}
	}
	rest, err := v.(Packer).Unpack(payload, c)
	if err != nil || len(rest) != 0 {
		return malformed(v, err, len(rest))
	}
	if m, ok := v.(interface{ Carry(c *Cargo) error }); ok {
		return m.Carry(c)
	}
	return nil
}
