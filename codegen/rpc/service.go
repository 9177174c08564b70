package rpc

import (
	"context"
	"sync"
)

// A Desc describes a service: generated.
type Desc struct {
	// Name is what both sides call it.
	Name string
	// Methods are its methods: their indexes are their numbers.
	Methods []Method
	// Errors are the types of errors that travel whole.
	Errors []ErrorType
	// Description is the service's Description, in JSON: what Services returns.
	Description string
}

// A Method is one of a service's.
type Method struct {
	Name string
	// Oneway: nobody waits for it.
	Oneway bool
	// Inline: it never blocks, and runs where requests are received: with Handle, on a loop's thread.
	Inline bool
	// Check and CheckResults say that arguments, or results, may announce elements that do not follow: they have slices or maps.
	Check, CheckResults bool
	// Plain: neither arguments nor results carry anything.
	Plain bool
	// Memory is where calls at the callee take place.
	Memory Memory
}

// A Memory is where the memory of a method's calls is used again. Generated code has one for each method, a Handlings.
type Memory interface {
	// Get returns memory for one call, zero.
	Get() Handling
	// Put gives it back.
	Put(h Handling)
}

// A Handlings is the Memory of calls that are a T.
type Handlings[T any, P handling[T]] struct{ pool sync.Pool }

type handling[T any] interface {
	*T
	Handling
}

// Get implements Memory.
func (m *Handlings[T, P]) Get() Handling {
	if h, ok := m.pool.Get().(P); ok {
		return h
	}
	return P(new(T))
}

// Put implements Memory.
func (m *Handlings[T, P]) Put(h Handling) {
	var zero T
	*h.(P) = zero
	m.pool.Put(h)
}

// A Handling is one call at the callee: its arguments, which are decoded into it, and its results. Nothing of it is kept by the method.
type Handling interface {
	Body
	// Handle calls impl's method, and returns its results.
	Handle(ctx context.Context, impl any) (Body, error)
}

// A Discarder is a body that holds something to be closed if it is not sent.
type Discarder interface{ Discard() }

// A Service is a Desc with what implements it, for Serve. Generated functions return one: BookService(impl).
type Service struct {
	Desc *Desc
	Impl any
}

// A Description is what a service tells about itself.
type Description struct {
	Name    string              `json:"name"`
	Doc     string              `json:"doc,omitempty"`
	Methods []MethodDescription `json:"methods"`
	// Types are the structs that arguments and results refer to by name.
	Types map[string]Type `json:"types,omitempty"`
}

// A MethodDescription is a method's part of a Description.
type MethodDescription struct {
	Name    string  `json:"name"`
	Doc     string  `json:"doc,omitempty"`
	Oneway  bool    `json:"oneway,omitempty"`
	Args    []Field `json:"args"`
	Results []Field `json:"results"`
}

// A Field is an argument, a result, or a field of a struct.
type Field struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
}

// A Type says how values travel.
type Type struct {
	// Kind is one of: bool, int, uint, float32, float64, string, bytes, time, duration, any; list, array, map and optional,
	// of Elem; struct, which is a map, and tuple, an array, of Fields; ref, to the struct Name; receiver and sender, of Elem;
	// reader, writer, stream, file and conn; service, by Name.
	Kind string `json:"kind"`
	// Name is that of the Go type, if it has one.
	Name string `json:"name,omitempty"`
	Elem *Type  `json:"elem,omitempty"`
	// Key is a map's, beside Elem.
	Key    *Type   `json:"key,omitempty"`
	Fields []Field `json:"fields,omitempty"`
	// Len is an array's.
	Len int64 `json:"len,omitempty"`
}
