package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/netpoll"
	"github.com/corechan/corechan/transports/inmem"
)

func TestNewRefusesCoresByName(t *testing.T) {
	allowed := must(netpoll.Allowed()).String()
	const outside = "1000" // of any cpuset that a test runs in
	for _, cores := range []string{"9999", "x", "1-", "-1", "3-1", "0-9999", outside} {
		_, err := engine.New(engine.Config{Cores: cores})
		if err == nil {
			t.Errorf("%q was accepted", cores)
			continue
		}
		if !strings.Contains(err.Error(), "cores") || !strings.Contains(err.Error(), strings.TrimPrefix(cores, "0-")) {
			t.Errorf("%q: %v", cores, err)
		}
		if cores == outside && !strings.Contains(err.Error(), allowed) {
			t.Errorf("%q does not say which there are: %s", err, allowed)
		}
	}
	eng := newEngine(t, engine.Config{Cores: allowed})
	check(t, eng.Shutdown(watchdog(t)))
}

func TestHandlersArePinnedToTheirCores(t *testing.T) {
	cores := must(netpoll.Allowed()).List()
	core := fmt.Sprint(cores[len(cores)-1])
	a, b := pair(t, with(t, engine.Config{Cores: core}))
	got := make(chan string, 1)
	check(t, engine.Handle(b, "x", func(context.Context, *order) error {
		status := must(os.ReadFile("/proc/thread-self/status"))
		_, list, _ := strings.Cut(string(status), "Cpus_allowed_list:")
		list, _, _ = strings.Cut(list, "\n")
		got <- strings.TrimSpace(list)
		return nil
	}))
	check(t, must(engine.Open[order](watchdog(t), a, "x")).Send(watchdog(t), new(order)))
	if on := get(t, got); on != core {
		t.Errorf("runs on %s, not %s", on, core)
	}
}

// What was sent is received before the sessions close.
func TestShutdownDrains(t *testing.T) {
	for _, w := range waits {
		t.Run(w.String(), func(t *testing.T) {
			ctx := watchdog(t)
			server := with(t, engine.Config{Wait: w})
			ln := must(inmem.Listen(ctx, t.Name(), server))
			const sessions, n = 3, 500
			var wg sync.WaitGroup
			for k := range sessions {
				a := must(inmem.Dial(ctx, t.Name(), with(t, engine.Config{Wait: w})))
				b := must(ln.Accept(ctx))
				s, r := open[order](t, channel, b, a, "x")
				for i := range n {
					check(t, s.Send(ctx, &order{ID: uint64(i)}))
				}
				wg.Go(func() {
					for i := range n {
						var o order
						if err := r.Receive(ctx, &o); err != nil || o.ID != uint64(i) {
							t.Error(k, i, o, err)
							return
						}
					}
					if err := r.Receive(ctx, new(order)); err == nil {
						t.Error("one more")
					}
				})
			}
			check(t, server.Engine.Shutdown(ctx))
			wg.Wait()
			wantErr(t, server.Engine.Shutdown(ctx), os.ErrClosed)
			_, err := ln.Accept(ctx)
			wantErr(t, err, net.ErrClosed)
			_, err = inmem.Dial(ctx, t.Name(), nil)
			wantErr(t, err, inmem.ErrNobody)
		})
	}
}

func TestShutdownThatIsCutShortClosesAtOnce(t *testing.T) {
	ctx := watchdog(t)
	o := with(t, engine.Config{})
	a, b := pair(t, o)
	s := must(engine.Open[order](ctx, a, "x"))
	check(t, s.Send(ctx, new(order))) // which nobody reads
	soon, cancel := watch(t)
	down := result(func() error { return o.Engine.Shutdown(soon) })
	get(t, soon.waiting)
	cancel()
	wantErr(t, get(t, down), context.Canceled)
	wantErr(t, s.Send(ctx, new(order)), os.ErrClosed)
	wantErr(t, a.Err(), os.ErrClosed)
	wantErr(t, b.Err(), os.ErrClosed)
}

func TestAnEngineThatWasShutDownRefusesEverything(t *testing.T) {
	ctx := watchdog(t)
	o := with(t, engine.Config{})
	check(t, o.Engine.Shutdown(ctx))
	wantErr(t, o.Engine.Shutdown(ctx), os.ErrClosed)
	_, _, err := inmem.Pair(o)
	wantErr(t, err, os.ErrClosed)
	_, err = inmem.Listen(ctx, t.Name(), o)
	wantErr(t, err, os.ErrClosed)
	ln := must(inmem.Listen(ctx, t.Name(), nil)) // the name is free
	defer ln.Close()
	_, err = inmem.Dial(ctx, t.Name(), o)
	wantErr(t, err, os.ErrClosed)
	_, _, err = o.Engine.Service()
	wantErr(t, err, os.ErrClosed)
	_, err = o.Engine.Own(ln)
	wantErr(t, err, os.ErrClosed)
	a, _ := newLinks(t, 4096, nil)
	_, err = engine.NewSession(o.Engine, a.link)
	wantErr(t, err, os.ErrClosed)
	if len(a.over) != 1 {
		t.Errorf("the link was freed %d times", len(a.over))
	}
	if o.Engine.Stats() != nil {
		t.Error("has loops")
	}
}

func TestTheDefaultEngineCannotBeShutDown(t *testing.T) {
	wantErr(t, engine.Default().Shutdown(watchdog(t)), os.ErrPermission)
	e := connectWith[order](t, channel, nil)
	check(t, e.s.Send(watchdog(t), new(order)))
	if first := engine.Default(); first != engine.Default() {
		t.Error("there are several")
	}
}

func TestShutdownClosesListeners(t *testing.T) {
	ctx := watchdog(t)
	o := with(t, engine.Config{})
	ln := must(inmem.Listen(ctx, t.Name(), o))
	waiting, _ := watch(t)
	accept := result(func() error { _, err := ln.Accept(waiting); return err })
	get(t, waiting.waiting)
	check(t, o.Engine.Shutdown(ctx))
	wantErr(t, get(t, accept), net.ErrClosed)
	wantErr(t, ln.Close(), net.ErrClosed)
}

func TestAnEngineLogsOnlyIfAskedTo(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o := with(t, engine.Config{Logger: logger, Limits: engine.Limits{Unclaimed: 1}})
	if o.Engine.Logger() != logger || engine.Default().Logger() == nil {
		t.Error("not the logger that was given, or none")
	}
	ctx := watchdog(t)
	a, b := pair(t, o)
	polled(t, b, func() {
		for range 2 {
			must(engine.Open[order](ctx, a, "too many"))
		}
		w, cancel := watch(t)
		defer cancel()
		accepted := result(func() error { _, err := engine.Accept[order](w, b, "marker"); return err })
		get(t, w.waiting) // else it would be one too many as well
		s := must(engine.Open[order](ctx, a, "marker"))
		check(t, get(t, accepted))
		check(t, s.Close())
	})
	check(t, a.Close())
	for _, part := range []string{"level=WARN", "too many", "limit of 1", "session ended"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("%q is missing in:\n%s", part, &log)
		}
	}
}
