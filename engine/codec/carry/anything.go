package carry

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine/codec"
)

// anything is an any, or a named interface without methods: what it holds decides.
type anything struct{ t reflect.Type }

func (n *anything) shadow() reflect.Type { return n.t }

func (n *anything) out(o *outward, src, dst reflect.Value, depth int) error {
	if src.IsNil() {
		return nil
	}
	if !o.found {
		found, err := o.holds(src.Elem(), depth+1)
		if err != nil {
			return err
		}
		if !found {
			dst.Set(src)
			return nil
		}
		o.found = true // no search again further in
		defer func() { o.found = false }()
	}
	x, err := o.convert(src.Elem(), depth+1)
	if err == nil {
		dst.Set(x)
	}
	return err
}

// convert returns the shadow of a value behind an any.
func (o *outward) convert(v reflect.Value, depth int) (reflect.Value, error) {
	p, err := PlanFor(v.Type(), o.types)
	if err != nil {
		return reflect.Value{}, err
	}
	x := reflect.New(p.node.shadow()).Elem()
	return x, p.node.out(o, v, x, depth)
}

// holds says whether there are values of carried types in v. It does not allocate for the usual trees of maps and
// slices, so that a message without carried values is not copied.
func (o *outward) holds(v reflect.Value, depth int) (bool, error) {
	if err := tooDeep(depth); err != nil {
		return false, err
	}
	switch x := v.Interface().(type) {
	case bool, string, []byte, int, int64, uint64, float64, codec.Ref:
		return false, nil
	case map[string]any:
		for _, e := range x {
			if e == nil {
				continue
			}
			if found, err := o.holds(reflect.ValueOf(e), depth+1); found || err != nil {
				return found, err
			}
		}
		return false, nil
	case []any:
		for _, e := range x {
			if e == nil {
				continue
			}
			if found, err := o.holds(reflect.ValueOf(e), depth+1); found || err != nil {
				return found, err
			}
		}
		return false, nil
	}
	p, err := PlanFor(v.Type(), o.types)
	if err != nil {
		return false, err
	}
	switch n := p.node.(type) {
	case *plain:
		return false, nil
	case *inspected:
		return false, inspect(v, o.types, depth)
	case *pointer:
		if v.IsNil() {
			return false, nil
		}
		if _, ok := n.elem.(*anything); ok {
			if v = v.Elem(); v.IsNil() {
				return false, nil
			}
			return o.holds(v.Elem(), depth+1)
		}
	}
	return true, nil
}

// errHostile is for a Ref where the message has no place for one.
var errHostile = errors.New("a reference where the message carries nothing")

func (n *anything) in(i *inward, src, dst reflect.Value, depth int) error {
	if src.IsNil() {
		dst.SetZero()
		return nil
	}
	x, err := i.tree(src.Interface(), depth+1)
	if err != nil {
		return err
	}
	if x == nil {
		dst.SetZero()
		return nil
	}
	dst.Set(reflect.ValueOf(x))
	return nil
}

// tree resolves the Refs in what a codec decodes into an any, in place.
func (i *inward) tree(x any, depth int) (any, error) {
	if err := tooDeep(depth); err != nil {
		return nil, err
	}
	switch x := x.(type) {
	case codec.Ref:
		var v any
		err := i.set(x, reflect.ValueOf(&v).Elem())
		return v, err
	case *msgp.RawExtension: // what generated code decodes into an any
		if x.Type != codec.RefExtension {
			return x, nil
		}
		b, err := msgp.AppendExtension(nil, x)
		if err != nil {
			return nil, err
		}
		var r codec.Ref
		if _, err := r.UnmarshalMsg(b); err != nil {
			return nil, err
		}
		return i.tree(r, depth)
	case map[string]any:
		for k, e := range x {
			switch e.(type) {
			case codec.Ref, *msgp.RawExtension, map[string]any, []any:
				r, err := i.tree(e, depth+1)
				if err != nil {
					return nil, err
				}
				x[k] = r
			}
		}
	case []any:
		for k, e := range x {
			switch e.(type) {
			case codec.Ref, *msgp.RawExtension, map[string]any, []any:
				r, err := i.tree(e, depth+1)
				if err != nil {
					return nil, err
				}
				x[k] = r
			}
		}
	}
	return x, nil
}

// inspected is a type that contains itself and an any somewhere: it has no shadow, so what its anys hold must not be carried,
// and is not, as out and in see to.
type inspected struct{ t reflect.Type }

func (n *inspected) shadow() reflect.Type { return n.t }

func (n *inspected) out(o *outward, src, dst reflect.Value, depth int) error {
	if err := inspect(src, o.types, depth); err != nil {
		return err
	}
	dst.Set(src)
	return nil
}

func (n *inspected) in(_ *inward, src, dst reflect.Value, depth int) error {
	if err := inspect(src, nil, depth); err != nil {
		return err
	}
	dst.Set(src)
	return nil
}

// inspect refuses carried values, if types is not nil, or else Refs, behind an any within v.
func inspect(v reflect.Value, types Types, depth int) error {
	if err := tooDeep(depth); err != nil {
		return err
	}
	t := v.Type()
	switch {
	case types == nil && t == refType:
		return fmt.Errorf("%w: %w", codec.ErrRef, errHostile)
	case types != nil && types.Carried(t):
		return fmt.Errorf("%w: a carried %v behind an any of a type that contains itself: hold the inner value of that type "+
			"behind an any too, or have it implement codec.Carrier", ErrType, t)
	case marshalsItself(t) != "":
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return inspect(v.Elem(), types, depth+1)
		}
	case reflect.Slice, reflect.Array:
		if k := t.Elem().Kind(); k >= reflect.Bool && k <= reflect.Complex128 || k == reflect.String {
			return nil
		}
		for i := range v.Len() {
			if err := inspect(v.Index(i), types, depth+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if err := inspect(it.Value(), types, depth+1); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := t.Field(i); travels(f) && !skipped(f) {
				if err := inspect(v.Field(i), types, depth+1); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
