package msgpack

import (
	"fmt"
	"reflect"

	"github.com/tinylib/msgp/msgp"
)

// basic returns the coder of a type that holds no others.
func basic(t reflect.Type) (coder, bool) {
	switch t.Kind() {
	case reflect.Bool:
		return boolCoder, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intCoder, true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return uintCoder, true
	case reflect.Float32:
		return float32Coder, true
	case reflect.Float64:
		return float64Coder, true
	case reflect.Complex64:
		return complex64Coder, true
	case reflect.Complex128:
		return complex128Coder, true
	case reflect.String:
		return stringCoder, true
	}
	return coder{}, false
}

var boolCoder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) { return msgp.AppendBool(b, v.Bool()), nil },
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		x, rest, err := msgp.ReadBoolBytes(b)
		if err == nil {
			v.SetBool(x)
		}
		return rest, err
	},
}

var intCoder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) { return msgp.AppendInt64(b, v.Int()), nil },
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		x, rest, err := msgp.ReadInt64Bytes(b)
		if err == nil && v.OverflowInt(x) {
			err = fmt.Errorf("%d does not fit into %v", x, v.Type())
		}
		if err == nil {
			v.SetInt(x)
		}
		return rest, err
	},
}

var uintCoder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) { return msgp.AppendUint64(b, v.Uint()), nil },
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		x, rest, err := msgp.ReadUint64Bytes(b)
		if err == nil && v.OverflowUint(x) {
			err = fmt.Errorf("%d does not fit into %v", x, v.Type())
		}
		if err == nil {
			v.SetUint(x)
		}
		return rest, err
	},
}

var float32Coder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) {
		return msgp.AppendFloat32(b, float32(v.Float())), nil
	},
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		x, rest, err := msgp.ReadFloat32Bytes(b)
		if err == nil {
			v.SetFloat(float64(x))
		}
		return rest, err
	},
}

var float64Coder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) { return msgp.AppendFloat64(b, v.Float()), nil },
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		x, rest, err := msgp.ReadFloat64Bytes(b)
		if err == nil {
			v.SetFloat(x)
		}
		return rest, err
	},
}

var complex64Coder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) {
		return msgp.AppendComplex64(b, complex64(v.Complex())), nil
	},
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		x, rest, err := msgp.ReadComplex64Bytes(b)
		if err == nil {
			v.SetComplex(complex128(x))
		}
		return rest, err
	},
}

var complex128Coder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) {
		return msgp.AppendComplex128(b, v.Complex()), nil
	},
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		x, rest, err := msgp.ReadComplex128Bytes(b)
		if err == nil {
			v.SetComplex(x)
		}
		return rest, err
	},
}

var stringCoder = coder{
	append: func(b []byte, v reflect.Value, _ int) ([]byte, error) { return msgp.AppendString(b, v.String()), nil },
	read: func(b []byte, v reflect.Value) ([]byte, error) {
		x, rest, err := msgp.ReadStringBytes(b)
		if err == nil {
			v.SetString(x)
		}
		return rest, err
	},
}
