package msgpack

import (
	"fmt"
	"math"
	"reflect"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine/codec"
)

// isBytes says whether elements of type t are written together as bin.
func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Uint8 && !reflect.PointerTo(t).Implements(marshalerType)
}

// errLong is for a container that msgpack's header cannot count.
var errLong = fmt.Errorf("more than %d elements: send it in parts", uint32(math.MaxUint32))

// enter checks the bounds of a container in depth others.
func enter(n, depth int) error {
	if depth >= codec.MaxDepth {
		return codec.ErrDepth
	}
	if uint64(n) > math.MaxUint32 {
		return errLong
	}
	return nil
}

func (m builder) slice(t reflect.Type) (coder, error) {
	if isBytes(t.Elem()) {
		return bytesCoder, nil
	}
	elem, err := m.of(t.Elem())
	if err != nil {
		return coder{}, err
	}
	return coder{
		append: elem.appendArray,
		read: func(b []byte, v reflect.Value) ([]byte, error) {
			if msgp.IsNil(b) {
				v.SetZero()
				return b[1:], nil
			}
			n, rest, err := msgp.ReadArrayHeaderBytes(b)
			if err != nil {
				return b, err
			}
			size := int(n) // no more than there are bytes: see Valid
			if v.Cap() < size {
				v.Set(reflect.MakeSlice(t, size, size))
			}
			v.SetLen(size)
			for i := range size {
				e := v.Index(i)
				e.SetZero() // or it would have what the slice held before
				if rest, err = elem.read(rest, e); err != nil {
					return rest, err
				}
			}
			return rest, nil
		},
	}, nil
}

func (c *coder) appendArray(b []byte, v reflect.Value, depth int) ([]byte, error) {
	n := v.Len()
	if err := enter(n, depth); err != nil {
		return b, err
	}
	b = msgp.AppendArrayHeader(b, uint32(n))
	var err error
	for i := range n {
		if b, err = c.append(b, v.Index(i), depth+1); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (m builder) array(t reflect.Type) (coder, error) {
	if isBytes(t.Elem()) {
		return byteArrayCoder, nil
	}
	elem, err := m.of(t.Elem())
	if err != nil {
		return coder{}, err
	}
	return coder{
		append: elem.appendArray,
		read: func(b []byte, v reflect.Value) ([]byte, error) {
			n, rest, err := msgp.ReadArrayHeaderBytes(b)
			if err == nil && int(n) != t.Len() {
				err = msgp.ArrayError{Wanted: uint32(t.Len()), Got: n}
			}
			if err != nil {
				return b, err
			}
			for i := range t.Len() {
				if rest, err = elem.read(rest, v.Index(i)); err != nil {
					return rest, err
				}
			}
			return rest, nil
		},
	}, nil
}

var bytesCoder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) { return msgp.AppendBytes(b, v.Bytes()), nil },
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		if msgp.IsNil(b) {
			v.SetZero()
			return b[1:], nil
		}
		x, rest, err := msgp.ReadBytesZC(b)
		if err == nil {
			if n := len(x); v.Cap() < n {
				v.Set(reflect.MakeSlice(v.Type(), n, n))
			}
			v.SetLen(len(x))
			copy(v.Bytes(), x)
		}
		return rest, err
	},
}

var byteArrayCoder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) {
		return msgp.AppendBytes(b, addressable(v).Elem().Bytes()), nil
	},
	read: func(b []byte, v reflect.Value) ([]byte, error) { return msgp.ReadExactBytes(b, v.Bytes()) },
}

func (m builder) mapping(t reflect.Type) (coder, error) {
	key, ok := basic(t.Key())
	if !ok {
		return coder{}, fmt.Errorf("%v: keys must be strings, numbers or booleans: send a slice of pairs", t)
	}
	elem, err := m.of(t.Elem())
	if err != nil {
		return coder{}, err
	}
	return coder{
		append: func(b []byte, v reflect.Value, depth int) ([]byte, error) {
			if err := enter(v.Len(), depth); err != nil {
				return b, err
			}
			b = msgp.AppendMapHeader(b, uint32(v.Len()))
			for it := v.MapRange(); it.Next(); {
				var err error
				if b, err = key.append(b, it.Key(), depth+1); err != nil {
					return b, err
				}
				if b, err = elem.append(b, it.Value(), depth+1); err != nil {
					return b, err
				}
			}
			return b, nil
		},
		read: func(b []byte, v reflect.Value) ([]byte, error) {
			if msgp.IsNil(b) {
				v.SetZero()
				return b[1:], nil
			}
			n, rest, err := msgp.ReadMapHeaderBytes(b)
			if err != nil {
				return b, err
			}
			if v.IsNil() && n > 0 {
				v.Set(reflect.MakeMap(t)) // grows with what is there
			}
			k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			for range n {
				if rest, err = key.read(rest, k); err != nil {
					return rest, err
				}
				e.SetZero()
				if rest, err = elem.read(rest, e); err != nil {
					return rest, err
				}
				v.SetMapIndex(k, e)
			}
			return rest, nil
		},
	}, nil
}
