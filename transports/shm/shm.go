package shm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
)

// Dial connects to the listener at an address: a path, or an abstract name after '@'. The session is the caller's to close.
//
// The errors: those of connect(2) with what to do about them; ErrRefused with the listener's text; ErrForbidden for a
// listener of another user; ErrHandshake, ErrVersion; the context's. A full backlog is waited for.
func Dial(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
	c := o.withDefaults()
	sock, err := fd.DialUnix(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("shm: dial %s: %w", addr, err)
	}
	s, err := session(ctx, sock, &c, true, addr)
	if err != nil {
		return nil, fmt.Errorf("shm: dial %s: handshake: %w", addr, err)
	}
	return s, nil
}

// maxHandshakes bounds the handshakes under way on one listener, with the sessions that wait for room in its backlog.
const maxHandshakes = 128

// Listen listens at an address: a path, or an abstract name after '@'. The socket file of a dead server is replaced; a
// living one's is refused (fd.ErrInUse). Anybody who may open the path can connect; who is let in, Options says.
func Listen(_ context.Context, addr string, o *Options) (*engine.Listener, error) {
	l := &listener{o: o.withDefaults(), addr: addr, slots: make(chan struct{}, maxHandshakes)}
	l.log = l.o.Engine.Logger().With("listener", Transport+"://"+addr)
	var err error
	if l.sock, err = fd.Listen(addr, 1024); err != nil {
		return nil, fmt.Errorf("shm: listen %s: %w", addr, err)
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.Listener, err = engine.NewListener(l.o.Engine, Transport+"://"+addr, l.close)
	if err != nil {
		l.cancel()
		_ = l.sock.Close()
		return nil, fmt.Errorf("shm: listen %s: %w", addr, err)
	}
	l.all.Go(l.accept)
	return l.Listener, nil
}

// A listener accepts on a goroutine of its own, which blocks in accept4(2), and shakes hands on one more for each peer.
type listener struct {
	*engine.Listener
	o      Options
	addr   string
	sock   *fd.Listener
	log    *slog.Logger
	slots  chan struct{}
	ctx    context.Context // ends with the listener
	cancel context.CancelFunc
	all    sync.WaitGroup
}

// close stops accepting and waits for the handshakes, which it cuts short.
func (l *listener) close() error {
	l.cancel()
	err := l.sock.Close()
	l.all.Wait()
	return err
}

func (l *listener) accept() {
	pause := time.Millisecond
	for {
		sock, err := l.sock.Accept()
		switch {
		case l.ctx.Err() != nil:
			if err == nil {
				_ = sock.Close()
			}
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
			_ = sock.Close()
			return
		}
		l.all.Go(func() {
			defer func() { <-l.slots }() // kept until the session is delivered, which bounds those that wait for that
			if s := l.greet(sock); s != nil {
				l.Deliver(s)
			}
		})
	}
}

func (l *listener) sleep(d time.Duration) bool {
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
func (l *listener) greet(sock *fd.FD) *engine.Session {
	s, err := session(l.ctx, sock, &l.o, false, l.addr)
	switch {
	case err == nil:
		return s
	case errors.Is(err, context.Canceled), errors.Is(err, net.ErrClosed):
	default:
		l.log.Warn("peer refused", "reason", err)
	}
	return nil
}
