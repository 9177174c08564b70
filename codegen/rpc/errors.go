package rpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
)

// A Code says what kind of error a call ended with. Those from 256 on are the application's own.
type Code uint32

// The codes.
const (
	// CodeFailed: the method returned an error.
	CodeFailed Code = iota + 1
	// CodeCanceled: it returned context.Canceled.
	CodeCanceled
	// CodeDeadline: it returned context.DeadlineExceeded.
	CodeDeadline
	// CodeNoService: the peer does not serve the service. ErrNoService.
	CodeNoService
	// CodeNoMethod: its version of the service does not have the method. ErrNoMethod.
	CodeNoMethod
	// CodeBadRequest: what was sent is not what the method takes. ErrBadRequest.
	CodeBadRequest
	// CodeBusy: as many calls as it takes at once are running. ErrBusy.
	CodeBusy
	// CodePanic: the method panicked. ErrPanic.
	CodePanic
	// CodeBadResults: the method's results cannot be sent. ErrBadResults.
	CodeBadResults
)

// The errors that go with the codes, for errors.Is. CodeCanceled and CodeDeadline are context's.
var (
	// ErrNoService: the peer does not serve the service. It may be of another version, or serve it on another session.
	ErrNoService = errors.New("peer does not serve it")
	// ErrNoMethod: the peer's version of the service does not have the method.
	ErrNoMethod = errors.New("peer's version does not have the method")
	// ErrBadRequest: the peer's version of the method takes something else.
	ErrBadRequest = errors.New("bad request")
	// ErrBusy: the peer runs as many calls as it takes at once: see ServeOptions.MaxCalls. Nothing was done; try again later.
	ErrBusy = errors.New("peer is busy")
	// ErrPanic: the method panicked. The stack is in the peer's log.
	ErrPanic = errors.New("method panicked")
	// ErrBadResults: the method has run, and its results could not be sent: they are too large, for example.
	ErrBadResults = errors.New("results could not be sent")
)

// An Error is what a call ended with at the peer. A method that returns one, or an error that wraps one, sends its code, text and
// typed error as they are.
type Error struct {
	Code Code
	// Text is the error's, at the peer; at most 64 KiB of it.
	Text string
	// Err is a typed error, of a type marked //corechan:error; nil if it was none, or one that this side does not know.
	Err error

	typ  string // the name of Err's type
	body Body   // Err as it travels
}

func (e *Error) Error() string {
	cause := e.cause()
	switch {
	case e.Err != nil && e.Text == "":
		return e.Err.Error()
	case cause == nil || e.Code == CodeCanceled || e.Code == CodeDeadline:
		return e.Text
	case e.Text == "":
		return "rpc: " + cause.Error()
	}
	return "rpc: " + cause.Error() + ": " + e.Text
}

// Unwrap returns the error that goes with the code, and the typed error.
func (e *Error) Unwrap() []error {
	var all []error
	if c := e.cause(); c != nil {
		all = append(all, c)
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

func (e *Error) cause() error {
	switch e.Code {
	case CodeCanceled:
		return context.Canceled
	case CodeDeadline:
		return context.DeadlineExceeded
	case CodeNoService:
		return ErrNoService
	case CodeNoMethod:
		return ErrNoMethod
	case CodeBadRequest:
		return ErrBadRequest
	case CodeBusy:
		return ErrBusy
	case CodePanic:
		return ErrPanic
	case CodeBadResults:
		return ErrBadResults
	}
	return nil
}

// An ErrorType is a type of errors that travel whole: generated for those marked //corechan:error.
type ErrorType struct {
	// Name is the type's, with its package's.
	Name string
	// Match returns err's error of that type as it travels, nil if it has none.
	Match func(err error) Body
	// New returns a body to decode into, and what gives the error afterwards.
	New func() (body Body, value func() error)
}

// maxText bounds the text of an error that travels, in bytes.
const maxText = 64 << 10

// errorOf turns a method's error into what travels.
func errorOf(err error, types []ErrorType) *Error {
	e := &Error{Code: CodeFailed, Text: err.Error()}
	var own *Error
	switch {
	case errors.As(err, &own):
		e.Code = own.Code
		if own == err { //nolint:errorlint // itself: then its Error would have the cause twice
			e.Text = own.Text
		}
		e.typ, e.body = own.typ, own.body
	case errors.Is(err, context.Canceled), errors.Is(err, engine.ErrCanceled):
		e.Code = CodeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		e.Code = CodeDeadline
	}
	for i := range types {
		if body := types[i].Match(err); body != nil {
			e.typ, e.body = types[i].Name, body
			break
		}
	}
	e.Text = e.Text[:min(len(e.Text), maxText)]
	return e
}

func (e *Error) msgsize() int {
	n := 1 + 5 + msgp.StringPrefixSize + len(e.Text) + msgp.StringPrefixSize + len(e.typ) + 1
	if e.body != nil {
		n += e.body.Msgsize()
	}
	return n
}

// appendTo appends the elements of an array of 4.
func (e *Error) appendTo(b []byte) ([]byte, error) {
	b = msgp.AppendUint32(b, uint32(e.Code))
	b = msgp.AppendString(b, e.Text)
	b = msgp.AppendString(b, e.typ)
	if e.body == nil {
		return msgp.AppendNil(b), nil
	}
	return e.body.MarshalMsg(b)
}

// readError reads an error behind its array's header. The type's details are read if the type is known.
func readError(b []byte, known []ErrorType) (e *Error, err error) {
	e = &Error{}
	var code uint32
	if code, b, err = msgp.ReadUint32Bytes(b); err != nil {
		return nil, err
	}
	e.Code = Code(code)
	if e.Text, b, err = msgp.ReadStringBytes(b); err != nil {
		return nil, err
	}
	if e.typ, b, err = msgp.ReadStringBytes(b); err != nil {
		return nil, err
	}
	for i := range known {
		if known[i].Name != e.typ {
			continue
		}
		body, value := known[i].New()
		if err := decodeBody(b, body, true); err != nil {
			return nil, fmt.Errorf("error %s: %w", e.typ, err)
		}
		e.Err, e.body = value(), body
		return e, nil
	}
	if b, err = msgp.Skip(b); err == nil && len(b) != 0 {
		err = fmt.Errorf("%d bytes too many", len(b))
	}
	return e, err
}
