// Package accept has the part of a listener that all transports over sockets share: it accepts, and shakes hands with several
// peers at once.
package accept

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/corechan/corechan/engine"
)

// maxHandshakes bounds the handshakes under way on one listener, with the sessions that wait for room in its backlog.
const maxHandshakes = 128

// A Config says what a listener is made of. C is an accepted connection.
type Config[C io.Closer] struct {
	Engine *engine.Engine
	// URL is the address that peers dial.
	URL string
	// Accept has one function for each listening socket. It blocks until there is a peer, or Close was called.
	Accept []func() (C, error)
	// Close closes the listening sockets.
	Close func() error
	// Greet makes a session of a connection, which is its own, or nil if it was for something else. It ends with ctx, which ends
	// with the listener.
	Greet func(ctx context.Context, conn C) (*engine.Session, error)
}

// Listen accepts peers until the listener is closed. On error nothing is closed.
func Listen[C io.Closer](c Config[C]) (*engine.Listener, error) {
	l := &listener[C]{Config: c, slots: make(chan struct{}, maxHandshakes)}
	l.log = c.Engine.Logger().With("listener", c.URL)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	var err error
	if l.to, err = engine.NewListener(c.Engine, c.URL, l.close); err != nil {
		l.cancel()
		return nil, err
	}
	for _, a := range c.Accept {
		l.all.Go(func() { l.accept(a) })
	}
	return l.to, nil
}

// A listener accepts on a goroutine of its own for each socket, and shakes hands on one more for each peer.
type listener[C io.Closer] struct {
	Config[C]
	to     *engine.Listener
	log    *slog.Logger
	slots  chan struct{}
	ctx    context.Context // ends with the listener
	cancel context.CancelFunc
	all    sync.WaitGroup
}

// close stops accepting and waits for the handshakes, which it cuts short.
func (l *listener[C]) close() error {
	l.cancel()
	err := l.Close()
	l.all.Wait()
	return err
}

func (l *listener[C]) accept(next func() (C, error)) {
	pause := time.Millisecond
	for {
		conn, err := next()
		switch {
		case l.ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			// Out of descriptors or memory: peers wait in the backlog until there are some again.
			l.log.Error("accept failed", "reason", err, "retry", pause)
			if !l.sleep(pause) {
				return
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = time.Millisecond
		select {
		case l.slots <- struct{}{}:
		case <-l.ctx.Done():
			_ = conn.Close()
			return
		}
		l.all.Go(func() {
			defer func() { <-l.slots }() // kept until the session is delivered, which bounds those that wait for that
			if s := l.greet(conn); s != nil {
				l.to.Deliver(s)
			}
		})
	}
}

func (l *listener[C]) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// greet shakes hands with one peer.
func (l *listener[C]) greet(conn C) *engine.Session {
	s, err := l.Greet(l.ctx, conn)
	switch {
	case err == nil:
		return s
	case errors.Is(err, context.Canceled), errors.Is(err, net.ErrClosed):
	default:
		l.log.Warn("peer refused", "reason", err)
	}
	return nil
}
