package message

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
)

// An edit replaces a part of the code.
type edit struct {
	from, to int
	text     string
}

// An editor changes what msgp's generator wrote.
type editor struct {
	w     *world
	code  []byte
	fset  *token.FileSet
	edits []edit
}

// edited returns the code as it is to be.
func (w *world) edited(code []byte) ([]byte, error) {
	const clause = "package p\n\n"
	e, f, err := w.parsed(append([]byte(clause), code...))
	if err != nil {
		return nil, err
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			e.function(fn)
		}
	}
	slices.SortStableFunc(e.edits, func(a, b edit) int { return b.from - a.from })
	out := e.code
	for _, c := range e.edits {
		out = slices.Concat(out[:c.from], []byte(c.text), out[c.to:])
	}
	return bytes.TrimPrefix(out, []byte(clause)), nil
}

// parsed returns an editor of a file.
func (w *world) parsed(code []byte) (*editor, *ast.File, error) {
	e := &editor{w: w, code: code, fset: token.NewFileSet()}
	f, err := parser.ParseFile(e.fset, "", e.code, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, fmt.Errorf("msgp's code does not parse: %w\n%s", err, code)
	}
	return e, f, nil
}

func (e *editor) at(p token.Pos) int { return e.fset.Position(p).Offset }

func (e *editor) text(n ast.Node) string { return string(e.code[e.at(n.Pos()):e.at(n.End())]) }

func (e *editor) replace(n ast.Node, format string, args ...any) {
	e.edits = append(e.edits, edit{e.at(n.Pos()), e.at(n.End()), fmt.Sprintf(format, args...)})
}

func (e *editor) insert(at token.Pos, format string, args ...any) {
	e.edits = append(e.edits, edit{e.at(at), e.at(at), fmt.Sprintf(format, args...)})
}

// function edits a method.
func (e *editor) function(fn *ast.FuncDecl) {
	k := e.receiver(fn)
	if k == nil {
		return
	}
	marshal := fn.Name.Name == "MarshalMsg"
	if k.raws || k.itself {
		e.signature(fn, k, marshal)
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			e.call(n, k, marshal)
		case *ast.BlockStmt:
			e.bounds(n.List)
		case *ast.CaseClause:
			e.bounds(n.Body)
		}
		return true
	})
}

// receiver returns the type that a method is of.
func (e *editor) receiver(fn *ast.FuncDecl) *kept {
	if fn.Recv == nil {
		return nil
	}
	var name string
	ast.Inspect(fn.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	for _, k := range slices.Concat(e.w.order, e.w.extra) {
		if k.name() == name {
			return k
		}
	}
	return nil
}

// signature gives a method another name and more parameters.
func (e *editor) signature(fn *ast.FuncDecl, k *kept, marshal bool) {
	in := "b"
	if !marshal {
		in = "bts"
	}
	name, more := k.method(marshal)
	if k.raws {
		more = ", c *" + e.w.out.Code.Ref(enginePath, "engine", "Cargo") + more
	}
	if name != fn.Name.Name {
		doc := fmt.Sprintf("// %s is %s, at a depth.", name, exportedMethod(k, marshal))
		if !k.itself {
			doc = fmt.Sprintf("// %s implements engine.Packer.", name)
		}
		e.replace(fn.Doc, "%s", doc)
	}
	e.replace(fn.Name, "%s", name)
	e.replace(fn.Type.Params, "(%s []byte%s)", in, more)
	first := fn.Body.List[0]
	start := ""
	if marshal {
		start = "o = b"
	}
	if k.itself {
		start += fmt.Sprintf("\nif depth > %[1]s.MaxDepth { err = %[1]s.ErrDepth; return }\n", e.w.out.Code.Import(codecPath, "codec"))
	}
	if marshal { // in the place of "o = msgp.Require(b, z.Msgsize())"
		e.replace(first, "%s", start)
	} else {
		e.insert(first.Pos(), "%s", start)
	}
}

// exportedMethod returns the name of a method that users call.
func exportedMethod(k *kept, marshal bool) string {
	switch {
	case k.raws && marshal:
		return "Pack"
	case k.raws:
		return "Unpack"
	case marshal:
		return "MarshalMsg"
	}
	return "UnmarshalMsg"
}

// method returns the name of the method that encodes or decodes, and the parameter that it has beside those of the exported one.
func (k *kept) method(marshal bool) (name, depth string) {
	name = exportedMethod(k, marshal)
	if !k.itself {
		return name, ""
	}
	return map[string]string{"Pack": "packAt", "Unpack": "unpackAt", "MarshalMsg": "marshalAt", "UnmarshalMsg": "unmarshalAt"}[name], ", depth int"
}

// call edits "o, err = zPack(x).MarshalMsg(o)" and "bts, err = zPack(x).UnmarshalMsg(bts)".
func (e *editor) call(s *ast.AssignStmt, k *kept, marshal bool) {
	if len(s.Rhs) != 1 {
		return
	}
	call, ok := s.Rhs[0].(*ast.CallExpr)
	if !ok {
		return
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	mark, ok := sel.X.(*ast.CallExpr)
	if !ok || len(mark.Args) != 1 {
		return
	}
	id, ok := mark.Fun.(*ast.Ident)
	if !ok {
		return
	}
	x, b := e.text(mark.Args[0]), e.text(call.Args[0])
	depth := ", 1"
	if k.itself {
		depth = ", depth+1"
	}
	callee := &kept{}
	switch id.Name {
	case rawCall:
		name := e.w.out.Code.Ref(enginePath, "engine", "PackValue")
		if !marshal {
			name, x = e.w.out.Code.Ref(enginePath, "engine", "UnpackValue"), "&"+x
		}
		e.replace(call, "%s(%s, c, %s)", name, b, x)
		return
	case packCall:
		callee.raws = true
	case depthCall:
		callee.itself = true
	case bothCall:
		callee.raws, callee.itself = true, true
	default:
		return
	}
	name, _ := callee.method(marshal)
	args := b
	if callee.raws {
		args += ", c"
	}
	if callee.itself {
		args += depth
	}
	e.replace(call, "%s.%s(%s)", x, name, args)
}

// bounds edits what makes slices and maps:
//
//	if cap(x) >= int(n) { x = (x)[:n] } else { x = make(T, n) }
//	if x == nil { x = make(T, n) } else if len(x) > 0 { clear(x) }
//
// An element takes at least a byte, and an entry two.
func (e *editor) bounds(list []ast.Stmt) {
	for _, s := range list {
		cond, ok := s.(*ast.IfStmt)
		if !ok {
			continue
		}
		t, n, isMap := made(cond)
		if n == "" {
			continue
		}
		each := ""
		if isMap {
			each = "2*"
		}
		e.insert(cond.Pos(), "if %suint64(%s) > uint64(len(bts)) { err = msgp.WrapError(msgp.ErrShortBytes); return }\n", each, n)
		if len(cond.Body.List) == 1 && !isMap && e.leavesOld(t) {
			if a, ok := cond.Body.List[0].(*ast.AssignStmt); ok {
				e.insert(a.End(), "\nclear(%s)", e.text(a.Lhs[0]))
			}
		}
	}
}

// made returns the type and the size in the make of one of those statements.
func made(cond *ast.IfStmt) (t ast.Expr, n string, isMap bool) {
	for _, branch := range []ast.Stmt{cond.Body, cond.Else} {
		block, ok := branch.(*ast.BlockStmt)
		if !ok || len(block.List) != 1 {
			continue
		}
		a, ok := block.List[0].(*ast.AssignStmt)
		if !ok || len(a.Rhs) != 1 {
			continue
		}
		call, ok := a.Rhs[0].(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			continue
		}
		if id, ok := call.Fun.(*ast.Ident); !ok || id.Name != "make" {
			continue
		}
		if size, ok := call.Args[1].(*ast.Ident); ok {
			return call.Args[0], size.Name, branch == cond.Body
		}
	}
	return nil, "", false
}

// leavesOld reports whether decoding into an element of a slice may leave some of what was there: not if it is a basic type.
func (e *editor) leavesOld(t ast.Expr) bool {
	a, ok := t.(*ast.ArrayType)
	if !ok {
		return true
	}
	id, ok := a.Elt.(*ast.Ident)
	if !ok {
		return true
	}
	return e.w.p.Types.Scope().Lookup(id.Name) != nil // else it is a basic type
}
