package message

import (
	"fmt"
	"go/ast"
	"go/types"
	"strings"
)

// tails prints the methods of engine.Tailed for the types whose MarshalMsg ends with the bytes of a field. code has those methods.
func (w *world) tails(code []byte) error {
	const clause = "package p\n\n"
	e, f, err := w.parsed(append([]byte(clause), code...))
	if err != nil {
		return err
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "MarshalMsg" {
			e.tail(fn)
		}
	}
	return nil
}

// tail prints the methods for the type of one MarshalMsg.
func (e *editor) tail(fn *ast.FuncDecl) {
	k := e.receiver(fn)
	if k == nil || k.raws || k.refs || k.itself || k.vartuple || k.generic() {
		return
	}
	u, ok := k.named.Underlying().(*types.Struct)
	if !ok {
		return
	}
	fields, list := e.w.fields(u), fn.Body.List
	if len(fields) == 0 || len(list) < 3 {
		return
	}
	last := fields[len(fields)-1]
	if strings.Contains(last.tag, "limit=") {
		return // its length is looked at where it is decoded
	}
	if e.text(list[0]) != "o = msgp.Require(b, z.Msgsize())" || e.text(list[len(list)-2]) != fmt.Sprintf("o = msgp.AppendBytes(o, z.%s)", last.v.Name()) {
		return
	}
	name, key, out := last.v.Name(), last.name, e.w.out.Code
	if k.tuple {
		key = ""
	}
	body := strings.TrimSpace(string(e.code[e.at(list[0].End()):e.at(list[len(list)-2].Pos())]))
	out.Printf("\n// MarshalHead is MarshalMsg without the bytes of %s, which come last: it is of engine.Tailed.\n", name)
	out.Printf("func (z *%s) MarshalHead(b []byte) (o, tail []byte, err error) {\no = b\n%s\n", k.receiver(), body)
	out.Printf("o = msgp.AppendBytesHeader(o, uint32(len(z.%s)))\ntail = z.%[1]s\nreturn\n}\n", name)
	out.Printf("\n// TailMsg returns what comes last: it is of engine.Tailed.\n")
	out.Printf("func (z *%s) TailMsg(v *%[1]s) (key string, field *[]byte) { return %q, &v.%s }\n", k.receiver(), key, name)
}
