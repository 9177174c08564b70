package rpc

import (
	"context"

	"github.com/corechan/corechan/engine"
)

// DecodeRequest decodes a request for a service all of whose methods are bound, in the order of their numbers.
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

// DecodeResponse decodes the response to a call of a service's method.
func DecodeResponse(b []byte, results Body, known []ErrorType) error {
	r := &Response{body: results, check: true, known: known}
	_, err := r.UnmarshalMsg(b)
	return err
}

// DecodeAnswer decodes what comes on the channel of answers, where call number 1 waits.
func DecodeAnswer(b []byte, results Body, known []ErrorType) {
	_, to := engine.Pipe[Request]()
	x := &Call{resp: Response{body: results, check: true, known: known}}
	a := &answers{to: to, pending: map[uint32]*Call{1: x}}
	a.resp.answers = a
	_, _ = a.resp.UnmarshalMsg(b)
	if waits := a.pending[1] == x; waits == x.done {
		panic("a call that waits has its answer, or one that does not has none")
	}
}
