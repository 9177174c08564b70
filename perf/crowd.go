package perf

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/perf/rig"
)

// crowd is many connections, as their server or their client has them; it is one or the other.
type crowd interface {
	// listen makes it the server of so many.
	listen(ctx context.Context, sessions int) (address string, certificate []byte, err error)
	// here is how many connections the server has.
	here() int

	// ready makes it a client of a server.
	ready(address string, certificate []byte, sessions int) error
	// dial makes connections.
	dial(ctx context.Context, n int) error
	// use makes one round trip on each.
	use(ctx context.Context) error
	// work has n of them make round trips for a time, and returns how many each has made.
	work(ctx context.Context, n int, d time.Duration) ([]int, error)
	// hangUp closes all.
	hangUp() error

	close() error
}

// newCrowd makes what carries a transport.
func newCrowd(c Config) (crowd, error) {
	clock, err := measure.NewClock()
	if err != nil {
		return nil, err
	}
	e := &env{config: c, address: "@corechan-perf-" + rand.Text(), clock: clock, lazy: true}
	if c.Transport.Bare() {
		return &conns{env: e}, nil
	}
	return &sessions{env: e, carrier: rig.CarrierOf(c.Transport)}, nil
}

// identify makes the key and certificate of a server, if it needs any.
func (e *env) identify() error {
	if !e.config.Transport.Secure() {
		return nil
	}
	identity, err := limit.NewIdentity()
	if err != nil {
		return err
	}
	e.identity, e.certificate = &identity, identity.Certificate[0]
	return nil
}

// atOnce is how many connections are made or used at the same time.
const atOnce = 64

// each calls f for 0 to n-1, some at the same time, until one fails.
func each(n int, f func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	for range min(atOnce, n) {
		workers.Go(func() {
			for i := int(next.Add(1) - 1); i < n && failed.Load() == nil; i = int(next.Add(1) - 1) {
				if err := f(i); err != nil {
					err = fmt.Errorf("session %d of %d: %w", i+1, n, err)
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// race has n goroutines call trip again and again for a time, each with its number, and counts.
func race(n int, d time.Duration, trip func(i int) error) ([]int, error) {
	counts, errs := make([]int, n), make([]error, n)
	var over atomic.Bool
	var workers sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		workers.Go(func() {
			<-begin
			done := 0
			for !over.Load() {
				if errs[i] = trip(i); errs[i] != nil {
					over.Store(true)
					break
				}
				done++
			}
			counts[i] = done
		})
	}
	timer := time.AfterFunc(d, func() { over.Store(true) })
	defer timer.Stop()
	close(begin)
	workers.Wait()
	return counts, errors.Join(errs...)
}

// sessions are those of corechan. The server answers on its loops; a client calls.
type sessions struct {
	env      *env
	carrier  rig.Carrier
	engine   *engine.Engine
	listener *engine.Listener
	list     []*engine.Session
	callers  []sessionCaller
}

// sessionCaller makes calls on one session. What it keeps of them is its own.
type sessionCaller struct {
	tx engine.Sender[ask]
}

func (s *sessions) start(n int) (err error) {
	s.engine, err = engine.New(engine.Config{
		Wait:   engineWait(s.env.config.Wait),
		Limits: engine.Limits{Sessions: n + 1},
	})
	return err
}

func (s *sessions) listen(ctx context.Context, n int) (string, []byte, error) {
	if err := s.env.identify(); err != nil {
		return "", nil, err
	}
	if err := s.start(n); err != nil {
		return "", nil, err
	}
	at, err := s.env.place(measure.Near)
	if err != nil {
		return "", nil, err
	}
	if s.listener, err = s.carrier.Listen(ctx, at, s.engine); err != nil {
		return "", nil, err
	}
	_, answer, err := newAsk(DefaultSize)
	if err != nil {
		return "", nil, err
	}
	err = engine.Handle(s.listener, there, func(ctx context.Context, a *ask) error {
		out := answer // handlers of several loops run at the same time
		out.Seq, out.Sent = a.Seq, a.Sent
		return a.Reply.Send(ctx, &out)
	})
	return addressOf(s.listener), s.env.certificate, err
}

func (s *sessions) here() int {
	n := 0
	for range s.engine.Sessions() {
		n++
	}
	return n
}

func (s *sessions) ready(address string, certificate []byte, n int) error {
	s.env.address, s.env.certificate = address, certificate
	return s.start(n)
}

func (s *sessions) dial(ctx context.Context, n int) error {
	s.list = make([]*engine.Session, n)
	at, err := s.env.place(measure.Far)
	if err != nil {
		return err
	}
	return each(n, func(i int) (err error) {
		s.list[i], err = s.carrier.Dial(ctx, at, s.engine)
		return err
	})
}

func (s *sessions) use(ctx context.Context) error {
	s.callers = make([]sessionCaller, len(s.list))
	return each(len(s.list), func(i int) (err error) {
		if s.callers[i].tx, err = engine.Open[ask](ctx, s.list[i], there); err != nil {
			return err
		}
		c, err := s.callers[i].start()
		if err != nil {
			return err
		}
		return c.trip(ctx)
	})
}

// busyCaller is a caller with the messages that it needs while it calls.
type busyCaller struct {
	sessionCaller
	out ask
	in  Message
}

func (c sessionCaller) start() (b *busyCaller, err error) {
	b = &busyCaller{sessionCaller: c}
	b.out.Message, b.in, err = newAsk(DefaultSize)
	return b, err
}

func (c *busyCaller) trip(ctx context.Context) error {
	c.out.Seq++
	if err := engine.Call(ctx, c.tx, &c.out, &c.out.Reply, &c.in); err != nil {
		return err
	}
	return check(c.in.Seq, c.out.Seq)
}

func (s *sessions) work(ctx context.Context, n int, d time.Duration) ([]int, error) {
	busy := make([]*busyCaller, n)
	for i := range busy {
		var err error
		if busy[i], err = s.callers[i].start(); err != nil {
			return nil, err
		}
	}
	return race(n, d, func(i int) error { return busy[i].trip(ctx) })
}

func (s *sessions) hangUp() error {
	list := s.list
	s.list, s.callers = nil, nil
	return each(len(list), func(i int) error { return list[i].Close() })
}

func (s *sessions) close() error {
	if s.engine == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	return s.engine.Shutdown(ctx) // closes the listener too
}
