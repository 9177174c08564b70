package msgpack

import (
	"fmt"
	"reflect"

	"github.com/corechan/corechan/engine/codec"
)

// Name is what the codec is called when a channel is opened.
const Name = "msgpack"

// Codec is the msgpack codec. Its zero value is ready, and may be used concurrently.
type Codec struct{}

var (
	_ codec.Codec   = Codec{}
	_ codec.Checker = Codec{}
)

// Name returns "msgpack".
func (Codec) Name() string { return Name }

// Check refuses types with fields that msgpack has no form for: func, chan, interfaces other than any, maps with keys
// that are not of a basic type. What an any will hold it cannot know.
func (Codec) Check(t reflect.Type) error {
	_, err := coderOf(t)
	return err
}

// Append appends the encoding of *v. Its errors are those of Check, also for what an any holds; ErrDepth; those of the
// message's own methods.
func (Codec) Append(b []byte, v any) ([]byte, error) {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return b, fmt.Errorf("msgpack: encode %T: %w: want a pointer to the message, not nil", v, codec.ErrType)
	}
	c, err := coderOf(p.Type().Elem())
	if err != nil {
		return b, err
	}
	b, err = c.append(b, p.Elem(), 0)
	if err != nil {
		return b, fmt.Errorf("msgpack: encode %T: %w", v, err)
	}
	return b, nil
}

// Decode decodes the payload into *v. Map entries and struct fields that the payload does not have keep their values; what
// an any held is replaced. Unknown fields are skipped. Memory is in proportion to the payload: an element takes at least
// a byte there, and its Go type's size here.
func (Codec) Decode(payload []byte, v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("msgpack: decode %T: %w: want a pointer to the message, not nil", v, codec.ErrType)
	}
	c, err := coderOf(p.Type().Elem())
	if err != nil {
		return err
	}
	if err := Valid(payload); err != nil {
		return fmt.Errorf("msgpack: decode %T: %w", v, err)
	}
	rest, err := c.read(payload, p.Elem())
	if err != nil {
		return fmt.Errorf("msgpack: decode %T: %w: %w", v, codec.ErrPayload, err)
	}
	if len(rest) != 0 {
		return fmt.Errorf("msgpack: decode %T: %w: %w: by %d bytes", v, codec.ErrPayload, codec.ErrTrailing, len(rest))
	}
	return nil
}
