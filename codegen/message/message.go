package message

import (
	"go/types"

	"github.com/corechan/corechan/codegen"
	"github.com/corechan/corechan/codegen/source"
)

// Generator generates methods for types that are marked //corechan:message or //corechan:error, views for those that are marked
// //corechan:view, and tests if they are asked for.
type Generator struct{}

// Name returns "messages".
func (Generator) Name() string { return "messages" }

// locals are the names that variables have in the code.
var locals = []string{"z", "b", "o", "tail", "key", "s", "c", "v", "x", "y", "e", "err", "bts", "field", "depth"}

// Generate implements codegen.Generator.
func (Generator) Generate(p *source.Package, out *codegen.Output) source.Problems {
	w := newWorld(p, out)
	views := w.findViews()
	if len(w.order) == 0 && len(views) == 0 {
		return w.wrong
	}
	w.settle()
	w.checkDirectives()
	w.checkKept()
	for _, v := range views {
		v.check()
	}
	if o := p.Types.Scope().Lookup("msgp"); o != nil {
		w.wrong.Addf(p.Position(o.Pos()), "rename it", "msgp is what the generated code calls a package")
	}
	if len(w.wrong) != 0 {
		return w.wrong
	}
	out.Code.Reserve(locals...)
	out.Code.Import(msgpPath, "msgp")
	if err := w.print(views); err != nil {
		w.wrong = append(w.wrong, source.Problem{
			Pos: p.Position(p.Files[0].Syntax.Package), What: "this defeats corechan gen: " + err.Error(), Remedy: "report it, please",
		})
	}
	return w.wrong
}

// print prints everything.
func (w *world) print(views []*view) error {
	for _, v := range views {
		v.prepare()
	}
	code, err := newSynth(w).generated()
	if err != nil {
		return err
	}
	if code, err = w.edited(code); err != nil {
		return err
	}
	if _, err := w.out.Code.Write(code); err != nil {
		return err
	}
	if err := w.tails(code); err != nil {
		return err
	}
	for _, k := range w.order {
		w.wrappers(k)
		w.sizes(k)
		w.carries(k)
		if !k.raws && w.isBounded(k.named, map[types.Type]bool{}) {
			w.out.Code.Printf("\n// BoundedMsg says that this is an engine.Bounded.\nfunc (z *%s) BoundedMsg(*%[1]s) {}\n", k.receiver())
		}
	}
	for _, v := range views {
		v.print()
	}
	w.tests()
	return nil
}

// wrappers prints the exported methods of a type whose others have a depth.
func (w *world) wrappers(k *kept) {
	if !k.itself {
		return
	}
	out := w.out.Code
	if k.raws {
		cargo := out.Ref(enginePath, "engine", "Cargo")
		out.Printf("\n// Pack implements engine.Packer.\nfunc (z *%s) Pack(b []byte, c *%s) (o []byte, err error) { return z.packAt(b, c, 0) }\n", k.receiver(), cargo)
		out.Printf("\n// Unpack implements engine.Packer.\nfunc (z *%s) Unpack(bts []byte, c *%s) (o []byte, err error) { return z.unpackAt(bts, c, 0) }\n", k.receiver(), cargo)
		return
	}
	out.Printf("\n// MarshalMsg implements msgp.Marshaler.\nfunc (z *%s) MarshalMsg(b []byte) (o []byte, err error) {\nreturn z.marshalAt(msgp.Require(b, z.Msgsize()), 0)\n}\n", k.receiver())
	out.Printf("\n// UnmarshalMsg implements msgp.Unmarshaler.\nfunc (z *%s) UnmarshalMsg(bts []byte) (o []byte, err error) { return z.unmarshalAt(bts, 0) }\n", k.receiver())
}
