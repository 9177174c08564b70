package gentest

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// Difference returns where two messages differ, "" if nowhere. Nil slices and maps are as good as empty ones, and times are compared as
// times. What is not sent, and what is carried, is not compared.
func Difference(a, b any) string {
	return difference(reflect.ValueOf(a), reflect.ValueOf(b), "")
}

func difference(a, b reflect.Value, at string) string {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return fmt.Sprintf("%s: %v and %v", at, a, b)
	}
	if !a.IsValid() || skipped(a.Type()) {
		return ""
	}
	if d, ok := byMethods(a, b, at); ok {
		return d
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			if a.IsNil() != b.IsNil() {
				return fmt.Sprintf("%s: %v and %v", at, a, b)
			}
			return ""
		}
		return difference(a.Elem(), b.Elem(), at)
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: %d elements and %d", at, a.Len(), b.Len())
		}
		for i := range a.Len() {
			if d := difference(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", at, i)); d != "" {
				return d
			}
		}
	case reflect.Map:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: %d entries and %d", at, a.Len(), b.Len())
		}
		for it := a.MapRange(); it.Next(); {
			if d := difference(it.Value(), b.MapIndex(it.Key()), fmt.Sprintf("%s[%v]", at, it.Key())); d != "" {
				return d
			}
		}
	case reflect.Struct:
		for i := range a.NumField() {
			if f := a.Type().Field(i); travels(f) {
				if d := difference(a.Field(i), b.Field(i), at+"."+f.Name); d != "" {
					return d
				}
			}
		}
	default:
		if !a.Equal(b) {
			return fmt.Sprintf("%s: %v and %v", at, a, b)
		}
	}
	return ""
}

// byMethods compares what is not compared by what it is made of.
func byMethods(a, b reflect.Value, at string) (string, bool) {
	if !a.CanInterface() || !b.CanInterface() {
		return "", false
	}
	if x, ok := a.Interface().(time.Time); ok {
		if y := b.Interface().(time.Time); !x.Equal(y) {
			return fmt.Sprintf("%s: %v and %v", at, x, y), true
		}
		return "", true
	}
	if !a.CanAddr() || !b.CanAddr() {
		return "", false
	}
	if strings.HasPrefix(a.Type().PkgPath(), "sync/atomic") {
		load := func(v reflect.Value) any { return v.Addr().MethodByName("Load").Call(nil)[0].Interface() }
		if load(a) != load(b) {
			return fmt.Sprintf("%s: %v and %v", at, load(a), load(b)), true
		}
		return "", true
	}
	x, ok := a.Addr().Interface().(encoding.TextMarshaler)
	if !ok {
		return "", false
	}
	s, err := x.MarshalText()
	t, err2 := b.Addr().Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil || err2 != nil || !bytes.Equal(s, t) {
		return fmt.Sprintf("%s: %s and %s (%v, %v)", at, s, t, err, err2), true
	}
	return "", true
}

// canonical returns a payload with the entries of all maps in order.
func canonical(b []byte) (out, rest []byte, err error) {
	rest, err = msgp.Skip(b)
	if err != nil {
		return nil, b, err
	}
	whole := b[:len(b)-len(rest)]
	var n uint32
	each := 1
	switch msgp.NextType(b) {
	case msgp.ArrayType:
		n, b, err = msgp.ReadArrayHeaderBytes(b)
	case msgp.MapType:
		each = 2
		n, b, err = msgp.ReadMapHeaderBytes(b)
	default:
		return whole, rest, nil
	}
	parts := make([]string, n)
	for i := range parts {
		for range each {
			var one []byte
			if one, b, err = canonical(b); err != nil {
				return nil, b, err
			}
			parts[i] += string(one)
		}
	}
	if each == 2 {
		slices.Sort(parts)
	}
	return append(fmt.Appendf(nil, "%d/%d", each, n), strings.Join(parts, "")...), rest, err
}
