package service

import (
	"fmt"
	"go/types"
	"strings"
)

// fieldType returns the type of a value's field in a struct of arguments or results.
func (w *world) fieldType(v *value) string {
	switch v.kind {
	case raw:
		return w.engine("Carried") + "[" + w.out.Type(v.t) + "]"
	case passed:
		return w.rpc("Passed")
	}
	if e := w.packedElem(v.t); e != nil {
		t := w.out.Type(e)
		return fmt.Sprintf("%s[%s, *%s]", w.rpc("Packed"), t, t)
	}
	return w.out.Type(v.t)
}

// packedElem returns the packed type that a type is, or points to; nil if it is none.
func (w *world) packedElem(t types.Type) types.Type {
	if w.kindOf(t) == packed {
		return t
	}
	if p, ok := t.Underlying().(*types.Pointer); ok && w.kindOf(t) == pointer && w.kindOf(p.Elem()) == packed {
		return p.Elem()
	}
	return nil
}

// argsType and resultsType return what a method's arguments and results are.
func (w *world) argsType(s *service, m *method) string {
	if len(m.params) == 0 {
		return w.rpc("Nothing")
	}
	return s.private(m, "Args")
}

func (w *world) resultsType(s *service, m *method) string {
	if len(m.results) == 0 {
		return w.rpc("Nothing")
	}
	return s.private(m, "Results")
}

// bodies prints the types of arguments and results.
func (w *world) bodies(s *service) {
	for _, m := range s.methods {
		if len(m.params) != 0 {
			w.out.Printf("\n// %s are the arguments of %s.%s.\n", s.private(m, "Args"), s.goName, m.name)
			w.body(s.private(m, "Args"), m.params)
		}
		if len(m.results) != 0 {
			w.out.Printf("\n// %s are the results of %s.%s.\n", s.private(m, "Results"), s.goName, m.name)
			w.body(s.private(m, "Results"), m.results)
			w.discard(s.private(m, "Results"), m.results)
		}
	}
}

func (w *world) body(name string, values []*value) {
	var fields, marshal, unmarshal, size, carry strings.Builder
	c := &coder{w: w}
	for i, v := range values {
		x, t := "z."+v.field, v.t
		fmt.Fprintf(&fields, "%s %s\n", v.field, w.fieldType(v))
		encode := func(f func(string, types.Type) string) string {
			if w.packedElem(t) != nil {
				return f(x, w.packedElem(t))
			}
			return f(x, t)
		}
		marshal.WriteString(encode(c.append))
		size.WriteString(encode(c.size))
		carry.WriteString(encode(c.carry))
		fmt.Fprintf(&unmarshal, "if count <= %d {\nreturn b, nil\n}\n%s", i, encode(c.read))
	}
	out := w.out
	out.Printf("type %s struct {\n%s}\n", name, fields.String())
	out.Printf("\n// Msgsize implements msgp.Sizer.\nfunc (z *%s) Msgsize() (n int) {\nn = %d\n%sreturn n\n}\n", name, headerSize(len(values)), size.String())
	out.Printf("\n// MarshalMsg implements msgp.Marshaler.\nfunc (z *%s) MarshalMsg(b []byte) (_ []byte, err error) {\nb = %s(b, %d)\n%sreturn b, nil\n}\n",
		name, w.msgp("AppendArrayHeader"), len(values), marshal.String())
	out.Printf("\n// UnmarshalMsg implements msgp.Unmarshaler.\nfunc (z *%s) UnmarshalMsg(b []byte) (_ []byte, err error) {\n", name)
	out.Printf("var count uint32\n"+readOrReturn, "count", w.msgp("ReadArrayHeaderBytes"))
	out.Printf("%sreturn %s(b, count-%d)\n}\n", unmarshal.String(), w.rpc("SkipElements"), len(values))
	cargo := "c"
	if carry.Len() == 0 {
		cargo = "_"
	}
	out.Printf("\n// Carry implements engine.Carrier.\nfunc (z *%s) Carry(%s *%s) error {\n%sreturn nil\n}\n", name, cargo, w.engine("Cargo"), carry.String())
}

func headerSize(n int) int {
	if n < 16 {
		return 1
	}
	return 3
}

// discard prints Discard for results that hold something to be closed if they are not sent.
func (w *world) discard(name string, values []*value) {
	var b strings.Builder
	for _, v := range values {
		switch v.kind {
		case raw:
			fmt.Fprintf(&b, "%s(z.%s.V)\n", w.rpc("Release"), v.field)
		case passed:
			fmt.Fprintf(&b, "z.%s.Revoke()\n", v.field)
		case ref:
			if n, _ := named(v.t); n == enginePath+".Carried" {
				fmt.Fprintf(&b, "%s(z.%s.V)\n", w.rpc("Release"), v.field)
			} else {
				fmt.Fprintf(&b, "_ = z.%s.Close()\n", v.field)
			}
		}
	}
	if b.Len() != 0 {
		w.out.Printf("\n// Discard implements rpc.Discarder.\nfunc (z *%s) Discard() {\n%s}\n", name, b.String())
	}
}
