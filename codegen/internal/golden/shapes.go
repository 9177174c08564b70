package golden

import "time"

// A Node contains itself.
//
//corechan:message
type Node struct {
	Value int
	Next  *Node
	Kids  []Node
	Named map[string]*Node
	Other *Mutual
}

// Mutual contains what contains it.
type Mutual struct {
	Node *Node
	Tree Tree
}

// Tree is a map of itself.
type Tree map[string]Tree

// Base is embedded.
type Base struct {
	X int
	Y string
}

type lower struct{ Z int }

// Embedding has structs embedded: one that is a field, and one whose fields are its own.
//
//corechan:message
type Embedding struct {
	Base
	lower `msg:",flatten"`
	*Level
	Own bool
}

// A Tuple is an array.
//
//corechan:message tuple
type Tuple struct {
	Base
	Levels []Level
	Inline struct{ A, B int }
	Maybe  *Level
}

// Versions of a tuple that has grown.
//
//corechan:message vartuple
type Point2 struct{ X, Y int }

// Point3 has one more than Point2.
//
//corechan:message vartuple
type Point3 struct{ X, Y, Z int }

// Optional has fields that may be left out.
//
//corechan:message
type Optional struct {
	Number int            `msg:"n,omitempty"`
	Level  *Level         `msg:"l,omitempty"`
	Ints   []int          `msg:"i,allownil"`
	Time   time.Time      `msg:"t,omitzero"`
	Map    map[string]int `msg:"m,omitempty"`
	Bytes  []byte         `msg:"b,allownil"`
	Few    []string       `msg:"f,limit=3"`
	Struct Base           `msg:"s,omitempty"`
}

// Old is a message as it was.
//
//corechan:message
type Old struct {
	ID   uint64 `msg:"id"`
	Name string `msg:"name"`
	Gone []int  `msg:"gone"`
}

// New is what has become of it.
//
//corechan:message
type New struct {
	Name  string           `msg:"name"`
	ID    uint64           `msg:"id"`
	Added map[string]Level `msg:"added"`
	More  string           `msg:"more"`
}

// Parcel is a message whose last field's bytes are sent from where they are.
//
//corechan:message
type Parcel struct {
	From Base           `msg:"from"`
	Tags map[string]int `msg:"tags"`
	Body []byte         `msg:"body"`
}

// Packed is one that is a tuple.
//
//corechan:message tuple
type Packed struct {
	Number int
	Body   []byte
}
