package carry

import (
	"reflect"

	"github.com/corechan/corechan/engine/codec"
)

// A reach is what values of a type may have within them.
type reach struct {
	carried string // the path to the first field of a carried type; "" if there is none
	any     bool   // behind an any there may be carried values
	itself  bool   // the type contains itself
}

var (
	carrierType = reflect.TypeFor[codec.Carrier]()
	refType     = reflect.TypeFor[codec.Ref]()
	anyType     = reflect.TypeFor[any]()
)

// reachOf goes through t as far as codecs would, and through types that marshal themselves.
func reachOf(t reflect.Type, types Types) reach {
	var r reach
	seen := map[reflect.Type]bool{}
	var visit func(u reflect.Type, path string)
	visit = func(u reflect.Type, path string) {
		if u == t && len(seen) > 0 {
			r.itself = true
		}
		if seen[u] {
			return
		}
		seen[u] = true
		switch {
		case types.Carried(u), isCarrier(u):
			if r.carried == "" {
				r.carried = path
			}
			return
		case u == anyType:
			r.any = true
			return
		}
		switch u.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			visit(u.Elem(), path)
		case reflect.Map:
			visit(u.Elem(), path)
			visit(u.Key(), path+" (the key)")
		case reflect.Struct:
			for i := range u.NumField() {
				if f := u.Field(i); travels(f) && !skipped(f) {
					visit(f.Type, path+"."+f.Name)
				}
			}
		case reflect.Interface:
			if u.NumMethod() == 0 {
				r.any = true // a named one
			}
		}
	}
	visit(t, t.String())
	return r
}

// travels says whether codecs see the field or, if it is an embedded struct, fields of it.
func travels(f reflect.StructField) bool {
	if f.IsExported() {
		return true
	}
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return f.Anonymous && t.Kind() == reflect.Struct
}

// skipped says whether a codec is told to leave the field out.
func skipped(f reflect.StructField) bool {
	return f.Tag.Get("msg") == "-" || f.Tag.Get("json") == "-" || f.Tag.Get("xml") == "-"
}

// isCarrier says whether values of type t visit their carried values themselves.
func isCarrier(t reflect.Type) bool {
	return t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(carrierType)
}

// marshalsItself names a method by which t encodes itself for some codec, or returns "".
func marshalsItself(t reflect.Type) string {
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer {
		return ""
	}
	p := reflect.PointerTo(t)
	for _, name := range []string{
		"MarshalMsg", "UnmarshalMsg", "MarshalJSON", "UnmarshalJSON", "MarshalXML", "UnmarshalXML",
		"MarshalText", "UnmarshalText", "MarshalBinary", "UnmarshalBinary", "ProtoReflect",
	} {
		if _, ok := p.MethodByName(name); ok {
			return name
		}
	}
	return ""
}
