package rpc

import "sync"

// A Call is the memory of one call at the caller.
type Call struct {
	req  Request
	resp Response
	waiting
}

// A Prepared is the memory of one call of a method with its arguments, A, and its results, R.
type Prepared[A, R any] struct {
	Call
	Args    A
	Results R
}

// A Calls is where the memory of a method's calls is used again. Generated code has one for each method.
type Calls[A, R any, PA pointerBody[A], PR pointerBody[R]] struct{ pool sync.Pool }

type pointerBody[T any] interface {
	*T
	Body
}

// Get returns memory for a call; Args and Results are zero.
func (c *Calls[A, R, PA, PR]) Get() *Prepared[A, R] {
	if p, ok := c.pool.Get().(*Prepared[A, R]); ok {
		return p
	}
	p := &Prepared[A, R]{}
	p.req.body, p.resp.body = PA(&p.Args), PR(&p.Results)
	return p
}

// Put gives it back.
func (c *Calls[A, R, PA, PR]) Put(p *Prepared[A, R]) {
	var (
		a A
		r R
	)
	p.Args, p.Results, p.resp.err = a, r, nil
	c.pool.Put(p)
}

// NewCall returns memory for one call of a method that no code was generated for.
func NewCall(args, results Body) *Call {
	return &Call{req: Request{body: args}, resp: Response{body: results}}
}
