package rpc

import (
	"context"
	"io"
	"log/slog"
	"runtime"

	"github.com/corechan/corechan/engine"
)

// A Passed is a service on its way: an argument, or a result, whose type is an interface marked //corechan:service. Who
// receives it gets a client, whose calls come back to who has passed it.
type Passed struct{ to engine.Sender[Request] }

// Pass makes a service ready to be passed on in the results of a method, whose context it takes. It is served, as that method is, until its
// client is closed, or not used any more, or the session ends. One that nothing implements is passed on as nil.
func Pass(ctx context.Context, s Service) Passed {
	srv, _ := ctx.Value(serverKey{}).(*server)
	if srv == nil {
		return pass(nil, s)
	}
	return pass(&srv.ServeOptions, s)
}

// Pass is as the function, for the arguments of a call.
func (c *Client) Pass(s Service) Passed { return pass(&c.passing, s) }

func pass(o *ServeOptions, s Service) Passed {
	if s.Impl == nil {
		return Passed{}
	}
	srv, err := newServer(o, []Service{s})
	if err != nil {
		panic(err) // of one service: never
	}
	if srv.Logger == nil {
		srv.Logger = slog.New(slog.DiscardHandler)
	}
	r, to := engine.Pipe[Request]()
	go srv.serve(context.Background(), r)
	return Passed{to}
}

// Revoke ends a service whose message was not sent. Of one that was it changes nothing.
func (p *Passed) Revoke() {
	if p.to != (engine.Sender[Request]{}) {
		_ = p.to.Close()
	}
}

// Carry implements what a Carrier needs of its fields.
func (p *Passed) Carry(c *engine.Cargo) error { return p.to.Carry(c) }

// MarshalMsg implements msgp.Marshaler.
func (p *Passed) MarshalMsg(b []byte) ([]byte, error) { return p.to.MarshalMsg(b) }

// UnmarshalMsg implements msgp.Unmarshaler.
func (p *Passed) UnmarshalMsg(b []byte) ([]byte, error) { return p.to.UnmarshalMsg(b) }

// Msgsize implements msgp.Sizer.
func (p *Passed) Msgsize() int { return p.to.Msgsize() }

// Client returns a client of a service that was passed here, nil if none was. It is closed when nobody uses it any more, at
// the latest: Close is for who does not want to wait for the garbage collector.
func (p *Passed) Client(d *Desc) *Client {
	if p.to == (engine.Sender[Request]{}) {
		return nil
	}
	to := p.to
	l := &link{turn: make(chan struct{}, 1), conn: newConn(to)}
	c := newClient(l, d, nil)
	runtime.AddCleanup(c, func(to engine.Sender[Request]) { _ = to.Close() }, to)
	return c
}

// Close ends the use of a service that was passed here: who has passed it need not serve it any more. A client of a session
// has nothing to close: it ends with the session.
func (c *Client) Close() error {
	if c.link.open != nil {
		return nil
	}
	return c.link.conn.to.Close()
}

// Release closes a value that may have a Close, if it has: a client that was received as a service, a stream as an io.Reader.
func Release(v any) {
	if c, ok := v.(io.Closer); ok {
		_ = c.Close()
	}
}

// ReleaseWith is Release that says why to who has the other end.
func ReleaseWith(v any, err error) {
	if c, ok := v.(interface{ CloseWithError(error) error }); ok && err != nil {
		_ = c.CloseWithError(err)
		return
	}
	Release(v)
}
