package xml

import (
	"reflect"
	"sync"

	"github.com/corechan/corechan/engine/codec"
)

// bounded returns codec.ErrDepth for a value nested much too deep, before encoding/xml follows it until the stack's end. The
// exact bound is scan's. depth is the number of values around v.
func bounded(v reflect.Value, depth int) error {
	if depth > 3*codec.MaxDepth { // around an element there may be a pointer and a slice
		return codec.ErrDepth
	}
	if !loops(v.Type()) {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return bounded(v.Elem(), depth+1)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := bounded(v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !written(v.Type().Field(i)) {
				continue
			}
			if err := bounded(v.Field(i), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// looping has what loops found.
var looping sync.Map // reflect.Type -> bool

// loops says whether t contains itself, or a type that does.
func loops(t reflect.Type) bool {
	if known, ok := looping.Load(t); ok {
		return known.(bool)
	}
	found := findLoop(t, map[reflect.Type]bool{})
	looping.Store(t, found)
	return found
}

func findLoop(t reflect.Type, around map[reflect.Type]bool) bool {
	if around[t] {
		return true
	}
	around[t] = true
	defer delete(around, t)
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return findLoop(t.Elem(), around)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); written(f) && findLoop(f.Type, around) {
				return true
			}
		}
	}
	return false
}
