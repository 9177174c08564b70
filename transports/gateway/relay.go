package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/engine"
)

// parting is how long the direction away from an end that is broken may go on: what it has sent before is still there to be read.
const parting = 250 * time.Millisecond

// flushing is how long it may take to write what a client has sent whose session is gone.
const flushing = 5 * time.Second

// A relay moves bytes between a client and an upstream until both directions have ended. A clean end of one direction is passed on
// as one; anything else resets both connections.
//
//	client ── sent ────> upstream
//	       <─ received ──
//
// It owns both connections: they are closed when run returns.
type relay struct {
	client, upstream net.Conn
	idle             time.Duration   // 0: none
	session          context.Context // the client's: done when that is over; nil if it is on none

	sent, received tally
	last           atomic.Int64 // when something moved, in nanoseconds since began
	began          time.Time
	cut            atomic.Pointer[error] // why it was cut
}

// A tally counts bytes: those of a connection, and with those of others, where total is set.
type tally struct {
	own   atomic.Int64
	total *atomic.Int64
}

func (t *tally) add(n int64) {
	t.own.Add(n)
	if t.total != nil {
		t.total.Add(n)
	}
}

// run moves the bytes. It returns nil if both directions came to a clean end, or the reason. ctx, if it is done, cuts both
// connections with its cause.
func (r *relay) run(ctx context.Context) error {
	r.began = time.Now()
	defer context.AfterFunc(ctx, func() { r.abort(context.Cause(ctx)) })()
	if r.idle > 0 {
		defer r.watchIdle()()
	}
	sent := make(chan error, 1)
	sentAll := make(chan struct{})
	defer r.watchClient(sentAll)()
	go func() {
		err := r.move(r.upstream, r.client, &r.sent, "client", "upstream")
		close(sentAll)
		sent <- err
	}()
	down := r.move(r.client, r.upstream, &r.received, "upstream", "client")
	up := <-sent
	var reason error
	switch cut := r.cut.Load(); {
	case cut != nil:
		reason = *cut
	case up == nil && (canceled(down) || errors.Is(down, errParted)): // the client has closed both directions
		_ = r.upstream.Close()
		_ = r.client.Close()
		return nil
	case up != nil && (down == nil || errors.Is(down, errParted) || canceled(down)):
		reason = up
	default:
		reason = down
	}
	if reason != nil {
		reset(r.client, reason)
		reset(r.upstream, reason)
		return reason
	}
	_ = r.client.Close()
	_ = r.upstream.Close()
	return nil
}

// errParted ends a direction whose other direction broke, and that had its time.
var errParted = errors.New("the other direction broke")

// move moves the bytes of one direction. from and to name its ends.
func (r *relay) move(dst, src net.Conn, n *tally, from, to string) error {
	at, err := r.copy(dst, src, n)
	switch {
	case err == nil:
		closeWrite(dst)
		return nil
	case errors.Is(err, errParted):
	case at == reading:
		err = fmt.Errorf("%s: %w", from, err)
		r.abort(err)
	case canceled(err):
		// The reader wants no more. What it sends goes on.
	default: // dst is broken, or perhaps src
		if at == writing {
			err = fmt.Errorf("%s: %w", to, err)
		} else {
			err = fmt.Errorf("%s or %s: %w", from, to, err)
		}
		now := time.Now()
		_ = dst.SetReadDeadline(now.Add(parting))
		_ = src.SetWriteDeadline(now.Add(parting))
	}
	return err
}

func canceled(err error) bool { return errors.Is(err, engine.ErrCanceled) }

// abort cuts both connections. The first reason counts.
func (r *relay) abort(reason error) {
	if r.cut.CompareAndSwap(nil, &reason) {
		reset(r.client, reason)
		reset(r.upstream, reason)
	}
}

// watchIdle cuts a relay on which nothing moves, until stop is called.
func (r *relay) watchIdle() (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	stopped := false
	check := func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		left := r.idle - (time.Since(r.began) - time.Duration(r.last.Load()))
		if left > 0 {
			timer.Reset(left)
			return
		}
		go r.abort(fmt.Errorf("%w: nothing for %v", ErrIdle, r.idle))
	}
	mu.Lock()
	timer = time.AfterFunc(r.idle, check)
	mu.Unlock()
	return func() {
		mu.Lock()
		stopped = true
		mu.Unlock()
		timer.Stop()
	}
}

func (r *relay) moved() {
	if r.idle > 0 {
		r.last.Store(int64(time.Since(r.began)))
	}
}

// watchClient sees to it that a client on a session is noticed to have closed its connection, or to have lost the session,
// although the upstream sends nothing: then nothing is read from that any more, once all is written to it that the client has sent. That
// has its time, if the session is gone. sentAll is closed when that direction has ended.
func (r *relay) watchClient(sentAll <-chan struct{}) (stop func()) {
	over := make(chan struct{})
	leave := func(limit time.Duration, cause error) {
		var late <-chan time.Time
		if limit > 0 {
			t := time.NewTimer(limit)
			defer t.Stop()
			late = t.C
		}
		select {
		case <-sentAll:
			_ = r.upstream.SetReadDeadline(time.Unix(1, 0))
		case <-late:
			r.abort(fmt.Errorf("client: %w", cause))
		case <-over:
		}
	}
	var stops []func()
	if s, ok := r.client.(*engine.StreamConn); ok {
		reads, cancel := s.Context(context.Background())
		end := context.AfterFunc(reads, func() {
			if canceled(context.Cause(reads)) {
				leave(0, nil)
			}
		})
		stops = append(stops, func() { end(); cancel() })
	}
	if r.session != nil {
		end := context.AfterFunc(r.session, func() { leave(flushing, context.Cause(r.session)) })
		stops = append(stops, func() { end() })
	}
	return func() {
		close(over)
		for _, f := range stops {
			f()
		}
	}
}
