// Package inmem connects two ends in one process: for tests, and for a service that may or may not be a process of its
// own. The rings are ordinary memory, so the race detector sees everything; the protocol above them is the same as
// between processes.
package inmem

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/ring"
)

// Transport is the name of this transport: the scheme of its URLs.
const Transport = "inmem"

var (
	// ErrInUse refuses a second listener of a name.
	ErrInUse = errors.New("address is in use")
	// ErrNobody refuses to dial a name where nobody listens.
	ErrNobody = errors.New("nobody listens")
)

// Options are how sessions are made. The zero value, and nil, is a good choice.
type Options struct {
	// Engine owns the sessions; nil means engine.Default.
	Engine *engine.Engine
	// Ring is the ring that this side sends on: its capacity, 256 KiB if zero.
	Ring ring.Options
}

func (o *Options) withDefaults() Options {
	var r Options
	if o != nil {
		r = *o
	}
	if r.Engine == nil {
		r.Engine = engine.Default()
	}
	return r
}

// Pair returns two sessions connected to each other, both for the caller to close.
func Pair(o *Options) (a, b *engine.Session, err error) {
	c := o.withDefaults()
	return pair(&c, &c, "pair")
}

func pair(da, db *Options, addr string) (a, b *engine.Session, err error) {
	segA, err := ring.NewHeap(&da.Ring)
	if err != nil {
		return nil, nil, err
	}
	segB, err := ring.NewHeap(&db.Ring)
	if err != nil {
		return nil, nil, err
	}
	bellA, bellB := engine.NewBells()
	self := engine.Peer{
		Local: true, Addr: Transport + "://" + addr,
		Cred: fd.Cred{PID: os.Getpid(), UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())},
	}
	barrier := engine.ProcessBarrier()
	if da.Engine.Wait() == engine.Block || db.Engine.Wait() == engine.Block {
		barrier = nil // who sleeps after every message would interrupt the peer that it has just woken
	}
	la := newLink(segA, segB, bellA, barrier)
	la.Dialer, la.Peer, la.PeerLimits = true, self, announced(db.Engine)
	lb := newLink(segB, segA, bellB, barrier)
	lb.Peer, lb.PeerLimits = self, announced(da.Engine)
	a, err = engine.NewSession(da.Engine, la)
	if err != nil {
		return nil, nil, err
	}
	b, err = engine.NewSession(db.Engine, lb)
	if err != nil {
		_ = a.Close()
		return nil, nil, err
	}
	bellA.OnGone(a.PeerGone)
	bellB.OnGone(b.PeerGone)
	return a, b, nil
}

func announced(e *engine.Engine) engine.Announced {
	l := e.Limits()
	return engine.Announced{Window: l.Window, MaxMessage: l.MaxMessage}
}

func newLink(own, peer *ring.Segment, bell engine.Bell, barrier func()) *engine.Link {
	return &engine.Link{
		Producer: ring.NewProducer(own, peer), Consumer: ring.NewConsumer(own, peer), Bell: bell,
		Barrier: barrier, Lanes: lanes{barrier}, Close: func() error { return nil }, Descriptors: true, Stamps: true, Transport: Transport, MaxRecord: own.MaxRecord(),
	}
}

// A namespace is where listeners are found by name.
type namespace struct {
	mu        sync.Mutex
	listeners map[string]*listener
}

var process = sync.OnceValue(func() *namespace { return &namespace{listeners: map[string]*listener{}} })

type listener struct {
	*engine.Listener
	options Options
}

// Listen makes a listener of a name within the process.
func Listen(_ context.Context, name string, o *Options) (*engine.Listener, error) {
	n := process()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[name] != nil {
		return nil, fmt.Errorf("inmem: listen %q: %w", name, ErrInUse)
	}
	l := &listener{options: o.withDefaults()}
	var err error
	l.Listener, err = engine.NewListener(l.options.Engine, Transport+"://"+name, func() error {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.listeners, name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	n.listeners[name] = l
	return l.Listener, nil
}

// Dial connects to the listener of a name. It waits while the listener's backlog is full.
func Dial(ctx context.Context, name string, o *Options) (*engine.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := process()
	n.mu.Lock()
	l := n.listeners[name]
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("inmem: dial %q: %w: Listen first", name, ErrNobody)
	}
	c := o.withDefaults()
	a, b, err := pair(&c, &l.options, name)
	if err != nil {
		return nil, err
	}
	delivered := make(chan struct{})
	go func() {
		l.Deliver(b)
		close(delivered)
	}()
	select {
	case <-delivered:
		return a, nil
	case <-ctx.Done():
		_ = a.Close() // Deliver sees b end
		<-delivered
		return nil, ctx.Err()
	}
}
