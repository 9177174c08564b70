package message

import (
	"go/types"
	"slices"
)

// A shape is what values of a type are on the wire.
type shape uint8

const (
	impossible shape = iota
	scalar           // a boolean or number; the basic type says which
	text             // a string
	blob             // []byte
	blobArray        // [n]byte
	clock            // time.Time
	span             // time.Duration
	number           // json.Number
	counter          // one of sync/atomic
	whatever         // any
	own              // by its own MarshalMsg, UnmarshalMsg, Msgsize, or Pack and Unpack, or those it will get
	ref              // engine.Sender, Receiver, Carried: a number, and in the attachment table what it stands for
	raw              // io.Reader, *os.File and so on: as ref, but with nowhere to keep the number
	binary           // by MarshalBinary
	textual          // by MarshalText
	pointer
	list
	array
	mapping
	structure
	param // a type parameter T, with another, P, that is *T and has the methods
)

const (
	enginePath = "github.com/corechan/corechan/engine"
	codecPath  = "github.com/corechan/corechan/engine/codec"
	msgpPath   = "github.com/tinylib/msgp/msgp"
	viewPath   = "github.com/corechan/corechan/codegen/view"
	testPath   = "github.com/corechan/corechan/codegen/gentest"
)

// rawTypes are those that the engine carries as they are.
var rawTypes = []string{
	"io.Reader", "io.ReadCloser", "io.Writer", "io.WriteCloser", "io.ReadWriter", "io.ReadWriteCloser",
	"*os.File", "net.Conn", "net.PacketConn", "net.Listener",
	"*net.TCPConn", "*net.UDPConn", "*net.UnixConn", "*net.TCPListener", "*net.UnixListener",
	"*io.PipeReader", "*io.PipeWriter",
	"*" + enginePath + ".StreamReader", "*" + enginePath + ".StreamWriter", "*" + enginePath + ".StreamConn",
}

// fullName returns a type as "*net.TCPConn", with the whole path of its package.
func fullName(t types.Type) string { return types.TypeString(t, (*types.Package).Path) }

// named returns the name of a type, as "time.Time", and the type that it names; nil if it has none.
func named(t types.Type) (string, *types.Named) {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Pkg() == nil {
		return "", nil
	}
	return n.Obj().Pkg().Path() + "." + n.Obj().Name(), n
}

// of returns a type's shape.
func (w *world) of(t types.Type) shape {
	t = types.Unalias(t)
	if slices.Contains(rawTypes, fullName(t)) {
		return raw
	}
	name, n := named(t)
	switch name {
	case "time.Time":
		return clock
	case "time.Duration":
		return span
	case "encoding/json.Number":
		return number
	case "sync/atomic.Int64", "sync/atomic.Uint64", "sync/atomic.Int32", "sync/atomic.Uint32", "sync/atomic.Bool":
		return counter
	case enginePath + ".Sender", enginePath + ".Receiver", enginePath + ".Carried":
		return ref
	}
	if p, ok := t.(*types.TypeParam); ok {
		if w.pointerOf(p) != nil {
			return param
		}
		return impossible
	}
	if n != nil {
		switch {
		case w.isOwn(n):
			return own
		case has(n, "MarshalBinary") && has(n, "UnmarshalBinary"):
			return binary
		case has(n, "MarshalText") && has(n, "UnmarshalText"):
			return textual
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Kind() == types.Uintptr || u.Kind() == types.UnsafePointer:
			return impossible
		case u.Info()&types.IsString != 0:
			return text
		case u.Info()&(types.IsBoolean|types.IsInteger|types.IsFloat) != 0:
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
		if isByte(u.Elem()) {
			return blob
		}
		return list
	case *types.Array:
		if isByte(u.Elem()) {
			return blobArray
		}
		return array
	case *types.Map:
		return mapping
	case *types.Struct:
		return structure
	}
	return impossible
}

func isByte(t types.Type) bool {
	b, ok := types.Unalias(t).(*types.Basic)
	return ok && b.Kind() == types.Uint8
}

// has reports whether *t has a method that is declared for t itself, and not for something that it embeds.
func has(t *types.Named, name string) bool {
	for m := range t.Methods() {
		if m.Name() == name {
			return true
		}
	}
	return false
}

// basic returns what a scalar or text is made of: "uint64".
func basic(t types.Type) *types.Basic {
	b, _ := t.Underlying().(*types.Basic)
	return b
}
