package perf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// idleOptions start the processes in the peer's role, and tell them to a test.
func idleOptions(phase func(what string, all []*exec.Cmd)) *Options {
	var mu sync.Mutex
	var all []*exec.Cmd
	return &Options{
		Command: func() *exec.Cmd {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, inRole(rolePeer))
			return all[len(all)-1]
		},
		Phase: func(what string) {
			mu.Lock()
			defer mu.Unlock()
			phase(what, all)
		},
	}
}

func TestIdleSessionsAreMeasured(t *testing.T) {
	all := append(twoProcesses(), BareUnix, BareTCP, BareTLS)
	for _, transport := range all {
		for _, wait := range []Wait{"", Hybrid} {
			if wait == Hybrid && transport != Shm && transport != TCP {
				continue // as without
			}
			t.Run(fmt.Sprint(transport, "/", wait), func(t *testing.T) {
				before := descriptors(t)
				var phases []string
				c := IdleConfig{Transport: transport, Sessions: 70, Busy: 9, Seconds: 0.05, Wait: wait}
				r, err := Idle(t.Context(), c, idleOptions(func(what string, _ []*exec.Cmd) { phases = append(phases, what) }))
				if err != nil {
					t.Fatal(err)
				}
				setDefault(&wait, Block)
				if r.Transport != transport || r.Sessions != 70 || r.Busy != 9 || r.Wait != wait || r.Interrupted {
					t.Errorf("%+v", r)
				}
				if _, ok := idleLimit(transport); ok != (r.Limit != nil) {
					t.Errorf("limit %+v", r.Limit)
				}
				checkIdle(t, &r.System)
				if r.Limit != nil {
					checkIdle(t, r.Limit)
				}
				if text := strings.Join(phases, "\n"); !strings.Contains(text, "dialling 70") || !strings.Contains(text, "9 busy") {
					t.Errorf("phases: %s", text)
				}
				if after := descriptors(t); after > before {
					t.Errorf("%d descriptors before, %d after", before, after)
				}
			})
		}
	}
}

func checkIdle(t *testing.T, f *IdleFigures) {
	t.Helper()
	for _, side := range []*IdleSides{&f.Server, &f.Client} {
		for _, c := range []*IdleCost{&side.New, &side.Used} {
			// How much memory so few sessions add is not certain, but the descriptors are.
			if c.Descriptors < 1 || c.Cores < 0 {
				t.Errorf("%+v", c)
			}
		}
		// An engine keeps a few of its own; of sessions there were 70.
		if side.LeftDescriptors > 20 || side.LeftGoroutines > 20 {
			t.Errorf("left behind: %+v", side)
		}
	}
	// On a machine that has other things to do, a session may have made no round trip in so short a time.
	if f.DialsPerS <= 0 || f.TripsPerS <= 0 || !(f.SlowestPerS <= f.MedianPerS && f.MedianPerS <= f.FastestPerS) ||
		f.SlowestRatio < 0 || f.SlowestRatio > 1 {
		t.Errorf("%+v", f)
	}
}

func TestIdleEndsWhenOneOfItsProcessesIsKilled(t *testing.T) {
	for i, name := range []string{"server process", "client process"} {
		t.Run(name, func(t *testing.T) {
			o := idleOptions(func(what string, all []*exec.Cmd) {
				if strings.Contains(what, "idle, new") {
					_ = all[i].Process.Kill()
				}
			})
			_, err := Idle(t.Context(), IdleConfig{Transport: BareTCP, Sessions: 20, Seconds: 3600}, o)
			if err == nil || !strings.Contains(err.Error(), name+" died (signal: killed)") {
				t.Error(err)
			}
		})
	}
}

func TestAnInterruptedIdleReportsWhatItHas(t *testing.T) {
	for phase, want := range map[string]error{"dialling": ErrInterrupted, "using each once": nil, "busy": nil} {
		t.Run(phase, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, err := Idle(ctx, IdleConfig{Sessions: 20, Seconds: 0.02}, idleOptions(func(what string, _ []*exec.Cmd) {
				if strings.Contains(what, phase) {
					cancel()
				}
			}))
			if !errors.Is(err, want) || r.Interrupted != (want == nil) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

func TestWhatIdleRefuses(t *testing.T) {
	for _, test := range []struct {
		config IdleConfig
		says   string
	}{
		{IdleConfig{Transport: Inmem}, "joins no two processes; use shm"},
		{IdleConfig{Transport: "smoke"}, `"smoke"`},
		{IdleConfig{Wait: "nap"}, "spin, hybrid or block"},
		{IdleConfig{Transport: H2, Wait: Spin}, "use --wait block"},
		{IdleConfig{Sessions: -1}, "1 to 1000000"},
		{IdleConfig{Sessions: MaxSessions + 1}, "1 to 1000000"},
		{IdleConfig{Sessions: 10, Busy: 11}, "at most all"},
		{IdleConfig{Busy: -1}, "at least 1"},
		{IdleConfig{Seconds: -1}, "more than 0"},
		{IdleConfig{Sessions: MaxSessions}, "ulimit -n 1000200"},
	} {
		if _, err := test.config.complete(); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v does not say %q", test.config, err, test.says)
		}
	}
	c, err := IdleConfig{Sessions: 500}.complete()
	if err != nil || c.Transport != TCP || c.Busy != 500 || c.Seconds != 2 || c.Wait != Block {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestFairnessIsTheSlowestToTheMedian(t *testing.T) {
	var f IdleFigures
	f.fairness([]int{10, 20, 40}, 2)
	if f.TripsPerS != 35 || f.MedianPerS != 10 || f.SlowestPerS != 5 || f.FastestPerS != 20 || f.SlowestRatio != 0.5 {
		t.Errorf("%+v", f)
	}
	f = IdleFigures{}
	f.fairness(nil, 1)
	f.fairness([]int{0, 0}, 1)
	if _, err := json.Marshal(f); err != nil || f.SlowestRatio != 0 {
		t.Errorf("%+v, %v", f, err)
	}
}
