package rpc

import (
	"fmt"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
)

// What a channel may bind, at most.
const (
	maxSlots   = 256
	maxMethods = 4096 // of a service
)

// A bindBody is the arguments of methodBind.
type bindBody struct {
	slot    uint32
	service string
	methods []string
}

// Msgsize implements msgp.Sizer.
func (z *bindBody) Msgsize() int {
	n := 1 + 5 + msgp.StringPrefixSize + len(z.service) + msgp.ArrayHeaderSize
	for _, m := range z.methods {
		n += msgp.StringPrefixSize + len(m)
	}
	return n
}

// MarshalMsg implements msgp.Marshaler.
func (z *bindBody) MarshalMsg(b []byte) ([]byte, error) {
	b = append(b, 0x93) // an array of 3
	b = msgp.AppendUint32(b, z.slot)
	b = msgp.AppendString(b, z.service)
	b = msgp.AppendArrayHeader(b, uint32(len(z.methods)))
	for _, m := range z.methods {
		b = msgp.AppendString(b, m)
	}
	return b, nil
}

// UnmarshalMsg implements msgp.Unmarshaler.
func (z *bindBody) UnmarshalMsg(b []byte) ([]byte, error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return b, err
	}
	if n < 3 {
		return b, msgp.ArrayError{Wanted: 3, Got: n}
	}
	if z.slot, b, err = msgp.ReadUint32Bytes(b); err != nil {
		return b, err
	}
	if z.service, b, err = msgp.ReadStringBytes(b); err != nil {
		return b, err
	}
	count, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return b, err
	}
	if count > maxMethods {
		return b, fmt.Errorf("a service of %d methods; %d are the most", count, maxMethods)
	}
	z.methods = make([]string, count)
	for i := range z.methods {
		if z.methods[i], b, err = msgp.ReadStringBytes(b); err != nil {
			return b, err
		}
	}
	return SkipElements(b, n-3)
}

// Carry carries nothing.
func (*bindBody) Carry(*engine.Cargo) error { return nil }

// A binding is a slot of a channel that is served.
type binding struct {
	name    string
	known   bool
	names   []string
	methods []*target // by the caller's numbers; nil: this side has none of the name
}

// bindings are the slots of a channel that is served. They belong to who receives.
type bindings struct {
	serving  *serving
	services map[string]*served
	slots    []binding // slot n is slots[n-1]
}

// find finds what a request calls.
func (b *bindings) find(r *Request) *Error {
	if r.number != 0 && b.serving.answers == (engine.Sender[Response]{}) {
		return &Error{Code: CodeBadRequest, Text: "a call by number, and no channel for answers"} // see own
	}
	if r.slot == slotSelf {
		switch r.method {
		case methodBind:
			r.body = new(bindBody)
		case methodDescribe, methodAnswers:
			r.body = new(Nothing)
		case methodCancel:
			r.body = new(numberBody)
		default:
			return &Error{Code: CodeNoMethod, Text: fmt.Sprintf("the channel's own method %d", r.method)}
		}
		return nil
	}
	if uint64(r.slot) > uint64(len(b.slots)) {
		return &Error{Code: CodeBadRequest, Text: fmt.Sprintf("slot %d is not bound", r.slot)}
	}
	s := &b.slots[r.slot-1]
	if uint64(r.method) >= uint64(len(s.methods)) {
		return &Error{Code: CodeBadRequest, Text: fmt.Sprintf("%s was bound with %d methods, and this is number %d", s.name, len(s.methods), r.method)}
	}
	if r.entry = s.methods[r.method]; r.entry != nil {
		if v := b.serving; v.active.Load() >= int64(v.srv.MaxCalls) { // now: what it carries is refused
			return &Error{Code: CodeBusy, Text: r.entry.Name}
		}
		return nil
	}
	if !s.known {
		return &Error{Code: CodeNoService, Text: s.name}
	}
	return &Error{Code: CodeNoMethod, Text: s.name + "." + s.names[r.method]}
}

// bind binds one more slot.
func (b *bindings) bind(body *bindBody) error {
	if len(b.slots) == maxSlots {
		return &engine.LimitError{What: "services bound by a channel", Limit: maxSlots}
	}
	if int64(body.slot) != int64(len(b.slots))+1 {
		return fmt.Errorf("rpc: %w: slot %d is bound after %d", engine.ErrProtocol, body.slot, len(b.slots))
	}
	s := binding{name: body.service, names: body.methods, methods: make([]*target, len(body.methods))}
	if service := b.services[body.service]; service != nil {
		s.known = true
		for i, name := range body.methods {
			s.methods[i] = service.methods[name]
		}
	}
	b.slots = append(b.slots, s)
	return nil
}
