package message

import (
	"fmt"
	"go/types"
)

// A carrier writes statements that call Carry on what is carried.
type carrier struct {
	w     *world
	depth string
	vars  int
}

// carries prints Carry.
func (w *world) carries(k *kept) {
	if !k.refs {
		return
	}
	r := &carrier{w: w, depth: "1"}
	x := "z"
	if _, ok := k.named.Underlying().(*types.Struct); !ok {
		x = "(*z)"
	}
	out := w.out.Code
	cargo := out.Ref(enginePath, "engine", "Cargo")
	out.Printf("\n// Carry implements engine.Carrier.\nfunc (z *%s) Carry(c *%s) error {\n", k.receiver(), cargo)
	if k.itself {
		out.Printf("return z.carryAt(c, 0)\n}\n\n// carryAt is Carry, at a depth.\nfunc (z *%s) carryAt(c *%s, depth int) error {\n", k.receiver(), cargo)
		out.Printf("if depth > %[1]s.MaxDepth {\nreturn %[1]s.ErrDepth\n}\n", out.Import(codecPath, "codec"))
		r.depth = "depth+1"
	}
	out.Printf("%sreturn nil\n}\n", r.underlying(x, k.named))
}

// of returns the statements for x, which is of type t.
func (r *carrier) of(x string, t types.Type) string {
	if !r.w.traitOf(t).refs {
		return ""
	}
	const check = "if err := %s; err != nil {\nreturn err\n}\n"
	switch r.w.of(t) {
	case ref:
		return fmt.Sprintf(check, x+".Carry(c)")
	case own:
		if k := r.w.local(t); k != nil && k.itself {
			return fmt.Sprintf(check, fmt.Sprintf("%s.carryAt(c, %s)", x, r.depth))
		}
		return fmt.Sprintf(check, x+".Carry(c)")
	}
	return r.underlying(x, t)
}

func (r *carrier) underlying(x string, t types.Type) string {
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		inner := x
		if s := r.w.of(u.Elem()); s != own && s != structure && s != ref {
			inner = "(*" + x + ")"
		}
		return fmt.Sprintf("if %s != nil {\n%s}\n", x, r.of(inner, u.Elem()))
	case *types.Slice:
		return r.repeated(x, u.Elem())
	case *types.Array:
		return r.repeated(x, u.Elem())
	case *types.Map:
		r.vars++
		k, v := fmt.Sprintf("k%d", r.vars), fmt.Sprintf("v%d", r.vars)
		store := fmt.Sprintf("%s[%s] = %s\n", x, k, v)
		if _, ok := u.Elem().Underlying().(*types.Pointer); ok {
			k, store = "_", ""
		}
		return fmt.Sprintf("for %s, %s := range %s {\n%s%s}\n", k, v, x, r.of(v, u.Elem()), store)
	case *types.Struct:
		s := ""
		for _, f := range r.w.fields(u) {
			s += r.of(x+"."+f.v.Name(), f.v.Type())
		}
		return s
	}
	return ""
}

func (r *carrier) repeated(x string, elem types.Type) string {
	r.vars++
	i := fmt.Sprintf("i%d", r.vars)
	return fmt.Sprintf("for %s := range %s {\n%s}\n", i, x, r.of(fmt.Sprintf("%s[%s]", x, i), elem))
}
