package rpc

import (
	"errors"

	"github.com/corechan/corechan/engine"
)

type message[T any] interface {
	*T
	engine.Message
}

// PointerError returns an ErrorType for errors that are a *T.
func PointerError[T any, P interface {
	message[T]
	error
}](name string,
) ErrorType {
	return ErrorType{
		Name: name,
		Match: func(err error) Body {
			var p P
			if !errors.As(err, &p) || p == nil {
				return nil
			}
			return &errorBody[T, P]{*p}
		},
		New: func() (Body, func() error) {
			b := new(errorBody[T, P])
			return b, func() error { return P(&b.v) }
		},
	}
}

// ValueError returns an ErrorType for errors that are a T.
func ValueError[T error, P message[T]](name string) ErrorType {
	return ErrorType{
		Name: name,
		Match: func(err error) Body {
			var v T
			if !errors.As(err, &v) {
				return nil
			}
			return &errorBody[T, P]{v}
		},
		New: func() (Body, func() error) {
			b := new(errorBody[T, P])
			return b, func() error { return b.v }
		},
	}
}

// An errorBody is a typed error on its way.
type errorBody[T any, P message[T]] struct{ v T }

func (b *errorBody[T, P]) Msgsize() int                         { return P(&b.v).Msgsize() }
func (b *errorBody[T, P]) MarshalMsg(to []byte) ([]byte, error) { return P(&b.v).MarshalMsg(to) }

func (b *errorBody[T, P]) UnmarshalMsg(from []byte) ([]byte, error) {
	return P(&b.v).UnmarshalMsg(from)
}
func (b *errorBody[T, P]) Carry(*engine.Cargo) error { return nil }

// NotSet is what a fake's method returns whose function is nil.
func NotSet(name string) error {
	return &Error{Code: CodeNoMethod, Text: name + " is not set"}
}
