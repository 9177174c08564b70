package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/inmem"
)

// A served is a Serve that runs.
type served struct {
	ln     *engine.Listener
	o      *inmem.Options
	name   string
	cancel context.CancelFunc
	done   <-chan error
}

func startServing[T any](t *testing.T, cfg engine.Config, f func(ctx context.Context, s *engine.Session, v *T) error) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(watchdog(t))
	t.Cleanup(cancel)
	v := &served{o: with(t, cfg), name: t.Name(), cancel: cancel}
	v.ln = must(inmem.Listen(ctx, v.name, v.o))
	t.Cleanup(func() { _ = v.ln.Close() })
	v.done = result(func() error { return engine.Serve(ctx, v.ln, "asks", f) })
	return v
}

func (v *served) dial(t *testing.T) *engine.Session {
	t.Helper()
	s := must(inmem.Dial(watchdog(t), v.name, with(t, engine.Config{})))
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func answer(ctx context.Context, _ *engine.Session, q *ask) error {
	if q.ID == 13 {
		return errors.New("unlucky")
	}
	return q.Reply.Send(ctx, &order{ID: q.ID + 1})
}

func callOnce(t *testing.T, s engine.Sender[ask], id uint64) (uint64, error) {
	t.Helper()
	q := ask{ID: id}
	var o order
	err := engine.Call(watchdog(t), s, &q, &q.Reply, &o)
	return o.ID, err
}

func TestServeAnswersManySessionsAndChannels(t *testing.T) {
	v := startServing(t, engine.Config{}, answer)
	var clients sync.WaitGroup
	for range 5 {
		clients.Go(func() {
			s := v.dial(t)
			var channels sync.WaitGroup
			for range 4 {
				channels.Go(func() {
					to := must(engine.Open[ask](watchdog(t), s, "asks"))
					for id := range uint64(50) {
						if id == 13 {
							continue
						}
						if got, err := callOnce(t, to, id); err != nil || got != id+1 {
							t.Error(got, err)
							return
						}
					}
					check(t, to.Close())
				})
			}
			channels.Wait()
			check(t, s.Close())
		})
	}
	clients.Wait()
	check(t, v.ln.Close())
	check(t, get(t, v.done))
}

func TestAnErrorClosesItsChannelOnly(t *testing.T) {
	v := startServing(t, engine.Config{}, answer)
	s := v.dial(t)
	bad, good := must(engine.Open[ask](watchdog(t), s, "asks")), must(engine.Open[ask](watchdog(t), s, "asks"))
	for err := error(nil); ; err = bad.Send(watchdog(t), &ask{ID: 13}) {
		if err != nil {
			if as[*engine.ChannelError](t, err).Text != "unlucky" {
				t.Error(err)
			}
			break
		}
	}
	if id, err := callOnce(t, good, 1); err != nil || id != 2 {
		t.Error(id, err)
	}
	malformed := must(engine.Open[any](watchdog(t), s, "asks"))
	x := any("no ask")
	for err := error(nil); err == nil; err = malformed.Send(watchdog(t), &x) {
		_, _ = callOnce(t, good, 1)
	}
	other := must(engine.Open[engine.Raw](watchdog(t), s, "asks")) // of another codec
	for err := error(nil); ; err = other.Send(watchdog(t), &engine.Raw{1}) {
		if err != nil {
			wantErr(t, err, engine.ErrCodec)
			break
		}
	}
	if id, err := callOnce(t, good, 1); err != nil || id != 2 {
		t.Error(id, err)
	}
}

// The messages of one channel are served one after the other, in order; those of two at the same time.
func TestServeIsSequentialWithinAChannelOnly(t *testing.T) {
	both := make(chan uint64)
	var mu sync.Mutex
	next := map[uint64]int64{}
	v := startServing(t, engine.Config{}, func(_ context.Context, _ *engine.Session, o *order) error {
		if o.Price == 0 { // each waits for the other
			select {
			case both <- o.ID:
			case <-both:
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if next[o.ID] != o.Price {
			return fmt.Errorf("message %d of channel %d, not %d", o.Price, o.ID, next[o.ID])
		}
		next[o.ID]++
		return nil
	})
	s := v.dial(t)
	for id := range uint64(2) {
		to := must(engine.Open[order](watchdog(t), s, "asks"))
		for k := range int64(100) {
			check(t, to.Send(watchdog(t), &order{ID: id, Price: k}))
		}
		check(t, to.Close())
	}
	wait(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return next[0] == 100 && next[1] == 100
	})
}

// What a peer sent before it went is served; then its session is closed and forgotten.
func TestServeFinishesWhatAPeerLeft(t *testing.T) {
	var mu sync.Mutex
	n := 0
	gone := make(chan bool, 1)
	v := startServing(t, engine.Config{}, func(ctx context.Context, _ *engine.Session, o *order) error {
		if o.ID == 0 {
			<-ctx.Done() // the session's
			gone <- true
		}
		mu.Lock()
		defer mu.Unlock()
		n++
		return nil
	})
	s := v.dial(t)
	to := must(engine.Open[order](watchdog(t), s, "asks"))
	for k := range uint64(100) {
		check(t, to.Send(watchdog(t), &order{ID: k}))
	}
	check(t, s.Close())
	get(t, gone)
	check(t, v.ln.Close())
	check(t, get(t, v.done))
	if n != 100 {
		t.Errorf("%d messages were served", n)
	}
	if left := v.o.Engine.SessionCount(); left != 0 {
		t.Errorf("%d sessions are left", left)
	}
}

func TestServeEndsWithItsContextAfterTheCallsThatRun(t *testing.T) {
	began, finished := make(chan bool, 1), false
	v := startServing(t, engine.Config{}, func(ctx context.Context, _ *engine.Session, _ *order) error {
		began <- true
		<-ctx.Done()
		finished = true
		return nil
	})
	s, idle := v.dial(t), v.dial(t)
	to := must(engine.Open[order](watchdog(t), s, "asks"))
	check(t, to.Send(watchdog(t), &order{}))
	get(t, began)
	v.cancel()
	wantErr(t, get(t, v.done), context.Canceled)
	if !finished {
		t.Error("it did not wait")
	}
	_, err := engine.Accept[order](watchdog(t), s, "x")
	wantErr(t, err, engine.ErrSessionClosed)
	_, err = engine.Accept[order](watchdog(t), idle, "x")
	wantErr(t, err, engine.ErrSessionClosed)
	if n := v.o.Engine.SessionCount(); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	later := must(inmem.Dial(watchdog(t), v.name, with(t, engine.Config{}))) // the listener goes on
	check(t, later.Close())
}

func TestServeLetsItsHandlerOpenChannelsBack(t *testing.T) {
	v := startServing(t, engine.Config{}, func(ctx context.Context, s *engine.Session, o *order) error {
		back, err := engine.Open[order](ctx, s, "back")
		if err != nil {
			return err
		}
		return errors.Join(back.Send(ctx, o), back.Close())
	})
	s := v.dial(t)
	to := must(engine.OpenLane[order](watchdog(t), s, "asks", nil))
	check(t, to.Send(watchdog(t), &order{ID: 5}))
	r := must(engine.Accept[order](watchdog(t), s, "back"))
	var o order
	if check(t, r.Receive(watchdog(t), &o)); o.ID != 5 {
		t.Error(o)
	}
}

func TestServeRefusesNamesAndClosedListeners(t *testing.T) {
	ln := must(inmem.Listen(watchdog(t), t.Name(), with(t, engine.Config{})))
	if err := engine.Serve(watchdog(t), ln, "", answer); err == nil {
		t.Error("a channel without a name")
	}
	done, cancel := context.WithCancel(watchdog(t))
	cancel()
	wantErr(t, engine.Serve(done, ln, "x", answer), context.Canceled)
	check(t, ln.Close())
	check(t, engine.Serve(watchdog(t), ln, "x", answer))
	wantErr(t, ln.Close(), net.ErrClosed)
}
