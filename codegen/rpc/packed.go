package rpc

import (
	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
)

// A Packed is an argument or a result that is an engine.Packer: Carry comes before MarshalMsg and after UnmarshalMsg, and does the
// work.
type Packed[T any, P packer[T]] struct {
	// V is nil if there is none.
	V P
	b []byte
}

type packer[T any] interface {
	*T
	engine.Packer
}

// Value returns V, or if it is nil a zero T.
func (p *Packed[T, P]) Value() P {
	if p.V == nil {
		p.V = new(T)
	}
	return p.V
}

// Carry implements what a Carrier needs of its fields.
func (p *Packed[T, P]) Carry(c *engine.Cargo) (err error) {
	if p.b == nil { // it goes out
		if p.V == nil {
			p.b = msgp.AppendNil(nil)
			return nil
		}
		if err = carry(any(p.V), c); err == nil {
			p.b, err = p.V.Pack(nil, c)
		}
		return err
	}
	b := p.b
	p.b = nil
	if msgp.IsNil(b) {
		return nil
	}
	p.V = new(T)
	if _, err := p.V.Unpack(b, c); err != nil {
		return err
	}
	return carry(any(p.V), c)
}

func carry(v any, c *engine.Cargo) error {
	if m, ok := v.(interface{ Carry(c *engine.Cargo) error }); ok {
		return m.Carry(c)
	}
	return nil
}

// MarshalMsg implements msgp.Marshaler.
func (p *Packed[T, P]) MarshalMsg(b []byte) ([]byte, error) { return append(b, p.b...), nil }

// UnmarshalMsg implements msgp.Unmarshaler.
func (p *Packed[T, P]) UnmarshalMsg(b []byte) ([]byte, error) {
	rest, err := msgp.Skip(b)
	if err == nil {
		p.b = append([]byte{}, b[:len(b)-len(rest)]...)
	}
	return rest, err
}

// Msgsize implements msgp.Sizer.
func (p *Packed[T, P]) Msgsize() int { return len(p.b) }
