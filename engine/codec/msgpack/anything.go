package msgpack

import (
	"fmt"
	"reflect"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine/codec"
)

// anyCoder is no variable, as appendAny comes back here by way of other types.
func anyCoder() coder {
	return coder{
		append: func(b []byte, v reflect.Value, depth int) ([]byte, error) {
			if v.IsNil() {
				return msgp.AppendNil(b), nil
			}
			return appendAny(b, v.Interface(), depth)
		},
		read: func(b []byte, v reflect.Value) ([]byte, error) {
			x, rest, err := readAny(b)
			switch {
			case err != nil:
				return rest, err
			case x == nil:
				v.SetZero()
			default:
				v.Set(reflect.ValueOf(x))
			}
			return rest, nil
		},
	}
}

// appendAny appends what an any holds: the usual types first.
func appendAny(b []byte, x any, depth int) ([]byte, error) {
	switch x := x.(type) {
	case nil:
		return msgp.AppendNil(b), nil
	case bool:
		return msgp.AppendBool(b, x), nil
	case int:
		return msgp.AppendInt64(b, int64(x)), nil
	case int64:
		return msgp.AppendInt64(b, x), nil
	case uint64:
		return msgp.AppendUint64(b, x), nil
	case float64:
		return msgp.AppendFloat64(b, x), nil
	case string:
		return msgp.AppendString(b, x), nil
	case []byte:
		return msgp.AppendBytes(b, x), nil
	case time.Time:
		return msgp.AppendTime(b, x), nil
	case codec.Ref:
		return x.MarshalMsg(b)
	case []any:
		return appendAnySlice(b, x, depth)
	case map[string]any:
		return appendAnyMap(b, x, depth)
	}
	return appendOther(b, reflect.ValueOf(x), depth)
}

func appendAnySlice(b []byte, x []any, depth int) ([]byte, error) {
	if err := enter(len(x), depth); err != nil {
		return b, err
	}
	b = msgp.AppendArrayHeader(b, uint32(len(x)))
	var err error
	for _, e := range x {
		if b, err = appendAny(b, e, depth+1); err != nil {
			return b, err
		}
	}
	return b, nil
}

func appendAnyMap(b []byte, x map[string]any, depth int) ([]byte, error) {
	if err := enter(len(x), depth); err != nil {
		return b, err
	}
	b = msgp.AppendMapHeader(b, uint32(len(x)))
	var err error
	for k, e := range x {
		b = msgp.AppendString(b, k)
		if b, err = appendAny(b, e, depth+1); err != nil {
			return b, err
		}
	}
	return b, nil
}

// appendOther appends a value by its type's coder. Pointers and interfaces that lead to each other in a circle end here.
func appendOther(b []byte, v reflect.Value, depth int) ([]byte, error) {
	for range codec.MaxDepth {
		if v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface {
			c, err := coderOf(v.Type())
			if err != nil {
				return b, err
			}
			return c.append(b, v, depth)
		}
		if v.IsNil() {
			return msgp.AppendNil(b), nil
		}
		v = v.Elem()
	}
	return b, codec.ErrDepth
}

// readAny reads a value of any type. Its depth is bounded by Valid.
func readAny(b []byte) (any, []byte, error) {
	switch msgp.NextType(b) {
	case msgp.NilType:
		return nil, b[1:], nil
	case msgp.BoolType:
		return boxed(msgp.ReadBoolBytes(b))
	case msgp.IntType:
		return boxed(msgp.ReadInt64Bytes(b))
	case msgp.UintType:
		return boxed(msgp.ReadUint64Bytes(b))
	case msgp.Float32Type, msgp.Float64Type:
		return boxed(msgp.ReadFloat64Bytes(b))
	case msgp.StrType:
		return boxed(msgp.ReadStringBytes(b))
	case msgp.BinType:
		return boxed(msgp.ReadBytesBytes(b, nil))
	case msgp.ArrayType:
		return readAnySlice(b)
	case msgp.MapType:
		return readAnyMap(b)
	}
	return readAnyExtension(b)
}

// readAnyExtension does not ask msgp.NextType, which takes an extension at the very end of b for one of an unknown type.
func readAnyExtension(b []byte) (any, []byte, error) {
	e, rest, err := readExtension(b)
	if err != nil {
		return nil, b, err
	}
	switch e.Type {
	case codec.RefExtension:
		var r codec.Ref
		rest, err = r.UnmarshalMsg(b)
		return r, rest, err
	case msgp.TimeExtension, msgp.MsgTimeExtension:
		return boxed(msgp.ReadTimeBytes(b))
	case msgp.Complex64Extension:
		return boxed(msgp.ReadComplex64Bytes(b))
	case msgp.Complex128Extension:
		return boxed(msgp.ReadComplex128Bytes(b))
	}
	return e, rest, nil
}

// boxed is what a reader returned, as an any.
func boxed[T any](v T, rest []byte, err error) (any, []byte, error) { return v, rest, err }

func readAnySlice(b []byte) (any, []byte, error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, b, err
	}
	x := make([]any, n) // no more than there are bytes: see Valid
	for i := range x {
		if x[i], rest, err = readAny(rest); err != nil {
			return nil, rest, err
		}
	}
	return x, rest, nil
}

func readAnyMap(b []byte) (any, []byte, error) {
	n, rest, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, b, err
	}
	x := make(map[string]any, min(n, 64)) // grows with what is there
	for range n {
		var key string
		if key, rest, err = msgp.ReadStringBytes(rest); err != nil {
			return nil, rest, fmt.Errorf("the key of a map in an any: %w", err)
		}
		if x[key], rest, err = readAny(rest); err != nil {
			return nil, rest, err
		}
	}
	return x, rest, nil
}
