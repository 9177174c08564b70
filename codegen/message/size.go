package message

import (
	"fmt"
	"go/types"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

// guess is what a value is taken to need whose methods cannot say, in bytes. If it needs more, the message is encoded twice.
const guess = 64

// A sizer writes expressions and statements that add up the most that a value takes.
type sizer struct {
	w     *world
	depth string // the argument for the depth of what is further in
	vars  int
}

// A size is what a value takes.
type size struct {
	fixed int
	terms []string // to be added
	code  string   // statements that add the rest to s
}

// String returns statements that add the size to s.
func (s size) String() string {
	sum := s.terms
	if s.fixed != 0 || len(sum) == 0 && s.code == "" {
		sum = append([]string{fmt.Sprint(s.fixed)}, sum...)
	}
	if len(sum) == 0 {
		return s.code
	}
	return "s += " + strings.Join(sum, " + ") + "\n" + s.code
}

func (s size) isFixed() bool { return len(s.terms) == 0 && s.code == "" }

// sizes prints Msgsize.
func (w *world) sizes(k *kept) {
	if k.raws {
		return
	}
	z := &sizer{w: w, depth: "1"}
	x := "z"
	if _, ok := k.named.Underlying().(*types.Struct); !ok {
		x = "(*z)"
	}
	out := w.out.Code
	out.Printf("\n// Msgsize returns the most that MarshalMsg appends, in bytes")
	if w.guesses(k.named, map[types.Type]bool{}) {
		out.Printf("; it is an estimate where there are values that do not say how much they need")
	}
	out.Printf(".\nfunc (z *%s) Msgsize() (s int) {", k.receiver())
	if k.itself {
		out.Printf(" return z.msgsizeAt(0) }\n\n// msgsizeAt is Msgsize, at a depth.\nfunc (z *%s) msgsizeAt(depth int) (s int) {\n", k.receiver())
		out.Printf("if depth > %s.MaxDepth { return 0 } // MarshalMsg says so\n", out.Import(codecPath, "codec"))
		z.depth = "depth+1"
	}
	out.Printf("\n%s return s\n}\n", z.underlying(x, k.named, k))
}

// of returns the size of x, which is of type t.
func (z *sizer) of(x string, t types.Type) size {
	switch shape := z.w.of(t); shape {
	case scalar:
		return size{fixed: scalarSize(basic(t).Kind())}
	case text, blob:
		return size{fixed: 5, terms: []string{"len(" + x + ")"}}
	case clock:
		return size{fixed: msgp.TimeSize}
	case span, number:
		return size{fixed: 9}
	case counter:
		return size{fixed: 9}
	case whatever:
		return size{terms: []string{"msgp.GuessSize(" + x + ")"}}
	case ref:
		return size{fixed: 6}
	case binary, textual:
		return size{fixed: guess}
	case param:
		p := z.w.pointerOf(types.Unalias(t).(*types.TypeParam))
		return size{terms: []string{fmt.Sprintf("%s(&%s).Msgsize()", p.Obj().Name(), x)}}
	case own:
		k := z.w.local(t)
		switch {
		case k != nil && k.itself:
			return size{terms: []string{fmt.Sprintf("%s.msgsizeAt(%s)", x, z.depth)}}
		case k == nil && !has(types.Unalias(t).(*types.Named), "Msgsize") && has(types.Unalias(t).(*types.Named), "MarshalMsg"):
			return size{fixed: guess}
		}
		return size{terms: []string{x + ".Msgsize()"}}
	}
	return z.underlying(x, t, nil)
}

// underlying returns the size of x by what its type is made of.
func (z *sizer) underlying(x string, t types.Type, k *kept) size {
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		inner := x
		if p, ok := types.Unalias(u.Elem()).(*types.TypeParam); ok {
			return size{code: fmt.Sprintf("if %s == nil {\ns++\n} else {\ns += %s(%[1]s).Msgsize()\n}\n", x, z.w.pointerOf(p).Obj().Name())}
		}
		if s := z.w.of(u.Elem()); s != own && s != structure && s != ref {
			inner = "(*" + x + ")"
		}
		return size{code: fmt.Sprintf("if %s == nil {\ns++\n} else {\n%s}\n", x, z.of(inner, u.Elem()))}
	case *types.Slice:
		if isByte(u.Elem()) {
			return size{fixed: 5, terms: []string{"len(" + x + ")"}}
		}
		return z.repeated(5, x, u.Elem())
	case *types.Array:
		if isByte(u.Elem()) {
			return size{fixed: len(msgp.AppendBytesHeader(nil, uint32(u.Len()))) + int(u.Len())}
		}
		header := len(msgp.AppendArrayHeader(nil, uint32(u.Len())))
		if elem := z.of("", u.Elem()); elem.isFixed() {
			return size{fixed: header + int(u.Len())*elem.fixed}
		}
		return z.repeated(header, x, u.Elem())
	case *types.Map:
		return z.entries(x, u)
	case *types.Struct:
		return z.structure(x, u, k)
	case *types.Basic:
		if u.Info()&types.IsString != 0 {
			return size{fixed: 5, terms: []string{"len(" + x + ")"}}
		}
		return size{fixed: scalarSize(u.Kind())}
	}
	return size{}
}

func (z *sizer) repeated(header int, x string, elem types.Type) size {
	if s := z.of("", elem); s.isFixed() {
		return size{fixed: header, terms: []string{fmt.Sprintf("%d*len(%s)", s.fixed, x)}}
	}
	z.vars++
	i := fmt.Sprintf("i%d", z.vars)
	return size{fixed: header, code: fmt.Sprintf("for %s := range %s {\n%s}\n", i, x, z.of(fmt.Sprintf("%s[%s]", x, i), elem))}
}

func (z *sizer) entries(x string, m *types.Map) size {
	z.vars++
	k, v := fmt.Sprintf("k%d", z.vars), fmt.Sprintf("v%d", z.vars)
	key, value := z.of(k, m.Key()), z.of(v, m.Elem())
	if key.isFixed() && value.isFixed() {
		return size{fixed: 5, terms: []string{fmt.Sprintf("%d*len(%s)", key.fixed+value.fixed, x)}}
	}
	both := size{key.fixed + value.fixed, append(key.terms, value.terms...), key.code + value.code}
	if key.isFixed() {
		k = "_"
	}
	vars := k + ", " + v
	if value.isFixed() {
		vars = k
	}
	return size{fixed: 5, code: fmt.Sprintf("for %s := range %s {\n%s}\n", vars, x, both)}
}

func (z *sizer) structure(x string, s *types.Struct, k *kept) (sum size) {
	fields := z.w.fields(s)
	sum.fixed = len(msgp.AppendMapHeader(nil, uint32(len(fields))))
	for _, f := range fields {
		if k == nil || !k.tuple {
			sum.fixed += len(msgp.AppendString(nil, f.name))
		}
		one := z.of(x+"."+f.v.Name(), f.v.Type())
		sum.fixed += one.fixed
		sum.terms = append(sum.terms, one.terms...)
		sum.code += one.code
	}
	return sum
}

func scalarSize(k types.BasicKind) int {
	switch k {
	case types.Bool:
		return 1
	case types.Int8, types.Uint8:
		return 2
	case types.Int16, types.Uint16:
		return 3
	case types.Int32, types.Uint32, types.Float32:
		return 5
	}
	return 9
}

// guesses reports whether the size of a type is not certain.
func (w *world) guesses(t types.Type, seen map[types.Type]bool) bool {
	t = types.Unalias(t)
	if seen[t] {
		return false
	}
	seen[t] = true
	switch w.of(t) {
	case whatever, binary, textual, param:
		return true
	case own:
		if w.local(t) == nil {
			return false
		}
	case ref, raw, clock, span, number, counter:
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return w.guesses(u.Elem(), seen)
	case *types.Slice:
		return w.guesses(u.Elem(), seen)
	case *types.Array:
		return w.guesses(u.Elem(), seen)
	case *types.Map:
		return w.guesses(u.Elem(), seen)
	case *types.Struct:
		for _, f := range w.fields(u) {
			if w.guesses(f.v.Type(), seen) {
				return true
			}
		}
	}
	return false
}

// isBounded reports whether whatever a type is decoded with keeps to the bounds of engine.Bounded: our own methods, and what has no
// elements; not what an any holds, nor methods of others.
func (w *world) isBounded(t types.Type, seen map[types.Type]bool) bool {
	t = types.Unalias(t)
	if seen[t] {
		return true
	}
	seen[t] = true
	switch w.of(t) {
	case whatever, param, binary, textual:
		return false
	case own:
		n := t.(*types.Named)
		if w.local(t) == nil {
			return has(n, "BoundedMsg")
		}
	case ref, raw, clock, span, number, counter:
		return true
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return w.isBounded(u.Elem(), seen)
	case *types.Slice:
		return w.isBounded(u.Elem(), seen)
	case *types.Array:
		return w.isBounded(u.Elem(), seen)
	case *types.Map:
		return w.isBounded(u.Elem(), seen)
	case *types.Struct:
		for _, f := range w.fields(u) {
			if !w.isBounded(f.v.Type(), seen) {
				return false
			}
		}
	}
	return true
}
