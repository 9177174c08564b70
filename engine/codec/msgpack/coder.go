package msgpack

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine/codec"
)

// A coder encodes and decodes the values of one type. It is made once and not changed once it is in coders.
type coder struct {
	// append appends v; depth is the number of containers around it.
	append func(b []byte, v reflect.Value, depth int) ([]byte, error)
	// read reads v, which can be set, from the beginning of b, which Valid has passed, and returns the rest.
	read func(b []byte, v reflect.Value) ([]byte, error)
}

// coders has the finished coder of each type that was asked for.
var coders sync.Map // reflect.Type -> *coder

// coderOf returns the coder of t; its error is ErrType's and names the field.
func coderOf(t reflect.Type) (*coder, error) {
	if c, ok := coders.Load(t); ok {
		return c.(*coder), nil
	}
	b := builder{}
	c, err := b.of(t)
	if err != nil {
		return nil, fmt.Errorf("msgpack: %v: %w: %w", t, codec.ErrType, err)
	}
	for t, c := range b {
		coders.LoadOrStore(t, c)
	}
	return c, nil
}

// A builder makes the coders of a type and of those within it. A type that contains itself finds its own unfinished
// coder here, and calls it when that is finished.
type builder map[reflect.Type]*coder

var (
	marshalerType         = reflect.TypeFor[msgp.Marshaler]()
	unmarshalerType       = reflect.TypeFor[msgp.Unmarshaler]()
	extensionType         = reflect.TypeFor[msgp.RawExtension]()
	timeType              = reflect.TypeFor[time.Time]()
	binaryMarshalerType   = reflect.TypeFor[encoding.BinaryMarshaler]()
	binaryUnmarshalerType = reflect.TypeFor[encoding.BinaryUnmarshaler]()
	textMarshalerType     = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshalerType   = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (m builder) of(t reflect.Type) (*coder, error) {
	if c, ok := m[t]; ok {
		return c, nil
	}
	if c, ok := coders.Load(t); ok {
		return c.(*coder), nil
	}
	c := &coder{}
	m[t] = c
	made, err := m.make(t)
	if err != nil {
		return nil, err
	}
	*c = made
	return c, nil
}

func (m builder) make(t reflect.Type) (coder, error) {
	p := reflect.PointerTo(t)
	has := func(marshal, unmarshal reflect.Type) bool {
		return t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer && p.Implements(marshal) && p.Implements(unmarshal)
	}
	switch {
	case has(marshalerType, unmarshalerType):
		return generated, nil
	case t == timeType:
		return timeCoder, nil
	case t == extensionType:
		return extensionCoder, nil
	case has(binaryMarshalerType, binaryUnmarshalerType):
		return binaryCoder, nil
	case has(textMarshalerType, textUnmarshalerType):
		return textCoder, nil
	}
	if c, ok := basic(t); ok {
		return c, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.pointer(t)
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return anyCoder(), nil
		}
		return coder{}, fmt.Errorf("nothing says what type to decode into the interface %v: use any, or tag the field `msg:\"-\"`", t)
	case reflect.Slice:
		return m.slice(t)
	case reflect.Array:
		return m.array(t)
	case reflect.Map:
		return m.mapping(t)
	case reflect.Struct:
		return m.structure(t)
	}
	return coder{}, fmt.Errorf("msgpack has no form for %v: tag the field `msg:\"-\"`", t)
}

// pointer is the value that it points to, or nil.
func (m builder) pointer(t reflect.Type) (coder, error) {
	end := t
	for range codec.MaxDepth {
		if end.Kind() != reflect.Pointer {
			break
		}
		end = end.Elem()
	}
	if end.Kind() == reflect.Pointer {
		return coder{}, fmt.Errorf("%v points to itself: use a struct", t)
	}
	elem, err := m.of(t.Elem())
	if err != nil {
		return coder{}, err
	}
	return coder{
		append: func(b []byte, v reflect.Value, depth int) ([]byte, error) {
			if v.IsNil() {
				return msgp.AppendNil(b), nil
			}
			return elem.append(b, v.Elem(), depth)
		},
		read: func(b []byte, v reflect.Value) ([]byte, error) {
			if msgp.IsNil(b) {
				v.SetZero()
				return b[1:], nil
			}
			if v.IsNil() {
				v.Set(reflect.New(t.Elem()))
			}
			return elem.read(b, v.Elem())
		},
	}, nil
}

// errNoRoom is what an own method deserves that reads more than there is.
var errNoRoom = errors.New("its UnmarshalMsg returned more than it was given")

// generated calls the type's own methods, as tinylib/msgp generates them.
var generated = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) {
		return addressable(v).Interface().(msgp.Marshaler).MarshalMsg(b)
	},
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		rest, err := v.Addr().Interface().(msgp.Unmarshaler).UnmarshalMsg(b)
		if err == nil && len(rest) > len(b) {
			err = errNoRoom
		}
		return rest, err
	},
}

// addressable returns a pointer to v, or to a copy of it if v is an element of a map or in an interface.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v.Addr()
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p
}

var timeCoder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) {
		return msgp.AppendTime(b, v.Interface().(time.Time)), nil
	},
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		t, rest, err := msgp.ReadTimeBytes(b)
		if err == nil {
			v.Set(reflect.ValueOf(t))
		}
		return rest, err
	},
}

var extensionCoder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) {
		return msgp.AppendExtension(b, addressable(v).Interface().(*msgp.RawExtension))
	},
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		e, rest, err := readExtension(b)
		if err == nil {
			v.Set(reflect.ValueOf(*e))
		}
		return rest, err
	},
}

// readExtension reads an extension of any type.
func readExtension(b []byte) (*msgp.RawExtension, []byte, error) {
	h, ok := headOf(b)
	if c := b[0]; !ok || (c < 0xc7 || c > 0xc9) && (c < 0xd4 || c > 0xd8) {
		return nil, b, msgp.TypeError{Method: msgp.ExtensionType, Encoded: msgp.NextType(b)}
	}
	body := b[h.size:][:h.body]
	e := &msgp.RawExtension{Type: int8(body[0]), Data: append([]byte{}, body[1:]...)}
	return e, b[h.size+int(h.body):], nil
}

var binaryCoder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) {
		data, err := addressable(v).Interface().(encoding.BinaryMarshaler).MarshalBinary()
		return msgp.AppendBytes(b, data), err
	},
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		data, rest, err := msgp.ReadBytesBytes(b, nil) // a copy, as UnmarshalBinary might keep what it gets
		if err != nil {
			return rest, err
		}
		return rest, v.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(data)
	},
}

var textCoder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) {
		data, err := addressable(v).Interface().(encoding.TextMarshaler).MarshalText()
		return msgp.AppendStringFromBytes(b, data), err
	},
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		data, rest, err := msgp.ReadStringAsBytes(b, nil)
		if err != nil {
			return rest, err
		}
		return rest, v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(data)
	},
}
