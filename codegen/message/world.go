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
