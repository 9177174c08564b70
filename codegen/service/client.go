package service

import (
	"fmt"
	"strings"
)

// parameters returns a method's parameters as they are declared, and as they are passed on.
func (w *world) parameters(m *method) (declared, passedOn string) {
	decl, pass := []string{"ctx " + w.out.Ref("context", "context", "Context")}, []string{"ctx"}
	for i, v := range m.params {
		t := w.out.Type(v.t)
		if m.variadic && i == len(m.params)-1 {
			t = "..." + strings.TrimPrefix(t, "[]")
			pass = append(pass, v.name+"...")
		} else {
			pass = append(pass, v.name)
		}
		decl = append(decl, v.name+" "+t)
	}
	return strings.Join(decl, ", "), strings.Join(pass, ", ")
}

// returned returns a method's results as they are declared: "(r0 *Fill, err error)".
func (w *world) returned(m *method) string {
	all := make([]string, 0, len(m.results)+1)
	for _, v := range m.results {
		all = append(all, v.name+" "+w.out.Type(v.t))
	}
	return "(" + strings.Join(append(all, "err error"), ", ") + ")"
}

// client prints the client.
func (w *world) client(s *service) {
	out, client := w.out, s.exported("", "Client")
	out.Printf("\n// A %s is a %s that is elsewhere: what its methods return is what the peer's return, or why there is nothing.\n", client, s.goName)
	out.Printf("// It may be used by several goroutines at once.\ntype %s struct{ rpc *%s }\n", client, w.rpc("Client"))
	out.Printf("\nvar _ %s = (*%s)(nil)\n", s.goName, client)
	out.Printf("\n// %s returns a client of the %s that the session's peer serves. Nothing is sent before the first call.\n", s.exported("New", "Client"), s.goName)
	out.Printf("func %s(sess *%s) *%s { return %s(sess, nil) }\n", s.exported("New", "Client"), w.engine("Session"), client, s.exported("New", "ClientWith"))
	out.Printf("\n// %s is %s with options.\n", s.exported("New", "ClientWith"), s.exported("New", "Client"))
	out.Printf("func %s(sess *%s, o *%s) *%s {\nreturn &%s{%s(sess, &%s, o)}\n}\n", s.exported("New", "ClientWith"), w.engine("Session"), w.rpc("ClientOptions"),
		client, client, w.rpc("NewClient"), s.private(nil, "Desc"))
	out.Printf("\n// %s returns a client of a %s that came as an argument or a result, nil if none did. It is for generated code.\n", s.exported("", "From"), s.goName)
	out.Printf("func %s(p *%s) %s {\nif c := p.Client(&%s); c != nil {\nreturn &%s{c}\n}\nreturn nil\n}\n", s.exported("", "From"), w.rpc("Passed"), s.goName,
		s.private(nil, "Desc"), client)
	own := false
	for _, m := range s.methods {
		own = own || m.name == "Close"
		w.clientMethod(s, m)
	}
	if !own {
		out.Printf("\n// Close ends the use of a %s that came as an argument or a result. Without it, that ends when nobody uses the client any more. One of a\n", s.goName)
		out.Printf("// session's peer has nothing to close.\nfunc (c *%s) Close() error { return c.rpc.Close() }\n", client)
	}
}

func (w *world) clientMethod(s *service, m *method) {
	out := w.out
	declared, _ := w.parameters(m)
	calls := s.private(m, "Calls")
	out.Printf("\nvar %s %s[%s, %s, *%[3]s, *%[4]s]\n", calls, w.rpc("Calls"), w.argsType(s, m), w.resultsType(s, m))
	out.Printf("\n// %s implements %s.\n", m.name, s.goName)
	out.Printf("func (c *%s) %s(%s) %s {\ncall := %s.Get()\ndefer %s.Put(call)\n", s.exported("", "Client"), m.name, declared, w.returned(m), calls, calls)
	revoke := ""
	for _, v := range m.params {
		switch {
		case v.kind == raw:
			out.Printf("call.Args.%s.V = %s\n", v.field, v.name)
		case v.kind == passed:
			out.Printf("call.Args.%s = c.rpc.Pass(%s(%s))\n", v.field, w.of(v, "", "Service"), v.name)
			revoke += fmt.Sprintf("call.Args.%s.Revoke()\n", v.field)
		case v.kind == packed:
			out.Printf("call.Args.%s.V = &%s\n", v.field, v.name)
		case w.packedElem(v.t) != nil:
			out.Printf("call.Args.%s.V = %s\n", v.field, v.name)
		default:
			out.Printf("call.Args.%s = %s\n", v.field, v.name)
		}
	}
	do := "Call"
	if m.oneway {
		do = "Send"
	}
	number := s.number(m)
	if revoke == "" && len(m.results) == 0 {
		out.Printf("return c.rpc.%s(ctx, %d, &call.Call)\n}\n", do, number)
		return
	}
	out.Printf("if err = c.rpc.%s(ctx, %d, &call.Call); err != nil {\n%sreturn\n}\n", do, number, revoke)
	for _, v := range m.results {
		x := "call.Results." + v.field
		switch {
		case v.kind == raw:
			x += ".V"
		case v.kind == passed:
			x = fmt.Sprintf("%s(&%s)", w.of(v, "", "From"), x)
		case v.kind == packed:
			out.Printf("if %[1]s.V != nil {\n%[2]s = *%[1]s.V\n}\n", x, v.name)
			continue
		case w.packedElem(v.t) != nil:
			x += ".V"
		}
		out.Printf("%s = %s\n", v.name, x)
	}
	out.Printf("return\n}\n")
}

func (s *service) number(m *method) int {
	for i, o := range s.methods {
		if o == m {
			return i
		}
	}
	return -1
}

// of returns a generated name of the service that is a value's type.
func (w *world) of(v *value, before, after string) string {
	_, n := named(v.t)
	s := service{goName: n.Obj().Name()}
	name := s.exported(before, after)
	if p := n.Obj().Pkg(); p.Path() != w.p.Path {
		return w.out.Ref(p.Path(), p.Name(), name)
	}
	return name
}

// fake prints the fake.
func (w *world) fake(s *service) {
	out, fake := w.out, s.exported("Fake", "")
	out.Printf("\n// A %s is a %s for tests: each method calls the function of its name. One that is nil is rpc.ErrNoMethod.\ntype %s struct {\n", fake, s.goName, fake)
	for _, m := range s.methods {
		declared, _ := w.parameters(m)
		out.Printf("%sFunc func(%s) %s\n", m.name, declared, w.returned(m))
	}
	out.Printf("}\n\nvar _ %s = (*%s)(nil)\n", s.goName, fake)
	for _, m := range s.methods {
		declared, passedOn := w.parameters(m)
		out.Printf("\n// %s implements %s.\nfunc (f *%s) %s(%s) %s {\n", m.name, s.goName, fake, m.name, declared, w.returned(m))
		out.Printf("if f.%sFunc == nil {\nerr = %s(%q)\nreturn\n}\nreturn f.%[1]sFunc(%[4]s)\n}\n", m.name, w.rpc("NotSet"), fake+"."+m.name+"Func", passedOn)
	}
}
