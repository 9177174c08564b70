// Package protobuf is the codec for generated protobuf messages, and for [With], which adds carried values to one.
//
// protobuf has no form for a reference, so the message's author gives its fields a meaning: a number n, 1 or more, in a
// field of type uint32 says "the value Carried[n-1]", and 0 says none.
//
// Of the rules of every codec, protobuf can keep one only in part: a payload has no end of its own, so that bytes after
// a message are fields of it, unknown ones perhaps. What is no field is an error.
package protobuf

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/corechan/corechan/engine/codec"
)

// Name is what the codec is called when a channel is opened.
const Name = "protobuf"

// Codec is the protobuf codec. Its zero value is ready, and may be used concurrently.
type Codec struct{}

var (
	_ codec.Codec   = Codec{}
	_ codec.Checker = Codec{}
)

// With is a protobuf message and the values that it carries: channels, streams, descriptors. A field of the message
// with the number n refers to Carried[n-1].
//
//	type Request = protobuf.With[pb.Request, *pb.Request]
//
// Like the message, it must not be copied once it is used.
type With[M any, P interface {
	*M
	proto.Message
}] struct {
	Message M
	// Carried travels in the frame's attachment table, in order. After decoding it is what the frame had attached.
	Carried []any
}

// CarriedList implements codec.Lister.
func (w *With[M, P]) CarriedList() *[]any { return &w.Carried }

func (w *With[M, P]) protoMessage() proto.Message { return P(&w.Message) }

// wrapper is implemented by pointers to With.
type wrapper interface{ protoMessage() proto.Message }

// Name returns "protobuf".
func (Codec) Name() string { return Name }

var (
	messageType = reflect.TypeFor[proto.Message]()
	wrapperType = reflect.TypeFor[wrapper]()
)

// Check refuses types that are neither generated messages nor With.
func (Codec) Check(t reflect.Type) error {
	if p := reflect.PointerTo(t); p.Implements(messageType) || p.Implements(wrapperType) {
		return nil
	}
	return errType(reflect.PointerTo(t))
}

func errType(p reflect.Type) error {
	return fmt.Errorf("protobuf: %v: %w: not a message that protoc-gen-go generates, nor protobuf.With of one", p, codec.ErrType)
}

// Append appends the encoding of *v. The errors: ErrType; ErrText for a string that is not UTF-8; a required field that is
// missing.
func (Codec) Append(b []byte, v any) ([]byte, error) {
	m, err := messageOf(v)
	if err != nil {
		return b, err
	}
	out, err := proto.MarshalOptions{}.MarshalAppend(b, m)
	if err != nil {
		return b, fmt.Errorf("protobuf: encode %T: %w", v, cause(err))
	}
	return out, nil
}

// Decode sets *v to what the payload holds: what it does not have is zero afterwards. Carried of a With stays as it is.
func (Codec) Decode(payload []byte, v any) error {
	m, err := messageOf(v)
	if err != nil {
		return err
	}
	if err := (proto.UnmarshalOptions{RecursionLimit: codec.MaxDepth}).Unmarshal(payload, m); err != nil {
		return fmt.Errorf("protobuf: decode %T: %w: %w", v, codec.ErrPayload, reason(payload, err))
	}
	return nil
}

func messageOf(v any) (proto.Message, error) {
	if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer && !p.IsNil() {
		switch v := v.(type) {
		case wrapper:
			return v.protoMessage(), nil
		case proto.Message:
			return v, nil
		}
	}
	return nil, errType(reflect.TypeOf(v))
}

// cause gives protobuf's errors, which have no values to compare with, ours. The tests notice if their texts change.
func cause(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "recursion depth"):
		return fmt.Errorf("%w: %w", codec.ErrDepth, err)
	case strings.Contains(text, "UTF-8"):
		return fmt.Errorf("%w: %w", codec.ErrText, err)
	}
	return err
}

// reason is cause for a payload, which it looks at once more to tell whether it was cut off.
func reason(payload []byte, err error) error {
	if named := cause(err); named != err { //nolint:errorlint // the same one
		return named
	}
	for len(payload) > 0 {
		_, _, n := protowire.ConsumeField(payload)
		if broken := protowire.ParseError(n); errors.Is(broken, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: %w", codec.ErrTruncated, err)
		} else if broken != nil {
			return err
		}
		payload = payload[n:]
	}
	return err
}
