package json

import (
	"fmt"
	"math"
	"reflect"
	"sync"

	"github.com/corechan/corechan/engine/codec"
)

// findRefs puts a codec.Ref in the place of each map with the sole key "@ref" that the decoder left behind an any
// within v. depth is the number of values around v.
func findRefs(v reflect.Value, depth int) error {
	if !mayHoldAny(v.Type()) {
		return nil
	}
	if depth > 2*codec.MaxDepth { // a pointer beside each container
		return codec.ErrDepth
	}
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		if x, changed, err := replaceRefs(v.Interface()); err != nil || changed {
			if err == nil && v.CanSet() {
				v.Set(reflect.ValueOf(x))
			}
			return err
		}
		if e := v.Elem(); e.Kind() == reflect.Pointer { // what the any held before, into which the decoder goes
			return findRefs(e, depth+1)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return findRefs(v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if decoded(v.Type().Field(i)) {
				if err := findRefs(v.Field(i), depth+1); err != nil {
					return err
				}
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := findRefs(v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		e := reflect.New(v.Type().Elem()).Elem()
		for it := v.MapRange(); it.Next(); {
			e.Set(it.Value())
			if err := findRefs(e, depth+1); err != nil {
				return err
			}
			v.SetMapIndex(it.Key(), e)
		}
	}
	return nil
}

// replaceRefs goes through what the decoder makes of JSON by itself. Its depth is that of the payload.
func replaceRefs(x any) (any, bool, error) {
	switch x := x.(type) {
	case map[string]any:
		if n, ok := x[codec.RefKey].(float64); ok && len(x) == 1 {
			if n < 1 || n > math.MaxUint32 || n != math.Trunc(n) {
				return nil, false, fmt.Errorf("%w: %v is no number in 1..4294967295", codec.ErrRef, n)
			}
			return codec.Ref(n), true, nil
		}
		for k, e := range x {
			r, changed, err := replaceRefs(e)
			if err != nil {
				return nil, false, err
			}
			if changed {
				x[k] = r
			}
		}
	case []any:
		for i, e := range x {
			r, changed, err := replaceRefs(e)
			if err != nil {
				return nil, false, err
			}
			if changed {
				x[i] = r
			}
		}
	}
	return x, false, nil
}

// holders has what mayHoldAny found out.
var holders sync.Map // reflect.Type -> bool

// mayHoldAny says whether a value of type t may have an any in it.
func mayHoldAny(t reflect.Type) bool {
	if known, ok := holders.Load(t); ok {
		return known.(bool)
	}
	may := searchAny(t, map[reflect.Type]bool{})
	holders.Store(t, may)
	return may
}

func searchAny(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return searchAny(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); decoded(f) && searchAny(f.Type, seen) {
				return true
			}
		}
	}
	return false
}

// decoded says whether the decoder may have set the field or one within it.
func decoded(f reflect.StructField) bool {
	return f.IsExported() || f.Anonymous && f.Type.Kind() != reflect.Interface
}
