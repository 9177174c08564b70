package message

import (
	"go/types"
	"slices"
)

// A trait is what is within a type, at any depth.
type trait struct {
	// refs: values that keep their own number. The type has, or gets, Carry.
	refs bool
	// raws: values that do not. The type has, or gets, Pack and Unpack in the place of msgp's methods.
	raws bool
	// itself: the type contains itself.
	itself bool
}

// within reports whether a type contains itself.
func (w *world) within(n *types.Named) bool {
	seen := map[types.Type]bool{}
	var visit func(t types.Type) bool
	visit = func(t types.Type) bool {
		t = types.Unalias(t)
		if x, ok := t.(*types.Named); ok {
			if x.Origin() == n && len(seen) > 0 {
				return true
			}
			t = x.Origin()
		}
		if seen[t] {
			return false
		}
		seen[t] = true
		switch w.of(t) {
		case raw, ref, clock, number, binary, textual:
			return false
		case own:
			if x := t.(*types.Named); x.Obj().Pkg().Path() != w.p.Path {
				return false
			}
		}
		switch u := t.Underlying().(type) {
		case *types.Pointer:
			return visit(u.Elem())
		case *types.Slice:
			return visit(u.Elem())
		case *types.Array:
			return visit(u.Elem())
		case *types.Map:
			return visit(u.Elem())
		case *types.Struct:
			return slices.ContainsFunc(w.fields(u), func(f field) bool { return visit(f.v.Type()) })
		}
		return false
	}
	return visit(n)
}

// traitOf returns what is within a type.
func (w *world) traitOf(t types.Type) trait {
	t = types.Unalias(t)
	if known, ok := w.traits[t]; ok {
		return *known // of one that is being looked at: what is known so far, which is enough
	}
	found := &trait{}
	w.traits[t] = found
	add := func(t types.Type) {
		inner := w.traitOf(t)
		found.refs, found.raws = found.refs || inner.refs, found.raws || inner.raws
	}
	switch w.of(t) {
	case ref:
		found.refs = true
		return *found
	case raw:
		found.raws = true
		return *found
	case own:
		n := t.(*types.Named)
		if has(n, "Carry") || isPacker(n) {
			found.refs, found.raws = has(n, "Carry"), isPacker(n)
			return *found
		}
		if has(n, "MarshalMsg") {
			return *found
		}
	case scalar, text, blob, blobArray, clock, span, number, counter, whatever, binary, textual, param, impossible:
		return *found
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		add(u.Elem())
	case *types.Slice:
		add(u.Elem())
	case *types.Array:
		add(u.Elem())
	case *types.Map:
		add(u.Elem())
	case *types.Struct:
		for _, f := range w.fields(u) {
			add(f.v.Type())
		}
	}
	return *found
}

// settle finds out what is within the kept types: of those that contain each other, what is within one is within all.
func (w *world) settle() {
	for changed := true; changed; {
		changed = false
		clear(w.traits)
		for _, k := range w.order {
			w.traits[k.named] = &k.trait
		}
		for _, k := range w.order {
			before := k.trait
			delete(w.traits, k.named)
			t := w.traitOf(k.named)
			k.refs, k.raws = k.refs || t.refs, k.raws || t.raws
			w.traits[k.named] = &k.trait
			changed = changed || k.trait != before
		}
	}
	clear(w.traits) // some were found while others were not known
	for _, k := range w.order {
		w.traits[k.named] = &k.trait
		k.itself = w.within(k.named)
	}
}
