package carry

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A builder makes the nodes of one plan. Types that contain themselves never get far enough for it to loop.
type builder struct{ types Types }

func (b *builder) build(t reflect.Type) (node, error) {
	switch {
	case b.types.Carried(t):
		return &carried{t}, nil
	case isCarrier(t):
		return &carrier{t}, nil
	case isLister(t):
		return &plain{t}, nil
	}
	r := reachOf(t, b.types)
	if r.carried == "" && !r.any {
		return &plain{t}, nil
	}
	if method := marshalsItself(t); method != "" {
		if r.carried != "" {
			return nil, fmt.Errorf("%s is carried, and %v encodes itself (%s): have it implement codec.Carrier, "+
				"or tag the field \"-\"", r.carried, t, method)
		}
		return &plain{t}, nil
	}
	if r.itself {
		if r.carried != "" {
			return nil, fmt.Errorf("%s is carried, and %v contains itself, so that it has no shadow: hold the inner %v "+
				"behind a field of type any, or have it implement codec.Carrier", r.carried, t, t)
		}
		return &inspected{t}, nil
	}
	switch t.Kind() {
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return &anything{t}, nil
		}
	case reflect.Pointer:
		elem, err := b.build(t.Elem())
		if err != nil {
			return nil, err
		}
		return &pointer{t, reflect.PointerTo(elem.shadow()), elem}, nil
	case reflect.Slice:
		elem, err := b.build(t.Elem())
		if err != nil {
			return nil, err
		}
		return &slice{t, reflect.SliceOf(elem.shadow()), elem}, nil
	case reflect.Array:
		elem, err := b.build(t.Elem())
		if err != nil {
			return nil, err
		}
		return &array{t, reflect.ArrayOf(t.Len(), elem.shadow()), elem}, nil
	case reflect.Map:
		return b.mapping(t)
	case reflect.Struct:
		return b.structure(t)
	}
	return &plain{t}, nil
}

func (b *builder) mapping(t reflect.Type) (node, error) {
	if key := reachOf(t.Key(), b.types); key.carried != "" {
		return nil, fmt.Errorf("%v: keys cannot be carried: use a slice of pairs", t)
	}
	elem, err := b.build(t.Elem())
	if err != nil {
		return nil, err
	}
	return &mapping{t, reflect.MapOf(t.Key(), elem.shadow()), elem}, nil
}

func (b *builder) structure(t reflect.Type) (node, error) {
	s := &structure{t: t}
	var fields []reflect.StructField
	names := map[string]bool{}
	for i := range t.NumField() {
		names[t.Field(i).Name] = true
	}
	for i := range t.NumField() {
		sf := t.Field(i)
		if !travels(sf) {
			continue
		}
		n, err := b.field(sf)
		if err != nil {
			return nil, fmt.Errorf("%v.%s: %w", t, sf.Name, err)
		}
		if n == nil {
			continue
		}
		shadow := reflect.StructField{Name: sf.Name, Type: n.shadow(), Tag: sf.Tag, Anonymous: sf.Anonymous}
		if inner := shadow.Type; shadow.Anonymous {
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			// What is not inlined by any codec needs no embedding, of which StructOf can do little.
			shadow.Anonymous = inner.Kind() == reflect.Struct && inner.Name() == ""
		}
		if !sf.IsExported() { // an embedded struct, whose own name no codec writes
			shadow.Name = "X" + sf.Name
			for names[shadow.Name] {
				shadow.Name += "x"
			}
			names[shadow.Name] = true
			if _, options, _ := strings.Cut(sf.Tag.Get("msg"), ","); !slices.Contains(strings.Split(options, ","), "flatten") {
				shadow.Tag = `msg:"-" ` + sf.Tag // msgpack leaves it out, unless flattened
			}
		}
		fields = append(fields, shadow)
		s.fields = append(s.fields, field{name: sf.Name, index: i, node: n})
	}
	shadow, err := structOf(fields)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", t, err)
	}
	s.sh = shadow
	return s, nil
}

// field returns the node of a field; nil if the field is not to travel.
func (b *builder) field(sf reflect.StructField) (node, error) {
	if skipped(sf) && reachOf(sf.Type, b.types).carried != "" {
		return nil, nil
	}
	return b.fieldType(sf)
}

func (b *builder) fieldType(sf reflect.StructField) (node, error) {
	if !sf.Anonymous || b.types.Carried(sf.Type) {
		if !sf.IsExported() {
			return nil, errors.New("an embedded carried value must be of an exported type")
		}
		return b.build(sf.Type)
	}
	t := sf.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return b.build(sf.Type)
	}
	if sf.Type.Kind() == reflect.Pointer && !sf.IsExported() {
		return nil, fmt.Errorf("nobody can set an embedded pointer to an unexported struct: embed %v, or export it", t)
	}
	if method := marshalsItself(t); method != "" || isCarrier(t) {
		return nil, errors.New("a struct that encodes itself, or a codec.Carrier, cannot be embedded here: give the field a name")
	}
	if b.types.Carried(t) {
		return nil, fmt.Errorf("%v is carried, not %v: embed it without the pointer, or give the field a name", t, sf.Type)
	}
	// Embedded, it must be a struct without methods, also if nothing in it is carried.
	if r := reachOf(t, b.types); r.itself {
		return nil, fmt.Errorf("the embedded %v contains itself: give the field a name", t)
	}
	n, err := b.structure(t)
	if err == nil && sf.Type.Kind() == reflect.Pointer {
		n = &pointer{sf.Type, reflect.PointerTo(n.shadow()), n}
	}
	return n, err
}

// structOf is reflect.StructOf with an error instead of a panic for what it cannot do.
func structOf(fields []reflect.StructField) (t reflect.Type, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("no shadow of this struct can be made (%v): name embedded fields, or use a struct of plain fields", r)
		}
	}()
	return reflect.StructOf(fields), nil
}
