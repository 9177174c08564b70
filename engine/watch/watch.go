// Package watch reads what the engines of this machine's processes hold and do: their sessions, channels and counters. Any engine that has
// a session to another process can be watched, unless its Config says Hidden, by processes of the same user and by root, in the same
// network namespace.
//
//	w := watch.New()
//	defer w.Close()
//	engines, err := w.Look(ctx)
//	for _, e := range engines {
//		fmt.Println(e.PID, e.Command, len(e.Snapshot.Sessions))
//	}
//
// A look costs each process that is looked at a snapshot of its engine: some ten microseconds, and a few more for each session. A
// process that does not answer holds up nobody for longer than Patience.
package watch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/statsock"
)

const (
	// MaxEngines bounds how many engines are looked at.
	MaxEngines = 256
	// Patience is how long an engine may take to answer.
	Patience = 500 * time.Millisecond

	atOnce = 16 // engines that are asked at the same time
)

// ErrSilent says that a process did not answer within Patience.
var ErrSilent = errors.New("it does not answer: it is stopped, or too busy")

// An Engine is one of a process, as of one look.
type Engine struct {
	// Name is the engine's for as long as it can be watched; a process may have several engines.
	Name string
	// PID and UID are the process's, as the kernel knows them. PID is 0 if the process is in a namespace that cannot be seen from here.
	PID int
	UID uint32
	// Command is the process's name, printable; empty if it is not known.
	Command string
	// Snapshot is what the process says: it is bounded and printable, and need not be true. nil if Err is not.
	Snapshot *engine.Snapshot
	// Err is why there is none, such as ErrSilent.
	Err error
}

// A Watcher looks at engines, again and again. Its methods may be used by several goroutines at once.
type Watcher struct {
	mu     sync.Mutex
	closed bool
	conns  map[string]*statsock.Conn
	stamps bool
}

// StampMessages has each engine that is looked at stamp the messages that it sends, for engine.StampLease after each look, so that the
// receivers' snapshots have Latencies. It is over by itself, also if this process is killed.
func (w *Watcher) StampMessages(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stamps = on
}

// KeepStamping is StampMessages until ctx is done, by looks of its own: for who looks more seldom than engine.StampLease, or does not
// know how often. It returns when ctx is done.
func (w *Watcher) KeepStamping(ctx context.Context) {
	w.StampMessages(true)
	defer w.StampMessages(false)
	ticker := time.NewTicker(engine.StampLease / 3)
	defer ticker.Stop()
	for {
		_, _ = w.Look(ctx) // what cannot be seen is not stamped
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// New returns a Watcher. Close it after use.
func New() *Watcher { return &Watcher{conns: map[string]*statsock.Conn{}} }

// Close hangs up. A second call returns os.ErrClosed.
func (w *Watcher) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return os.ErrClosed
	}
	w.closed = true
	w.keep(nil)
	return nil
}

// Look returns the engines that there are now, by process, MaxEngines at most. Those that cannot be read are among them, with their
// Err. Its own error is that of ctx, os.ErrClosed, or that the kernel's list of sockets cannot be read.
func (w *Watcher) Look(ctx context.Context) ([]Engine, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, os.ErrClosed
	}
	names, err := statsock.List(MaxEngines)
	if err != nil {
		return nil, fmt.Errorf("watch: which engines there are: %w", err)
	}
	w.keep(names)
	found := make([]Engine, len(names))
	conns := make([]*statsock.Conn, len(names))
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, name := range names {
		found[i].Name, conns[i] = name, w.conns[name]
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			conns[i] = found[i].look(ctx, conns[i], w.stamps)
		})
	}
	all.Wait()
	for i, name := range names {
		delete(w.conns, name)
		if conns[i] != nil {
			w.conns[name] = conns[i]
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, ended)
	slices.SortStableFunc(found, func(a, b Engine) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), strings.Compare(a.Name, b.Name))
	})
	return found, nil
}

// keep hangs up on those that are not among names.
func (w *Watcher) keep(names []string) {
	for name, c := range w.conns {
		if !slices.Contains(names, name) {
			_ = c.Close()
			delete(w.conns, name)
		}
	}
}

// ended reports whether the engine is gone, or none of ours.
func ended(e Engine) bool {
	if errors.Is(e.Err, syscall.ECONNREFUSED) || errors.Is(e.Err, statsock.ErrForeign) {
		return true
	}
	if !errors.Is(e.Err, statsock.ErrHungUp) {
		return false
	}
	names, err := statsock.List(MaxEngines)
	return err == nil && !slices.Contains(names, e.Name)
}

// look asks the engine, and has it stamp messages, or not if it is too old for that. It returns the connection, if it can be used again.
func (e *Engine) look(ctx context.Context, c *statsock.Conn, stamps bool) *statsock.Conn {
	c = e.lookOnce(ctx, c, stamps)
	if stamps && errors.Is(e.Err, statsock.ErrHungUp) {
		e.Err = nil
		return e.lookOnce(ctx, nil, false)
	}
	return c
}

func (e *Engine) lookOnce(ctx context.Context, c *statsock.Conn, stamps bool) *statsock.Conn {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, ErrSilent)
	defer cancel()
	if c == nil {
		if c, e.Err = statsock.Dial(ctx, e.Name); e.Err != nil {
			return nil
		}
	}
	e.PID, e.UID, e.Command = c.Cred.PID, c.Cred.UID, command(c.Cred.PID)
	ask := c.Ask
	if stamps {
		ask = c.AskWishing
	}
	page, err := ask(ctx, engine.MaxSnapshot)
	if err == nil {
		s := &engine.Snapshot{}
		if err = s.UnmarshalBinary(page); err == nil {
			e.Snapshot = s
			return c
		}
	}
	_ = c.Close()
	e.Err = err
	if ctx.Err() != nil {
		e.Err = context.Cause(ctx)
	}
	return nil
}

// command returns what the process calls itself, which may be anything.
func command(pid int) string {
	if pid <= 0 {
		return ""
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, string(bytes.TrimSuffix(b, []byte("\n"))))
}
