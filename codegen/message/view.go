package message

import (
	"fmt"
	"go/token"
	"go/types"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/codegen/source"
)

// A view is what reads the fields of an encoded message one at a time.
type view struct {
	w    *world
	mark *source.Mark
	k    *kept
	// parts are types for fields that are decoded by what msgp's generator makes for such a type, by the field.
	parts map[*types.Var]*kept
}

func viewName(of string) string { return of + "View" }

// maker returns the name of the function that makes a view.
// exported returns a name with a capital in front.
func exported(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func maker(of string) string {
	if r, _ := utf8.DecodeRuneInString(of); unicode.IsUpper(r) {
		return "View" + of
	}
	return "view" + strings.ToUpper(of[:1]) + of[1:]
}

// findViews returns the views of the package, in the order of their marks.
func (w *world) findViews() (found []*view) {
	for _, m := range w.p.Marks {
		if m.Kind == source.View {
			found = append(found, &view{w: w, mark: m, k: w.kept[m.Object], parts: map[*types.Var]*kept{}})
		}
	}
	return found
}

// check says what is wrong with a view.
func (v *view) check() {
	name := v.mark.Name()
	refuse := func(remedy, what string, args ...any) { v.w.wrong.Addf(v.mark.Pos, remedy, what, args...) }
	switch {
	case v.k == nil || v.k.mark == nil:
		refuse("mark it //corechan:message, too", "%s is no message, and a view reads those", name)
		return
	case v.k.generic():
		refuse("make a struct of it for the type that is viewed", "%s has type parameters, and a view needs to know what is there", name)
	}
	if _, ok := v.k.named.Underlying().(*types.Struct); !ok {
		refuse("make it a struct", "%s is no struct, and has no fields to view", name)
	}
	if len(v.mark.Options) != 0 {
		refuse("remove it", "%q is no option: a view has none", v.mark.Options[0])
	}
	for _, n := range []string{viewName(name), maker(name)} {
		if o := v.w.p.Types.Scope().Lookup(n); o != nil {
			v.w.wrong.Addf(v.w.p.Position(o.Pos()), "rename it", "%s is what the view of %s is called", n, name)
		}
	}
}

// viewable returns the type that t is, or points to, if it has a view.
func (w *world) viewable(t types.Type) *types.Named {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, ok := t.(*types.Named)
	if !ok || n.TypeArgs().Len() != 0 {
		return nil
	}
	for _, k := range w.p.KindsOf(n.Obj()) {
		if k == source.View {
			return n
		}
	}
	return nil
}

// readable reports whether a view has a method for a field: what is carried has to be received.
func (v *view) readable(f field) bool {
	if v.w.viewable(f.v.Type()) != nil || v.listed(f) != nil {
		return true
	}
	t := v.w.traitOf(f.v.Type())
	return !t.refs && !t.raws
}

// listed returns the type of a list's elements if it has a view.
func (v *view) listed(f field) *types.Named {
	if v.w.of(f.v.Type()) != list {
		return nil
	}
	return v.w.viewable(f.v.Type().Underlying().(*types.Slice).Elem())
}

// prepare has msgp's generator make what the fields need.
func (v *view) prepare() {
	for _, f := range v.w.fields(v.k.named.Underlying().(*types.Struct)) {
		if v.readable(f) && v.w.viewable(f.v.Type()) == nil && v.listed(f) == nil {
			v.prepareType(f, f.v.Type())
		}
	}
}

func (v *view) prepareType(f field, t types.Type) {
	switch v.w.of(t) {
	case pointer:
		v.prepareType(f, t.Underlying().(*types.Pointer).Elem())
	case list, array, mapping, structure:
		first, rest := v.mark.Name()[:1], v.mark.Name()[1:]
		o := types.NewTypeName(token.NoPos, v.w.p.Types, strings.ToLower(first)+rest+"View"+f.v.Name(), nil)
		k := &kept{object: o, named: types.NewNamed(o, t.Underlying(), nil)}
		v.parts[f.v] = k
		v.w.extra = append(v.w.extra, k)
	}
}

// print prints the view.
func (v *view) print() {
	out, name := v.w.out.Code, v.mark.Name()
	typ := viewName(name)
	out.Printf("\n// %s reads %s's fields, one at a time, from where it lies encoded: in a lease, for example, and as long as that is held.\n"+
		"// A field that the message does not have is zero; the errors are codec.ErrPayload's. The zero %[1]s is of a message without fields.\n", typ, name)
	if v.left() != "" {
		out.Printf("// It has no %s: what is carried has to be received.\n", v.left())
	}
	out.Printf("type %s struct{ b []byte }\n\n", typ)
	out.Printf("// %s returns a view of an encoded %s.\nfunc %[1]s(b []byte) %[3]s {\nif b == nil {\nb = []byte{}\n}\nreturn %[3]s{b}\n}\n", maker(name), name, typ)
	for i, f := range v.w.fields(v.k.named.Underlying().(*types.Struct)) {
		if v.readable(f) {
			v.field(f, i)
		}
	}
}

// left names the fields that the view has no methods for.
func (v *view) left() string {
	var names []string
	for _, f := range v.w.fields(v.k.named.Underlying().(*types.Struct)) {
		if !v.readable(f) {
			names = append(names, f.v.Name())
		}
	}
	return strings.Join(names, ", ")
}

// find returns the expression that finds a field.
func (v *view) find(f field, i int) string {
	pkg := v.w.out.Code.Import(viewPath, "view")
	if v.k.tuple {
		return fmt.Sprintf("%s.Element(v.b, %d)", pkg, i)
	}
	return fmt.Sprintf("%s.Field(v.b, %s)", pkg, quote(msgp.AppendString(nil, f.name)))
}

// quote returns a string literal of ASCII only.
func quote(b []byte) string {
	s := strings.Builder{}
	for i, c := range b {
		if c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || i == 0 {
			fmt.Fprintf(&s, "\\x%02x", c)
		} else {
			s.WriteByte(c)
		}
	}
	return `"` + s.String() + `"`
}

func (v *view) field(f field, i int) {
	out, t := v.w.out.Code, f.v.Type()
	pkg := out.Import(viewPath, "view")
	called := v.mark.Name() + "." + f.v.Name()
	method := fmt.Sprintf("func (v %s) %s()", viewName(v.mark.Name()), f.v.Name())
	if n := v.w.viewable(t); n != nil {
		out.Printf("\n// %s returns a view of the field.\n%s (x %s, err error) {\nb, err := %s\nif err == nil && !%s.IsNil(b) {\nx = %s(b)\n}\nreturn x, %[5]s.Wrap(%q, err)\n}\n",
			f.v.Name(), method, v.typeOf(n, viewName), v.find(f, i), pkg, v.typeOf(n, maker), called)
		return
	}
	if n := v.listed(f); n != nil {
		out.Printf("\n// %s returns views of the field's elements.\n%s %s.Seq2[%s, error] {\nb, err := %s\nreturn %s.List(%q, b, err, %s)\n}\n",
			f.v.Name(), method, out.Import("iter", "iter"), v.typeOf(n, viewName), v.find(f, i), pkg, called, v.typeOf(n, maker))
		return
	}
	result := t
	if v.w.of(t) == counter {
		result = counterType(t)
	}
	doc := "reads the field."
	if v.w.of(t) == blob {
		doc = "returns the field's bytes where they lie."
	}
	if k := v.parts[f.v]; k != nil {
		out.Printf("\ntype %s %s\n", k.name(), out.Type(k.named.Underlying()))
	}
	out.Printf("\n// %s %s\n%s (x %s, err error) {\nb, err := %s\nif err == nil && !%s.IsNil(b) {\n%s}\nif err != nil {\nerr = %[6]s.Wrap(%[8]q, err)\n}\nreturn x, err\n}\n",
		f.v.Name(), doc, method, out.Type(result), v.find(f, i), pkg, v.read("x", t, f), called)
}

// typeOf returns the name of something that belongs to the view of a type, perhaps of another package.
func (v *view) typeOf(n *types.Named, name func(string) string) string {
	return v.w.out.Code.Ref(n.Obj().Pkg().Path(), n.Obj().Pkg().Name(), name(n.Obj().Name()))
}

// counterType returns what a type of sync/atomic holds.
func counterType(t types.Type) types.Type {
	_, n := named(t)
	return types.Universe.Lookup(strings.ToLower(n.Obj().Name())).Type()
}

// read returns statements that read x, which is of type t, from b.
func (v *view) read(x string, t types.Type, f field) string {
	out := v.w.out.Code
	_, isNamed := named(t)
	by := func(name string, plain bool) string {
		if plain {
			return fmt.Sprintf("%s, _, err = msgp.Read%sBytes(b)\n", x, name)
		}
		return fmt.Sprintf("y, _, e := msgp.Read%sBytes(b)\n%s, err = %s(y), e\n", name, x, out.Type(t))
	}
	switch v.w.of(t) {
	case scalar, text:
		name := types.Typ[basic(t).Kind()].Name()
		return by(strings.ToUpper(name[:1])+name[1:], isNamed == nil)
	case blob:
		return fmt.Sprintf("%s, _, err = msgp.ReadBytesZC(b)\n", x)
	case blobArray:
		return fmt.Sprintf("_, err = msgp.ReadExactBytes(b, %s[:])\n", x)
	case clock:
		return by("Time", true)
	case span:
		return by("Duration", true)
	case number:
		return by("JSONNumber", true)
	case counter:
		_, n := named(t)
		return by(n.Obj().Name(), true)
	case whatever:
		return by("Intf", true)
	case binary:
		return fmt.Sprintf("var y []byte\nif y, _, err = msgp.ReadBytesZC(b); err == nil {\nerr = %s.UnmarshalBinary(y)\n}\n", x)
	case textual:
		return fmt.Sprintf("var y []byte\nif y, _, err = msgp.ReadStringZC(b); err == nil {\nerr = %s.UnmarshalText(y)\n}\n", x)
	case own:
		return fmt.Sprintf("_, err = %s.UnmarshalMsg(b)\n", x)
	case pointer:
		e := t.Underlying().(*types.Pointer).Elem()
		inner := "(*" + x + ")"
		switch v.w.of(e) {
		case own, binary, textual:
			inner = x
		}
		return fmt.Sprintf("%s = new(%s)\n%s", x, out.Type(e), v.read(inner, e, f))
	case list, array, mapping, structure:
		return fmt.Sprintf("var y %s\n_, err = y.UnmarshalMsg(b)\n%s = %s(y)\n", v.parts[f.v].name(), x, out.Type(t))
	}
	return ""
}
