package perf

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/corechan/corechan/perf/rig"
)

// Bounds and defaults of an IdleConfig.
const (
	DefaultSessions = 10_000
	DefaultBusy     = 1_000
	MaxSessions     = 1_000_000
)

// IdleConfig says how many sessions to keep. The zero value of each field stands for the default.
type IdleConfig struct {
	Transport Transport // default TCP; any that joins two processes, or the bare form of one over sockets
	Sessions  int       // default DefaultSessions
	Busy      int       // how many of them are busy at the end; default DefaultBusy, or all if they are fewer
	Seconds   float64   // how long each phase is watched; default 2
	Wait      Wait      // default Block
}

// Idle measures what sessions cost that do nothing, in memory and in processor time, at a server and at a client, each a
// process of its own: when they are new, and when each has been used. Then it has some of them busy, and measures how evenly
// they are served. Where there is a limit, net.Conn with a goroutine for each connection, the same is done with that, in
// further processes. When ctx ends, the report covers what was measured until then, and says so.
func Idle(ctx context.Context, c IdleConfig, o *Options) (IdleReport, error) {
	o = o.orDefault()
	c, err := c.complete()
	if err != nil {
		return IdleReport{}, err
	}
	r := IdleReport{Transport: c.Transport, Sessions: c.Sessions, Busy: c.Busy, Seconds: c.Seconds, Wait: c.Wait}
	if err := keep(ctx, c, o, &r.System); err != nil {
		return r, r.interrupted(ctx, err)
	}
	limit, ok := idleLimit(c.Transport)
	if !ok {
		return r, nil
	}
	r.Limit = new(IdleFigures)
	c.Transport = limit
	err = keep(ctx, c, o, r.Limit)
	return r, r.interrupted(ctx, err)
}

// interrupted takes an error for none if it comes of the end of ctx, and there is something to report.
func (r *IdleReport) interrupted(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case r.System.Server.New.RSS == 0:
		return ErrInterrupted
	}
	r.Interrupted = true
	return nil
}

// idleLimit is the bare transport whose connections a transport's sessions are held against.
func idleLimit(t Transport) (Transport, bool) {
	switch t {
	case Unix:
		return BareUnix, true
	case TCP:
		return BareTCP, true
	case TLS:
		return BareTLS, true
	}
	return "", false
}

func (c IdleConfig) complete() (IdleConfig, error) {
	setDefault(&c.Transport, TCP)
	setDefault(&c.Sessions, DefaultSessions)
	setDefault(&c.Busy, min(DefaultBusy, max(c.Sessions, 1)))
	setDefault(&c.Seconds, DefaultSeconds)
	setDefault(&c.Wait, Block)
	all := slices.DeleteFunc(Transports(), Transport.InProcess)
	switch {
	case !slices.Contains(append(all, BareUnix, BareTCP, BareTLS), c.Transport):
		return c, fmt.Errorf("%w: %q joins no two processes; use %s", ErrConfig, c.Transport, rig.Listed(all))
	case !oneOf(c.Wait, Spin, Hybrid, Block):
		return c, fmt.Errorf("%w: wait %q is unknown; use spin, hybrid or block", ErrConfig, c.Wait)
	case c.Transport.Roams() && c.Wait == Spin:
		return c, errPoller(c.Transport, c.Wait)
	case c.Sessions < 1 || c.Sessions > MaxSessions:
		return c, fmt.Errorf("%w: %d sessions; give 1 to %d", ErrConfig, c.Sessions, MaxSessions)
	case c.Busy < 1 || c.Busy > c.Sessions:
		return c, fmt.Errorf("%w: %d busy sessions of %d; give at least 1 and at most all", ErrConfig, c.Busy, c.Sessions)
	case !(c.Seconds > 0) || c.Seconds > time.Hour.Seconds():
		return c, fmt.Errorf("%w: %v seconds; give more than 0 and at most an hour", ErrConfig, c.Seconds)
	}
	return c, rig.CheckDescriptors(c.Sessions)
}

const (
	idleTimeout = 5 * time.Minute // for what takes as long as there are sessions
	phaseSlack  = time.Minute     // for what takes a known time
)

// keep makes a server and a client, and measures them in all phases.
func keep(ctx context.Context, c IdleConfig, o *Options, f *IdleFigures) (err error) {
	var server, client *process
	defer func() {
		for _, p := range []*process{client, server} {
			if p != nil {
				if e := p.close(); err == nil {
					err = e
				}
			}
		}
	}()
	for _, p := range []struct {
		name string
		to   **process
	}{{"server process", &server}, {"client process", &client}} {
		far, err := rig.Spawn(o.Command(), nil)
		if err != nil {
			return err
		}
		far.Name = p.name
		*p.to = &process{Process: far}
		if err := far.Tell(plan{Kind: idle, Config: Config{Transport: c.Transport, Wait: c.Wait, Ring: c.Transport.DefaultRing(), Size: DefaultSize}}); err != nil {
			return err
		}
	}
	k := &keeper{ctx: ctx, config: c, server: server, client: client, figures: f, phase: func(what string) {
		o.Phase(fmt.Sprintf("%s: %s", c.Transport, what))
	}}
	return k.run()
}

// keeper takes a server and a client through the phases.
type keeper struct {
	ctx            context.Context
	config         IdleConfig
	server, client *process
	figures        *IdleFigures
	phase          func(string)

	serverBase, clientBase usage // before there was a session
}

func (k *keeper) run() error {
	n, f := k.config.Sessions, k.figures
	listening, err := k.server.ask(k.ctx, idleOrder{Verb: idleListen, Sessions: n}, phaseSlack)
	if err != nil {
		return err
	}
	begun, err := k.client.ask(k.ctx, idleOrder{
		Verb: idleReady, Sessions: n, Address: listening.Address, Certificate: listening.Certificate,
	}, phaseSlack)
	if err != nil {
		return err
	}
	k.serverBase, k.clientBase = listening.Usage, begun.Usage

	k.phase(fmt.Sprintf("dialling %d sessions", n))
	dialled, err := k.client.ask(k.ctx, idleOrder{Verb: idleDial, Sessions: n}, idleTimeout)
	if err != nil {
		return err
	}
	f.DialsPerS = round(float64(n)/max(dialled.Seconds, 1e-9), 0)
	if _, err := k.server.ask(k.ctx, idleOrder{Verb: idleAwait, Sessions: n}, idleTimeout); err != nil {
		return err
	}
	if err := k.rest("idle, new", &f.Server.New, &f.Client.New); err != nil {
		return err
	}
	k.phase("using each once")
	if _, err := k.client.ask(k.ctx, idleOrder{Verb: idleUse}, idleTimeout); err != nil {
		return err
	}
	if err := k.rest("idle, used", &f.Server.Used, &f.Client.Used); err != nil {
		return err
	}
	k.phase(fmt.Sprintf("%d busy", k.config.Busy))
	worked, err := k.client.ask(k.ctx, idleOrder{Verb: idleWork, Sessions: k.config.Busy, Time: k.time()}, k.time()+idleTimeout)
	if err != nil {
		return err
	}
	f.fairness(worked.Counts, worked.Seconds)
	k.phase("hanging up")
	left, err := k.client.ask(k.ctx, idleOrder{Verb: idleHangUp}, idleTimeout)
	if err != nil {
		return err
	}
	if _, err = k.server.ask(k.ctx, idleOrder{Verb: idleAwait}, idleTimeout); err != nil {
		return err
	}
	if left, err = k.server.ask(k.ctx, idleOrder{Verb: idleSettle}, idleTimeout); err != nil {
		return err
	}
	f.Server.left(&left.Usage, &k.serverBase)
	if left, err = k.client.ask(k.ctx, idleOrder{Verb: idleSettle}, idleTimeout); err == nil {
		f.Client.left(&left.Usage, &k.clientBase)
	}
	return err
}

func (k *keeper) time() time.Duration {
	return time.Duration(k.config.Seconds * float64(time.Second))
}

// rest lets both processes do nothing for a phase, at the same time.
func (k *keeper) rest(what string, server, client *IdleCost) error {
	k.phase(what)
	type result struct {
		of     *process
		answer idleAnswer
		err    error
	}
	ctx, cancel := context.WithCancel(k.ctx)
	defer cancel()
	results := make(chan result, 2)
	for _, p := range []*process{k.server, k.client} {
		go func() {
			a, err := p.ask(ctx, idleOrder{Verb: idleRest, Time: k.time()}, k.time()+phaseSlack)
			results <- result{p, a, err}
		}()
	}
	var first error // what the other one says after it is of no interest
	for range 2 {
		r := <-results
		switch {
		case r.err != nil:
			if first == nil {
				first = r.err
			}
			cancel()
		case r.of == k.server:
			server.of(&r.answer, &k.serverBase, k.config.Sessions)
		default:
			client.of(&r.answer, &k.clientBase, k.config.Sessions)
		}
	}
	return first
}
