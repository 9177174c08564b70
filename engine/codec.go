package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/corechan/corechan/engine/codec/msgpack"
)

// sendMessage sends v.
func sendMessage[T any](ctx context.Context, s *sendEnd, v *T) error {
	if !s.plain {
		return s.sendOther(ctx, any(v))
	}
	return s.sendPlain(ctx, any(v).(Message))
}

// sendPlain encodes m straight into the ring.
func (s *sendEnd) sendPlain(ctx context.Context, m Message) error {
	// Msgsize is an upper bound, so the slot may be larger than the message will be: what is not used is not sent.
	size := m.Msgsize()
	if size >= largeTail && s.tailed {
		if h, ok := m.(headed); ok {
			return s.sendHead(ctx, h, size)
		}
	}
	b, err := s.reserve(ctx, min(size, s.maxMessage))
	if err == errCameHome { //nolint:errorlint // never wrapped
		return s.sendInto(ctx, &Cargo{}, m, nil, 0)
	}
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			s.abort() // MarshalMsg failed or panicked
		}
	}()
	n, grown, err := marshal(m, b, s.maxMessage)
	if err != nil {
		return err
	}
	committed = true
	if grown != nil {
		s.abort()
		return s.sendBytes(ctx, grown)
	}
	s.commit(n)
	return nil
}

// marshal encodes m into b, and returns how many bytes it took. most is what a message may take. If b was too small, as Msgsize is an
// estimate for some types, what was encoded is in grown.
func marshal(m Message, b []byte, most int) (n int, grown []byte, err error) {
	out, err := m.MarshalMsg(b[:0])
	if err != nil {
		return 0, nil, fmt.Errorf("engine: encode %T: %w", m, err)
	}
	n = len(out)
	if n > len(b) {
		if n <= most {
			return n, out, nil
		}
		return 0, nil, tooLarge(n, most)
	}
	if n != 0 && &out[0] != &b[0] { // it was appended somewhere else
		copy(b, out)
	}
	return n, nil, nil
}

// sendOther sends what is not plain: v is a pointer to the end's type.
func (s *sendEnd) sendOther(ctx context.Context, v any) error {
	if s.pair != nil {
		if err := s.pair.sender(); err != nil {
			return err
		}
	}
	if !s.once && !s.p.intercepted && s.into.Load() == nil && s.meet == nil {
		switch m := v.(type) {
		case *Raw:
			return s.sendBytes(ctx, *m)
		case Message:
			if s.enc.mode == byMethods {
				return s.sendPlain(ctx, m)
			}
		}
	}
	return s.sendMore(ctx, v, nil)
}

// cargos are used again: a Call sends one with every message, and who answers it receives one.
var cargos = sync.Pool{New: func() any { return new(Cargo) }}

// recycle gives a cargo back that nobody has anything to do with any more. What had room for many items is not kept.
func (c *Cargo) recycle() {
	if cap(c.items) > 64 {
		return
	}
	clear(c.items)
	clear(c.made)
	*c = Cargo{items: c.items[:0], made: c.made[:0]}
	cargos.Put(c)
}

// sendMore sends a message that carries something, is its channel's last, or is encoded by reflection.
func (s *sendEnd) sendMore(ctx context.Context, v any, o *SendOptions) error {
	if s.meet == nil {
		return s.sendThis(ctx, v, o)
	}
	if err := s.meet.take(ctx); err != nil {
		return err
	}
	defer s.meet.give()
	if err := s.sendThis(ctx, v, o); err != nil {
		return err
	}
	return s.met(ctx)
}

func (s *sendEnd) sendThis(ctx context.Context, v any, o *SendOptions) error {
	c := cargos.Get().(*Cargo)
	defer c.recycle()
	flags := uint32(0)
	if s.once || o != nil && o.Last {
		flags = flagLast
	}
	if o != nil || s.p.intercepted {
		if err := c.setHead(ctx, s, v, o); err != nil {
			return err
		}
	}
	c.carrying = s.codec
	c.within, c.descriptors = s.link()
	switch s.enc.mode {
	case byReflection:
		return s.sendReflected(ctx, c, v, flags)
	case byPacker:
		return s.sendPacked(ctx, c, v, flags)
	}
	switch m := v.(type) {
	case *Raw:
		return s.sendEncoded(ctx, c, *m, flags)
	case Carrier:
		if err := m.Carry(c); err != nil {
			c.abandon()
			return fmt.Errorf("engine: send %T: %w", v, err)
		}
		if !c.carries() && flags == 0 && len(c.head) == 0 {
			return s.sendPlain(ctx, m)
		}
		return s.sendCargo(ctx, c, m, nil, flags)
	case Message:
		return s.sendCargo(ctx, c, m, nil, flags)
	}
	return fmt.Errorf("engine: send %T: %w", v, ErrNoCodec)
}

// setHead sets the header that the message goes with.
func (c *Cargo) setHead(ctx context.Context, s *sendEnd, v any, o *SendOptions) (err error) {
	var h Header
	if o != nil {
		h = o.Header
	}
	if s.p.intercepted {
		if h, err = s.interceptSend(ctx, v, maps.Clone(h)); err != nil {
			return err
		}
	}
	c.head, err = h.appendTo(nil)
	return err
}

// sendEncoded sends a message that is encoded already.
func (s *sendEnd) sendEncoded(ctx context.Context, c *Cargo, encoded []byte, flags uint32) error {
	if c.carries() || flags != 0 || len(c.head) != 0 || s.into.Load() != nil {
		return s.sendCargo(ctx, c, nil, encoded, flags)
	}
	return s.sendBytes(ctx, encoded)
}

// sendBytes sends a message that is its bytes.
func (s *sendEnd) sendBytes(ctx context.Context, encoded []byte) error {
	b, err := s.reserve(ctx, len(encoded))
	if err == errCameHome { //nolint:errorlint // never wrapped
		return s.sendInto(ctx, &Cargo{}, nil, encoded, 0)
	}
	if err != nil {
		return err
	}
	if len(encoded) >= largeTail && s.p.link.Gather != nil {
		s.commitTail(len(encoded), encoded)
		return nil
	}
	copy(b, encoded)
	s.commit(len(encoded))
	return nil
}

// receiveMessage decodes the next message. m may be nil.
func receiveMessage[T any](ctx context.Context, r *recvEnd, v *T, m *Meta) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	payload, l, err := r.fast(), letter{}, error(nil)
	if payload != nil && !r.p.intercepted { // it has neither table nor header
		if m != nil {
			m.Header = nil
		}
		return decodeDirect(r, payload, v)
	}
	if payload == nil {
		if r.p.link != nil && r.p.link.PlaceBy != nil && !r.p.intercepted {
			if t := placingFor(r, v); t != nil {
				if m != nil {
					m.Header = nil
				}
				return receivePlacing(ctx, r, v, m, t)
			}
		}
		if payload, l, err = r.nextSlow(ctx, r); err != nil {
			return err
		}
	}
	var h Header
	if l.cargo != nil {
		h = l.cargo.header
	}
	if m != nil {
		m.Header = h
	}
	if err := decode(r, payload, l, v); err != nil || !r.p.intercepted {
		return err
	}
	return r.interceptReceive(ctx, any(v), h)
}

// decode decodes a message and gives it back. The bytes may change under the decoder: it sees each field once, its
// bounds are the slice's, and what an inconsistent message makes it do, it does to v; a panic becomes ErrMalformed.
func decode[T any](r *recvEnd, payload []byte, l letter, v *T) (err error) {
	done := false
	defer func() {
		r.done(l)
		if !done {
			l.cargo.drop()
			err = fmt.Errorf("%w: decoding %T panicked: %v", ErrMalformed, v, recover())
		}
	}()
	err = decodePayload(r.enc, payload, l.cargo, v)
	done = true
	return err
}

// decodeDirect is decode for a message in the ring that carries nothing. It has no letter: a struct of several words that is
// copied right after it was written waits for the stores before it to reach the cache, as with Slot and Lease.
func decodeDirect[T any](r *recvEnd, payload []byte, v *T) (err error) {
	done := false
	defer func() {
		r.doneDirect()
		if !done {
			err = fmt.Errorf("%w: decoding %T panicked: %v", ErrMalformed, v, recover())
		}
	}()
	err = decodePayload(r.enc, payload, nil, v)
	done = true
	return err
}

// decodeInto is decode for who does not hold the message.
func decodeInto[T any](enc *encoding, payload []byte, c *Cargo, v *T) (err error) {
	done := false
	defer func() {
		if !done {
			c.drop()
			err = fmt.Errorf("%w: decoding %T panicked: %v", ErrMalformed, v, recover())
		}
	}()
	err = decodePayload(enc, payload, c, v)
	done = true
	return err
}

func decodePayload[T any](enc *encoding, payload []byte, c *Cargo, v *T) error {
	if enc.mode == byMethods && c == nil && !enc.check {
		if rest, err := any(v).(Message).UnmarshalMsg(payload); err != nil || len(rest) != 0 {
			return malformed(v, err, len(rest))
		}
		return nil
	}
	return decodeOther(enc, payload, c, any(v))
}

// decodeOther decodes what is not plain.
func decodeOther(enc *encoding, payload []byte, c *Cargo, v any) error {
	err := decodeAny(enc, payload, c, v)
	if err != nil {
		c.drop()
		return err
	}
	if c != nil {
		c.opened()
		c.recycle()
	}
	return nil
}

func decodeAny(enc *encoding, payload []byte, c *Cargo, v any) error {
	switch enc.mode {
	case asRaw:
		raw := v.(*Raw)
		*raw = append((*raw)[:0], payload...)
		return nil
	case byMethods, byCarrier, byPacker:
		if enc.check {
			private := inboxes.Get() // what was checked must not change
			defer inboxes.Put(private)
			private.Set(payload)
			payload = private.B
			if err := msgpack.Valid(payload); err != nil {
				return malformed(v, err, 0)
			}
		}
		if enc.mode == byPacker {
			return unpackMessage(payload, c, v)
		}
		if rest, err := v.(Message).UnmarshalMsg(payload); err != nil || len(rest) != 0 {
			return malformed(v, err, len(rest))
		}
		if m, ok := v.(Carrier); ok {
			if c == nil {
				c = cargos.Get().(*Cargo)
				c.in = true
				defer c.recycle()
			}
			if err := m.Carry(c); err != nil {
				if errors.Is(err, ErrMalformed) {
					err = fmt.Errorf("decode %T: %w", v, err)
				}
				return err
			}
		}
		return nil
	}
	return enc.decodeReflected(c, payload, v)
}

func malformed(v any, err error, rest int) error {
	if err != nil {
		return fmt.Errorf("%w: decode %T: %w", ErrMalformed, v, err)
	}
	return fmt.Errorf("%w: decode %T: %d bytes too many", ErrMalformed, v, rest)
}
