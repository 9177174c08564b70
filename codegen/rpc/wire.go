package rpc

import (
	"errors"
	"fmt"
	"sync"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/codec/msgpack"
)

// ChannelName is the name of the channel that carries the calls of a session's services.
const ChannelName = "corechan.rpc"

// A Body is a call's arguments, or its results: a generated type. Its encoding is an array.
type Body interface {
	engine.Message
	Carry(c *engine.Cargo) error
}

// slotSelf is the slot of the channel's own methods.
const slotSelf = 0

const (
	methodBind uint32 = iota
	methodDescribe
	methodAnswers
	methodCancel
)

// A Request is a message that asks for a call. It is exported for package engine, which encodes it.
type Request struct {
	slot, method uint32
	reply        engine.Sender[Response]
	number       uint32 // in the place of reply: the answer goes to the channel of answers, with this number; 0: none
	left         uint64 // beside number: how many microseconds the caller waits; 0: for ever
	body         Body

	// Of one that is being received.
	bound *bindings // set before
	entry *target   // what is called; nil for the channel's own
	call  Handling  // holds the arguments
	err   *Error    // why it cannot be called
}

// Vetted implements engine.Vetted: UnmarshalMsg looks, where a method's arguments need it.
func (r *Request) Vetted() {}

// Msgsize implements msgp.Sizer.
func (r *Request) Msgsize() int { return 1 + 5 + 5 + max(r.reply.Msgsize(), 1+5+9) + r.body.Msgsize() }

// MarshalMsg implements msgp.Marshaler.
func (r *Request) MarshalMsg(b []byte) ([]byte, error) {
	b = append(b, 0x94) // an array of 4
	b = msgp.AppendUint32(b, r.slot)
	b = msgp.AppendUint32(b, r.method)
	var err error
	switch {
	case r.left != 0:
		b = msgp.AppendUint64(msgp.AppendUint32(append(b, 0x92), r.number), r.left)
	case r.number != 0:
		b = msgp.AppendUint32(b, r.number)
	default:
		if b, err = r.reply.MarshalMsg(b); err != nil {
			return b, err
		}
	}
	return r.body.MarshalMsg(b)
}

// readReply reads what stands in the place of a reply: a Sender, nil, a number, or [number, microseconds].
func (r *Request) readReply(b []byte) (_ []byte, err error) {
	timed := false
	switch msgp.NextType(b) {
	case msgp.ArrayType:
		var n uint32
		if n, b, err = msgp.ReadArrayHeaderBytes(b); err != nil {
			return b, err
		}
		if timed = true; n != 2 {
			return b, msgp.ArrayError{Wanted: 2, Got: n}
		}
	case msgp.IntType, msgp.UintType:
	default:
		return r.reply.UnmarshalMsg(b)
	}
	if r.number, b, err = msgp.ReadUint32Bytes(b); err != nil {
		return b, err
	}
	if r.number == 0 {
		return b, errors.New("the number of a call is 0")
	}
	if timed {
		r.left, b, err = msgp.ReadUint64Bytes(b)
	}
	return b, err
}

// UnmarshalMsg implements msgp.Unmarshaler. What is wrong with a request that can be answered is its err: the caller
// gets that.
func (r *Request) UnmarshalMsg(b []byte) ([]byte, error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return b, err
	}
	if n != 4 {
		return b, msgp.ArrayError{Wanted: 4, Got: n}
	}
	if r.slot, b, err = msgp.ReadUint32Bytes(b); err != nil {
		return b, err
	}
	if r.method, b, err = msgp.ReadUint32Bytes(b); err != nil {
		return b, err
	}
	if b, err = r.readReply(b); err != nil {
		return b, err
	}
	if r.err = r.bound.find(r); r.err != nil {
		return nil, nil
	}
	var body Body = r.body // the channel's own
	check := true
	if r.entry != nil {
		r.call = r.entry.Memory.Get()
		body, check = r.call, r.entry.Check
	}
	if err := decodeBody(b, body, check); err != nil {
		r.err = &Error{Code: CodeBadRequest, Text: fmt.Sprintf("%s takes something else: %v", r.name(), err)}
	}
	return nil, nil
}

// Carry implements engine.Carrier.
func (r *Request) Carry(c *engine.Cargo) error {
	if err := r.reply.Carry(c); err != nil {
		return err
	}
	switch {
	case r.bound == nil: // it is sent
		return r.body.Carry(c)
	case r.err == nil && r.call != nil:
		if err := r.call.Carry(c); err != nil { // all that came is refused, the place for the answer too
			return fmt.Errorf("%w: %s takes something else: %w", engine.ErrMalformed, r.name(), err)
		}
	}
	return nil
}

// name returns what is called, for a text.
func (r *Request) name() string {
	if r.entry == nil {
		return "the channel"
	}
	return r.entry.Name
}

// private is where a body is copied to that must not change between two looks.
var private = sync.Pool{New: func() any { return new([]byte) }}

// decodeBody decodes a whole payload. check says that the body may announce elements that do not follow.
func decodeBody(b []byte, into Body, check bool) error {
	if check {
		own := private.Get().(*[]byte)
		defer private.Put(own)
		*own = append((*own)[:0], b...)
		b = *own
		if err := msgpack.Valid(b); err != nil {
			return err
		}
	}
	rest, err := into.UnmarshalMsg(b)
	if err == nil && len(rest) != 0 {
		err = fmt.Errorf("%d bytes too many", len(rest))
	}
	return err
}

// A Response is the message that answers a Request. It is exported for package engine, which encodes it.
type Response struct {
	body  Body
	check bool
	err   *Error
	known []ErrorType // in which typed errors are looked up
	// number goes before the rest, on the channel of answers; 0: it is not on that.
	number uint32
	// answers: it is what is received on that.
	answers *answers
}

// Vetted implements engine.Vetted.
func (r *Response) Vetted() {}

// Msgsize implements msgp.Sizer.
func (r *Response) Msgsize() int {
	if r.err != nil {
		return 5 + r.err.msgsize()
	}
	return 1 + 5 + r.body.Msgsize()
}

// MarshalMsg implements msgp.Marshaler.
func (r *Response) MarshalMsg(b []byte) ([]byte, error) {
	elements := byte(1)
	if r.err != nil {
		elements = 4
	}
	if r.number == 0 {
		b = append(b, 0x90|elements)
	} else {
		b = msgp.AppendUint32(append(b, 0x91+elements), r.number)
	}
	if r.err != nil {
		return r.err.appendTo(b)
	}
	return r.body.MarshalMsg(b)
}

// UnmarshalMsg implements msgp.Unmarshaler.
func (r *Response) UnmarshalMsg(b []byte) ([]byte, error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if r.answers != nil {
		if err != nil {
			n = 0 // take says so
		}
		return nil, r.answers.take(n, b)
	}
	if err != nil {
		return b, err
	}
	return nil, r.decode(n, b)
}

// decode decodes it, behind the header of its array of n and the number.
func (r *Response) decode(n uint32, b []byte) (err error) {
	switch n {
	case 1:
		return decodeBody(b, r.body, r.check)
	case 4:
		r.err, err = readError(b, r.known)
		return err
	}
	return msgp.ArrayError{Wanted: 4, Got: n}
}

// Carry implements engine.Carrier.
func (r *Response) Carry(c *engine.Cargo) error {
	if r.err != nil || r.answers != nil {
		return nil
	}
	return r.body.Carry(c)
}

// Nothing is the body of a method without arguments, or without results.
type Nothing struct{}

// Msgsize implements msgp.Sizer.
func (*Nothing) Msgsize() int { return 1 }

// MarshalMsg implements msgp.Marshaler.
func (*Nothing) MarshalMsg(b []byte) ([]byte, error) { return append(b, 0x90), nil }

// UnmarshalMsg implements msgp.Unmarshaler.
func (*Nothing) UnmarshalMsg(b []byte) ([]byte, error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return b, err
	}
	return SkipElements(b, n)
}

// Carry carries nothing.
func (*Nothing) Carry(*engine.Cargo) error { return nil }

// SkipElements skips n elements of an array: what a later version has added.
func SkipElements(b []byte, n uint32) (rest []byte, err error) {
	for ; n > 0 && err == nil; n-- {
		b, err = msgp.Skip(b)
	}
	return b, err
}
