package msgpack_test

import (
	"time"

	"github.com/corechan/corechan/engine/codec"
)

//go:generate msgp -io=false -tests=false -file twin_test.go -o twin_gen_test.go

// A Generated message has methods; a bare one has the same fields and none.
type Generated struct {
	Bool       bool    `msg:"b"`
	Int        int     `msg:"i"`
	Int8       int8    `msg:"i8"`
	Uint       uint64  `msg:"u"`
	Uint16     uint16  `msg:"u16"`
	Float32    float32 `msg:"f32"`
	Float64    float64 `msg:"f64"`
	Complex64  complex64
	Complex128 complex128
	String     string
	Bytes      []byte
	Nil        []byte `msg:",allownil"`
	Fixed      [4]byte
	Array      [2]int
	Time       time.Time
	Duration   time.Duration
	Ref        codec.Ref
	Refs       []codec.Ref
	Ints       []int
	NilInts    []int          `msg:"ni,allownil"`
	Map        map[string]int // of one entry, as the order is open
	Pointer    *int
	NoPointer  *int
	Any        any
	AnyRef     any
	Inner      Inner `msg:"inner"`
	Inners     []Inner
	inner2     // not exported: left out
	Embedded   // a field of this name
	Flat       `msg:",flatten"`
	Omitted    string         `msg:"om,omitempty"`
	OmittedMap map[string]int `msg:"omm,omitempty"`
	Kept       int            `msg:"kept,omitempty"`
	Ignored    int            `msg:"-"`
	hidden     int
}

type Inner struct {
	A int    `msg:"a"`
	B string `msg:"b"`
}

type inner2 struct{ Z int }

// Embedded is exported so that its field is.
type Embedded struct{ E int }

// Flat is flattened.
type Flat struct {
	F int `msg:"f"`
	G string
}
