package source

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Method returns the comment above a method of an interface, and its directives, where it is declared: in this package, or, as that of
// an interface which is embedded, in another one. There is nothing if that one's source is not there.
func (p *Package) Method(m *types.Func) (doc string, directives []Inner) {
	if m.Pkg() == nil {
		return "", nil // error's
	}
	at := p.Fset.Position(m.Pos())
	fset, syntax := p.Fset, []*ast.File{}
	for _, f := range p.Files {
		syntax = append(syntax, f.Syntax)
	}
	if m.Pkg().Path() != p.Path {
		fset = token.NewFileSet()
		f, err := parser.ParseFile(fset, at.Filename, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return "", nil
		}
		syntax = []*ast.File{f}
	}
	for _, f := range syntax {
		field := methodField(fset, f, m.Name(), at)
		if field == nil {
			continue
		}
		for c, word := range directivesOf(field) {
			directives = append(directives, Inner{Word: word[0], Options: word[1:], Pos: p.relative(fset.Position(c.Pos())), Field: field})
		}
		return strings.TrimSpace(field.Doc.Text()), directives
	}
	return "", nil
}

// methodField finds the declaration of a method in a file. The column is not always known of other packages.
func methodField(fset *token.FileSet, f *ast.File, name string, at token.Position) (found *ast.Field) {
	ast.Inspect(f, func(n ast.Node) bool {
		i, ok := n.(*ast.InterfaceType)
		if !ok {
			return found == nil
		}
		for _, field := range i.Methods.List {
			if slices.ContainsFunc(field.Names, func(n *ast.Ident) bool {
				pos := fset.Position(n.Pos())
				return n.Name == name && pos.Filename == at.Filename && pos.Line == at.Line
			}) {
				found = field
			}
		}
		return true
	})
	return found
}
