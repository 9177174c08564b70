package service

import (
	"github.com/corechan/corechan/codegen"
	"github.com/corechan/corechan/codegen/source"
)

const (
	enginePath = "github.com/corechan/corechan/engine"
	rpcPath    = "github.com/corechan/corechan/codegen/rpc"
	msgpPath   = "github.com/tinylib/msgp/msgp"
	testPath   = "github.com/corechan/corechan/codegen/gentest"
)

// Generator generates for each interface that is marked //corechan:service a client, a server and a fake.
type Generator struct{}

// Name returns "services".
func (Generator) Name() string { return "services" }

// locals are the names that variables have in the code.
var locals = []string{"a", "b", "c", "f", "h", "r", "v", "x", "z", "n", "o", "err", "ctx", "sess", "impl", "call", "args"}

// Generate implements codegen.Generator.
func (Generator) Generate(p *source.Package, out *codegen.Output) source.Problems {
	w := &world{p: p, out: out.Code}
	w.findErrors()
	services := w.services()
	if len(w.wrong) != 0 || len(services) == 0 {
		return w.wrong
	}
	out.Code.Reserve(locals...)
	for _, s := range services {
		for _, m := range s.methods {
			for _, v := range m.params {
				out.Code.Reserve(v.name)
			}
		}
	}
	w.errors()
	for _, s := range services {
		w.client(s)
		w.server(s)
		w.fake(s)
		w.bodies(s)
	}
	if out.Test != nil {
		w.tests(out.Test, services)
	}
	return w.wrong
}

// tests prints a fuzz target for each service.
func (w *world) tests(out *codegen.File, services []*service) {
	for _, s := range services {
		out.Printf("\nfunc Fuzz%s(f *%s.F) { %s.FuzzService(f, %s(&%s{})) }\n", capital(s.goName), out.Import("testing", "testing"),
			out.Import(testPath, "gentest"), s.exported("", "Service"), s.exported("Fake", ""))
	}
}

// A world is the package that is generated for.
type world struct {
	p     *source.Package
	out   *codegen.File
	wrong source.Problems
	// errorTypes are those that travel whole: see findErrors.
	errorTypes []errorType
}

func (w *world) engine(name string) string { return w.out.Ref(enginePath, "engine", name) }
func (w *world) rpc(name string) string    { return w.out.Ref(rpcPath, "rpc", name) }
func (w *world) msgp(name string) string   { return w.out.Ref(msgpPath, "msgp", name) }
