package golden

import (
	"io"
	"net"
	"os"

	"github.com/corechan/corechan/codegen/internal/golden/other"
	"github.com/corechan/corechan/engine"
)

// An Order carries ends of channels, in all places.
//
//corechan:message
type Order struct {
	ID      uint64
	Reply   engine.Sender[Fill]
	Any     engine.Receiver[any]
	Maps    engine.Sender[map[string]any]
	List    []engine.Sender[Fill]
	Map     map[string]engine.Receiver[Fill]
	Pointer *engine.Sender[Fill]
	Conn    engine.Carried[net.Conn]
	Sub     *Sub
	Subs    map[string]Sub
	SubList [2]Sub
	Holder  Holder
	Nested  []map[string]*Sub
	Inline  struct{ End engine.Receiver[engine.Raw] }
}

// Holder has no mark.
type Holder struct {
	End   engine.Sender[Fill]
	Count int
}

// Sub carries one end.
//
//corechan:message
type Sub struct{ End engine.Sender[Fill] }

// Fill carries nothing.
//
//corechan:message
type Fill struct{ ID uint64 }

// A Chain contains itself, and an end.
//
//corechan:message
type Chain struct {
	End  engine.Sender[Fill]
	Next *Chain
}

// An Upload carries streams, files and connections as they are.
//
//corechan:message
type Upload struct {
	Name   string
	Log    *os.File
	Body   io.ReadCloser
	Conn   net.Conn
	Files  []*os.File
	Sinks  map[string]io.Writer
	Inline struct {
		Reader io.Reader
		End    engine.Sender[Fill]
	}
	Part   Part
	Parts  []Part
	Level  Level
	Order  Order
	Parcel other.Parcel
}

// Part has no mark.
type Part struct {
	Reader   io.Reader
	Listener net.Listener
}

// Files contains itself, and a file.
//
//corechan:message
type Files struct {
	File *os.File
	More []Files
}
