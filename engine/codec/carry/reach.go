package carry

import (
	"reflect"
	"sync"

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
	listerType  = reflect.TypeFor[codec.Lister]()
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

// isLister says whether messages of type t carry a list, which is for who has the attachment table.
func isLister(t reflect.Type) bool {
	return t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(listerType)
}

// ownMethods has what marshalsItself found.
var ownMethods sync.Map // reflect.Type -> string

// marshalsItself names a method by which t encodes itself for some codec, or returns "".
func marshalsItself(t reflect.Type) string {
	if t.Name() == "" && t.Kind() != reflect.Struct || t.Kind() == reflect.Interface {
		return "" // without methods, or a pointer
	}
	if known, ok := ownMethods.Load(t); ok {
		return known.(string)
	}
	name := ownMethod(t)
	ownMethods.Store(t, name)
	return name
}

func ownMethod(t reflect.Type) string {
	p := reflect.PointerTo(t)
	// The names are constants at each call, so that the linker may drop all other methods of all types.
	for _, method := range []func() (reflect.Method, bool){
		func() (reflect.Method, bool) { return p.MethodByName("MarshalMsg") },
		func() (reflect.Method, bool) { return p.MethodByName("UnmarshalMsg") },
		func() (reflect.Method, bool) { return p.MethodByName("MarshalJSON") },
		func() (reflect.Method, bool) { return p.MethodByName("UnmarshalJSON") },
		func() (reflect.Method, bool) { return p.MethodByName("MarshalXML") },
		func() (reflect.Method, bool) { return p.MethodByName("UnmarshalXML") },
		func() (reflect.Method, bool) { return p.MethodByName("MarshalText") },
		func() (reflect.Method, bool) { return p.MethodByName("UnmarshalText") },
		func() (reflect.Method, bool) { return p.MethodByName("MarshalBinary") },
		func() (reflect.Method, bool) { return p.MethodByName("UnmarshalBinary") },
		func() (reflect.Method, bool) { return p.MethodByName("ProtoReflect") },
	} {
		if m, ok := method(); ok {
			return m.Name
		}
	}
	return ""
}
