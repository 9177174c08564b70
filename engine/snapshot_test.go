package engine_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
)

// engineOf is an engine with a pair of sessions of its own, and what it counts of its only transport.
type engineOf struct {
	ends[engine.Raw]
	eng *engine.Engine
}

func connectOwn(t *testing.T, kind string, w engine.Wait) engineOf {
	t.Helper()
	o := with(t, engine.Config{Wait: w, Limits: engine.Limits{Window: 16 << 10}})
	return engineOf{connectWith[engine.Raw](t, kind, o), o.Engine}
}

func (e *engineOf) transport(t *testing.T) engine.TransportSnapshot {
	t.Helper()
	all := e.eng.Snapshot().Transports
	if len(all) != 1 || all[0].Transport != "inmem" {
		t.Fatalf("%+v", all)
	}
	return all[0]
}

func TestASnapshotCountsWhatPassed(t *testing.T) {
	for _, kind := range []string{channel, lane} {
		t.Run(kind, func(t *testing.T) {
			ctx := watchdog(t)
			e := connectOwn(t, kind, engine.Hybrid)
			before := e.transport(t)
			msg := make(engine.Raw, 100)
			const n = 50
			for range n {
				check(t, e.s.Send(ctx, &msg))
			}
			now := e.transport(t)
			if got := now.FramesSent - before.FramesSent; got != n {
				t.Errorf("%d frames sent, not %d", got, n)
			}
			if got := now.BytesSent - before.BytesSent; got < n*116 || got > n*128 {
				t.Errorf("%d bytes sent", got)
			}
			s := e.eng.Snapshot()
			if len(s.Sessions) != 2 || s.Sessions[0].ID >= s.Sessions[1].ID || !s.Sessions[0].Dialer || s.Sessions[1].Dialer {
				t.Fatalf("%+v", s.Sessions)
			}
			a, b := &s.Sessions[0], &s.Sessions[1]
			if a.SendQueue < n*116 || a.SendQueue != b.ReceiveQueue || a.SendRing < a.SendQueue || a.SendRing != b.ReceiveRing {
				t.Errorf("%+v %+v", a.Queues, b.Queues)
			}
			lanes := 0
			if kind == lane {
				lanes = 1
			}
			if len(a.Channels) != 1 || a.Channels[0].Messages != n || a.Channels[0].Name != "x" || a.Lanes != lanes || a.Core != -1 {
				t.Errorf("%+v", a)
			}
			for range n {
				check(t, e.r.Receive(ctx, &msg))
			}
			s = e.eng.Snapshot()
			if b := &s.Sessions[1]; b.FramesReceived < n || b.ReceiveQueue != 0 {
				t.Errorf("%+v", b)
			}
		})
	}
}

func TestWhatEndedSessionsCountedStays(t *testing.T) {
	for _, kind := range []string{channel, lane} {
		t.Run(kind, func(t *testing.T) {
			ctx := watchdog(t)
			e := connectOwn(t, kind, engine.Hybrid)
			msg := make(engine.Raw, 100)
			for range 10 {
				check(t, e.s.Send(ctx, &msg))
				check(t, e.r.Receive(ctx, &msg))
			}
			lease := result(func() engine.Lease { return must(e.r.Lease(ctx)) })
			check(t, e.s.Send(ctx, &msg))
			held := get(t, lease) // keeps the ring beyond the session's end
			before := e.transport(t)
			check(t, e.a.Close())
			check(t, e.b.Close())
			for range 2 {
				s := e.eng.Snapshot()
				now := s.Transports[0]
				if len(s.Sessions) != 0 || now.Sessions != 0 || now.Opened != 2 {
					t.Errorf("%d sessions, %+v", len(s.Sessions), now)
				}
				if now.FramesSent < before.FramesSent || now.BytesSent < before.BytesSent || now.FramesReceived < before.FramesReceived {
					t.Errorf("%+v after %+v", now, before)
				}
				held.Release()
			}
			if q := e.transport(t).Queues; q != (engine.Queues{}) {
				t.Errorf("what is gone is still full: %+v", q)
			}
		})
	}
}

func TestASnapshotTellsWhatSendersWaitFor(t *testing.T) {
	for _, kind := range []string{channel, lane} {
		t.Run(kind, func(t *testing.T) {
			e := connectOwn(t, kind, engine.Block)
			fill(t, e.s, 1000)
			s := e.transport(t)
			switch {
			case kind == channel && (s.NoCredit != 1 || s.NoCreditTime <= 0):
				t.Errorf("no wait for credit: %+v", s.Counters)
			case kind == lane && (s.FullRing == 0 || s.FullRingTime <= 0):
				t.Errorf("no wait for room: %+v", s.Counters)
			}
		})
	}
}

func TestASnapshotCountsSleepsAndRings(t *testing.T) {
	ctx := watchdog(t)
	e := connectOwn(t, channel, engine.Block)
	msg := make(engine.Raw, 8)
	const n = 20
	for range n {
		before := e.transport(t).Sleeps
		got := result(func() error { return e.r.Receive(ctx, &msg) })
		for e.transport(t).Sleeps == before {
			check(t, ctx.Err())
			runtime.Gosched()
		}
		check(t, e.s.Send(ctx, new(engine.Raw{1})))
		check(t, get(t, got))
	}
	if s := e.transport(t); s.Sleeps < n || s.Rings < n {
		t.Errorf("%d sleeps, %d rings", s.Sleeps, s.Rings)
	}
}

func TestASnapshotHasTheLoopsAndTheRuntime(t *testing.T) {
	eng := newEngine(t, engine.Config{})
	_, release, err := eng.Service()
	check(t, err)
	defer release()
	s := eng.Snapshot()
	if len(s.Loops) != 1 || !s.Loops[0].Service || s.Loops[0].Core != -1 {
		t.Errorf("%+v", s.Loops)
	}
	if r := s.Runtime; r.Goroutines == 0 || r.SchedulerLatency.Count() == 0 || r.SchedulerLatency.Quantile(0.5) <= 0 {
		t.Errorf("%+v", r)
	}
}

func TestALoopCountsWhatItsSessionsPass(t *testing.T) {
	ctx := watchdog(t)
	o := with(t, engine.Config{})
	a, b := pair(t, o)
	handled := make(chan struct{})
	check(t, engine.Handle(b, "x", func(context.Context, *engine.Raw) error { handled <- struct{}{}; return nil }))
	s := must(engine.Open[engine.Raw](ctx, a, "x"))
	for range 10 {
		check(t, s.Send(ctx, &engine.Raw{1}))
		get(t, handled)
	}
	loops := o.Engine.Snapshot().Loops
	if len(loops) == 0 || loops[0].Service || loops[0].Sessions != 1 || loops[0].Passed.FramesReceived < 10 || loops[0].Queues.ReceiveRing == 0 {
		t.Errorf("%+v", loops)
	}
	if one := o.Engine.Snapshot().Sessions[1]; one.Core != loops[0].Core {
		t.Errorf("%+v", one)
	}
}

// Whoever takes snapshots while sessions come and go sees sums that only grow, and neither a ring that is gone nor a race.
func TestSumsOnlyGrowWhileSessionsComeAndGo(t *testing.T) {
	ctx := watchdog(t)
	o := with(t, engine.Config{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				for _, kind := range []string{channel, lane} {
					e := connectWith[engine.Raw](t, kind, o)
					for range 5 {
						_ = e.s.Send(ctx, &engine.Raw{1})
						_ = e.r.Receive(ctx, new(engine.Raw))
					}
					_ = e.a.Close()
					_ = e.b.Close()
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	var before engine.TransportSnapshot
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		s := o.Engine.Snapshot()
		if len(s.Transports) == 0 {
			continue
		}
		now := s.Transports[0]
		if now.FramesSent < before.FramesSent || now.FramesReceived < before.FramesReceived || now.BytesSent < before.BytesSent ||
			now.BytesReceived < before.BytesReceived || now.Rings < before.Rings || now.Opened < before.Opened {
			t.Fatalf("%+v after %+v", now, before)
		}
		before = now
	}
	for o.Engine.Tallied() != 0 { // who polls a port frees it
		check(t, ctx.Err())
		runtime.Gosched()
	}
	if before.Opened != 4*20*2*2 || before.Sessions != 0 || before.FramesSent < before.Opened/2*5 {
		t.Errorf("%+v", before)
	}
}

func TestDurations(t *testing.T) {
	d := engine.Durations{{High: 10, Count: 90}, {High: 100, Count: 9}, {High: 1000, Count: 1}}
	for q, want := range map[float64]time.Duration{0: 10, 0.5: 10, 0.9: 10, 0.91: 100, 0.99: 100, 0.995: 1000, 1: 1000} {
		if got := d.Quantile(q); got != want {
			t.Errorf("quantile %v is %v, not %v", q, got, want)
		}
	}
	after := d.Sub(engine.Durations{{High: 10, Count: 80}, {High: 100, Count: 9}, {High: 500, Count: 3}})
	if !slices.Equal(after, engine.Durations{{High: 10, Count: 10}, {High: 1000, Count: 1}}) {
		t.Error(after)
	}
	if d := (engine.Durations{}); d.Quantile(0.5) != 0 || d.Count() != 0 {
		t.Error(d)
	}
}
