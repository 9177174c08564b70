package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"

	"github.com/valyala/bytebufferpool"

	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/carry"
)

// An outbound is a value of a type of this package that is carried.
type outbound interface {
	carryOut(c *Cargo) (ref uint32, err error)
}

// An inbound is a pointer to one.
type inbound interface {
	carryIn(c *Cargo, ref uint32) error
}

func (s Sender[T]) carryOut(c *Cargo) (uint32, error) {
	if s.end == nil {
		return 0, nil
	}
	return c.add(senderItem(s.end, 0))
}

func (r Receiver[T]) carryOut(c *Cargo) (uint32, error) {
	if r.end == nil {
		return 0, nil
	}
	return c.add(receiverItem(r.end, 0))
}

func (v Carried[T]) carryOut(c *Cargo) (uint32, error) {
	if isNil(v.V) {
		return 0, nil
	}
	ref, err := c.addValue(v.V, reflect.TypeFor[T](), 0)
	if err == nil && v.Gift {
		c.gift(v.V)
	}
	return ref, err
}

func (s *Sender[T]) carryIn(c *Cargo, ref uint32) error   { s.ref = ref; return s.Carry(c) }
func (r *Receiver[T]) carryIn(c *Cargo, ref uint32) error { r.ref = ref; return r.Carry(c) }
func (v *Carried[T]) carryIn(c *Cargo, ref uint32) error  { v.key = ref; return v.Carry(c) }

var (
	typeInbound = reflect.TypeFor[inbound]()
	typeAny     = reflect.TypeFor[any]()
	// carriedTypes are those that are carried beside the ends of channels.
	carriedTypes = map[reflect.Type]bool{
		typeReader: true, typeReadCloser: true, typeWriter: true, typeWriteCloser: true, typeReadWriter: true,
		typeReadWriteCloser: true, typeFile: true, typeConn: true, typePacketConn: true, typeListener: true,
		reflect.TypeFor[*net.TCPConn](): true, reflect.TypeFor[*net.UDPConn](): true, reflect.TypeFor[*net.UnixConn](): true,
		reflect.TypeFor[*net.TCPListener](): true, reflect.TypeFor[*net.UnixListener](): true,
		reflect.TypeFor[*io.PipeReader](): true, reflect.TypeFor[*io.PipeWriter](): true,
		reflect.TypeFor[*StreamReader](): true, reflect.TypeFor[*StreamWriter](): true, reflect.TypeFor[*StreamConn](): true,
	}
)

// types implements carry.Types.
type types struct{}

// Carried implements carry.Types.
func (types) Carried(t reflect.Type) bool {
	return carriedTypes[t] || t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(typeInbound)
}

// bindValue adds a carried value that reflection found: see carry.Bind.
func (c *Cargo) bindValue(v reflect.Value) (codec.Ref, error) {
	x := v.Interface()
	var ref uint32
	var err error
	if o, ok := x.(outbound); ok {
		ref, err = o.carryOut(c)
	} else {
		ref, err = c.addValue(x, v.Type(), 0)
	}
	return codec.Ref(ref), err
}

// resolveValue returns what a Ref stands for: see carry.Resolve.
func (c *Cargo) resolveValue(r codec.Ref, t reflect.Type) (reflect.Value, error) {
	if t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(typeInbound) {
		v := reflect.New(t)
		return v.Elem(), v.Interface().(inbound).carryIn(c, uint32(r))
	}
	if t != typeAny {
		v, err := c.takeValue(uint32(r), t)
		return reflect.ValueOf(v), err
	}
	v, err := c.takeAny(uint32(r))
	return reflect.ValueOf(v), err
}

// takeAny returns what a ref stands for where no type says what it should be: a Sender[any] or Receiver[any], a stream, a
// file or connection.
func (c *Cargo) takeAny(ref uint32) (any, error) {
	it, err := c.find(ref)
	if err != nil {
		return nil, err
	}
	if it.flags&entryStream != 0 || it.value != nil || it.file != nil {
		return it.asValue(typeAny)
	}
	it.taken = false
	if it.s != nil {
		var s Sender[any]
		err := s.carryIn(c, ref)
		return s, err
	}
	var r Receiver[any]
	err = r.carryIn(c, ref)
	return r, err
}

// appendReflected encodes *v by reflection, and collects what it carries.
func (e *encoding) appendReflected(c *Cargo, b []byte, v any) ([]byte, error) {
	if l, ok := v.(codec.Lister); ok {
		for i, x := range *l.CarriedList() {
			ref, err := codec.Ref(0), error(nil)
			if x != nil {
				ref, err = c.bindValue(reflect.ValueOf(x))
			}
			if err == nil && ref == 0 {
				err = fmt.Errorf("value %d of the list is not set: leave it out, and number the others", i)
			}
			if err != nil {
				return nil, err
			}
		}
	} else if !e.plan.Empty() {
		shadow, err := e.plan.Out(v, c.bindValue)
		if err != nil {
			return nil, err
		}
		v = shadow
	}
	return e.by.Append(b, v)
}

// decodeReflected decodes into *v by reflection.
func (e *encoding) decodeReflected(c *Cargo, payload []byte, v any) error {
	private := inboxes.Get() // the payload may change under a decoder that looks twice
	defer inboxes.Put(private)
	private.Set(payload)
	if c == nil {
		c = &Cargo{in: true}
	}
	l, isList := v.(codec.Lister)
	if e.plan.Empty() || isList {
		if err := e.by.Decode(private.B, v); err != nil {
			return malformed(v, err, 0)
		}
		if isList {
			return c.fillList(l.CarriedList())
		}
		return nil
	}
	shadow := e.plan.NewShadow()
	if err := e.by.Decode(private.B, shadow); err != nil {
		return malformed(v, err, 0)
	}
	if err := e.plan.In(shadow, v, c.resolveValue); err != nil {
		if errors.Is(err, carry.ErrResolve) {
			return malformed(v, err, 0)
		}
		return fmt.Errorf("decode %T: %w", v, err)
	}
	return nil
}

// fillList sets a list to all that came, by their refs.
func (c *Cargo) fillList(list *[]any) error {
	*list = nil
	for ref := range uint32(len(c.items)) {
		v, err := c.takeAny(ref + 1)
		if err != nil {
			return err
		}
		*list = append(*list, v)
	}
	return nil
}

// sendReflected sends *v, encoded by reflection.
func (s *sendEnd) sendReflected(ctx context.Context, c *Cargo, v any, flags uint32) error {
	buf := encoded.Get()
	defer encoded.Put(buf)
	b, err := s.enc.appendReflected(c, buf.B[:0], v)
	if err != nil {
		c.abandon()
		return fmt.Errorf("engine: encode %T: %w", v, err)
	}
	buf.B = b
	return s.sendEncoded(ctx, c, b, flags)
}

// encoded is where messages are encoded whose size is not known before.
var encoded bytebufferpool.Pool
