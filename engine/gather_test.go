package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/shm"
)

// A peer that dies without a word, under Select, Copy and Merge: what it had sent comes before.
func TestWhoWaitsForSeveralChannelsSeesAPeerDie(t *testing.T) {
	for _, w := range waits {
		t.Run(w.String(), func(t *testing.T) {
			ctx := watchdog(t)
			cfg := engine.Config{Wait: w}
			busy, feed := engine.Pipe[order]()
			for range 100 {
				check(t, feed.Send(ctx, new(order)))
			}
			var o order

			v := newVictim(t, cfg, nil)
			v.write(frame{typ: frameData, channel: inID, payload: orderPayload})
			v.bell.Shutdown()
			for k, want := range []int{0, 1, 0, 1} { // although the other one always has something
				i, err := engine.Select(ctx, engine.Case(busy, &o), engine.Case(v.in, &o))
				if i != want || (err != nil) != (k == 3) {
					t.Fatal(k, i, err)
				}
				if err != nil {
					wantErr(t, err, engine.ErrPeerGone)
				}
			}

			v = newVictim(t, cfg, nil)
			quiet, _ := engine.Pipe[order]()
			waiting, _ := watch(t)
			got := result(func() error {
				_, err := engine.Select(waiting, engine.Case(quiet, &o), engine.Case(v.in, new(order)))
				return err
			})
			get(t, waiting.waiting)
			v.bell.Shutdown()
			wantErr(t, get(t, got), engine.ErrPeerGone)

			v = newVictim(t, cfg, nil)
			m := engine.NewMerge[order]()
			check(t, m.Add(busy))
			check(t, m.Add(v.in))
			v.write(frame{typ: frameData, channel: inID, payload: orderPayload})
			v.bell.Shutdown()
			n := 0
			for o, err := range m.All(ctx) {
				if err != nil {
					wantErr(t, err, engine.ErrPeerGone)
					break
				}
				n += int(o.ID)
			}
			if n != 42 {
				t.Error(n)
			}
			check(t, m.Close())

			v = newVictim(t, cfg, nil) // the receiver of what is copied
			from, _ := engine.Pipe[order]()
			done := copying(ctx, v.out, from)
			v.bell.Shutdown()
			wantErr(t, get(t, done).err, engine.ErrPeerGone)
		})
	}
}

// A session whose handlers run on a loop is polled by that.
func TestSeveralChannelsOfASessionWithHandlers(t *testing.T) {
	ctx := watchdog(t)
	c := gatherCrowd(t, []string{channel, "new", channel, lane, pipe})
	handled := make(chan uint64, 1)
	a, b := pair(t, nil)
	check(t, engine.Handle(b, "h", func(_ context.Context, o *order) error { handled <- o.ID; return nil }))
	s, r := open[order](t, channel, a, b, "x")
	c.s, c.r = append(c.s, s), append(c.r, r)
	h := must(engine.Open[order](ctx, a, "h"))
	for k := range uint64(60) {
		i := int(k) % len(c.s)
		ctx, cancel := watch(t)
		got := result(func() int { i, err := c.sel(ctx, new(order)); check(t, err); return i })
		get(t, ctx.waiting)
		check(t, h.Send(ctx, &order{ID: k}))
		if id := get(t, handled); id != k {
			t.Fatal(id)
		}
		check(t, c.s[i].Send(ctx, &order{ID: k}))
		if from := get(t, got); from != i {
			t.Fatal(from, i)
		}
		cancel()
	}
	m := c.merge(t)
	var o order
	for k := range uint64(60) {
		check(t, c.s[int(k)%len(c.s)].Send(ctx, &order{ID: k}))
		if check(t, m.Receive(ctx, &o)); o.ID != k {
			t.Fatal(o)
		}
	}
	check(t, m.Close())
}

// A pipe whose ends are unused yet is nobody's to poll: the context ends the wait, and the other end can still be given
// away.
func TestWaitingForAPipeDoesNotSettleIt(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[ask](t, a, b, "asks")
	fills, reply := engine.Pipe[order]()
	others, _ := engine.Pipe[order]()
	_, to := engine.Pipe[order]()
	var o order
	sel := func(ctx context.Context) error {
		var o order
		_, err := engine.Select(ctx, engine.Case(fills, &o), engine.Case(others, &o))
		return err
	}
	wantErr(t, cancelled(t, sel), context.Canceled)
	wantErr(t, cancelled(t, func(ctx context.Context) error { _, err := engine.Copy(ctx, to, fills); return err }), context.Canceled)
	m := engine.NewMerge[order]()
	defer m.Close()
	check(t, m.Add(fills))
	waiting, _ := watch(t)
	got := result(func() error { return sel(waiting) })
	get(t, waiting.waiting)
	check(t, s.Send(ctx, &ask{Reply: reply}))
	var q ask
	check(t, r.Receive(ctx, &q))
	check(t, q.Reply.Send(ctx, &order{ID: 1}))
	check(t, q.Reply.Send(ctx, &order{ID: 2}))
	check(t, q.Reply.Close())
	check(t, m.Receive(ctx, &o)) // one of the two; Select, the other
	check(t, get(t, got))
}

// All of it between two ends of shared memory.
func TestSeveralChannelsOverSharedMemory(t *testing.T) {
	for _, w := range waits {
		t.Run(w.String(), func(t *testing.T) {
			ctx := watchdog(t)
			path := filepath.Join(t.TempDir(), "s")
			ln := must(shm.Listen(ctx, path, &shm.Options{Engine: newEngine(t, engine.Config{Wait: w})}))
			defer ln.Close()
			// The server sends what comes on two channels back, on lanes and channels.
			done := result(func() error {
				return engine.Serve(ctx, ln, "in", func(ctx context.Context, s *engine.Session, o *order) error {
					var to engine.Sender[order]
					var err error
					if o.ID%2 == 0 {
						to, err = engine.OpenLane[order](ctx, s, "out0", nil)
					} else {
						to, err = engine.Open[order](ctx, s, "out1")
					}
					if err != nil {
						return err
					}
					for k := range int64(1000) {
						if err := to.Send(ctx, &order{ID: o.ID, Price: k}); err != nil {
							return err
						}
					}
					return to.Close()
				})
			})
			o := &shm.Options{Engine: newEngine(t, engine.Config{Wait: w})}
			m := engine.NewMerge[order]()
			var sessions []*engine.Session
			for range 2 {
				s := must(shm.Dial(ctx, path, o))
				defer s.Close()
				sessions = append(sessions, s)
				var r [2]engine.Receiver[order]
				for id := range uint64(4) {
					to := must(engine.Open[order](ctx, s, "in"))
					check(t, to.Send(ctx, &order{ID: id}))
					check(t, to.Close())
					got := must(engine.Accept[order](ctx, s, fmt.Sprint("out", id%2)))
					if id < 2 {
						r[id] = got
					} else {
						check(t, m.Add(got))
					}
				}
				var next [2]int64
				for ends := 0; ends < 2; {
					var v order
					i, err := engine.Select(ctx, engine.Case(r[0], &v), engine.Case(r[1], &v))
					switch {
					case errors.Is(err, io.EOF):
						r[i] = engine.Receiver[order]{}
						ends++
					case err != nil || v.ID != uint64(i) || v.Price != next[i]:
						t.Fatal(i, v, err)
					default:
						next[i]++
					}
				}
				if next != [2]int64{1000, 1000} {
					t.Fatal(next)
				}
			}
			n := 0
			for _, err := range m.All(ctx) {
				check(t, err)
				if n++; n == 4000 {
					break
				}
			}
			check(t, m.Close())
			for _, s := range sessions {
				check(t, s.Close())
			}
			check(t, ln.Close())
			check(t, get(t, done))
		})
	}
}
