package service

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// server prints the server.
func (w *world) server(s *service) {
	out := w.out
	serve, service := s.exported("Serve", ""), s.exported("", "Service")
	out.Printf("\n// %s has the session's peer call impl, until the session or ctx ends: see rpc.Serve, which serves several services.\n", serve)
	out.Printf("func %s(ctx %s, sess *%s, impl %s) error {\nreturn %s(ctx, sess, nil, %s(impl))\n}\n", serve, out.Ref("context", "context", "Context"),
		w.engine("Session"), s.goName, w.rpc("Serve"), service)
	out.Printf("\n// %s returns impl as rpc.Serve takes it.\n", service)
	out.Printf("func %s(impl %s) %s { return %[3]s{Desc: &%s, Impl: impl} }\n", service, s.goName, w.rpc("Service"), s.private(nil, "Desc"))
	out.Printf("\nvar %s = %s{\nName: %q,\nMethods: []%s{\n", s.private(nil, "Desc"), w.rpc("Desc"), s.name, w.rpc("Method"))
	for _, m := range s.methods {
		flags := ""
		for _, f := range []struct {
			name string
			set  bool
		}{{"Oneway", m.oneway}, {"Inline", m.inline}, {"Plain", !m.oneway && !w.carryAny(m.params) && !w.carryAny(m.results)}, {"Check", w.announce(m.params)}, {"CheckResults", w.announce(m.results)}} {
			if f.set {
				flags += ", " + f.name + ": true"
			}
		}
		out.Printf("{Name: %q%s, Memory: &%s},\n", m.name, flags, s.private(m, "Handlings"))
	}
	out.Printf("},\n")
	if len(w.errorTypes) != 0 {
		out.Printf("Errors: rpcErrors,\n")
	}
	out.Printf("Description: %s,\n}\n", w.description(s))
	for _, m := range s.methods {
		w.handling(s, m)
	}
}

func (w *world) carryAny(values []*value) bool {
	return slices.ContainsFunc(values, func(v *value) bool { return w.carries(v.t) })
}

func (w *world) announce(values []*value) bool {
	return slices.ContainsFunc(values, func(v *value) bool { return w.traits(v.t, map[types.Type]bool{}).announces })
}

// handling prints what calls a method at the callee.
func (w *world) handling(s *service, m *method) {
	out, name := w.out, s.private(m, "Handling")
	args := w.argsType(s, m)
	out.Printf("\n// A %s is a call of %s.%s at the callee.\ntype %s struct {\n%s\nresults %s\n}\n", name, s.goName, m.name, name, args, w.resultsType(s, m))
	out.Printf("\nvar %s %s[%s, *%[3]s]\n", s.private(m, "Handlings"), w.rpc("Handlings"), name)
	out.Printf("\n// Handle implements rpc.Handling.\nfunc (h *%s) Handle(ctx %s, impl any) (_ %s, err error) {\n", name, out.Ref("context", "context", "Context"), w.rpc("Body"))
	pass := []string{"ctx"}
	for i, v := range m.params {
		x := "h." + v.field
		switch {
		case v.kind == raw:
			x += ".V"
			if slices.Contains(others, fullName(v.t)) {
				out.Printf("defer func() { %s(%s, err) }()\n", w.rpc("ReleaseWith"), x)
			}
		case v.kind == passed:
			x = fmt.Sprintf("%s(&%s)", w.of(v, "", "From"), x)
		case v.kind == packed:
			x = "*" + x + ".Value()"
		case w.packedElem(v.t) != nil:
			x += ".V"
		}
		if m.variadic && i == len(m.params)-1 {
			x += "..."
		}
		pass = append(pass, x)
	}
	var locals, stores, targets []string
	for _, v := range m.results {
		x := "h.results." + v.field
		switch {
		case v.kind == raw:
			stores = append(stores, fmt.Sprintf("%s.V, %s.Gift = %s, true\n", x, x, v.name))
		case v.kind == passed:
			stores = append(stores, fmt.Sprintf("%s = %s(ctx, %s(%s))\n", x, w.rpc("Pass"), w.of(v, "", "Service"), v.name))
		case v.kind == packed:
			stores = append(stores, fmt.Sprintf("%s.V = &%s\n", x, v.name))
		case w.packedElem(v.t) != nil:
			stores = append(stores, fmt.Sprintf("%s.V = %s\n", x, v.name))
		default:
			targets = append(targets, x)
			continue
		}
		locals = append(locals, fmt.Sprintf("var %s %s\n", v.name, out.Type(v.t)))
		targets = append(targets, v.name)
	}
	out.Printf("%s%s = impl.(%s).%s(%s)\n%sreturn &h.results, err\n}\n", strings.Join(locals, ""), strings.Join(append(targets, "err"), ", "), s.goName, m.name,
		strings.Join(pass, ", "), strings.Join(stores, ""))
}
