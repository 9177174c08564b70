package carry

import (
	"fmt"
	"reflect"

	"github.com/corechan/corechan/engine/codec"
)

// A node converts the values of one type to its shadow type and back.
type node interface {
	shadow() reflect.Type
	// out sets dst, the zero value of the shadow type, from src. depth is the number of values around src.
	out(o *outward, src, dst reflect.Value, depth int) error
	// in sets dst from src, a shadow.
	in(i *inward, src, dst reflect.Value, depth int) error
}

// outward is one call of Out.
type outward struct {
	types Types
	bind  Bind
	found bool // what is converted lies behind an any that holds carried values
}

// inward is one call of In.
type inward struct{ resolve Resolve }

// maxDepth is in values: around each container of the encoding there may be a pointer and an any.
const maxDepth = 3 * codec.MaxDepth

func tooDeep(depth int) error {
	if depth > maxDepth {
		return codec.ErrDepth
	}
	return nil
}

// plain is a type without carried values: its own shadow.
type plain struct{ t reflect.Type }

func (n *plain) shadow() reflect.Type { return n.t }

func (n *plain) out(_ *outward, src, dst reflect.Value, _ int) error {
	dst.Set(src)
	return nil
}

func (n *plain) in(_ *inward, src, dst reflect.Value, _ int) error {
	dst.Set(src)
	return nil
}

// carried is a carried type: its shadow is a Ref.
type carried struct{ t reflect.Type }

func (n *carried) shadow() reflect.Type { return refType }

func (n *carried) out(o *outward, src, dst reflect.Value, _ int) error {
	r, err := o.ref(src)
	dst.SetUint(uint64(r))
	return err
}

// ref binds a value of a carried type.
func (o *outward) ref(v reflect.Value) (codec.Ref, error) {
	if none(v) {
		return 0, nil
	}
	r, err := o.bind(v)
	if err == nil && r == 0 {
		err = fmt.Errorf("%w: bind returned 0 for a %v", codec.ErrRef, v.Type())
	}
	return r, err
}

// none says whether there is no value: zero, or an interface that holds a nil pointer.
func none(v reflect.Value) bool {
	if v.Kind() == reflect.Interface {
		if v.IsNil() {
			return true
		}
		v = v.Elem()
		switch v.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Chan, reflect.Func:
			return v.IsNil()
		}
		return false
	}
	return v.IsZero()
}

func (n *carried) in(i *inward, src, dst reflect.Value, _ int) error {
	return i.set(codec.Ref(src.Uint()), dst)
}

// set sets dst to the value for r.
func (i *inward) set(r codec.Ref, dst reflect.Value) error {
	if r == 0 {
		dst.SetZero()
		return nil
	}
	v, err := i.resolve(r, dst.Type())
	if err != nil {
		return err
	}
	if !v.IsValid() || !v.Type().AssignableTo(dst.Type()) {
		got := "nothing"
		if v.IsValid() {
			got = v.Type().String()
		}
		return fmt.Errorf("%w: reference %d: %s where the message has %v", ErrResolve, r, got, dst.Type())
	}
	dst.Set(v)
	return nil
}

// carrier is a type that visits its carried values itself: its own shadow, copied.
type carrier struct{ t reflect.Type }

func (n *carrier) shadow() reflect.Type { return n.t }

func (n *carrier) out(o *outward, src, dst reflect.Value, _ int) error {
	dst.Set(src)
	return visitCarried(dst, func(r *codec.Ref, v reflect.Value) error {
		ref, err := o.ref(v)
		*r = ref
		return err
	})
}

func (n *carrier) in(i *inward, src, dst reflect.Value, _ int) error {
	dst.Set(src)
	return visitCarried(dst, func(r *codec.Ref, v reflect.Value) error { return i.set(*r, v) })
}

func visitCarried(dst reflect.Value, visit func(*codec.Ref, reflect.Value) error) error {
	return dst.Addr().Interface().(codec.Carrier).VisitCarried(func(r *codec.Ref, value any) error {
		v := reflect.ValueOf(value)
		if r == nil || v.Kind() != reflect.Pointer || v.IsNil() {
			return fmt.Errorf("%w: %v.VisitCarried must give pointers to a Ref and to a value", ErrType, dst.Type())
		}
		return visit(r, v.Elem())
	})
}
