package message

import (
	"fmt"
	"go/types"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A field is one that travels.
type field struct {
	v    *types.Var
	tag  string // as it stands in the source
	name string // on the wire
	// omit: left out if it is zero. nilable: nil is not the same as empty.
	omit, nilable bool
}

// A tag is the value of a struct's tag "msg", or else "msgpack".
type tag struct {
	name    string
	options []string
	given   bool
}

func tagOf(s string) tag {
	for _, key := range []string{"msg", "msgpack"} {
		if body := reflect.StructTag(s).Get(key); body != "" {
			parts := strings.Split(body, ",")
			return tag{name: parts[0], options: parts[1:], given: true}
		}
	}
	return tag{}
}

// fields returns the fields of a struct that travel, those of flattened structs in their place.
func (w *world) fields(s *types.Struct) (found []field) {
	for i := range s.NumFields() {
		v, t := s.Field(i), tagOf(s.Tag(i))
		switch {
		case t.name == "-" && t.given || v.Name() == "_":
			continue
		case v.Embedded() && slices.Contains(t.options, "flatten"):
			if inner, ok := v.Type().Underlying().(*types.Struct); ok {
				found = append(found, w.fields(inner)...)
			}
			continue
		case !v.Exported():
			continue
		}
		f := field{v: v, tag: s.Tag(i), name: t.name}
		if f.name == "" {
			f.name = v.Name()
		}
		f.omit = slices.Contains(t.options, "omitempty") || slices.Contains(t.options, "omitzero")
		f.nilable = slices.Contains(t.options, "allownil")
		found = append(found, f)
	}
	return found
}

// checkFields says what is wrong with the fields of a struct, and with what they are made of. path is how the struct is called.
func (w *world) checkFields(s *types.Struct, path string, seen map[types.Type]bool) {
	names := map[string]*types.Var{}
	for i := range s.NumFields() {
		w.checkField(s.Field(i), s.Tag(i), path, seen)
	}
	goNames := map[string]bool{}
	for _, f := range w.fields(s) {
		pos := w.p.Position(f.v.Pos())
		if first := names[f.name]; first != nil {
			w.wrong.Addf(pos, fmt.Sprintf("give it another with the tag `msg:\"...\"`; the first is at %v", w.p.Position(first.Pos())),
				"field %s of %s has the name %q, as another field has", f.v.Name(), path, f.name)
		} else if goNames[f.v.Name()] {
			w.wrong.Addf(pos, "rename one of the fields", "field %s of %s is hidden by another of its name", f.v.Name(), path)
		}
		names[f.name], goNames[f.v.Name()] = f.v, true
	}
}

// options are those of a tag.
var options = []string{"omitempty", "omitzero", "allownil", "flatten"}

func (w *world) checkField(v *types.Var, tag, path string, seen map[types.Type]bool) {
	pos, t := w.p.Position(v.Pos()), tagOf(tag)
	call := fmt.Sprintf("field %s of %s", v.Name(), path)
	if t.given && t.name == "-" {
		return
	}
	flatten := slices.Contains(t.options, "flatten")
	switch {
	case strings.ContainsAny(t.name, "\"\\") || strconv.Quote(t.name) != `"`+t.name+`"`:
		w.wrong.Addf(pos, "use letters, digits and punctuation", "%s has the name %q, which has to be quoted", call, t.name)
	case !v.Exported() && t.given && !flatten:
		w.wrong.Addf(pos, "export it, or remove the tag", "%s has a tag and is not exported", call)
	case !v.Exported() && v.Embedded() && !flatten:
		w.wrong.Addf(pos, "tag it `msg:\",flatten\"` to have its fields among these, `msg:\"-\"` to leave it out, or export the type",
			"%s is embedded and not exported, so that its fields would be left out", call)
	}
	for _, o := range t.options {
		switch {
		case o == "zerocopy":
			w.wrong.Addf(pos, "remove it", "%s has the option zerocopy: it would point into memory that others write to", call)
		case strings.HasPrefix(o, "limit="):
			if _, err := strconv.ParseUint(o[len("limit="):], 10, 32); err != nil {
				w.wrong.Addf(pos, "write limit=N with a whole number", "%s has the option %q", call, o)
			}
		case !slices.Contains(options, o):
			w.wrong.Addf(pos, "the options are "+strings.Join(options, ", ")+" and limit=N", "%s has the option %q, which is not known", call, o)
		}
	}
	if flatten {
		inner, ok := v.Type().Underlying().(*types.Struct)
		switch {
		case !ok || !v.Embedded():
			w.wrong.Addf(pos, "remove the option, or embed the struct itself", "%s is flattened, and is no embedded struct", call)
		case !seen[v.Type()]:
			w.checkFields(inner, path, seen)
		}
		return
	}
	if !v.Exported() {
		return
	}
	if slices.Contains(t.options, "omitzero") && w.isZeroer(v.Type()) == nil {
		w.wrong.Addf(pos, "use omitempty", "%s has the option omitzero, and its type has no method IsZero", call)
	}
	w.check(v.Type(), pos, call, seen)
}

// isZeroer returns the type's method IsZero.
func (w *world) isZeroer(t types.Type) types.Object {
	m, _, _ := types.LookupFieldOrMethod(t, true, w.p.Types, "IsZero")
	if f, ok := m.(*types.Func); ok {
		return f
	}
	return nil
}
