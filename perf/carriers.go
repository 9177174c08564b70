package perf

import (
	"io"
	"os"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
)

// The messages that carry something. They are a Message with one field more, so that their sizes compare; their methods are
// written by hand, because msgp does not know engine.Carrier.

// refBytes is what a carried field takes in the encoded message. Its entry in the table beside it is not counted.
const refBytes = 6

// carrierPad is padFor for a Message with a carried field.
func carrierPad(size int) (int, error) {
	if size < MinTypedSize+refBytes {
		return 0, tooSmall(size, MinTypedSize+refBytes)
	}
	pad, err := padFor(size - refBytes)
	if err != nil {
		return 0, noSuchSize(size)
	}
	return pad, nil
}

// carried is a field that travels beside the message.
type carried interface {
	engine.Message
	Carry(c *engine.Cargo) error
}

func marshalWith(m *Message, field carried, b []byte) ([]byte, error) {
	b = msgp.AppendArrayHeader(b, 4)
	b = msgp.AppendUint64(b, m.Seq)
	b = msgp.AppendInt64(b, m.Sent)
	b = msgp.AppendBytes(b, m.Pad)
	return field.MarshalMsg(b)
}

func unmarshalWith(m *Message, field carried, b []byte) (_ []byte, err error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return b, err
	}
	if n != 4 {
		return b, msgp.ArrayError{Wanted: 4, Got: n}
	}
	if m.Seq, b, err = msgp.ReadUint64Bytes(b); err != nil {
		return b, err
	}
	if m.Sent, b, err = msgp.ReadInt64Bytes(b); err != nil {
		return b, err
	}
	if m.Pad, b, err = msgp.ReadBytesBytes(b, m.Pad); err != nil {
		return b, err
	}
	return field.UnmarshalMsg(b)
}

// ask is a Message that carries the channel for its answer.
type ask struct {
	Message
	Reply engine.Sender[Message]
}

func (a *ask) MarshalMsg(b []byte) ([]byte, error)   { return marshalWith(&a.Message, &a.Reply, b) }
func (a *ask) UnmarshalMsg(b []byte) ([]byte, error) { return unmarshalWith(&a.Message, &a.Reply, b) }

func (a *ask) Msgsize() int                { return a.Message.Msgsize() + a.Reply.Msgsize() }
func (a *ask) Carry(c *engine.Cargo) error { return a.Reply.Carry(c) }

// parcel is a Message that carries a descriptor.
type parcel struct {
	Message
	File engine.Carried[*os.File]
}

func (p *parcel) MarshalMsg(b []byte) ([]byte, error) { return marshalWith(&p.Message, &p.File, b) }

func (p *parcel) UnmarshalMsg(b []byte) ([]byte, error) { return unmarshalWith(&p.Message, &p.File, b) }

func (p *parcel) Msgsize() int                { return p.Message.Msgsize() + p.File.Msgsize() }
func (p *parcel) Carry(c *engine.Cargo) error { return p.File.Carry(c) }

// offer is a Message that carries the writing end of a byte stream.
type offer struct {
	Message
	Body engine.Carried[io.WriteCloser]
}

func (o *offer) MarshalMsg(b []byte) ([]byte, error) { return marshalWith(&o.Message, &o.Body, b) }

func (o *offer) UnmarshalMsg(b []byte) ([]byte, error) { return unmarshalWith(&o.Message, &o.Body, b) }

func (o *offer) Msgsize() int                { return o.Message.Msgsize() + o.Body.Msgsize() }
func (o *offer) Carry(c *engine.Cargo) error { return o.Body.Carry(c) }
