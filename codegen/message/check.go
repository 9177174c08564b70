package message

import (
	"fmt"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/corechan/corechan/codegen/source"
)

// check says what is wrong with a type, as part of what call says: "field Done of Order".
func (w *world) check(t types.Type, pos token.Position, call string, seen map[types.Type]bool) {
	t = types.Unalias(t)
	if seen[t] {
		return
	}
	seen[t] = true
	defer delete(seen, t)
	name, n := named(t)
	refuse := func(remedy, why string, args ...any) {
		w.wrong.Addf(pos, remedy, "%s is %s, %s", call, w.say(t), fmt.Sprintf(why, args...))
	}
	if n != nil && n.Obj().Pkg().Path() == w.p.Path && slices.Contains(locals, n.Obj().Name()) {
		refuse("give the type another name", "and variables of the generated code are called so")
		return
	}
	switch s := w.of(t); s {
	case impossible:
		refuse(w.instead(t), "which cannot be sent")
	case ref:
		if name == enginePath+".Carried" {
			if a := n.TypeArgs().At(0); w.of(a) != raw {
				refuse("it carries "+strings.Join(rawTypes[:10], ", ")+" and the like", "and %s cannot be carried", w.say(a))
			}
		}
	case own:
		if n.Obj().Pkg().Path() == w.p.Path || isPacker(n) || has(n, "MarshalMsg") {
			return // looked at by itself, or none of our business
		}
		if w.traitOf(n).raws && !n.Obj().Exported() {
			refuse("export it", "of another package")
		}
	case structure:
		u := t.Underlying().(*types.Struct)
		switch {
		case n == nil:
			if u.NumFields() != len(w.fields(u)) {
				refuse("give the type a name", "of which some fields are left out")
				return
			}
			w.checkFields(u, call, seen)
		case n.Obj().Pkg().Path() != w.p.Path:
			refuse(fmt.Sprintf("mark it //corechan:message in package %s, or copy what is needed into a struct here", n.Obj().Pkg().Path()),
				"a struct of another package without the methods")
		default:
			refuse("declare it outside of functions", "which is declared in a function")
		}
	case pointer:
		e := t.Underlying().(*types.Pointer).Elem()
		switch w.of(e) {
		case raw, whatever, pointer, mapping, list, blob, array, blobArray:
			refuse("leave the pointer out, or use a pointer to a struct that has it", "which cannot be sent")
			return
		}
		w.check(e, pos, call+", an element,", seen)
	case list:
		w.check(t.Underlying().(*types.Slice).Elem(), pos, "an element of "+strings.TrimPrefix(call, "an element of "), seen)
	case array:
		w.check(t.Underlying().(*types.Array).Elem(), pos, "an element of "+strings.TrimPrefix(call, "an element of "), seen)
	case mapping:
		m := t.Underlying().(*types.Map)
		if k := w.of(m.Key()); k != scalar && k != text {
			refuse("use a slice of pairs", "and keys are strings, numbers and booleans")
		}
		w.check(m.Elem(), pos, "an element of "+strings.TrimPrefix(call, "an element of "), seen)
	}
}

// instead says what to do in the place of a type that cannot be sent.
func (w *world) instead(t types.Type) string {
	leave := "or leave it out with the tag `msg:\"-\"`"
	if p, ok := t.(*types.TypeParam); ok {
		if to := w.pointerTo(p); to != nil {
			return "use *" + to.Obj().Name()
		}
		return fmt.Sprintf("add a parameter that has its methods, as in [%v any, P interface{ *%v; engine.Message }]", t, t)
	}
	switch u := t.Underlying().(type) {
	case *types.Chan:
		end := "engine.Sender"
		if u.Dir() == types.RecvOnly {
			end = "engine.Receiver"
		}
		return fmt.Sprintf("use an %s[%s], %s", end, types.TypeString(u.Elem(), w.qualifier), leave)
	case *types.Signature:
		return "send data, or an engine.Sender to be called by, " + leave
	case *types.Interface:
		if fullName(t) == "error" {
			return "use a string, or a type that is marked //corechan:error, " + leave
		}
		return "use any, a concrete type, or one of io.Reader, io.Writer, net.Conn and the like, which are carried, " + leave
	case *types.Basic:
		switch {
		case u.Info()&types.IsComplex != 0:
			return "use two floats, " + leave
		case u.Kind() == types.UnsafePointer:
			return "an address means nothing elsewhere; " + leave[3:]
		case u.Kind() == types.Uintptr:
			return "use a uint64, " + leave
		}
	case *types.Pointer:
		return "use a pointer type without a name, " + leave
	}
	return leave[3:]
}

func (w *world) qualifier(p *types.Package) string {
	if p.Path() == w.p.Path {
		return ""
	}
	return p.Name()
}

// say returns a type with its article: "a chan int".
func (w *world) say(t types.Type) string {
	s := types.TypeString(t, w.qualifier)
	if st, ok := t.(*types.Struct); ok && st.NumFields() > 0 {
		s = "struct"
	}
	if strings.ContainsRune("aeioAEIO", rune(s[0])) || strings.HasPrefix(s, "un") {
		return "an " + s
	}
	return "a " + s
}

// remedyOf says what to do about an error of the type checker.
func remedyOf(err error) string {
	if strings.Contains(err.Error(), "invalid recursive type") {
		return "break the cycle with a pointer or slice"
	}
	return "correct it"
}

// methods are those that are generated: a type that has one already would have it twice.
var methods = []string{"MarshalMsg", "UnmarshalMsg", "Msgsize", "Carry", "Pack", "Unpack", "BoundedMsg"}

// checkDirectives refuses directives of msgp's own tool in files with messages: they would have no effect.
func (w *world) checkDirectives() {
	done := map[*source.File]bool{}
	for _, k := range w.order {
		if k.mark == nil || done[k.mark.File] {
			continue
		}
		done[k.mark.File] = true
		for _, group := range k.mark.File.Syntax.Comments {
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, "//msgp:") {
					w.wrong.Addf(w.p.Position(c.Pos()), "remove it; options are written into the mark, as in //corechan:message tuple",
						"%s is not read", c.Text)
				}
			}
		}
	}
}

// checkKept says what is wrong with the kept types.
func (w *world) checkKept() {
	for _, k := range w.order {
		pos := w.p.Position(k.object.Pos())
		if err := w.p.TypeError(w.specs[k.object]); err != nil && k.mark == nil {
			w.wrong.Addf(pos, remedyOf(err), "%s: %v", k.name(), err)
			continue
		}
		if slices.Contains(locals, k.name()) {
			w.wrong.Addf(pos, "give it another name", "%s is what a variable of the generated code is called", k.name())
		}
		for m := range k.named.Methods() {
			if slices.Contains(methods, m.Name()) {
				w.wrong.Addf(w.p.Position(m.Pos()), "remove it, and files that another generator wrote", "%s has a method %s, which is generated", k.name(), m.Name())
			}
		}
		if k.generic() && k.named.Underlying() != nil {
			if _, ok := k.named.Underlying().(*types.Struct); !ok {
				w.wrong.Addf(pos, "make it a struct", "%s has type parameters and is no struct", k.name())
				continue
			}
		}
		seen := map[types.Type]bool{k.named: true}
		if s, ok := k.named.Underlying().(*types.Struct); ok {
			for _, f := range w.fields(s) {
				if slices.Contains(methods, f.v.Name()) {
					w.wrong.Addf(w.p.Position(f.v.Pos()), "rename it", "%s has a field %s, and a method of that name is generated", k.name(), f.v.Name())
				}
			}
			w.checkFields(s, k.name(), seen)
			w.checkPromoted(k, s)
			continue
		}
		w.check(k.named.Underlying(), pos, k.name(), seen)
	}
}

// checkPromoted refuses embedded messages in a type with Pack and Unpack: it would have their MarshalMsg, and be taken for one of them.
func (w *world) checkPromoted(k *kept, s *types.Struct) {
	for i := 0; k.raws && i < s.NumFields(); i++ {
		v := s.Field(i)
		t := types.Unalias(v.Type())
		if p, ok := t.(*types.Pointer); ok {
			t = types.Unalias(p.Elem())
		}
		n, ok := t.(*types.Named)
		if !ok || !v.Embedded() || w.of(n) != own || w.traitOf(n).raws {
			continue
		}
		w.wrong.Addf(w.p.Position(v.Pos()), "give the field a name", "field %s of %s is embedded, so that %[2]s would have its MarshalMsg, "+
			"which knows nothing of what %[2]s carries as it is", v.Name(), k.name())
	}
}
