package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"

	"github.com/corechan/corechan/engine"
)

// ServeOptions are for Serve. The zero value, and nil, is a good choice.
type ServeOptions struct {
	// MaxCalls bounds the calls that run at the same time, on each session and each service that was passed on. Those beyond
	// it are answered with ErrBusy. Default 1,024.
	MaxCalls int
	// Interceptors see each call: the first is the outermost.
	Interceptors []Interceptor
	// Logger gets panics, with their stacks, and errors that have no caller. nil: the session's engine's.
	Logger *slog.Logger
}

// A server is what Serve serves with.
type server struct {
	ServeOptions
	services map[string]*served
}

// A served is a service that is served.
type served struct {
	Service
	methods map[string]*target
}

// A target is a method that can be called.
type target struct {
	*Method
	service Service
	pace    pace
}

func newServer(o *ServeOptions, services []Service) (*server, error) {
	s := &server{services: make(map[string]*served, len(services))}
	if o != nil {
		s.ServeOptions = *o
	}
	if s.MaxCalls <= 0 {
		s.MaxCalls = 1024
	}
	for _, v := range services {
		if _, twice := s.services[v.Desc.Name]; twice {
			return nil, fmt.Errorf("rpc: two services are named %s: %w", v.Desc.Name, os.ErrExist)
		}
		if v.Impl == nil {
			return nil, fmt.Errorf("rpc: nothing implements %s: %w", v.Desc.Name, os.ErrInvalid)
		}
		one := &served{v, make(map[string]*target, len(v.Desc.Methods))}
		for i := range v.Desc.Methods {
			m := &v.Desc.Methods[i]
			one.methods[m.Name] = &target{Method: m, service: v}
		}
		s.services[v.Desc.Name] = one
	}
	return s, nil
}

type servingKey struct{}

// Serve has the session's peer call the methods of services, until the session ends, or ctx does: then it takes no more calls,
// waits for those that run, whose contexts have ended, and returns ctx's error. The end of the session by the peer, or by
// one's own Close, is no error. Close the session after it, or call Serve again: else nobody may be there to read what the peer sends, and to
// tell it.
//
// A session is served by one Serve at a time, or by Handle, with all its services: a second is refused with os.ErrExist.
//
// Methods run at the same time. Each begins where its request was received; if it takes longer than a moment, another goroutine
// takes over the receiving, and the next calls of that method begin on goroutines of their own. So what is fast costs no
// change of goroutine, and what is slow holds up nothing for longer than that moment, some 200 µs, and not again.
func Serve(ctx context.Context, sess *engine.Session, o *ServeOptions, services ...Service) error {
	srv, err := newServer(o, services)
	if err != nil {
		return err
	}
	if srv.Logger == nil {
		srv.Logger = sess.Logger()
	}
	turn := servingTurn(sess)
	if !turn.TryLock() {
		return errServed
	}
	defer turn.Unlock()
	for {
		// One after the other: a peer opens one, and who waits here as well would poll in turn with who serves it.
		in, err := engine.Accept[Request](ctx, sess, ChannelName)
		if err != nil {
			return endOf(ctx, err)
		}
		srv.serve(ctx, in) // if it ended with the session, Accept says so
	}
}

// endOf returns what Serve returns at the end of a session.
func endOf(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, engine.ErrSessionClosed), errors.Is(err, engine.ErrPeerGone), errors.Is(err, os.ErrClosed):
		return nil
	}
	return err
}

// ServeListener serves the sessions of l, as Serve does, and closes each when it ends. When l is closed, it goes on with those that it
// has until they end, and returns nil. When ctx is done it returns ctx's error once all have ended. It does not close l.
func ServeListener(ctx context.Context, l *engine.Listener, o *ServeOptions, services ...Service) error {
	if _, err := newServer(o, services); err != nil {
		return err
	}
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		sess, err := l.Accept(ctx)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		sessions.Go(func() {
			defer sess.Close()
			if err := Serve(ctx, sess, o, services...); err != nil && ctx.Err() == nil {
				sess.Logger().Warn("services ended", "peer", sess.Peer().Addr, "reason", err)
			}
		})
	}
}

// serve serves one channel until it ends, and waits for its calls.
func (s *server) serve(ctx context.Context, in engine.Receiver[Request]) {
	v := newServing(ctx, s, in)
	defer v.cancel()
	go v.lead()
	<-v.ended
	v.cancel()
	v.wait()
}
