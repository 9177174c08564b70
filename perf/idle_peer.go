package perf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/corechan/corechan/perf/rig"
)

// idle is the kind of measurement whose second processes are served here.
const idle kind = "idle"

// What the server process and the client process of Idle are told to do, one thing after the other.
const (
	idleListen verb = "listen"  // server: begin, and say where
	idleReady  verb = "ready"   // client: begin
	idleDial   verb = "dial"    // client: make so many sessions
	idleAwait  verb = "await"   // server: wait until there are so many
	idleRest   verb = "rest"    // both: do nothing for a time
	idleUse    verb = "use"     // client: one round trip on each
	idleWork   verb = "work"    // client: so many sessions are busy for a time
	idleHangUp verb = "hang up" // client: close all
	idleSettle verb = "settle"  // both: wait until what is closed is gone
)

type idleOrder struct {
	Verb        verb
	Sessions    int
	Time        time.Duration
	Address     string // of the server
	Certificate []byte // of the server, in DER
}

type idleAnswer struct {
	Err         string
	Address     string
	Certificate []byte
	Usage       usage
	Seconds     float64 // that it took
	Cores       float64 // kept busy while at rest
	Counts      []int   // round trips of each busy session
}

// ask has a process do one thing. The end of ctx ends the process.
func (p *process) ask(ctx context.Context, o idleOrder, patience time.Duration) (a idleAnswer, err error) {
	defer context.AfterFunc(ctx, func() { _ = p.Conn.Close() })()
	if err := p.Tell(o); err != nil {
		p.failed = true
		return a, err
	}
	if err := p.Hear(&a, time.Now().Add(patience)); err != nil {
		p.failed = true
		return a, err
	}
	if a.Err != "" {
		p.failed = true
		return a, fmt.Errorf("%s: %s", p.Name, a.Err)
	}
	return a, nil
}

// serveIdle is the whole of such a process. Should the first process die, it exits at once, whatever it does.
func serveIdle(ctx context.Context, control *rig.Control, told plan) error {
	c, err := newCrowd(told.Config)
	if err != nil {
		return control.Send(idleAnswer{Err: err.Error()})
	}
	orders := make(chan idleOrder)
	go func() {
		for {
			var o idleOrder
			if err := control.Receive(&o, time.Time{}); err != nil {
				if !errors.Is(err, io.EOF) {
					fmt.Fprintln(os.Stderr, "read an order:", err)
				}
				os.Exit(1)
			}
			orders <- o
		}
	}()
	for o := range orders {
		if o.Verb == end {
			return control.Send(replyOf(outcome{}, c.close()))
		}
		a, err := obey(ctx, c, o)
		if err != nil {
			a.Err = err.Error()
		}
		if err := control.Send(a); err != nil {
			return err
		}
	}
	return nil
}

// obey does one thing.
func obey(ctx context.Context, c crowd, o idleOrder) (a idleAnswer, err error) {
	begun := time.Now()
	switch o.Verb {
	case idleListen:
		a.Address, a.Certificate, err = c.listen(ctx, o.Sessions)
	case idleReady:
		err = c.ready(o.Address, o.Certificate, o.Sessions)
	case idleDial:
		err = c.dial(ctx, o.Sessions)
	case idleAwait:
		err = await(c, o.Sessions)
	case idleRest:
		a.Usage, err = used()
		if err == nil {
			before, begun := rig.CPUTime(), time.Now()
			time.Sleep(o.Time)
			a.Cores = float64(rig.CPUTime()-before) / float64(time.Since(begun))
		}
		return a, err
	case idleUse:
		err = c.use(ctx)
	case idleWork:
		a.Counts, err = c.work(ctx, o.Sessions, o.Time)
	case idleHangUp:
		err = c.hangUp()
	case idleSettle:
		settle()
	default:
		err = fmt.Errorf("no order %q", o.Verb)
	}
	a.Seconds = time.Since(begun).Seconds()
	if err == nil {
		a.Usage, err = used()
	}
	return a, err
}

// await waits until a server has so many sessions.
func await(c crowd, want int) error {
	for deadline := time.Now().Add(idleTimeout / 2); ; time.Sleep(time.Millisecond) {
		switch n := c.here(); {
		case n == want:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("there are %d sessions instead of %d", n, want)
		}
	}
}

// settle waits until descriptors and goroutines have stopped to become fewer: sessions close their sockets a moment after
// they are closed.
func settle() {
	const still, most = 300 * time.Millisecond, 15 * time.Second
	descriptors, goroutines := 1<<30, 1<<30
	begun := time.Now()
	for since := begun; time.Since(since) < still && time.Since(begun) < most; time.Sleep(10 * time.Millisecond) {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return // used says so
		}
		if n := runtime.NumGoroutine(); len(all) < descriptors || n < goroutines {
			descriptors, goroutines, since = len(all), n, time.Now()
		}
	}
}

// used measures the process after it has given back what it can.
func used() (u usage, err error) {
	debug.FreeOSMemory()
	debug.FreeOSMemory() // what has finalizers goes at the second time
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.Heap, u.Stack, u.Goroutines = int64(m.HeapAlloc), int64(m.StackInuse), runtime.NumGoroutine()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return u, fmt.Errorf("count descriptors: %w", err)
	}
	u.Descriptors = len(all)
	statm, err := os.ReadFile("/proc/self/statm") // see proc(5): size, resident, ..., in pages
	if err != nil {
		return u, fmt.Errorf("read the resident memory: %w", err)
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return u, fmt.Errorf("/proc/self/statm says %q", statm)
	}
	resident, err := strconv.ParseInt(fields[1], 10, 64)
	u.RSS = resident * int64(os.Getpagesize())
	return u, err
}
