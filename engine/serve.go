package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// Serve accepts the sessions of l, and the channels named name that their peers open, and calls f for every message on them:
//
//	ln, err := transports.Listen(ctx, "shm:///run/orders.sock", nil)
//	defer ln.Close()
//	err = engine.Serve(ctx, ln, "orders", func(ctx context.Context, s *engine.Session, o *Order) error {
//		return o.Reply.Send(ctx, &Fill{ID: o.ID})
//	})
//
// Each channel has a goroutine: f is called with the messages of one channel one after the other, as they were sent, and of
// several channels at the same time. It may block; its channel's sender then waits in turn. v is good until f returns. f's ctx is done
// when Serve's is, and when the session's peer is gone. An error of f closes the channel with it: the sender gets its
// text. So does a message that is not a T. A panic is not caught.
//
// A session is closed when its peer has ended it and the channels' last messages are served. f may use it before, to open
// channels back. A peer may open as many channels as Limits.Channels allows, each a goroutine here, which is what to lower for
// peers that are not trusted; channels of other names wait for an Accept that does not come, up to Limits.Unclaimed.
//
// When l is closed, Serve goes on with the sessions that it has until they end, and returns nil. When ctx is done, it
// takes no more messages, waits for the calls of f that run, closes the sessions, and returns ctx's error. It does not
// close l. Handle does the same without goroutines, for an f that does not block.
func Serve[T any](ctx context.Context, l *Listener, name string, f func(ctx context.Context, s *Session, v *T) error) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := mayDecode[T](l.eng); err != nil {
		return err
	}
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		s, err := l.Accept(ctx)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		sessions.Go(func() { serveSession(ctx, s, name, f) })
	}
}

// serveSession serves a session's channels until it ends or ctx is done, and closes it.
func serveSession[T any](ctx context.Context, s *Session, name string, f func(ctx context.Context, s *Session, v *T) error) {
	defer s.Close()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	var channels sync.WaitGroup
	defer channels.Wait()
	for {
		// With ctx: what a peer has sent before it went is served.
		r, err := s.accept(ctx, name)
		if err != nil {
			return
		}
		if err := admit[T](ctx, s, r); err != nil {
			s.log.Warn("channel refused", "peer", s.link.Peer.Addr, "reason", err)
			continue
		}
		channels.Go(func() {
			err := serveChannel(ctx, Receiver[T]{end: r}, func(v *T) error { return f(inner, s, v) })
			if err != nil && ctx.Err() == nil {
				s.log.Info("channel ended", "peer", s.link.Peer.Addr, "channel", name, "reason", err)
			}
		})
	}
}

// serveChannel calls f for the messages of a channel, until it ends, or an error of f ends it.
func serveChannel[T any](ctx context.Context, r Receiver[T], f func(v *T) error) error {
	var zero T
	for v := new(T); ; {
		*v = zero
		err := r.Receive(ctx, v)
		switch {
		case err == nil:
			err = f(v)
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return err
		}
		if err != nil {
			_ = r.CloseWith(err)
			return err
		}
	}
}
