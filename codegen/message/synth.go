package message

import (
	"fmt"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// msgp's parser sees no types, only names, and what it does not know it leaves out or takes for something with methods. So it does not
// get the source itself, but one that is made of what the type checker knows: the kept types, with placeholders for what they are
// made of. In what msgp's generator writes, the placeholders are replaced.
//
//	Zc[T7]  a type that is encoded by a call: by its own methods, or by the engine
//	Zn7     a type with a name and no methods, declared in the synthesized source by what it is made of
const (
	callMark = "Zc"
	nameMark = "Zn"
)

// A synth makes the source for msgp's parser.
type synth struct {
	w     *world
	decls strings.Builder
	types []types.Type // the placeholders', by number
	known map[string]int
}

func newSynth(w *world) *synth { return &synth{w: w, known: map[string]int{}} }

// source returns the whole source.
func (s *synth) source() string {
	for _, k := range slices.Concat(s.w.order, s.w.extra) {
		s.kept(k)
	}
	return fmt.Sprintf("package %s\n\n//msgp:maps binkeys\n\n%s", s.w.p.Name, s.decls.String())
}

func (s *synth) kept(k *kept) {
	params := ""
	for i := range k.named.TypeParams().Len() {
		p := k.named.TypeParams().At(i)
		constraint := "any"
		if t := s.w.pointerTo(p); t != nil {
			constraint = "msgp.RTFor[" + t.Obj().Name() + "]"
		}
		params += ", " + p.Obj().Name() + " " + constraint
	}
	if params != "" {
		params = "[" + params[2:] + "]"
	}
	text := ""
	if u, ok := k.named.Underlying().(*types.Struct); ok {
		fields := s.w.fields(u)
		if !k.tuple && s.w.viewable(k.named) != nil {
			s.w.quickFirst(fields)
		}
		text = s.fields(fields, k)
	} else {
		text = s.text(k.named.Underlying(), k)
	}
	fmt.Fprintf(&s.decls, "type %s%s %s\n\n", k.name(), params, text)
	if k.vartuple {
		fmt.Fprintf(&s.decls, "//msgp:vartuple %s\n\n", k.name())
	} else if k.tuple {
		fmt.Fprintf(&s.decls, "//msgp:tuple %s\n\n", k.name())
	}
}

// text returns a type as msgp's parser is to see it, within a kept type.
func (s *synth) text(t types.Type, in *kept) string {
	t = types.Unalias(t)
	_, n := named(t)
	switch shape := s.w.of(t); shape {
	case clock:
		return "time.Time"
	case span:
		return "time.Duration"
	case number:
		return "json.Number"
	case counter:
		return "atomic." + n.Obj().Name()
	case whatever:
		return "any"
	case param:
		return t.(*types.TypeParam).Obj().Name()
	case own:
		if k := s.w.local(t); k != nil && !k.generic() && !in.generic() && !k.itself && !k.raws {
			return k.name() // msgp may write its fields in place
		}
		return s.placeholder(callMark, t)
	case ref, raw, binary, textual:
		return s.placeholder(callMark, t)
	}
	if n != nil {
		return s.placeholder(nameMark, t)
	}
	return s.literal(t, in)
}

// literal returns what a type is made of.
func (s *synth) literal(t types.Type, in *kept) string {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return types.Typ[u.Kind()].Name()
	case *types.Pointer:
		return "*" + s.text(u.Elem(), in)
	case *types.Slice:
		if isByte(u.Elem()) {
			return "[]byte"
		}
		return "[]" + s.text(u.Elem(), in)
	case *types.Array:
		elem := s.text(u.Elem(), in)
		if isByte(u.Elem()) {
			elem = "byte"
		}
		return "[" + strconv.FormatInt(u.Len(), 10) + "]" + elem
	case *types.Map:
		return "map[" + s.text(u.Key(), in) + "]" + s.text(u.Elem(), in)
	case *types.Struct:
		return s.fields(s.w.fields(u), in)
	}
	return "struct{}" // refused before
}

// fields returns a struct of some fields.
func (s *synth) fields(fields []field, in *kept) string {
	b := strings.Builder{}
	b.WriteString("struct {\n")
	for _, f := range fields {
		fmt.Fprintf(&b, "%s %s", f.v.Name(), s.text(f.v.Type(), in))
		if f.tag != "" {
			fmt.Fprintf(&b, " `%s`", f.tag)
		}
		b.WriteByte('\n')
	}
	b.WriteString("}")
	return b.String()
}

// quickFirst orders fields by how long it takes to pass over them, which is what a view does until it comes to the one that it looks for:
// first what has few bytes, then what has its length in front, then what is passed over value by value.
func (w *world) quickFirst(fields []field) {
	effort := func(f field) int {
		t := f.v.Type()
		if p, ok := t.Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		switch w.of(t) {
		case scalar, clock, span, number, counter, ref, raw:
			return 0
		case text, blob, blobArray, binary, textual:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(fields, func(a, b field) int { return effort(a) - effort(b) })
}

// placeholder returns the placeholder of a type.
func (s *synth) placeholder(mark string, t types.Type) string {
	key := mark + fullName(t)
	i, ok := s.known[key]
	if !ok {
		i = len(s.types)
		s.types = append(s.types, t)
		s.known[key] = i
		if mark == nameMark {
			// An element that has a name itself is written as what it is, where msgp would not see through two names.
			fmt.Fprintf(&s.decls, "type %s%d %s\n\n", nameMark, i, s.literal(t, &kept{named: &types.Named{}}))
		}
	}
	if mark == callMark {
		return fmt.Sprintf("%s[T%d]", callMark, i)
	}
	return nameMark + strconv.Itoa(i)
}
