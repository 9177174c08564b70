package xml

import (
	"encoding"
	"encoding/xml"
	"fmt"
	"reflect"
	"sync"

	"github.com/corechan/corechan/engine/codec"
)

// checked has the answers of Check.
var checked sync.Map // reflect.Type -> error, or nil

var (
	xmlUnmarshaler  = reflect.TypeFor[xml.Unmarshaler]()
	attrUnmarshaler = reflect.TypeFor[xml.UnmarshalerAttr]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	nameType        = reflect.TypeFor[xml.Name]()
)

// Check refuses types that encoding/xml does not decode: any and other interfaces, maps, func, chan, complex numbers,
// unless they have methods of their own for it.
func (Codec) Check(t reflect.Type) error {
	if known, ok := checked.Load(t); ok {
		err, _ := known.(error)
		return err
	}
	err := check(t, map[reflect.Type]bool{})
	if err != nil {
		err = fmt.Errorf("xml: %v: %w: %w", t, codec.ErrType, err)
	}
	checked.Store(t, err)
	return err
}

func check(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] {
		return nil
	}
	seen[t] = true
	if p := reflect.PointerTo(t); p.Implements(xmlUnmarshaler) || p.Implements(attrUnmarshaler) || p.Implements(textUnmarshaler) {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return check(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if !written(f) {
				continue
			}
			if err := check(f.Type, seen); err != nil {
				return fmt.Errorf("%v.%s: %w", t, f.Name, err)
			}
		}
	case reflect.Interface:
		return fmt.Errorf("XML does not say what type %v holds: name the type, or use msgpack or json", t)
	case reflect.Map, reflect.Array:
		return fmt.Errorf("encoding/xml has no form for %v: use a slice of structs, or msgpack or json", t)
	case reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer, reflect.Uintptr:
		return fmt.Errorf("XML has no form for %v: tag the field `xml:\"-\"`", t)
	}
	return nil
}

// namesItself says whether a message's element is not to be called root.
func namesItself(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	f, ok := t.FieldByName("XMLName")
	return ok && f.Type == nameType
}

// written says whether encoding/xml looks at the field.
func written(f reflect.StructField) bool {
	return (f.IsExported() || f.Anonymous) && f.Tag.Get("xml") != "-"
}
