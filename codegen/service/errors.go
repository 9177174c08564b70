package service

import (
	"go/token"
	"go/types"
	"maps"
	"slices"

	"github.com/corechan/corechan/codegen/source"
)

// An errorType is a type marked //corechan:error. Its name on the wire is that of its package and its own: "shop.Rejected".
type errorType struct {
	object *types.TypeName
	at     token.Position // its mark, or the import of its package
}

func (e errorType) name() string { return e.object.Pkg().Name() + "." + e.object.Name() }

// findErrors finds the types of errors that the package's services send whole: its own, and the exported ones of the packages that it
// imports, in the order of their paths.
func (w *world) findErrors() {
	for _, m := range w.p.Marks {
		if m.Kind != source.Error {
			continue
		}
		what, remedy := w.errorFault(m.Object)
		if m.Spec.TypeParams != nil {
			what, remedy = "has type parameters", "mark one without"
		}
		if what != "" {
			w.wrong.Addf(m.Pos, remedy, "%s %s", m.Name(), what)
			continue
		}
		w.errorTypes = append(w.errorTypes, errorType{m.Object, m.Pos})
	}
	imports := w.imports()
	for _, path := range slices.Sorted(maps.Keys(imports)) {
		w.findErrorsOf(imports[path])
	}
	w.oneOfEachName()
}

// An imported is a package that a file imports.
type imported struct {
	pkg *types.Package
	at  token.Position
}

// imports returns the packages that the package's files import, by their paths.
func (w *world) imports() map[string]imported {
	all := map[string]imported{}
	for _, f := range w.p.Files {
		for _, spec := range f.Syntax.Imports {
			name := w.p.Info.PkgNameOf(spec)
			if name == nil {
				continue
			}
			if _, known := all[name.Imported().Path()]; !known {
				all[name.Imported().Path()] = imported{name.Imported(), w.p.Position(spec.Pos())}
			}
		}
	}
	return all
}

// findErrorsOf finds those of a package that is imported. What is wrong with one is said where its package is generated for.
func (w *world) findErrorsOf(i imported) {
	for _, name := range i.pkg.Scope().Names() {
		object, ok := i.pkg.Scope().Lookup(name).(*types.TypeName)
		if !ok || !object.Exported() || object.IsAlias() {
			continue
		}
		if n, ok := object.Type().(*types.Named); !ok || n.TypeParams() != nil {
			continue
		}
		// In this order: most types are no errors, and only those that are need their files read.
		if !hasError(object) || !slices.Contains(w.p.KindsOf(object), source.Error) {
			continue
		}
		if what, _ := w.errorFault(object); what == "" {
			w.errorTypes = append(w.errorTypes, errorType{object, i.at})
		}
	}
}

// oneOfEachName refuses two types that would be taken for each other.
func (w *world) oneOfEachName() {
	first := map[string]errorType{}
	for _, e := range w.errorTypes {
		other, taken := first[e.name()]
		if !taken {
			first[e.name()] = e
			continue
		}
		w.wrong.Addf(e.at, "rename one of them, or do not import both where the services are", "two types of errors are named %s: those of %s and %s",
			e.name(), other.object.Pkg().Path(), e.object.Pkg().Path())
	}
}

// hasError reports whether a type, or a pointer to it, is an error.
func hasError(object *types.TypeName) bool {
	f, _, _ := types.LookupFieldOrMethod(object.Type(), true, object.Pkg(), "Error")
	method, ok := f.(*types.Func)
	return ok && method.Signature().Params().Len() == 0 && method.Signature().Results().Len() == 1
}

// errorFault says why a type cannot be sent as an error, and what to do.
func (w *world) errorFault(object *types.TypeName) (what, remedy string) {
	switch {
	case !hasError(object):
		return "is no error", "give it Error() string"
	case w.carries(object.Type()):
		return "carries channels, streams or files, which an error cannot", "take them out"
	}
	return "", ""
}

// errors prints the types of errors.
func (w *world) errors() {
	if len(w.errorTypes) == 0 {
		return
	}
	w.out.Printf("\n// rpcErrors are the types of errors that travel whole: the package's own, and those of packages that it imports.\nvar rpcErrors = []%s{\n",
		w.rpc("ErrorType"))
	for _, e := range w.errorTypes {
		t := w.out.Type(e.object.Type())
		if types.NewMethodSet(e.object.Type()).Lookup(e.object.Pkg(), "Error") != nil {
			w.out.Printf("%s[%s](%q),\n", w.rpc("ValueError"), t, e.name())
		}
		w.out.Printf("%s[%s](%q),\n", w.rpc("PointerError"), t, "*"+e.name())
	}
	w.out.Printf("}\n")
}
