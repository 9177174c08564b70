package message

import (
	"cmp"
	"go/ast"
	"go/types"
	"slices"

	"github.com/corechan/corechan/codegen"
	"github.com/corechan/corechan/codegen/source"
)

// A world is a package while it is generated for.
type world struct {
	p     *source.Package
	out   *codegen.Output
	wrong source.Problems

	// kept are the types of this package that get methods, by name: those that are marked, and the structs that they are made of.
	kept map[*types.TypeName]*kept
	// order is that of their names.
	order []*kept
	// extra are types of our own, for views, that only get UnmarshalMsg.
	extra []*kept
	specs map[*types.TypeName]*ast.TypeSpec

	traits map[types.Type]*trait
}

// A kept type gets methods.
type kept struct {
	object *types.TypeName
	named  *types.Named
	mark   *source.Mark // nil if it is only part of others
	trait
	tuple, vartuple bool
}

func (k *kept) name() string { return k.object.Name() }

// generic reports whether the type has parameters.
func (k *kept) generic() bool { return k.named.TypeParams().Len() != 0 }

// receiver returns the type as a method's receiver has it: "Page[T, P]".
func (k *kept) receiver() string { return k.name() + k.params() }

// params returns the names of the type's parameters: "[T, P]".
func (k *kept) params() string {
	s := ""
	for i := range k.named.TypeParams().Len() {
		s += ", " + k.named.TypeParams().At(i).Obj().Name()
	}
	if s == "" {
		return ""
	}
	return "[" + s[2:] + "]"
}

// A trait is what is within a type, at any depth.
type trait struct {
	// refs: values that keep their own number. The type has, or gets, Carry.
	refs bool
	// raws: values that do not. The type has, or gets, Pack and Unpack in the place of msgp's methods.
	raws bool
	// itself: the type contains itself.
	itself bool
}

// local returns the kept type that t is, nil if it is none.
func (w *world) local(t types.Type) *kept {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return nil
	}
	return w.kept[n.Origin().Obj()]
}

// isOwn reports whether a type has the methods, or will get them.
func (w *world) isOwn(n *types.Named) bool {
	return w.kept[n.Origin().Obj()] != nil || has(n, "MarshalMsg") && has(n, "UnmarshalMsg") || isPacker(n) ||
		n.Obj().Pkg().Path() != w.p.Path && w.marked(n.Origin().Obj())
}

func isPacker(n *types.Named) bool { return has(n, "Pack") && has(n, "Unpack") }

func (w *world) marked(o *types.TypeName) bool {
	return slices.ContainsFunc(w.p.KindsOf(o), func(k source.Kind) bool { return k == source.Message || k == source.Error })
}

// pointerTo returns T if the constraint of p is an interface of *T with msgp's methods.
func (w *world) pointerTo(p *types.TypeParam) *types.TypeParam {
	i, ok := p.Constraint().Underlying().(*types.Interface)
	if !ok {
		return nil
	}
	methods := types.NewMethodSet(i)
	for _, m := range []string{"MarshalMsg", "UnmarshalMsg", "Msgsize"} {
		if methods.Lookup(nil, m) == nil {
			return nil
		}
	}
	return core(i)
}

// core returns T if the interface admits *T only.
func core(i *types.Interface) *types.TypeParam {
	for e := range i.EmbeddedTypes() {
		switch e := types.Unalias(e).(type) {
		case *types.Pointer:
			if t, ok := types.Unalias(e.Elem()).(*types.TypeParam); ok {
				return t
			}
		case *types.Union:
			if e.Len() == 1 {
				if p, ok := types.Unalias(e.Term(0).Type()).(*types.Pointer); ok {
					if t, ok := types.Unalias(p.Elem()).(*types.TypeParam); ok {
						return t
					}
				}
			}
		default:
			if inner, ok := e.Underlying().(*types.Interface); ok {
				if t := core(inner); t != nil {
					return t
				}
			}
		}
	}
	return nil
}

// pointerOf returns the parameter of the same type declaration that is a pointer to t.
func (w *world) pointerOf(t *types.TypeParam) *types.TypeParam {
	for _, k := range w.kept {
		for i := range k.named.TypeParams().Len() {
			p := k.named.TypeParams().At(i)
			if p != t && w.pointerTo(p) == t {
				return p
			}
		}
	}
	return nil
}

// newWorld finds out which types get methods.
func newWorld(p *source.Package, out *codegen.Output) *world {
	w := &world{
		p: p, out: out, kept: map[*types.TypeName]*kept{}, specs: map[*types.TypeName]*ast.TypeSpec{}, traits: map[types.Type]*trait{},
	}
	for _, f := range p.Files {
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if o, ok := p.Info.Defs[spec.Name].(*types.TypeName); ok {
					w.specs[o] = spec
				}
			}
			return true
		})
	}
	for _, m := range p.Marks {
		if m.Kind == source.Message || m.Kind == source.Error {
			w.keep(m)
		}
	}
	for _, k := range slices.Clone(w.order) {
		w.reach(k.named.Underlying(), map[types.Type]bool{})
	}
	slices.SortFunc(w.order, func(a, b *kept) int { return cmp.Compare(a.name(), b.name()) })
	return w
}

// keep gives a marked type methods, if it can have them.
func (w *world) keep(m *source.Mark) {
	named, ok := m.Object.Type().(*types.Named)
	if k := w.kept[m.Object]; k != nil {
		w.wrong.Addf(m.Pos, "keep one of the marks", "%s is marked as a message and as an error", m.Name())
		return
	}
	if err := w.p.TypeError(m.Spec); err != nil {
		w.wrong.Addf(w.p.Position(m.Spec.Name.Pos()), remedyOf(err), "%s: %v", m.Name(), err)
		return
	}
	if !ok {
		return
	}
	k := &kept{object: m.Object, named: named, mark: m}
	switch named.Underlying().(type) {
	case *types.Struct, *types.Slice, *types.Array, *types.Map, *types.Basic:
	default:
		w.wrong.Addf(m.Pos, "make it a struct", "%s is %s, which cannot be a message", m.Name(), w.say(named.Underlying()))
		return
	}
	for _, o := range m.Options {
		switch _, isStruct := named.Underlying().(*types.Struct); {
		case !isStruct:
			w.wrong.Addf(m.Pos, "remove it", "%s is no struct, and the option %q is for those", m.Name(), o)
		case o == "tuple":
			k.tuple = true
		case o == "vartuple":
			k.tuple, k.vartuple = true, true
		default:
			w.wrong.Addf(m.Pos, "the options of a message are tuple and vartuple", "%q is no option", o)
		}
	}
	for _, i := range m.Inner {
		w.wrong.Addf(i.Pos, "remove it; what becomes of a field is in its tag msg", "//corechan:%s is nothing for the fields of a message", i.Word)
	}
	w.kept[m.Object] = k
	w.order = append(w.order, k)
}

// reach keeps the named structs of this package that t is made of, unless they have methods of their own.
func (w *world) reach(t types.Type, seen map[types.Type]bool) {
	t = types.Unalias(t)
	if seen[t] {
		return
	}
	seen[t] = true
	if n, ok := t.(*types.Named); ok {
		for a := range n.TypeArgs().Types() {
			if w.of(n) != ref {
				w.reach(a, seen)
			}
		}
		n = n.Origin()
		switch w.of(n) {
		case structure:
			if n.Obj().Pkg() == nil || n.Obj().Pkg().Path() != w.p.Path || w.kept[n.Obj()] != nil {
				return
			}
			if w.specs[n.Obj()] != nil && n.Obj().Parent() == w.p.Types.Scope() {
				k := &kept{object: n.Obj(), named: n}
				w.kept[n.Obj()] = k
				w.order = append(w.order, k)
			}
		case pointer, list, array, mapping:
			if n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == w.p.Path && w.within(n) {
				k := &kept{object: n.Obj(), named: n}
				w.kept[n.Obj()] = k
				w.order = append(w.order, k)
			}
		default:
			return
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		w.reach(u.Elem(), seen)
	case *types.Slice:
		w.reach(u.Elem(), seen)
	case *types.Array:
		w.reach(u.Elem(), seen)
	case *types.Map:
		w.reach(u.Elem(), seen)
	case *types.Struct:
		for _, f := range w.fields(u) {
			w.reach(f.v.Type(), seen)
		}
	}
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
