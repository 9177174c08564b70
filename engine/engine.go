package engine

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/msgpack"
	"github.com/corechan/corechan/netpoll"
)

// Config says how an Engine works. The zero value, and nil, is a good choice.
type Config struct {
	// Cores are the cores of the loops that run handlers, such as "2" or "0-3,6": one loop pinned to each. Empty: one
	// loop that runs wherever the kernel puts it. They must be within the process's cpuset.
	Cores string
	// Wait is what a call does that has to wait: Hybrid, Spin or Block.
	Wait Wait
	// SpinFor is how long Hybrid spins at most before it sleeps. 0 means 50 µs.
	SpinFor time.Duration
	// Limits bound what peers can make this process hold.
	Limits Limits
	// Codecs are the codecs that this side knows beside a type's own: those that peers may open channels with.
	Codecs []codec.Codec
	// Codec is used by Open where the options name none. nil: the type's own, which is msgpack, and bytes for Raw.
	Codec codec.Codec
	// Interceptors see what is opened, sent and received; in this order.
	Interceptors []Interceptor
	// Hidden keeps the engine from being seen by `corechan top` and package watch: while it has sessions to other processes, other processes
	// of the same user, and of root, may ask it for its Snapshot, at an abstract Unix socket. That takes a descriptor and a goroutine,
	// and nothing else while nobody asks.
	Hidden bool
	// Logger gets what has no caller to return to: refused peers, ended sessions. nil: silence.
	Logger *slog.Logger
}

// Limits bound what each session may hold. Zero fields mean the defaults.
type Limits struct {
	// Window is how many bytes a peer may send on a channel before they are received. Default: 256 KiB where memory is
	// shared, and over a socket what its ring takes, 1 MiB by default. A message may exceed it by its own size.
	Window uint32
	// MaxMessage is the size of the largest message that is taken, in bytes. Default: what the ring holds.
	MaxMessage uint32
	// Channels bounds the channels open in each direction. Default 65,536.
	Channels int
	// Unclaimed bounds the channels that the peer has opened and nobody has accepted. Default 1,024.
	Unclaimed int
	// References bounds the channels and streams that came in messages which nobody has received. Default 4,096.
	References int
	// ReferenceExpiry is how long these are kept for a message that nobody receives: then they are refused. Default 10 minutes;
	// less than 0: for ever.
	ReferenceExpiry time.Duration
	// Lanes bounds the lanes. Default 64.
	Lanes int
	// Sessions bounds the sessions of the engine. Default 65,536.
	Sessions int
}

const defaultWindow = 256 << 10

func (l Limits) withDefaults() Limits {
	setDefault(&l.Window, defaultWindow)
	setDefault(&l.MaxMessage, 1<<30)
	setDefault(&l.Channels, 1<<16)
	setDefault(&l.Unclaimed, 1<<10)
	setDefault(&l.References, 1<<12)
	if l.ReferenceExpiry == 0 {
		l.ReferenceExpiry = 10 * time.Minute
	}
	setDefault(&l.Lanes, 64)
	setDefault(&l.Sessions, 1<<16)
	return l
}

func setDefault[T int | uint32](p *T, v T) {
	if *p == 0 {
		*p = v
	}
}

// An Engine owns loops and sessions. Sessions that are dialled or accepted without naming one share Default.
// Its methods may be used by several goroutines at once.
type Engine struct {
	cfg      Config
	log      *slog.Logger
	cores    netpoll.CoreSet
	spinners spinners
	sleepers sleepers
	tally    tally
	offer    offer

	stamping  stamping
	latencies latencies
	// shared: the loops run only while there are users.
	shared bool
	// windowGiven: Limits.Window is not the default.
	windowGiven bool

	mu       sync.Mutex
	closing  bool
	sessions map[*Session]struct{}
	lastID   uint64              // of a session
	shown    int                 // sessions that are not within the process
	closers  map[Closer]struct{} // listeners
	loops    *netpoll.Group      // run handlers
	polled   int                 // ports that a loop polls
	service  *netpoll.Loop       // watches sockets
	users    int                 // of service
	trims    trims               // done by service
	idle     chan struct{}       // closed when the last session has gone, while closing
}

// A Closer is something that an engine closes when it shuts down.
type Closer interface{ Close() error }

// New makes an engine. Shutdown ends it.
//
// It fails with an error that names the cores if they do not exist or are outside of the process's cpuset.
func New(cfg Config) (*Engine, error) {
	e := newEngine(cfg)
	if cfg.Cores != "" {
		cores, err := netpoll.ParseCores(cfg.Cores)
		if err != nil {
			return nil, fmt.Errorf("engine: cores: %w", err)
		}
		allowed, err := netpoll.Allowed()
		if err != nil {
			return nil, fmt.Errorf("engine: cores: %w", err)
		}
		if err := cores.Check(allowed); err != nil {
			return nil, fmt.Errorf("engine: cores: %w", err)
		}
		e.cores = cores
	}
	return e, nil
}

func newEngine(cfg Config) *Engine {
	given := cfg.Limits.Window != 0
	cfg.Limits = cfg.Limits.withDefaults()
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Engine{
		cfg: cfg, log: log, windowGiven: given,
		sessions: map[*Session]struct{}{}, closers: map[Closer]struct{}{},
	}
}

var defaultEngine = sync.OnceValue(func() *Engine {
	e := newEngine(Config{})
	e.shared = true
	return e
})

// Default returns the engine of those who name none: default settings, silent. It has no threads while it has no
// sessions and listeners. It cannot be shut down.
func Default() *Engine { return defaultEngine() }

// intercepts reports whether interceptors see messages.
func (e *Engine) intercepts() bool {
	return slices.ContainsFunc(e.cfg.Interceptors, func(i Interceptor) bool { return i.Send != nil || i.Receive != nil })
}

// codec returns the codec of a name that the engine knows, or nil.
func (e *Engine) codec(name string) codec.Codec {
	if e.cfg.Codec != nil && e.cfg.Codec.Name() == name {
		return e.cfg.Codec
	}
	for _, c := range e.cfg.Codecs {
		if c.Name() == name {
			return c
		}
	}
	if name == codecMsgp {
		return msgpack.Codec{}
	}
	return nil
}

// Logger returns the engine's logger; never nil.
func (e *Engine) Logger() *slog.Logger { return e.log }

// Limits returns the limits with the defaults filled in.
func (e *Engine) Limits() Limits { return e.cfg.Limits }

// WindowFor returns the window of a session over a socket, whose ring has that capacity: Limits.Window if the engine's Config has it,
// else as much as the ring takes. Transports announce it, and set Link.Window.
func (e *Engine) WindowFor(capacity int) uint32 {
	if e.windowGiven {
		return e.cfg.Limits.Window
	}
	return uint32(max(capacity, defaultWindow))
}

// Wait returns how calls wait.
func (e *Engine) Wait() Wait { return e.cfg.Wait }

// Cores returns the cores of the loops that run handlers, as Config has them; none if it names none.
func (e *Engine) Cores() []int { return e.cores.List() }

// errShutdown refuses what comes after Shutdown.
var errShutdown = fmt.Errorf("engine: shut down: %w", os.ErrClosed)

// Service returns the loop that watches the sockets of sessions and listeners, and wakes goroutines that wait for them, and keeps it until
// release is called. It has no thread of its own. For transports.
func (e *Engine) Service() (loop *netpoll.Loop, release func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return nil, nil, errShutdown
	}
	if e.service == nil {
		loop, err := netpoll.New(&netpoll.Config{Unlocked: true})
		if err != nil {
			return nil, nil, fmt.Errorf("engine: %w", err)
		}
		e.service = loop
	}
	e.users++
	return e.service, sync.OnceFunc(e.release), nil
}

// release ends one use of the loops. Those of the shared engine end with the last use.
func (e *Engine) release() {
	e.mu.Lock()
	e.users--
	old := e.unused()
	e.mu.Unlock()
	old.close()
}

// unused takes what nobody uses and nobody will, to be closed. Called with mu held.
func (e *Engine) unused() (old retired) {
	if !e.shared && !e.closing {
		return old
	}
	if e.users == 0 {
		old.service, e.service = e.service, nil
		e.trims = trims{}
	}
	if e.polled == 0 {
		old.loops, e.loops = e.loops, nil
	}
	return old
}

// retired are loops that are not used any more.
type retired struct {
	service *netpoll.Loop
	loops   *netpoll.Group
}

func (r retired) close() {
	if r.service != nil {
		if r.service.InLoop() {
			go func() { _ = r.service.Close() }()
		} else {
			_ = r.service.Close()
		}
	}
	if r.loops != nil {
		go func() { _ = r.loops.Close() }()
	}
}

// enterLoop counts one more port that a loop polls, leaveLoop one less: a loop that ended before it has seen a port's end
// would leave the port's memory behind.
func (e *Engine) enterLoop() {
	e.mu.Lock()
	e.polled++
	e.mu.Unlock()
}

func (e *Engine) leaveLoop() {
	e.mu.Lock()
	e.polled--
	old := e.unused()
	e.mu.Unlock()
	old.close()
}

// loop returns the loop for the handlers of one more session, and keeps it until leaveLoop: that of core, if there is
// one, or else the one with the least to do.
func (e *Engine) loop(core int) (*netpoll.Loop, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return nil, errShutdown
	}
	if e.loops == nil {
		cfg := &netpoll.Config{Wait: e.cfg.Wait, SpinFor: e.cfg.SpinFor}
		g, err := netpoll.NewGroup(e.cores, cfg)
		if err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
		e.loops = g
	}
	e.polled++
	if i := slices.Index(e.cores.List(), core); i >= 0 {
		return e.loops.Loops()[i], nil
	}
	return e.loops.Least(), nil
}

// Stats returns the counters of the loops that run handlers.
func (e *Engine) Stats() []netpoll.Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []netpoll.Stats
	if e.loops != nil {
		for _, l := range e.loops.Loops() {
			all = append(all, l.Stats())
		}
	}
	return all
}

func (e *Engine) add(s *Session) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return errShutdown
	}
	if len(e.sessions) >= e.cfg.Limits.Sessions {
		return &LimitError{What: "sessions of the engine", Limit: uint64(e.cfg.Limits.Sessions), Hint: "raise Limits.Sessions"}
	}
	e.sessions[s] = struct{}{}
	e.lastID++
	s.id = e.lastID
	if s.shown {
		e.shown++
	}
	return nil
}

func (e *Engine) remove(s *Session) {
	e.forget(s)
	e.offer.update(e)
}

func (e *Engine) forget(s *Session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.sessions[s]; ok && s.shown {
		e.shown--
	}
	delete(e.sessions, s)
	if len(e.sessions) == 0 && e.idle != nil {
		close(e.idle)
		e.idle = nil
	}
}

// Own has c closed by Shutdown, until release is called. For transports' listeners.
func (e *Engine) Own(c Closer) (release func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return nil, errShutdown
	}
	e.closers[c] = struct{}{}
	return func() {
		e.mu.Lock()
		delete(e.closers, c)
		e.mu.Unlock()
	}, nil
}

// Shutdown ends the engine in order: listeners close, what was sent is given time to be read by the peers, then sessions close and loops
// end. If ctx is done first, they are closed at once and its error is returned. Default cannot be shut down.
func (e *Engine) Shutdown(ctx context.Context) error {
	if e.shared {
		return fmt.Errorf("engine: the default engine is everybody's: make one with New: %w", os.ErrPermission)
	}
	e.mu.Lock()
	if e.closing {
		e.mu.Unlock()
		return errShutdown
	}
	e.closing = true
	closers := e.closers
	e.closers = map[Closer]struct{}{}
	sessions := make([]*Session, 0, len(e.sessions))
	for s := range e.sessions {
		sessions = append(sessions, s)
	}
	idle := make(chan struct{})
	if len(sessions) == 0 {
		close(idle)
	} else {
		e.idle = idle
	}
	e.mu.Unlock()

	for c := range closers {
		_ = c.Close()
	}
	var err error
	for _, s := range sessions {
		if derr := s.drain(ctx); derr != nil && err == nil {
			err = derr
		}
	}
	for _, s := range sessions { // not before: two of them may be the two sides of one link
		_ = s.Close()
	}
	<-idle

	e.mu.Lock()
	old := e.unused() // what is used ends with its last use
	e.mu.Unlock()
	old.close()
	return err
}

// drain waits until the peer has read what was sent, or is gone: until the whole ring is free.
func (s *Session) drain(ctx context.Context) error {
	p := s.port
	if err := p.takeTx(ctx); err != nil {
		return ctx.Err()
	}
	defer p.giveTx()
	if p.link.Flush != nil { // what the usual case takes
		p.link.Flush()
		if _, err := p.prod.Reserve(s.link.MaxRecord); err == nil {
			p.prod.Abort()
			return nil
		}
	}
	if _, err := p.reserveSlow(ctx, s.link.MaxRecord, nil); err == nil {
		p.prod.Abort()
	}
	return ctx.Err()
}
