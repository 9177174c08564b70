package load

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/rig"
	"github.com/corechan/corechan/ring"
)

// The channels' names.
const (
	there = "there"
	back  = "back"
)

// endTimeout bounds what should take no time.
const endTimeout = rig.EndTimeout

// receiver is the side that answers: one session by a thread of its own, pinned if that can be, several by a loop.
type receiver struct {
	config   Config
	engine   *engine.Engine
	listener *engine.Listener
	place    place
	ready    chan error // has a value when all sessions are there
	tid      atomic.Int64
	step     float64 // what Step said on its core at first
	last     float64 // and when it had ended
	ended    sync.WaitGroup
	failed   error // of the thread, once ended
}

// place is where the receiver is, and who.
type place struct {
	Address     string
	Certificate []byte // in DER, where there is TLS
}

// newReceiver begins to listen, and to accept the sessions of the senders.
func newReceiver(ctx context.Context, c Config) (r *receiver, err error) {
	r = &receiver{config: c, ready: make(chan error, 1)}
	if r.engine, err = newEngine(&c, c.receiverCore(), c.Wait); err != nil {
		return nil, err
	}
	at := rig.Place{Address: "@corechan-perf-" + rand.Text(), Ring: ringOptions(&c)}
	if c.Transport.Secure() {
		identity, err := limit.NewIdentity()
		if err != nil {
			return nil, errors.Join(err, shutdown(r.engine))
		}
		r.place.Certificate, at.TLS = identity.Certificate[0], limit.ServerTLS(identity)
	}
	if r.listener, err = rig.CarrierOf(c.Transport).Listen(ctx, at, r.engine); err != nil {
		return nil, errors.Join(err, shutdown(r.engine))
	}
	_, r.place.Address, _ = strings.Cut(r.listener.Addr(), "://")
	r.ended.Go(func() { r.accept(ctx) })
	return r, nil
}

// receiverCore is the receiver's core; -1 if it is not pinned.
func (c *Config) receiverCore() int {
	if !c.pinned() {
		return -1
	}
	return c.Cores[len(c.Cores)-1]
}

// newEngine makes the engine of one side. Where handlers have a core, so has the loop that runs them.
func newEngine(c *Config, core int, wait perf.Wait) (*engine.Engine, error) {
	cfg := engine.Config{Limits: engine.Limits{Window: uint32(c.Ring), Sessions: c.Sessions + 1}}
	switch wait {
	case perf.Spin:
		cfg.Wait = engine.Spin
	case perf.Block:
		cfg.Wait = engine.Block
	default:
		cfg.Wait = engine.Hybrid
	}
	if core >= 0 {
		cfg.Cores = strconv.Itoa(core)
	}
	return engine.New(cfg)
}

// ringOptions are those of every ring. The pages of some are touched beforehand, so that no fault falls into a round; those of very many
// would take all memory.
func ringOptions(c *Config) ring.Options {
	const most = 256 << 20
	return ring.Options{Capacity: c.Ring, Prefault: c.Sessions*c.Ring <= most}
}

func shutdown(e *engine.Engine) error {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	return e.Shutdown(ctx)
}

// accept takes all sessions, and serves them.
func (r *receiver) accept(ctx context.Context) {
	if r.config.Sessions == 1 {
		r.failed = r.serveOne(ctx)
		return
	}
	for range r.config.Sessions {
		s, err := r.listener.Accept(ctx)
		if err == nil {
			err = r.handle(ctx, s)
		}
		if err != nil {
			r.ready <- err
			return
		}
	}
	r.ready <- nil
}

// handle has the loop answer a session.
func (r *receiver) handle(ctx context.Context, s *engine.Session) error {
	var to atomic.Pointer[engine.Sender[perf.Message]]
	err := engine.Handle(s, there, func(ctx context.Context, m *perf.Message) error {
		if r.tid.Load() == 0 {
			r.tid.Store(int64(unix.Gettid()))
		}
		r.stall(m)
		return to.Load().Send(ctx, m)
	})
	if err != nil {
		return err
	}
	tx, err := engine.Open[perf.Message](ctx, s, back) // nothing is sent before this is accepted
	to.Store(&tx)
	return err
}

// serveOne answers the only session, on a thread of its own.
func (r *receiver) serveOne(ctx context.Context) error {
	if core := r.config.receiverCore(); core >= 0 {
		unpin, err := rig.Pin(core)
		if err != nil {
			r.ready <- err
			return err
		}
		defer unpin()
		r.tid.Store(int64(unix.Gettid()))
		r.step = environment.Step()
		defer func() { r.last = environment.Step() }()
	}
	rx, tx, err := r.openOne(ctx)
	r.ready <- err
	if err != nil {
		return err
	}
	in := perf.Message{Pad: make([]byte, r.config.Size)}
	forever := context.Background() // so that waiting costs what it must; close ends it
	for {
		if err := rx.Receive(forever, &in); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		r.stall(&in)
		if err := tx.Send(forever, &in); err != nil {
			return err
		}
	}
}

func (r *receiver) openOne(ctx context.Context) (rx engine.Receiver[perf.Message], tx engine.Sender[perf.Message], err error) {
	s, err := r.listener.Accept(ctx)
	if err != nil {
		return rx, tx, err
	}
	if tx, err = engine.Open[perf.Message](ctx, s, back); err != nil {
		return rx, tx, err
	}
	rx, err = engine.Accept[perf.Message](ctx, s, there)
	return rx, tx, err
}

// stall stands still if the message asks for it.
func (r *receiver) stall(m *perf.Message) {
	if r.config.Stall > 0 && len(m.Pad) > 0 && m.Pad[0] == stallMark {
		time.Sleep(r.config.Stall)
	}
}

// close ends all sessions and waits for the thread.
func (r *receiver) close() error {
	err := shutdown(r.engine)
	r.ended.Wait()
	return err
}
