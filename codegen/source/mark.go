package source

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// A Kind is what a type is marked for.
type Kind string

// The kinds, by the words that stand for them.
const (
	Message Kind = "message"
	View    Kind = "view"
	Error   Kind = "error"
	Service Kind = "service"
)

var kinds = []Kind{Message, View, Error, Service}

const prefix = "//corechan:"

// A Mark is a type that is marked.
type Mark struct {
	Kind Kind
	// Options are the words behind the kind.
	Options []string
	// Pos is the mark's own place, or the type's name if the mark is implied: see Package.Implied.
	Pos  token.Position
	File *File
	Spec *ast.TypeSpec
	// Object is the type's name as the type checker has it; Object.Type() may contain invalid types.
	Object *types.TypeName
	// Inner are the directives on the type's fields or methods.
	Inner []Inner
}

// Name returns the type's name.
func (m *Mark) Name() string { return m.Spec.Name.Name }

// An Inner is a directive on a field of a struct or a method of an interface: "//corechan:oneway".
type Inner struct {
	Word    string // behind the colon
	Options []string
	Pos     token.Position
	Field   *ast.Field
}

// marks finds the marks of a file.
func (p *Package) marks(f *File, problems *Problems) {
	placed := map[*ast.Comment]bool{}
	for spec, doc := range typeSpecs(f.Syntax) {
		p.specMarks(f, spec, doc, placed, problems)
	}
	for _, group := range f.Syntax.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, prefix) && !placed[c] {
				problems.Addf(p.Position(c.Pos()), "put it directly above a type declaration that is not in a function, with no empty line between",
					"%s stands above no type", c.Text)
			}
		}
	}
}

func (p *Package) specMarks(f *File, spec *ast.TypeSpec, doc *ast.CommentGroup, placed map[*ast.Comment]bool, problems *Problems) {
	object, _ := p.Info.Defs[spec.Name].(*types.TypeName)
	inner := p.inner(spec, placed)
	first := len(p.Marks)
	for c, word := range directives(doc) {
		placed[c] = true
		kind := Kind(word[0])
		pos := p.Position(c.Pos())
		switch {
		case !slices.Contains(kinds, kind):
			problems.Addf(pos, "the marks are "+known(), "%s%s is no mark", prefix, kind)
			continue
		case slices.ContainsFunc(p.Marks[first:], func(m *Mark) bool { return m.Kind == kind }):
			problems.Addf(pos, "keep one", "%s is marked %s%s twice", spec.Name.Name, prefix, kind)
			continue
		case object == nil:
			problems.Addf(pos, "give it a name", "a type called _ cannot be marked")
			continue
		case spec.Assign.IsValid():
			problems.Addf(pos, "mark the type that it stands for", "%s is an alias", spec.Name.Name)
			continue
		}
		p.Marks = append(p.Marks, &Mark{Kind: kind, Options: word[1:], Pos: pos, File: f, Spec: spec, Object: object, Inner: inner})
	}
	_, isStruct := spec.Type.(*ast.StructType)
	if f.Named && len(p.Marks) == first && isStruct && spec.Name.IsExported() && object != nil {
		p.Marks = append(p.Marks, &Mark{
			Kind: Message, Pos: p.Position(spec.Name.Pos()), File: f, Spec: spec, Object: object, Inner: inner,
		})
	}
}

// inner returns the directives on fields and methods.
func (p *Package) inner(spec *ast.TypeSpec, placed map[*ast.Comment]bool) (found []Inner) {
	ast.Inspect(spec.Type, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok {
			return true
		}
		for c, word := range directivesOf(field) {
			placed[c] = true
			found = append(found, Inner{Word: word[0], Options: word[1:], Pos: p.Position(c.Pos()), Field: field})
		}
		return true
	})
	return found
}

// directivesOf yields the directives of a field or method.
func directivesOf(field *ast.Field) func(yield func(*ast.Comment, []string) bool) {
	return func(yield func(*ast.Comment, []string) bool) {
		for _, group := range []*ast.CommentGroup{field.Doc, field.Comment} {
			for c, words := range directives(group) {
				if !yield(c, words) {
					return
				}
			}
		}
	}
}

// directives yields the directives of a comment, and their words.
func directives(group *ast.CommentGroup) func(yield func(*ast.Comment, []string) bool) {
	return func(yield func(*ast.Comment, []string) bool) {
		if group == nil {
			return
		}
		for _, c := range group.List {
			rest, ok := strings.CutPrefix(c.Text, prefix)
			if !ok {
				continue
			}
			words := strings.Fields(rest)
			if len(words) == 0 || strings.HasPrefix(rest, " ") {
				words = append([]string{""}, words...)
			}
			if !yield(c, words) {
				return
			}
		}
	}
}

func known() string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = prefix + string(k)
	}
	return fmt.Sprintf("%s and %s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
}

// KindsOf returns what a type is marked for: a type of this package, of another one that is loaded, or of one that is only imported, if
// its source is there.
func (p *Package) KindsOf(object *types.TypeName) []Kind {
	if object.Pkg() == nil {
		return nil
	}
	var found []Kind
	if object.Pkg().Path() == p.Path {
		for _, m := range p.Marks {
			if m.Object == object {
				found = append(found, m.Kind)
			}
		}
		return found
	}
	return p.shared.kinds(p.Fset.Position(object.Pos()).Filename, object.Name())
}

// files remembers the marks in the files of other packages.
type files map[string]map[string][]Kind

func (fs files) kinds(path, name string) []Kind {
	known, ok := fs[path]
	if !ok {
		known = map[string][]Kind{}
		fs[path] = known
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil // not there, or reported where it is loaded
		}
		for spec, doc := range typeSpecs(f) {
			for _, word := range directives(doc) {
				known[spec.Name.Name] = append(known[spec.Name.Name], Kind(word[0]))
			}
		}
	}
	return known[name]
}

// typeSpecs yields the types that a file declares, with their comments.
func typeSpecs(f *ast.File) func(yield func(*ast.TypeSpec, *ast.CommentGroup) bool) {
	return func(yield func(*ast.TypeSpec, *ast.CommentGroup) bool) {
		for _, decl := range f.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			for _, s := range gen.Specs {
				spec := s.(*ast.TypeSpec)
				doc := spec.Doc
				if doc == nil && !gen.Lparen.IsValid() {
					doc = gen.Doc
				}
				if !yield(spec, doc) {
					return
				}
			}
		}
	}
}
