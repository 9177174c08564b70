package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/corechan/corechan/engine"
)

// A crowd is several channels that are received from together.
type crowd struct {
	s     []engine.Sender[order]
	r     []engine.Receiver[order]
	peers []*engine.Session // the senders' sessions
}

// crowds runs f for channels that share a session, and for those that do not. Each has three.
func crowds(t *testing.T, f func(t *testing.T, c *crowd)) {
	for _, w := range waits {
		t.Run(w.String(), func(t *testing.T) { crowdsThat(t, w, f) })
	}
}

func crowdsThat(t *testing.T, w engine.Wait, f func(t *testing.T, c *crowd)) {
	for name, kinds := range map[string][]string{
		"one session":    {channel, channel, channel},
		"session, lanes": {channel, lane, lane},
		"pipes":          {pipe, pipe, pipe},
		"two sessions":   {channel, "new", channel},
		"all kinds":      {channel, lane, pipe},
	} {
		t.Run(name, func(t *testing.T) { f(t, gatherCrowdThat(t, w, kinds)) })
	}
}

func gatherCrowd(t *testing.T, kinds []string) *crowd {
	return gatherCrowdThat(t, engine.Hybrid, kinds)
}

func gatherCrowdThat(t *testing.T, w engine.Wait, kinds []string) *crowd {
	c := &crowd{}
	o := with(t, engine.Config{Wait: w})
	var a, b *engine.Session
	for i, kind := range kinds {
		if kind == pipe {
			r, s := engine.Pipe[order]()
			c.s, c.r = append(c.s, s), append(c.r, r)
			continue
		}
		if a == nil || kind == "new" {
			a, b = pair(t, o)
			c.peers = append(c.peers, a)
		}
		if kind == "new" {
			kind = channel
		}
		s, r := open[order](t, kind, a, b, fmt.Sprint("x", i))
		c.s, c.r = append(c.s, s), append(c.r, r)
	}
	t.Cleanup(func() {
		for i := range c.s {
			_ = c.s[i].Close()
			_ = c.r[i].Close()
			if n := engine.Watchers(c.r[i]); n != 0 {
				t.Errorf("channel %d is watched by %d", i, n)
			}
		}
	})
	return c
}

// sel is a Select of all channels, into one message.
func (c *crowd) sel(ctx context.Context, o *order) (int, error) {
	cases := make([]engine.Choice, len(c.r))
	for i, r := range c.r {
		cases[i] = engine.Case(r, o)
	}
	return engine.Select(ctx, cases...)
}

// want checks that Select returns a message of a channel.
func (c *crowd) want(t *testing.T, from int, id uint64) {
	t.Helper()
	var o order
	if i, err := c.sel(watchdog(t), &o); err != nil || i != from || o.ID != id {
		t.Fatalf("Select returned channel %d, message %d, %v; not channel %d, message %d", i, o.ID, err, from, id)
	}
}

func TestSelectReceivesFromTheChannelThatHasAMessage(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		for k := range uint64(30) {
			i := int(k*7) % len(c.s)
			check(t, c.s[i].Send(watchdog(t), &order{ID: k}))
			c.want(t, i, k)
		}
	})
}

func TestSelectWaitsForTheFirstMessage(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		for k := range uint64(30) { // the first time a pipe is not settled yet
			i := int(k+1) % len(c.s)
			ctx, cancel := watch(t)
			var o order
			got := result(func() error {
				from, err := c.sel(ctx, &o)
				if err == nil && from != i {
					err = fmt.Errorf("from %d, not %d", from, i)
				}
				return err
			})
			get(t, ctx.waiting)
			check(t, c.s[i].Send(watchdog(t), &order{ID: k}))
			check(t, get(t, got))
			if o.ID != k {
				t.Fatal(o)
			}
			cancel()
		}
	})
}

func TestSelectWaitsWhileAnotherPolls(t *testing.T) {
	a, b := pair(t, nil)
	var c crowd
	for i := range 2 {
		s, r := open[order](t, channel, a, b, fmt.Sprint("x", i))
		c.s, c.r = append(c.s, s), append(c.r, r)
	}
	polled(t, b, func() {
		for k := range uint64(20) {
			ctx, cancel := watch(t)
			var o order
			got := result(func() int { i, err := c.sel(ctx, &o); check(t, err); return i })
			get(t, ctx.waiting)
			check(t, c.s[k%2].Send(watchdog(t), &order{ID: k}))
			if i := get(t, got); i != int(k%2) || o.ID != k {
				t.Fatal(i, o)
			}
			cancel()
		}
	})
	if n := engine.Watchers(c.r[0]); n != 0 {
		t.Errorf("watched by %d", n)
	}
}

// The channels' messages are there before: each is chosen as often as any other, in turn.
func TestSelectTakesTurnsExactly(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		const n = 100
		for k := range uint64(n) {
			for _, s := range c.s {
				check(t, s.Send(watchdog(t), &order{ID: k}))
			}
		}
		for k := range uint64(n) {
			for i := range c.s {
				c.want(t, i, k)
			}
		}
	})
}

func TestSelectDoesNotLetABusyChannelStarveAQuietOne(t *testing.T) {
	for _, kinds := range [][]string{{pipe, pipe}, {lane, channel}, {channel, "new"}} {
		t.Run(strings.Join(kinds, " "), func(t *testing.T) {
			c := gatherCrowd(t, append([]string{channel}, kinds...))
			c.s, c.r = c.s[1:], c.r[1:]
			for k := range uint64(1000) {
				check(t, c.s[0].Send(watchdog(t), &order{ID: k}))
			}
			c.want(t, 0, 0)
			c.want(t, 0, 1)
			for k := range uint64(100) { // whenever it has something, it is next
				check(t, c.s[1].Send(watchdog(t), &order{ID: k}))
				c.want(t, 1, k)
				c.want(t, 0, 2+k)
			}
		})
	}
}

func TestSelectIsEndedByItsContextAndTakesNothing(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		ctx := watchdog(t)
		for k := range uint64(10) {
			var o order
			wantErr(t, cancelled(t, func(ctx context.Context) error {
				i, err := c.sel(ctx, &o)
				if i != -1 {
					return fmt.Errorf("index %d", i)
				}
				return err
			}), context.Canceled)
			i := int(k) % len(c.s)
			check(t, c.s[i].Send(ctx, &order{ID: k}))
			done, cancel := context.WithCancel(ctx)
			cancel()
			_, err := c.sel(done, &o)
			wantErr(t, err, context.Canceled)
			c.want(t, i, k)
		}
	})
}

func TestSelectReturnsEndsAfterTheMessagesBefore(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		ctx := watchdog(t)
		check(t, c.s[1].Send(ctx, &order{ID: 1}))
		check(t, c.s[1].Close())
		c.want(t, 1, 1)
		var o order
		i, err := c.sel(ctx, &o)
		if i != 1 {
			t.Fatal(i, err)
		}
		wantErr(t, err, io.EOF)
		c.r[1] = engine.Receiver[order]{}
		check(t, c.s[0].CloseWith(errors.New("unlucky")))
		i, err = c.sel(ctx, &o)
		if ce := as[*engine.ChannelError](t, err); i != 0 || ce.Text != "unlucky" {
			t.Fatal(i, err)
		}
		c.r[0] = engine.Receiver[order]{}
		check(t, c.s[2].Send(ctx, &order{ID: 2}))
		c.want(t, 2, 2)
		check(t, c.r[2].Close())
		i, err = c.sel(ctx, &o)
		if i != 2 {
			t.Fatal(i, err)
		}
		wantErr(t, err, engine.Receiver[order].Receive(c.r[2], ctx, &o))
		c.r = c.r[:2]
		if i, err = c.sel(ctx, &o); i != -1 || !errors.Is(err, io.EOF) {
			t.Fatal(i, err)
		}
		c.s, c.r = nil, nil
	})
}

func TestSelectSeesAPeerGo(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		if c.peers == nil {
			t.Skip("a pipe has no peer")
		}
		ctx, cancel := watch(t)
		defer cancel()
		var o order
		type choice struct {
			i   int
			err error
		}
		got := result(func() choice { i, err := c.sel(ctx, &o); return choice{i, err} })
		get(t, ctx.waiting)
		check(t, c.peers[0].Close())
		ch := get(t, got)
		wantErr(t, ch.err, engine.ErrSessionClosed)
		if ch.i < 0 || ch.i == 1 && len(c.peers) == 2 {
			t.Error(ch.i)
		}
	})
}

func TestSelectReturnsAMalformedMessageAndGoesOn(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s := must(engine.Open[any](ctx, a, "x"))
	r := must(engine.Accept[order](ctx, b, "x"))
	none, _ := engine.Pipe[order]()
	v := any("no order")
	check(t, s.Send(ctx, &v))
	v = []any{1, 2, "n"}
	check(t, s.Send(ctx, &v))
	var o order
	i, err := engine.Select(ctx, engine.Case(none, &o), engine.Case(r, &o))
	wantErr(t, err, engine.ErrMalformed)
	if i != 1 {
		t.Error(i)
	}
	i, err = engine.Select(ctx, engine.Case(none, &o), engine.Case(r, &o))
	if err != nil || i != 1 || o != (order{1, 2, "n"}) {
		t.Error(i, err, o)
	}
}

func TestSelectOfAPipeWhoseReceiverWasGivenAway(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, _ := channelOf[ask](t, a, b, "asks")
	more, feed := engine.Pipe[order]()
	live, in := engine.Pipe[order]()
	check(t, s.Send(ctx, &ask{More: more}))
	check(t, in.Send(ctx, &order{ID: 3}))
	var o order
	i, err := engine.Select(ctx, engine.Case(more, &o), engine.Case(live, &o))
	wantErr(t, err, engine.ErrGiven)
	if i != 0 {
		t.Error(i)
	}
	check(t, feed.Close())
}

// Several Selects and Receives share the channels: every message is received, once.
func TestSelectLosesNothingAndTakesNothingTwice(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		const n = 2000
		ctx, cancel := context.WithCancel(watchdog(t))
		defer cancel()
		var wg sync.WaitGroup
		seen := make([]atomic.Int32, n*len(c.s))
		var left atomic.Int64
		left.Store(int64(len(seen)))
		note := func(o *order) {
			if seen[o.ID].Add(1) != 1 {
				t.Errorf("message %d came twice", o.ID)
			}
			if left.Add(-1) == 0 {
				cancel()
			}
		}
		for range 3 {
			wg.Go(func() {
				for {
					var o order
					if _, err := c.sel(ctx, &o); err != nil {
						return
					}
					note(&o)
				}
			})
		}
		wg.Go(func() { // impatient ones lose nothing either
			for ctx.Err() == nil {
				var o order
				if _, err := c.sel(impatient(ctx), &o); err == nil {
					note(&o)
				}
			}
		})
		wg.Go(func() {
			for {
				var o order
				if c.r[0].Receive(ctx, &o) != nil {
					return
				}
				note(&o)
			}
		})
		for i, s := range c.s {
			wg.Go(func() {
				for k := range uint64(n) {
					if err := s.Send(ctx, &order{ID: uint64(i)*n + k}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		if left.Load() != 0 {
			t.Errorf("%d messages did not come", left.Load())
		}
	})
}
