package rpc

import "github.com/corechan/corechan/engine"

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
