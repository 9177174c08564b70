package carry

import (
	"fmt"
	"reflect"
)

type pointer struct {
	t, sh reflect.Type
	elem  node
}

func (n *pointer) shadow() reflect.Type { return n.sh }

func (n *pointer) out(o *outward, src, dst reflect.Value, depth int) error {
	if src.IsNil() {
		return nil
	}
	if err := tooDeep(depth); err != nil {
		return err
	}
	dst.Set(reflect.New(n.elem.shadow()))
	return n.elem.out(o, src.Elem(), dst.Elem(), depth+1)
}

func (n *pointer) in(i *inward, src, dst reflect.Value, depth int) error {
	if src.IsNil() {
		dst.SetZero()
		return nil
	}
	p := reflect.New(n.t.Elem())
	if err := n.elem.in(i, src.Elem(), p.Elem(), depth+1); err != nil {
		return err
	}
	dst.Set(p)
	return nil
}

type slice struct {
	t, sh reflect.Type
	elem  node
}

func (n *slice) shadow() reflect.Type { return n.sh }

func (n *slice) out(o *outward, src, dst reflect.Value, depth int) error {
	if src.IsNil() {
		return nil
	}
	if err := tooDeep(depth); err != nil {
		return err
	}
	dst.Set(reflect.MakeSlice(n.sh, src.Len(), src.Len()))
	return eachOut(n.elem, o, src, dst, depth+1)
}

func (n *slice) in(i *inward, src, dst reflect.Value, depth int) error {
	if src.IsNil() {
		dst.SetZero()
		return nil
	}
	s := reflect.MakeSlice(n.t, src.Len(), src.Len())
	if err := eachIn(n.elem, i, src, s, depth+1); err != nil {
		return err
	}
	dst.Set(s)
	return nil
}

func eachOut(elem node, o *outward, src, dst reflect.Value, depth int) error {
	for k := range src.Len() {
		if err := elem.out(o, src.Index(k), dst.Index(k), depth); err != nil {
			return err
		}
	}
	return nil
}

func eachIn(elem node, i *inward, src, dst reflect.Value, depth int) error {
	for k := range src.Len() {
		if err := elem.in(i, src.Index(k), dst.Index(k), depth); err != nil {
			return err
		}
	}
	return nil
}

type array struct {
	t, sh reflect.Type
	elem  node
}

func (n *array) shadow() reflect.Type { return n.sh }

func (n *array) out(o *outward, src, dst reflect.Value, depth int) error {
	return eachOut(n.elem, o, src, dst, depth+1)
}

func (n *array) in(i *inward, src, dst reflect.Value, depth int) error {
	return eachIn(n.elem, i, src, dst, depth+1)
}

type mapping struct {
	t, sh reflect.Type
	elem  node
}

func (n *mapping) shadow() reflect.Type { return n.sh }

func (n *mapping) out(o *outward, src, dst reflect.Value, depth int) error {
	if src.IsNil() {
		return nil
	}
	if err := tooDeep(depth); err != nil {
		return err
	}
	m := reflect.MakeMapWithSize(n.sh, src.Len())
	for it := src.MapRange(); it.Next(); {
		e := reflect.New(n.elem.shadow()).Elem()
		if err := n.elem.out(o, it.Value(), e, depth+1); err != nil {
			return err
		}
		m.SetMapIndex(it.Key(), e)
	}
	dst.Set(m)
	return nil
}

func (n *mapping) in(i *inward, src, dst reflect.Value, depth int) error {
	if src.IsNil() {
		dst.SetZero()
		return nil
	}
	m := reflect.MakeMapWithSize(n.t, src.Len())
	for it := src.MapRange(); it.Next(); {
		e := reflect.New(n.t.Elem()).Elem()
		if err := n.elem.in(i, it.Value(), e, depth+1); err != nil {
			return err
		}
		m.SetMapIndex(it.Key(), e)
	}
	dst.Set(m)
	return nil
}

// A field is one that the shadow has too, in the same order.
type field struct {
	name  string
	index int // in the struct; in the shadow it is its place in structure.fields
	node  node
}

type structure struct {
	t, sh  reflect.Type
	fields []field
}

func (n *structure) shadow() reflect.Type { return n.sh }

func (n *structure) out(o *outward, src, dst reflect.Value, depth int) error {
	for k := range n.fields {
		f := &n.fields[k]
		if err := f.node.out(o, src.Field(f.index), dst.Field(k), depth+1); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

func (n *structure) in(i *inward, src, dst reflect.Value, depth int) error {
	for k := range n.fields {
		f := &n.fields[k]
		if err := f.node.in(i, src.Field(k), dst.Field(f.index), depth+1); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}
