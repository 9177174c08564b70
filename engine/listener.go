package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"sync"
)

// A Listener hands out the sessions that peers make. It is made by a transport's Listen. Its methods may be used by
// several goroutines at once.
type Listener struct {
	eng     *Engine
	addr    string
	close   func() error
	release func()

	ready  chan *Session // accepted, not handed out yet: bounded
	closed chan struct{}

	mu       sync.Mutex
	over     bool
	handlers map[string]handler
}

// Backlog is how many sessions may wait for Accept. Beyond that, further peers wait in the handshake.
const Backlog = 128

// NewListener makes a listener for a transport, which calls Deliver for each new session. close stops the transport's
// part and returns when no Deliver runs any more; it is called once.
func NewListener(eng *Engine, addr string, close func() error) (*Listener, error) {
	l := &Listener{eng: eng, addr: addr, close: close, ready: make(chan *Session, Backlog), closed: make(chan struct{})}
	release, err := eng.Own(l)
	if err != nil {
		return nil, err
	}
	l.release = release
	return l, nil
}

// Deliver hands a session over: to the handlers if there are any, else to Accept. It waits while the backlog is full. A
// session that comes after Close is closed. For transports.
func (l *Listener) Deliver(s *Session) {
	l.mu.Lock()
	handlers := l.handlers
	l.mu.Unlock()
	if len(handlers) != 0 {
		for name, h := range handlers {
			if err := s.addHandler(name, h); err != nil {
				l.eng.log.Warn("session has no loop", "listener", l.addr, "reason", err)
				_ = s.Close()
				return
			}
		}
		return
	}
	select {
	case l.ready <- s: // also if the peer is gone already: what it sent is there
	default:
		select {
		case l.ready <- s:
		case <-l.closed:
			_ = s.Close()
			return
		case <-s.Done():
			_ = s.Close()
			return
		}
	}
	select {
	case <-l.closed: // nobody may come for it any more
		l.drop()
	default:
	}
}

func (l *Listener) drop() {
	for {
		select {
		case s := <-l.ready:
			_ = s.Close()
		default:
			return
		}
	}
}

// Accept waits for the next session, which is the caller's to close. After Close it returns net.ErrClosed.
func (l *Listener) Accept(ctx context.Context) (*Session, error) {
	select {
	case <-l.closed:
		return nil, l.errClosed()
	default:
	}
	select {
	case s := <-l.ready:
		return s, nil
	case <-l.closed:
		return nil, l.errClosed()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *Listener) errClosed() error {
	return fmt.Errorf("engine: accept on %s: %w", l.addr, net.ErrClosed)
}

// Sessions returns the sessions as they come. The listener's Close ends the loop; ctx ends it with its error.
func (l *Listener) Sessions(ctx context.Context) iter.Seq2[*Session, error] {
	return func(yield func(*Session, error) bool) {
		for {
			s, err := l.Accept(ctx)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// Addr returns the address that peers dial.
func (l *Listener) Addr() string { return l.addr }

// Close stops listening. Sessions that were handed out go on, others are closed. A second call returns net.ErrClosed.
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return l.errClosed()
	}
	l.over = true
	l.mu.Unlock()
	l.release()
	close(l.closed) // who delivers waits no longer
	err := l.close()
	l.drop()
	return err
}

// addHandler implements Handlers.
func (l *Listener) addHandler(name string, h handler) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.handlers[name]; taken {
		return fmt.Errorf("engine: channel %q has a handler: %w", name, os.ErrExist)
	}
	handlers := map[string]handler{name: h} // Deliver reads the old one without the lock
	for n, old := range l.handlers {
		handlers[n] = old
	}
	l.handlers = handlers
	return nil
}
