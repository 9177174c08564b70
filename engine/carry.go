package engine

import (
	"sync/atomic"

	"github.com/corechan/corechan/engine/codec"
)

// A Carrier is a Message with fields that are carried beside it: channels, streams, descriptors. Carry calls Carry on each
// of them, at whatever depth:
//
//	func (o *Order) Carry(c *engine.Cargo) error { return c.CarryAll(&o.Reply, &o.Log) }
//
// On sending it is called before MarshalMsg, and puts the fields into the cargo; on receiving it is called after
// UnmarshalMsg, and takes them out of it.
type Carrier interface {
	Message
	Carry(c *Cargo) error
}

// CarryAll calls Carry on each of the fields.
func (c *Cargo) CarryAll(fields ...interface{ Carry(c *Cargo) error }) error {
	for _, f := range fields {
		if err := f.Carry(c); err != nil {
			return err
		}
	}
	return nil
}

// In the message an end is a number, its ref, which the attachment table explains: a MessagePack extension of type 7 and
// four bytes, big-endian. An end that is not set is nil.
// As codec.Ref has it.
var refSize = codec.Ref(0).Msgsize()

func appendRef(b []byte, ref uint32) []byte {
	b, _ = codec.Ref(ref).MarshalMsg(b) // never fails
	return b
}

func readRef(b []byte) (ref uint32, rest []byte, err error) {
	var r codec.Ref
	rest, err = r.UnmarshalMsg(b)
	return uint32(r), rest, err
}

// keys gives every end the number by which messages refer to it, unless it is carried by a codec that reflects.
var keys atomic.Uint32

func newKey() uint32 {
	for {
		if k := keys.Add(1); k != 0 {
			return k
		}
	}
}

// Carry implements what a Carrier needs of its fields.
func (s *Sender[T]) Carry(c *Cargo) error {
	if c.in {
		ref := s.ref
		*s = Sender[T]{}
		if ref == 0 {
			return nil
		}
		end, err := c.takeSender(ref, useSender[T], encodingOf[T])
		s.end = end
		return err
	}
	if s.end == nil {
		return nil
	}
	_, err := c.add(senderItem(s.end, s.end.key))
	return err
}

// senderItem is a sending end on its way out.
func senderItem(s *sendEnd, ref uint32) item {
	it := item{entry: entry{ref: ref, kind: kindSender}, s: s}
	if s.call != nil {
		it.s, it.r, it.flags, it.second = nil, s.call, entryOnce, uint32(s.by)
	} else if s.once {
		it.flags = entryOnce
		it.second = it.left()
	}
	return it
}

func receiverItem(r *recvEnd, ref uint32) item {
	return item{entry: entry{ref: ref, kind: kindReceiver}, r: r}
}

// MarshalMsg implements msgp.Marshaler.
func (s *Sender[T]) MarshalMsg(b []byte) ([]byte, error) {
	if s.end == nil {
		return appendRef(b, 0), nil
	}
	return appendRef(b, s.end.key), nil
}

// UnmarshalMsg implements msgp.Unmarshaler. The end can be used after Carry.
func (s *Sender[T]) UnmarshalMsg(b []byte) ([]byte, error) {
	ref, rest, err := readRef(b)
	*s = Sender[T]{ref: ref}
	return rest, err
}

// Msgsize implements msgp.Sizer.
func (s *Sender[T]) Msgsize() int { return refSize }

// Carry implements what a Carrier needs of its fields.
func (r *Receiver[T]) Carry(c *Cargo) error {
	if c.in {
		ref := r.ref
		*r = Receiver[T]{}
		if ref == 0 {
			return nil
		}
		end, err := c.takeReceiver(ref, useReceiver[T], encodingOf[T])
		r.end = end
		return err
	}
	if r.end == nil {
		return nil
	}
	_, err := c.add(receiverItem(r.end, r.end.key))
	return err
}

// MarshalMsg implements msgp.Marshaler.
func (r *Receiver[T]) MarshalMsg(b []byte) ([]byte, error) {
	if r.end == nil {
		return appendRef(b, 0), nil
	}
	return appendRef(b, r.end.key), nil
}

// UnmarshalMsg implements msgp.Unmarshaler. The end can be used after Carry.
func (r *Receiver[T]) UnmarshalMsg(b []byte) ([]byte, error) {
	ref, rest, err := readRef(b)
	*r = Receiver[T]{ref: ref}
	return rest, err
}

// Msgsize implements msgp.Sizer.
func (r *Receiver[T]) Msgsize() int { return refSize }
