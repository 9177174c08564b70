package rpc

import (
	"context"

	"github.com/corechan/corechan/engine"
)

// DecodeRequest decodes a request as Serve does, for a service all of whose methods are bound to slot 1, in the order of their numbers. It
// reports whether a method would be called, and calls none. It is for generated tests: a panic is a defect of generated code.
func DecodeRequest(b []byte, s Service) (found bool, err error) {
	srv, err := newServer(nil, []Service{s})
	if err != nil {
		return false, err
	}
	v := newServing(context.Background(), srv, engine.Receiver[Request]{})
	defer v.cancel()
	_, v.answers = engine.Pipe[Response]()
	body := &bindBody{slot: 1, service: s.Desc.Name}
	for i := range s.Desc.Methods {
		body.methods = append(body.methods, s.Desc.Methods[i].Name)
	}
	if err := v.bound.bind(body); err != nil {
		return false, err
	}
	r := &Request{bound: &v.bound}
	rest, err := r.UnmarshalMsg(b)
	if err == nil && len(rest) != 0 {
		panic("a request leaves something over")
	}
	if err == nil && r.err == nil && r.entry == nil && r.slot != slotSelf {
		panic("a request without a target, and without an error")
	}
	return err == nil && r.err == nil, nil
}
