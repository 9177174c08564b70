package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/corechan/corechan/engine"
)

// merge returns a Merge of a crowd's channels.
func (c *crowd) merge(t *testing.T) *engine.Merge[order] {
	m := engine.NewMerge[order]()
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			wantErr(t, err, os.ErrClosed)
		}
	})
	for _, r := range c.r {
		check(t, m.Add(r))
	}
	return m
}

// wait waits until a condition is met that something in the background meets soon.
func wait(t *testing.T, f func() bool) {
	t.Helper()
	for ctx := watchdog(t); !f(); {
		if ctx.Err() != nil {
			t.Fatal("it did not come true")
		}
		runtime.Gosched()
	}
}

func TestMergeReceivesFromAllItsChannels(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		ctx := watchdog(t)
		m := c.merge(t)
		var o order
		for k := range uint64(30) {
			check(t, c.s[k%3].Send(ctx, &order{ID: k}))
			check(t, m.Receive(ctx, &o))
			if o.ID != k {
				t.Fatal(o, k)
			}
		}
		for k := range uint64(30) { // also to one who waits
			ctx, cancel := watch(t)
			got := result(func() error { return m.Receive(ctx, &o) })
			get(t, ctx.waiting)
			check(t, c.s[k%3].Send(ctx, &order{ID: k}))
			check(t, get(t, got))
			if o.ID != k {
				t.Fatal(o, k)
			}
			cancel()
		}
	})
}

// The messages are there before: the channels take turns.
func TestMergeTakesTurnsExactly(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		ctx := watchdog(t)
		const n = 100
		for i, s := range c.s {
			for k := range uint64(n) {
				check(t, s.Send(ctx, &order{ID: k, Price: int64(i)}))
			}
		}
		m := c.merge(t)
		for _, r := range c.r { // all are read
			wait(t, func() bool { return engine.Queued(r) == n })
		}
		wait(t, func() bool { return m.Ready() == len(c.r) })
		var o order
		turns := [3]int{-1, -1, -1}
		for k := range uint64(n) {
			for i := range c.s {
				check(t, m.Receive(ctx, &o))
				if k == 0 {
					turns[i] = int(o.Price) // the first round makes the order
				}
				if o.ID != k || turns[i] != int(o.Price) {
					t.Fatalf("turn %d of round %d: %+v; turns %v", i, k, o, turns)
				}
			}
		}
	})
}

func TestWorkersComeAndGo(t *testing.T) {
	ctx := watchdog(t)
	m := engine.NewMerge[order]()
	got := result(func() error { return m.Receive(ctx, new(order)) }) // before there is any
	o := with(t, engine.Config{})
	for k := range 20 {
		e := connectWith[order](t, []string{channel, lane, pipe}[k%3], o)
		check(t, m.Add(e.r))
		wantErr(t, m.Add(e.r), os.ErrExist)
		if k == 0 {
			check(t, e.s.Send(ctx, &order{}))
			check(t, get(t, got))
		}
		for i := range uint64(10) {
			check(t, e.s.Send(ctx, &order{ID: i}))
		}
		check(t, e.s.Close())
		var v order
		for i := range uint64(10) {
			if err := m.Receive(ctx, &v); err != nil || v.ID != i {
				t.Fatal(v, err)
			}
		}
		wantErr(t, m.Receive(impatientUntil(ctx, func() bool { return m.Len() == 0 }), &v), context.Canceled)
		if m.Len() != 0 || m.MergedPorts() != 0 || engine.Watchers(e.r) != 0 {
			t.Fatal(m.Len(), m.MergedPorts(), engine.Watchers(e.r))
		}
	}
	check(t, m.Close())
	wantErr(t, m.Close(), os.ErrClosed)
	wantErr(t, m.Receive(ctx, new(order)), os.ErrClosed)
	r, _ := engine.Pipe[order]()
	wantErr(t, m.Add(r), os.ErrClosed)
	for _, err := range m.All(ctx) {
		t.Error(err)
	}
	wantErr(t, engine.NewMerge[order]().Add(engine.Receiver[order]{}), errors.ErrUnsupported)
}

// impatientUntil returns a context that ends once f is true.
func impatientUntil(ctx context.Context, f func() bool) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for ctx.Err() == nil && !f() {
			runtime.Gosched()
		}
		cancel()
	}()
	return ctx
}

func TestMergeReportsAnEndThatIsNotClean(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		ctx := watchdog(t)
		m := c.merge(t)
		check(t, c.s[0].Send(ctx, &order{ID: 1}))
		check(t, c.s[0].CloseWith(errors.New("unlucky")))
		var v order
		check(t, m.Receive(ctx, &v))
		err := m.Receive(ctx, &v)
		if e := as[*engine.MergeError[order]](t, err); e.From != c.r[0] || !strings.Contains(err.Error(), "unlucky") {
			t.Fatal(err)
		}
		check(t, c.r[1].Close()) // takes it out
		check(t, c.s[2].Send(ctx, &order{ID: 2}))
		if check(t, m.Receive(ctx, &v)); v.ID != 2 {
			t.Fatal(v)
		}
		check(t, c.s[2].Close())
		wantErr(t, m.Receive(impatientUntil(ctx, func() bool { return m.Len() == 0 }), &v), context.Canceled)
	})
}

func TestMergeSurvivesAPeerThatGoes(t *testing.T) {
	ctx := watchdog(t)
	c := gatherCrowd(t, []string{channel, "new", channel})
	m := c.merge(t)
	check(t, c.s[0].Send(ctx, &order{ID: 1}))
	check(t, c.peers[0].Close())
	check(t, c.s[1].Send(ctx, &order{ID: 2}))
	seen, failed := 0, 0
	for v, err := range m.All(ctx) {
		if err != nil {
			wantErr(t, err, engine.ErrSessionClosed)
			failed++
		} else {
			seen += int(v.ID)
		}
		if seen == 3 && failed == 1 {
			break
		}
	}
	if m.Len() != 2 || m.MergedPorts() != 1 {
		t.Error(m.Len(), m.MergedPorts())
	}
}

func TestMergeReportsAMalformedMessageAndGoesOn(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s := must(engine.Open[any](ctx, a, "x"))
	r := must(engine.Accept[order](ctx, b, "x"))
	m := engine.NewMerge[order]()
	defer m.Close()
	check(t, m.Add(r))
	v := any("no order")
	check(t, s.Send(ctx, &v))
	v = []any{1, 2, "n"}
	check(t, s.Send(ctx, &v))
	var o order
	wantErr(t, m.Receive(ctx, &o), engine.ErrMalformed)
	if err := m.Receive(ctx, &o); err != nil || o != (order{1, 2, "n"}) {
		t.Error(err, o)
	}
}

func TestMergeOfAPipeWhoseReceiverWasGivenAway(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, _ := channelOf[ask](t, a, b, "asks")
	more, feed := engine.Pipe[order]()
	m := engine.NewMerge[order]()
	defer m.Close()
	check(t, m.Add(more))
	check(t, s.Send(ctx, &ask{More: more}))
	wantErr(t, m.Receive(ctx, new(order)), engine.ErrGiven)
	check(t, feed.Close())
}

func TestClosingAMergeEndsItsChannelsAndWhoWaits(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		m := c.merge(t)
		ctx, cancel := watch(t)
		defer cancel()
		got := result(func() error { return m.Receive(ctx, new(order)) })
		get(t, ctx.waiting)
		check(t, m.Close())
		wantErr(t, get(t, got), os.ErrClosed)
		for i, s := range c.s {
			for err := error(nil); ; err = s.Send(ctx, &order{}) {
				if err != nil {
					wantErr(t, err, engine.ErrCanceled)
					break
				}
			}
			wantErr(t, c.r[i].Close(), os.ErrClosed)
		}
	})
}

func TestMergeIsEndedByItsContextAndTakesNothing(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		ctx := watchdog(t)
		m := c.merge(t)
		for k := range uint64(10) {
			wantErr(t, cancelled(t, func(ctx context.Context) error { return m.Receive(ctx, new(order)) }), context.Canceled)
			check(t, c.s[k%3].Send(ctx, &order{ID: k}))
			done, cancel := context.WithCancel(ctx)
			cancel()
			wantErr(t, m.Receive(done, new(order)), context.Canceled)
			for _, err := range m.All(done) {
				wantErr(t, err, context.Canceled)
			}
			var o order
			if check(t, m.Receive(ctx, &o)); o.ID != k {
				t.Fatal(o)
			}
		}
	})
}

// A Merge that nobody receives from holds no more than the channels' windows and rings, and a little.
func TestAMergeIsBounded(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		e := connect[engine.Raw](t, c)
		m := engine.NewMerge[engine.Raw]()
		defer m.Close()
		check(t, e.s.Send(watchdog(t), &engine.Raw{1}))
		check(t, m.Add(e.r))
		n := 0
		for range 20 { // the poller may make room between two
			n += fill(t, e.s, 1000)
		}
		if most := 700; n > most { // twice 256 KiB and sipMost
			t.Errorf("%d KB were sent", n)
		}
		var v engine.Raw
		for range n + 1 {
			check(t, m.Receive(watchdog(t), &v))
		}
	})
}

func TestMergeLosesNothingAndTakesNothingTwice(t *testing.T) {
	const workers, each = 30, 300
	ctx, cancel := context.WithCancel(watchdog(t))
	defer cancel()
	o := with(t, engine.Config{})
	m := engine.NewMerge[order]()
	var wg sync.WaitGroup
	a, b := pair(t, o)
	for w := range workers {
		wg.Go(func() { // registers itself
			var s engine.Sender[order]
			var r engine.Receiver[order]
			switch w % 4 {
			case 0:
				r, s = engine.Pipe[order]()
			case 1:
				s, r = open[order](t, channel, a, b, fmt.Sprint("w", w))
			case 2:
				s, r = open[order](t, lane, a, b, fmt.Sprint("w", w))
			default:
				e := connectWith[order](t, channel, o)
				s, r = e.s, e.r
			}
			check(t, m.Add(r))
			for k := range uint64(each) {
				check(t, s.Send(ctx, &order{ID: uint64(w)*each + k}))
			}
			check(t, s.Close())
		})
	}
	var seen [workers * each]atomic.Int32
	var left atomic.Int64
	left.Store(workers * each)
	for k := range 4 {
		wg.Go(func() {
			for {
				c := context.Context(ctx)
				if k == 0 {
					c = impatient(ctx)
				}
				var v order
				if err := m.Receive(c, &v); err == nil {
					seen[v.ID].Add(1)
					if left.Add(-1) == 0 {
						cancel()
					}
				} else if ctx.Err() != nil {
					return
				} else if !errors.Is(err, context.Canceled) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for id := range seen {
		if n := seen[id].Load(); n != 1 {
			t.Fatalf("message %d came %d times", id, n)
		}
	}
	check(t, m.Close())
}
