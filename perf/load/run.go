package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

// Options says how to run a measurement. The zero value, and nil, are fine for a program that has a `perf load-peer` command.
type Options struct {
	// Command makes the command that starts the second process, which must call ServePeer. Default: DefaultCommand.
	Command func() *exec.Cmd

	// Progress, if not nil, is called after each round.
	Progress func(Progress)

	// Result, if not nil, is filled with all that was measured, in the form that it has on disk.
	Result *result.Result
}

// Progress is how far a run has come.
type Progress struct {
	Round, Rounds int   // Round 0 is to warm up
	Latest        Round // what the round that has just ended came to
}

// Run measures. When ctx ends, the report covers what was measured until then, and says so; if that is nothing, the error is
// perf.ErrInterrupted.
func Run(ctx context.Context, c Config, o *Options) (Report, error) {
	m, err := rig.ThisMachine()
	if err != nil {
		return Report{}, err
	}
	if c, err = c.complete(m); err != nil {
		return Report{}, err
	}
	if o == nil {
		o = &Options{}
	}
	if ctx.Err() != nil {
		return Report{}, perf.ErrInterrupted
	}
	r, err := newRun(ctx, c, o)
	if err != nil {
		if ctx.Err() != nil {
			err = perf.ErrInterrupted
		}
		return Report{}, err
	}
	err = r.measure(ctx)
	if closing := r.close(); r.books.tally.Lost == 0 { // else the receiver is out of order, and the report says so
		err = errors.Join(err, closing)
	}
	if r.books.rounds == 0 && (ctx.Err() != nil) {
		return Report{}, perf.ErrInterrupted
	}
	if err != nil {
		return Report{}, err
	}
	return r.report(ctx)
}

// run is one run: its two sides, and what it has measured. It is used by one goroutine, but for its hot threads.
type run struct {
	config  Config
	options *Options
	clock   measure.Clock
	restore func()
	engine  *engine.Engine
	far     farSide
	first   answer // of the far side
	last    answer
	threads []*thread
	stop    atomic.Bool
	books   books
}

// thread is a hot thread of a sender.
type thread struct {
	*sender
	jobs   chan func()
	core   int // -1: not pinned
	tid    int
	before float64 // environment.Step
	after  float64
	ended  sync.WaitGroup
}

func newRun(ctx context.Context, c Config, o *Options) (_ *run, err error) {
	r := &run{config: c, options: o, books: newBooks(&c)}
	if r.clock, err = measure.NewClock(); err != nil {
		return nil, err
	}
	pollers := c.Senders
	if c.Transport.InProcess() {
		pollers++
	}
	r.restore = rig.Quiet(pollers)
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if err = r.start(ctx); err != nil {
		return nil, err
	}
	opening, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err = r.dial(opening); err != nil {
		return nil, r.far.explain(err)
	}
	if r.first = r.far.do(ctx, ready); r.first.Err != "" {
		return nil, errors.New(r.first.Err)
	}
	return r, nil
}

// start starts the receiver, and the threads of the senders.
func (r *run) start(ctx context.Context) (err error) {
	c := &r.config
	if c.Transport.InProcess() {
		one, err := newReceiver(context.WithoutCancel(ctx), *c)
		if err != nil {
			return err
		}
		r.far = &here{one}
	} else {
		command := r.options.Command
		if command == nil {
			command = DefaultCommand
		}
		one, err := startAway(command(), c)
		if err != nil {
			return err
		}
		r.far = one
	}
	// The senders never wait in the engine.
	if r.engine, err = newEngine(c, -1, senderWait(c)); err != nil {
		return err
	}
	for i := range c.Senders {
		t, err := r.newThread(i)
		if err != nil {
			return err
		}
		r.threads = append(r.threads, t)
	}
	return nil
}

func senderWait(c *Config) perf.Wait {
	if c.Transport.Roams() {
		return perf.Block
	}
	return perf.Spin
}

// newThread starts the hot thread of a sender.
func (r *run) newThread(i int) (*thread, error) {
	c := &r.config
	t := &thread{jobs: make(chan func()), core: -1, sender: &sender{
		most: c.mostUnderWay(), clock: r.clock, schedule: newSchedule(c, i), samples: newSamples(c.intervals()), stop: &r.stop,
		closed: c.Closed, yields: !c.pinned(), patience: patience + c.Stall,
	}}
	if c.pinned() {
		t.core = c.Cores[i]
	}
	started := make(chan error)
	t.ended.Go(func() {
		if t.core >= 0 {
			unpin, err := rig.Pin(t.core)
			if err != nil {
				started <- err
				return
			}
			defer unpin()
			t.tid, t.before = unix.Gettid(), environment.Step()
			defer func() { t.after = environment.Step() }()
		}
		started <- nil
		for job := range t.jobs {
			job()
		}
	})
	return t, <-started
}

// patience is how long an answer may take after everything was sent: then it is lost.
const patience = 5 * time.Second

// dial makes the sessions of all senders, each on its thread, so that their memory is touched there first.
func (r *run) dial(ctx context.Context) (err error) {
	c := &r.config
	at := rig.Place{Address: r.far.place().Address, Ring: ringOptions(c)}
	if c.Transport.Secure() {
		if at.TLS, err = limit.ClientTLS(r.far.place().Certificate); err != nil {
			return err
		}
	}
	result := make(chan error)
	for i := range c.Sessions {
		t := r.threads[i%len(r.threads)]
		t.jobs <- func() {
			one, err := r.open(ctx, at)
			if err == nil {
				t.conns = append(t.conns, one)
			}
			result <- err
		}
		if err := <-result; err != nil {
			return fmt.Errorf("session %d of %d: %w", i+1, c.Sessions, err)
		}
	}
	return nil
}

// open makes one session.
func (r *run) open(ctx context.Context, at rig.Place) (*conn, error) {
	c, err := newConn(&r.config)
	if err != nil {
		return nil, err
	}
	if c.session, err = rig.CarrierOf(r.config.Transport).Dial(ctx, at, r.engine); err != nil {
		return nil, err
	}
	if c.tx, err = engine.Open[perf.Message](ctx, c.session, there); err == nil {
		c.rx, err = engine.Accept[perf.Message](ctx, c.session, back)
	}
	if err == nil && r.config.Size > c.tx.MaxMessage() {
		err = fmt.Errorf("%w: %d bytes; a message has %d at most", rig.ErrSize, r.config.Size, c.tx.MaxMessage())
	}
	return c, err
}

// measure makes all rounds.
func (r *run) measure(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { r.stop.Store(true) })()
	if r.config.Warm > 0 {
		if _, err := r.round(ctx, round{length: int64(r.config.Warm)}); err != nil {
			return r.ended(err)
		}
		r.progress(0, Round{})
		if r.first = r.far.do(ctx, ready); r.first.Err != "" { // now it knows its thread
			return errors.New(r.first.Err)
		}
	}
	for i := range r.config.Rounds {
		watches, err := r.watch()
		if err != nil {
			return err
		}
		began := time.Now()
		t, err := r.round(ctx, round{length: int64(r.config.Round), measured: true, stall: r.config.Stall > 0})
		took := time.Since(began)
		if err := r.ended(err); err != nil {
			return err
		}
		latest, err := r.books.close(t, r.threads, watches, min(took, r.config.Round), [2]int64{residentOf(os.Getpid()), residentOf(r.first.PID)})
		if err != nil {
			return err
		}
		r.progress(i+1, latest)
		if r.stop.Load() || t.Lost > 0 {
			return nil
		}
	}
	r.books.complete = true
	return nil
}

// ended makes nothing of the end that was asked for, and explains any other.
func (r *run) ended(err error) error {
	if err == nil || errors.Is(err, errStopped) {
		return nil
	}
	return r.far.explain(err)
}

// round has all senders make a round, and waits until they have.
func (r *run) round(ctx context.Context, one round) (sum tally, err error) {
	const ahead = time.Millisecond // until all threads are there
	one.begin = r.clock.Now() + int64(ahead)
	type outcome struct {
		tally
		err error
	}
	results := make(chan outcome, len(r.threads))
	for i, t := range r.threads {
		mine := one
		mine.stall = one.stall && i == 0
		t.jobs <- func() {
			got, err := t.run(mine)
			results <- outcome{got, err}
		}
	}
	var errs []error
	for range r.threads {
		o := <-results
		sum.add(o.tally)
		if o.err != nil {
			r.stop.Store(r.stop.Load() || !errors.Is(o.err, errStopped)) // a sender that has failed stops the others
			errs = append(errs, o.err)
		}
	}
	if ctx.Err() != nil {
		return sum, errStopped
	}
	for _, err := range errs { // the first one that is a reason
		if !errors.Is(err, errStopped) {
			return sum, err
		}
	}
	return sum, nil
}

// watch begins to watch all hot threads.
func (r *run) watch() (all []*environment.Watch, err error) {
	who := make([]environment.Thread, 0, len(r.threads)+1)
	for i, t := range r.threads {
		name := "sender"
		if len(r.threads) > 1 {
			name = fmt.Sprintf("sender %d", i)
		}
		who = append(who, environment.Thread{Name: name, PID: os.Getpid(), TID: t.tid, Core: t.core})
	}
	core := r.config.receiverCore()
	if r.first.TID == 0 {
		core = -1
	}
	who = append(who, environment.Thread{Name: "receiver", PID: r.first.PID, TID: r.first.TID, Core: core})
	for _, one := range who {
		w, err := environment.Begin(one)
		if err != nil {
			return nil, r.far.explain(err)
		}
		all = append(all, w)
	}
	return all, nil
}

func (r *run) progress(n int, latest Round) {
	if r.options.Progress != nil {
		r.options.Progress(Progress{Round: n, Rounds: r.config.Rounds, Latest: latest})
	}
}

// close ends both sides, and the threads.
func (r *run) close() error {
	var errs []error
	for _, t := range r.threads {
		for _, c := range t.conns {
			_ = c.session.Close() // always nil
		}
		close(t.jobs)
		t.ended.Wait()
	}
	if r.far != nil {
		select {
		case <-r.far.lost():
		default:
			if r.books.tally.Lost > 0 && !r.config.Transport.InProcess() {
				break // it may never answer; to hang up ends it
			}
			if r.last = r.far.do(context.Background(), end); r.last.Err != "" {
				errs = append(errs, errors.New(r.last.Err))
			}
		}
		errs = append(errs, r.far.close())
	}
	if r.engine != nil {
		errs = append(errs, shutdown(r.engine))
	}
	r.restore()
	return errors.Join(errs...)
}
