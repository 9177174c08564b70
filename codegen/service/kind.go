package service

import (
	"go/types"
	"slices"

	"github.com/corechan/corechan/codegen/source"
)

// A kind is what values of a type are on the wire.
type kind uint8

const (
	impossible kind = iota
	scalar          // a boolean, number or string
	blob            // []byte
	clock           // time.Time
	span            // time.Duration
	whatever        // any
	own             // by its own MarshalMsg, UnmarshalMsg and Msgsize, or those that it will get
	packed          // by Pack and Unpack
	ref             // engine.Sender, Receiver, Carried
	raw             // io.Reader, *os.File and so on
	passed          // another service
	pointer
	list
	array
	mapping
)

// closers are the raw types that have a Close, and others those that have none.
var (
	closers = []string{
		"io.ReadCloser", "io.WriteCloser", "io.ReadWriteCloser", "*os.File", "net.Conn", "net.PacketConn", "net.Listener",
		"*net.TCPConn", "*net.UDPConn", "*net.UnixConn", "*net.TCPListener", "*net.UnixListener", "*io.PipeReader", "*io.PipeWriter",
		"*" + enginePath + ".StreamReader", "*" + enginePath + ".StreamWriter", "*" + enginePath + ".StreamConn",
	}
	others = []string{"io.Reader", "io.Writer", "io.ReadWriter"}
)

func fullName(t types.Type) string { return types.TypeString(types.Unalias(t), (*types.Package).Path) }

func named(t types.Type) (string, *types.Named) {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Pkg() == nil {
		return "", nil
	}
	return n.Obj().Pkg().Path() + "." + n.Obj().Name(), n
}

func (w *world) kindOf(t types.Type) kind {
	t = types.Unalias(t)
	if n := fullName(t); slices.Contains(closers, n) || slices.Contains(others, n) {
		return raw
	}
	name, n := named(t)
	switch name {
	case "time.Time":
		return clock
	case "time.Duration":
		return span
	case enginePath + ".Sender", enginePath + ".Receiver", enginePath + ".Carried":
		return ref
	}
	if n != nil {
		kinds := w.p.KindsOf(n.Origin().Obj())
		switch {
		case slices.Contains(kinds, source.Service):
			return passed
		case slices.Contains(kinds, source.Message), slices.Contains(kinds, source.Error):
			if w.traits(t, map[types.Type]bool{}).raws {
				return packed
			}
			return own
		case has(n, "MarshalMsg") && has(n, "UnmarshalMsg") && has(n, "Msgsize"):
			return own
		case has(n, "Pack") && has(n, "Unpack"):
			return packed
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		if u.Kind() != types.Uintptr && u.Kind() != types.UnsafePointer && u.Info()&(types.IsString|types.IsBoolean|types.IsInteger|types.IsFloat) != 0 {
			return scalar
		}
	case *types.Interface:
		if u.Empty() && n == nil {
			return whatever
		}
	case *types.Pointer:
		if n == nil {
			return pointer
		}
	case *types.Slice:
		if b, ok := types.Unalias(u.Elem()).(*types.Basic); ok && b.Kind() == types.Uint8 {
			return blob
		}
		return list
	case *types.Array:
		return array
	case *types.Map:
		return mapping
	}
	return impossible
}

func has(t *types.Named, name string) bool {
	for m := range t.Methods() {
		if m.Name() == name {
			return true
		}
	}
	return false
}

// A trait is what a type contains, at whatever depth.
type trait struct {
	refs      bool // something that is carried, and has its number itself
	raws      bool // something that is carried, and has not
	announces bool // slices, maps or any: what says how many elements follow
}

func (t trait) and(o trait) trait {
	return trait{t.refs || o.refs, t.raws || o.raws, t.announces || o.announces}
}

func (w *world) traits(t types.Type, seen map[types.Type]bool) (all trait) {
	t = types.Unalias(t)
	if seen[t] {
		return trait{}
	}
	seen[t] = true
	if n := fullName(t); slices.Contains(closers, n) || slices.Contains(others, n) {
		return trait{raws: true}
	}
	name, n := named(t)
	switch name {
	case "time.Time":
		return trait{}
	case enginePath + ".Sender", enginePath + ".Receiver", enginePath + ".Carried":
		return trait{refs: true}
	}
	if n != nil && slices.Contains(w.p.KindsOf(n.Origin().Obj()), source.Service) {
		return trait{refs: true}
	}
	switch u := t.Underlying().(type) {
	case *types.Interface:
		return trait{announces: true}
	case *types.Pointer:
		return w.traits(u.Elem(), seen)
	case *types.Slice:
		if w.kindOf(t) == blob {
			return trait{}
		}
		return w.traits(u.Elem(), seen).and(trait{announces: true})
	case *types.Array:
		return w.traits(u.Elem(), seen)
	case *types.Map:
		return w.traits(u.Elem(), seen).and(trait{announces: true})
	case *types.Struct:
		for f := range u.Fields() {
			all = all.and(w.traits(f.Type(), seen))
		}
	}
	return all
}

// carries reports whether a value is carried, in whole or in part.
func (w *world) carries(t types.Type) bool {
	k := w.traits(t, map[types.Type]bool{})
	return k.refs || k.raws
}

// fault says why values of a type cannot be sent, and what to do.
func (w *world) fault(t types.Type, seen map[types.Type]bool, top bool) (what, remedy string) {
	t = types.Unalias(t)
	if seen[t] {
		return "contains itself", "mark a struct that is in it //corechan:message"
	}
	seen[t] = true
	defer delete(seen, t)
	say := types.TypeString(t, types.RelativeTo(w.p.Types))
	switch w.kindOf(t) {
	case raw, passed, packed:
		if !top {
			return "has a " + say + " within another type", "make it a parameter of its own, or a field of a struct marked //corechan:message"
		}
	case ref:
		if !top {
			return "has a " + say + " within another type", "make it a parameter of its own, or a field of a struct marked //corechan:message"
		}
	case pointer:
		e := t.Underlying().(*types.Pointer).Elem()
		return w.fault(e, seen, top && w.kindOf(e) == packed)
	case list:
		return w.fault(t.Underlying().(*types.Slice).Elem(), seen, false)
	case array:
		return w.fault(t.Underlying().(*types.Array).Elem(), seen, false)
	case mapping:
		m := t.Underlying().(*types.Map)
		if w.kindOf(m.Key()) != scalar {
			return "is a " + say, "use keys that are strings or numbers"
		}
		return w.fault(m.Elem(), seen, false)
	case impossible:
		return "is a " + say + ", which cannot be sent", w.instead(t)
	}
	return "", ""
}

// instead says what to use in the place of a type that cannot be sent.
func (w *world) instead(t types.Type) string {
	switch u := t.Underlying().(type) {
	case *types.Chan:
		return "use an engine.Receiver or an engine.Sender"
	case *types.Signature:
		return "pass an interface that is marked //corechan:service"
	case *types.Struct:
		return "mark it //corechan:message"
	case *types.Interface:
		if types.Identical(t, types.Universe.Lookup("error").Type()) {
			return "return it as the last result; or send its text"
		}
		return "mark it //corechan:service"
	case *types.Basic:
		if u.Kind() == types.Invalid {
			return "correct its declaration, which does not compile"
		}
		if u.Info()&types.IsComplex != 0 {
			return "use two floats"
		}
	}
	return "use another type"
}
