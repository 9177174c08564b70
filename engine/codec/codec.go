// Package codec says what turns a channel's messages into payloads, and how a payload refers to what it carries:
// channels, byte streams and descriptors do not fit into bytes, so a [Ref] stands in their place, a number that the
// frame's attachment table explains.
//
// The codecs are packages of their own, so that who does not import one does not link it: msgpack, json, xml, protobuf.
// Package carry finds the carried values of any Go type and puts Refs in their place, for the codecs that reflect.
//
// What a message may be differs: msgpack and json take what has exported fields, maps with keys of a basic type, and any;
// xml neither maps nor any; protobuf generated messages only.
package codec

import (
	"errors"
	"fmt"
	"reflect"
)

// MaxDepth bounds how deep arrays, maps, objects and elements may be nested in a payload, and in a message that is
// encoded. A message of no containers has depth 0.
const MaxDepth = 1000

// MaxName is the longest name of a codec, in bytes. The shortest has one.
const MaxName = 31

// A Codec turns messages into payloads and back. Its name is agreed when a channel is opened. Safe for concurrent use.
type Codec interface {
	// Name returns 1..MaxName bytes, as "msgpack".
	Name() string
	// Append appends the encoding of *v, which is a message and not nil, to b. After an error, what was appended has no
	// meaning. It changes nothing of v and keeps nothing of it.
	Append(b []byte, v any) ([]byte, error)
	// Decode decodes the whole payload into *v, which is not nil; what is left over is an error. It keeps nothing of the
	// payload, so that *v stays good when the payload's memory is used again, and needs the payload not to change
	// until it returns. All its errors are ErrPayload's or ErrType's; after one, *v may be filled in part.
	Decode(payload []byte, v any) error
}

// A Checker is a codec that can say of a type, before there is a message, that it will never encode it. The error is
// ErrType's and says what to do.
type Checker interface {
	// Check takes the type of the messages, not of the pointers to them.
	Check(t reflect.Type) error
}

// A Carrier is a message type, or a part of one, that holds its Refs and its carried values itself, in fields of its
// own: what a type needs that has marshaling methods of its own, generated ones for example, as nobody can put Refs in
// where those look. Its carried values are in fields that its methods do not encode.
//
//	type Order struct {
//		Lines codec.Ref              `msg:"lines"` // what travels
//		lines engine.Receiver[Line]               // what it stands for
//	}
//
//	func (o *Order) VisitCarried(visit func(*codec.Ref, any) error) error { return visit(&o.Lines, &o.lines) }
type Carrier interface {
	// VisitCarried calls visit for each carried value, in an order that depends on the encoded part of the message
	// only, with pointers to the Ref and to the value. Before encoding, visit sets the Ref; after decoding, the value. It
	// returns visit's first error.
	VisitCarried(visit func(ref *Ref, value any) error) error
}

// A Lister is a message that carries a list of values and refers to them by their places: the Ref of the value at index i
// is i+1. Before encoding they are bound in order, so that they get these numbers; after decoding the list is set to
// all that the frame had attached, in order.
type Lister interface {
	// CarriedList returns a pointer to the list, never nil.
	CarriedList() *[]any
}

// The causes that Append and Decode have, for errors.Is.
var (
	// ErrPayload is a payload that is not what the codec writes for such a message. Every error of a payload is one.
	ErrPayload = errors.New("malformed payload")
	// ErrTruncated is a payload that ends too early, or that announces more than its length can hold.
	ErrTruncated = errors.New("payload is shorter than it says")
	// ErrTrailing is a payload that goes on after the message.
	ErrTrailing = errors.New("payload goes on after the message")
	// ErrDepth is a payload or message nested deeper than MaxDepth; a message that contains itself is one.
	ErrDepth = fmt.Errorf("nested deeper than %d: a message must not contain itself; send what is deeper in parts", MaxDepth)
	// ErrText is text that is not UTF-8, or has characters that the codec cannot write: such content belongs into []byte.
	ErrText = errors.New("text that the codec cannot hold")
	// ErrRef is a Ref written in a way that no codec writes it.
	ErrRef = errors.New("malformed reference to a carried value")
	// ErrType is a message of a type that the codec cannot encode or decode.
	ErrType = errors.New("type does not suit the codec")
)
