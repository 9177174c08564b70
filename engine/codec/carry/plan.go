package carry

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/corechan/corechan/engine/codec"
)

// Types says which types are carried. It is pure: always the same answer for a type. Its values can be compared (a struct
// without fields does), as plans are kept for each of them.
type Types interface {
	// Carried says whether values of type t, static or found behind an any, are carried instead of encoded.
	Carried(t reflect.Type) bool
}

// The errors of this package, beside those of codec and of the functions that a call is given.
var (
	// ErrType is a type that cannot carry what it holds. The message names the field and says what to do instead.
	ErrType = errors.New("type cannot be carried")
	// ErrResolve is a value from resolve that does not fit into the message.
	ErrResolve = errors.New("resolved value does not fit")
)

// A Plan says how messages of one type become their shadows and back. It is never changed: use it concurrently.
type Plan struct {
	t     reflect.Type
	node  node
	types Types
}

// planKey is what plans are kept by.
type planKey struct {
	types Types
	t     reflect.Type
}

// plans has all plans. It grows with the types of the program, not with what peers send.
var plans sync.Map // planKey -> *Plan

// PlanFor returns the plan for messages of type t. Its error is ErrType's.
func PlanFor(t reflect.Type, types Types) (*Plan, error) {
	if t == nil || !reflect.TypeOf(types).Comparable() {
		return nil, fmt.Errorf("carry: %w: PlanFor needs a type, and Types that can be compared", ErrType)
	}
	key := planKey{types, t}
	if p, ok := plans.Load(key); ok {
		return p.(*Plan), nil
	}
	b := &builder{types: types}
	n, err := b.build(t)
	if err != nil {
		return nil, fmt.Errorf("carry: %v: %w: %w", t, ErrType, err)
	}
	p, _ := plans.LoadOrStore(key, &Plan{t: t, node: n, types: types})
	return p.(*Plan), nil
}

// Empty says that messages of the type carry nothing and are their own shadows.
func (p *Plan) Empty() bool {
	_, ok := p.node.(*plain)
	return ok
}

// ShadowType returns the type of the shadows, for a codec.Checker.
func (p *Plan) ShadowType() reflect.Type { return p.node.shadow() }

// Bind returns the Ref for a carried value, not 0. v is of a carried type, and neither nil nor zero.
type Bind = func(v reflect.Value) (codec.Ref, error)

// Resolve returns the value for a Ref, which is not 0: one that can be assigned to t, the type of the field. For a value
// behind any, t is the type any.
type Resolve = func(r codec.Ref, t reflect.Type) (reflect.Value, error)

// Out returns a pointer to the shadow of *v, in which each carried value is the Ref that bind returns for it, and each nil
// or zero one is 0. v is a pointer to the plan's type, not nil. *v is not changed, except for what a Carrier has behind
// pointers; the shadow shares with it what holds no carried values, so use the shadow before *v changes. The Refs are bound in
// the order of the fields and elements; after an error, some are. The errors: bind's; codec.ErrDepth for a message that
// contains itself; ErrType for what an any holds.
func (p *Plan) Out(v any, bind Bind) (shadow any, err error) {
	src := reflect.ValueOf(v)
	if err := p.check(src, p.t); err != nil {
		return nil, err
	}
	if p.Empty() {
		return v, nil
	}
	dst := reflect.New(p.node.shadow())
	if err := p.node.out(&outward{types: p.types, bind: bind}, src.Elem(), dst.Elem(), 0); err != nil {
		return nil, fmt.Errorf("carry: %v: %w", p.t, err)
	}
	return dst.Interface(), nil
}

// NewShadow returns a pointer to a new shadow, for a codec to decode into.
func (p *Plan) NewShadow() any { return reflect.New(p.node.shadow()).Interface() }

// In copies the shadow, to which shadow is a pointer, into *v, with the value that resolve returns for each Ref, and the zero
// value for 0. It sets every field that travels, and leaves the others of structs and arrays alone; pointers, slices and maps are
// made anew. *v may share memory with the shadow afterwards. The errors: resolve's; ErrResolve; codec.ErrDepth. After one, *v is
// filled in part.
func (p *Plan) In(shadow, v any, resolve Resolve) error {
	src, dst := reflect.ValueOf(shadow), reflect.ValueOf(v)
	if err := p.check(src, p.node.shadow()); err != nil {
		return err
	}
	if err := p.check(dst, p.t); err != nil {
		return err
	}
	if p.Empty() && src.Pointer() == dst.Pointer() {
		return nil
	}
	if err := p.node.in(&inward{resolve: resolve}, src.Elem(), dst.Elem(), 0); err != nil {
		return fmt.Errorf("carry: %v: %w", p.t, err)
	}
	return nil
}

// check refuses what is no pointer to a t.
func (p *Plan) check(v reflect.Value, t reflect.Type) error {
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Type().Elem() != t {
		return fmt.Errorf("carry: %v: %w: want a pointer to %v, not nil", p.t, ErrType, t)
	}
	return nil
}
