package service

import (
	"go/ast"
	"go/token"
	"go/types"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/corechan/corechan/codegen/source"
)

// A service is a marked interface.
type service struct {
	mark    *source.Mark
	goName  string // the interface's
	name    string // on the wire
	methods []*method
}

// A method is one of its methods.
type method struct {
	name            string
	doc             string
	pos             token.Position
	oneway, inline  bool
	variadic        bool
	params, results []*value // without the context, and the error
}

// A value is a parameter or a result.
type value struct {
	name  string // of the parameter
	field string // of the struct of arguments, or results
	t     types.Type
	kind  kind
}

// exported turns a name like NewBookClient into newBookClient if the interface is not exported.
func (s *service) exported(before, after string) string {
	name := before + capital(s.goName) + after
	if token.IsExported(s.goName) {
		return name
	}
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r)) + name[n:]
}

// private returns a name of the generated code's own.
func (s *service) private(m *method, after string) string {
	r, n := utf8.DecodeRuneInString(s.goName)
	name := "rpc" + string(unicode.ToUpper(r)) + s.goName[n:]
	if m != nil {
		name += m.name
	}
	return name + after
}

func capital(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(r)) + name[n:]
}

// services reads the package's services.
func (w *world) services() (found []*service) {
	names := map[string]*source.Mark{}
	for _, m := range w.p.Marks {
		if m.Kind != source.Service {
			continue
		}
		s := &service{mark: m, goName: m.Name(), name: m.Name()}
		if !w.options(s) || !w.methods(s) {
			continue
		}
		if other := names[s.name]; other != nil {
			w.wrong.Addf(m.Pos, "give one of them another name: //corechan:service name=NAME", "two services are named %s: %s and %s", s.name, other.Name(), s.goName)
			continue
		}
		names[s.name] = m
		w.taken(s)
		found = append(found, s)
	}
	return found
}

func (w *world) options(s *service) bool {
	for _, o := range s.mark.Options {
		name, ok := strings.CutPrefix(o, "name=")
		if !ok || name == "" || len(name) > 200 {
			w.wrong.Addf(s.mark.Pos, "the only one is name=NAME", "%s is no option of a service", o)
			return false
		}
		s.name = name
	}
	return true
}

// taken refuses names of the package that the generated code needs.
func (w *world) taken(s *service) {
	for _, name := range []string{
		s.exported("New", "Client"), s.exported("New", "ClientWith"), s.exported("", "Client"), s.exported("Serve", ""),
		s.exported("", "Service"), s.exported("", "From"), s.exported("Fake", ""),
	} {
		if o := w.p.Types.Scope().Lookup(name); o != nil {
			w.wrong.Addf(w.p.Position(o.Pos()), "rename one of them", "%s is what the generated code for %s declares", name, s.goName)
		}
	}
}

// methods reads the methods of an interface.
func (w *world) methods(s *service) bool {
	before := len(w.wrong)
	m := s.mark
	if m.Spec.TypeParams != nil {
		w.wrong.Addf(m.Pos, "mark one without", "%s has type parameters, and a service is known by its name alone", s.goName)
		return false
	}
	if _, ok := m.Spec.Type.(*ast.InterfaceType); !ok {
		w.wrong.Addf(m.Pos, "mark an interface: what it has is called from afar", "%s is no interface", s.goName)
		return false
	}
	if err := w.p.TypeError(m.Spec); err != nil {
		w.wrong.Addf(m.Pos, "correct it", "%s: %v", s.goName, err)
		return false
	}
	i, ok := m.Object.Type().Underlying().(*types.Interface)
	if !ok || !i.IsMethodSet() {
		w.wrong.Addf(m.Pos, "take the types out of it", "%s is a constraint", s.goName)
		return false
	}
	if i.NumMethods() == 0 {
		w.wrong.Addf(m.Pos, "give it methods", "%s has no methods", s.goName)
	}
	for k := range i.NumMethods() { // sorted by their names
		f := i.Method(k)
		one := &method{name: f.Name(), pos: w.p.Position(f.Pos())}
		doc, directives := w.p.Method(f)
		one.doc = doc
		w.directives(one, directives)
		w.signature(s, one, f)
		s.methods = append(s.methods, one)
	}
	return len(w.wrong) == before
}

func (w *world) directives(m *method, above []source.Inner) {
	for _, d := range above {
		switch {
		case d.Word == "oneway" && len(d.Options) == 0:
			m.oneway = true
		case d.Word == "inline" && len(d.Options) == 0:
			m.inline = true
		default:
			w.wrong.Addf(d.Pos, "methods may have //corechan:oneway and //corechan:inline", "//corechan:%s is nothing for a method",
				strings.Join(append([]string{d.Word}, d.Options...), " "))
		}
	}
}

// signature reads parameters and results.
func (w *world) signature(s *service, m *method, f *types.Func) {
	call := s.goName + "." + m.name
	sig := f.Type().(*types.Signature)
	m.variadic = sig.Variadic()
	if !f.Exported() {
		w.wrong.Addf(m.pos, "begin its name with a capital", "%s is not exported, so that nothing but this package could implement it", call)
		return
	}
	if sig.Params().Len() == 0 || types.TypeString(sig.Params().At(0).Type(), nil) != "context.Context" {
		w.wrong.Addf(m.pos, "give it ctx context.Context", "the first parameter of %s is no context", call)
		return
	}
	last := sig.Results().Len() - 1
	if last < 0 || !types.Identical(sig.Results().At(last).Type(), types.Universe.Lookup("error").Type()) {
		w.wrong.Addf(m.pos, "give it one: a call can fail", "the last result of %s is no error", call)
		return
	}
	if m.oneway && last != 0 {
		w.wrong.Addf(m.pos, "return an error alone, or take //corechan:oneway away", "%s has results, and nobody waits for those of a one-way method", call)
	}
	names := map[string]bool{}
	for _, n := range append([]string{"ctx", "_", ""}, locals...) {
		names[n] = true
	}
	for k := range last {
		names["r"+strconv.Itoa(k)] = true
	}
	fields := map[string]bool{"Carry": true, "MarshalMsg": true, "UnmarshalMsg": true, "Msgsize": true, "Handle": true, "Discard": true, "Call": true}
	for k := 1; k < sig.Params().Len(); k++ {
		v := w.value(sig.Params().At(k), call+": parameter ", "p", k-1, names, fields)
		m.params = append(m.params, v)
	}
	names, fields = map[string]bool{}, map[string]bool{"Carry": true, "MarshalMsg": true, "UnmarshalMsg": true, "Msgsize": true, "Discard": true}
	for k := range last {
		v := w.value(sig.Results().At(k), call+": result ", "r", k, names, fields)
		v.name = "r" + strconv.Itoa(k)
		m.results = append(m.results, v)
	}
}

func (w *world) value(x *types.Var, where, letter string, k int, names, fields map[string]bool) *value {
	v := &value{name: x.Name(), t: x.Type()}
	if v.name == "" || v.name == "_" {
		v.name = letter + strconv.Itoa(k)
	}
	say := v.name
	v.field = capital(v.name)
	for names[v.name] || types.Universe.Lookup(v.name) != nil {
		v.name += "_"
	}
	if !token.IsExported(v.field) {
		v.field = "P" + strconv.Itoa(k)
	}
	for fields[v.field] {
		v.field += "_"
	}
	names[v.name], fields[v.field] = true, true
	v.kind = w.kindOf(v.t)
	if what, remedy := w.fault(v.t, map[types.Type]bool{}, true); what != "" {
		w.wrong.Addf(w.p.Position(x.Pos()), remedy, "%s%s %s", where, say, what)
	}
	return v
}
