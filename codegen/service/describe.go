package service

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/types"
	"reflect"
	"strconv"
	"strings"

	"github.com/corechan/corechan/codegen/rpc"
)

// description returns the service's Description as a Go literal.
func (w *world) description(s *service) string {
	d := &describer{w: w, types: map[string]rpc.Type{}}
	doc := ""
	for _, f := range w.p.Files {
		for _, decl := range f.Syntax.Decls {
			if g, ok := decl.(*ast.GenDecl); ok {
				for _, spec := range g.Specs {
					if spec == s.mark.Spec {
						doc = strings.TrimSpace(s.mark.Spec.Doc.Text())
						if doc == "" {
							doc = strings.TrimSpace(g.Doc.Text())
						}
					}
				}
			}
		}
	}
	all := rpc.Description{Name: s.name, Doc: doc, Types: d.types}
	for _, m := range s.methods {
		one := rpc.MethodDescription{Name: m.name, Doc: m.doc, Oneway: m.oneway, Args: []rpc.Field{}, Results: []rpc.Field{}}
		for _, v := range m.params {
			one.Args = append(one.Args, rpc.Field{Name: strings.TrimRight(v.name, "_"), Type: d.of(v.t)})
		}
		for _, v := range m.results {
			one.Results = append(one.Results, rpc.Field{Name: v.field, Type: d.of(v.t)})
		}
		all.Methods = append(all.Methods, one)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(all); err != nil {
		panic(err) // strings and numbers
	}
	text := strings.TrimSpace(b.String())
	if strconv.CanBackquote(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

// A describer collects the structs that it meets.
type describer struct {
	w     *world
	types map[string]rpc.Type
}

var rawKinds = map[string]string{
	"io.Reader": "reader", "io.ReadCloser": "reader", "*io.PipeReader": "reader", "*" + enginePath + ".StreamReader": "reader",
	"io.Writer": "writer", "io.WriteCloser": "writer", "*io.PipeWriter": "writer", "*" + enginePath + ".StreamWriter": "writer",
	"io.ReadWriter": "stream", "io.ReadWriteCloser": "stream", "*" + enginePath + ".StreamConn": "stream", "*os.File": "file",
}

// of describes a type.
func (d *describer) of(t types.Type) rpc.Type {
	t = types.Unalias(t)
	say := types.TypeString(t, func(p *types.Package) string { return p.Name() })
	full, n := named(t)
	if kind := rawKinds[fullName(t)]; kind != "" {
		return rpc.Type{Kind: kind, Name: say}
	}
	elem := func(kind string, e types.Type) rpc.Type {
		inner := d.of(e)
		return rpc.Type{Kind: kind, Elem: &inner}
	}
	switch d.w.kindOf(t) {
	case raw:
		return rpc.Type{Kind: "conn", Name: say}
	case passed:
		return rpc.Type{Kind: "service", Name: say}
	case clock:
		return rpc.Type{Kind: "time"}
	case span:
		return rpc.Type{Kind: "duration"}
	case blob:
		return rpc.Type{Kind: "bytes"}
	case whatever:
		return rpc.Type{Kind: "any"}
	case scalar:
		kind := t.Underlying().(*types.Basic).Name()
		kind = strings.TrimRight(kind, "0123456789")
		switch b := t.Underlying().(*types.Basic); b.Kind() {
		case types.Byte:
			kind = "uint"
		case types.Int32:
			kind = "int"
		case types.Float32, types.Float64:
			kind = b.Name()
		}
		if n == nil {
			say = ""
		}
		return rpc.Type{Kind: kind, Name: say}
	case ref:
		inner := n.TypeArgs().At(0)
		switch full {
		case enginePath + ".Carried":
			return d.of(inner)
		case enginePath + ".Sender":
			return elem("sender", inner)
		}
		return elem("receiver", inner)
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return elem("optional", u.Elem())
	case *types.Slice:
		return elem("list", u.Elem())
	case *types.Array:
		one := elem("array", u.Elem())
		one.Len = u.Len()
		return one
	case *types.Map:
		one, key := elem("map", u.Elem()), d.of(u.Key())
		one.Key = &key
		return one
	case *types.Struct:
		return d.structure(say, u)
	}
	return rpc.Type{Kind: "any", Name: say}
}

// structure describes a struct, once.
func (d *describer) structure(name string, s *types.Struct) rpc.Type {
	if _, known := d.types[name]; !known {
		d.types[name] = rpc.Type{} // for those that contain themselves
		one := rpc.Type{Kind: "struct", Fields: []rpc.Field{}}
		for i := range s.NumFields() {
			f := s.Field(i)
			key, rest, _ := strings.Cut(reflect.StructTag(s.Tag(i)).Get("msg"), ",")
			if !f.Exported() || key == "-" {
				continue
			}
			if f.Name() == "_" || f.Embedded() && key == "" && strings.Contains(rest, "flatten") {
				continue
			}
			if key == "" {
				key = f.Name()
			}
			one.Fields = append(one.Fields, rpc.Field{Name: key, Type: d.of(f.Type())})
		}
		if d.w.isTuple(name) {
			one.Kind = "tuple"
		}
		d.types[name] = one
	}
	return rpc.Type{Kind: "ref", Name: name}
}

// isTuple reports whether a struct of this package is sent as an array: //msgp:tuple NAME.
func (w *world) isTuple(name string) bool {
	_, short, ok := strings.Cut(name, ".")
	if !ok {
		short = name
	}
	for _, f := range w.p.Files {
		for _, g := range f.Syntax.Comments {
			for _, c := range g.List {
				if words := strings.Fields(c.Text); len(words) > 1 && words[0] == "//msgp:tuple" {
					for _, word := range words[1:] {
						if word == short {
							return true
						}
					}
				}
			}
		}
	}
	return false
}
