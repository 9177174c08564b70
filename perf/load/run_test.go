package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

func TestEveryTransportTakesALoad(t *testing.T) {
	needCores(t, 2)
	for _, transport := range rig.Transports() {
		if raceDetector && transport != rig.Inmem && transport != rig.TCP {
			continue
		}
		for _, sessions := range sessionsOver(transport) {
			t.Run(fmt.Sprint(transport, "/", sessions), func(t *testing.T) {
				fdtest.Snapshot(t)
				c := short(Config{Transport: transport, Sessions: sessions, Poisson: sessions > 1})
				rounds := -1
				var kept result.Result
				r, err := Run(t.Context(), c, &Options{Command: peerCommand, Result: &kept, Progress: func(p Progress) {
					if rounds++; p.Round != rounds || p.Rounds != 2 {
						t.Errorf("progress %+v instead of round %d", p, rounds)
					}
				}})
				if err != nil {
					t.Fatal(err)
				}
				if rounds != 2 || r.RoundCount != 2 || len(r.Rounds) != 2 || r.Interrupted || r.Lost != 0 {
					t.Errorf("%+v", r)
				}
				if r.Sent == 0 || r.Response.Count != r.Sent || r.Service.Count != r.Sent || r.Rounds[0].Response.Count+r.Rounds[1].Response.Count != r.Sent {
					t.Errorf("%d sent, %d and %d times", r.Sent, r.Response.Count, r.Service.Count)
				}
				// Each message has a response time that is not shorter than its service time; so have their distributions.
				if r.Response.P50Ns < r.Service.P50Ns || r.Response.MaxNs < r.Service.MaxNs || r.Service.P50Ns <= 0 || r.TimerNs <= 0 {
					t.Errorf("response %+v, service %+v", r.Response, r.Service)
				}
				if len(r.Disturbances) != 2 || r.Disturbances[0].Thread != "sender" || r.Disturbances[1].Thread != "receiver" || r.Disturbances[1].Time <= 0 {
					t.Errorf("%+v", r.Disturbances)
				}
				s := kept.Subjects[0]
				if kept.Kind != "load" || kept.Environment.Kernel == "" || s.Timings[0].Name != ResponseTime || s.Timings[0].Count != r.Sent ||
					s.Timings[1].Count != r.Sent || len(s.Timings[0].Intervals) == 0 || s.Figure("response p50") == nil {
					t.Errorf("%+v", kept)
				}
				if _, err := result.Write(t.TempDir()+"/", &kept); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Several senders share the rate and the receiver. What is not pinned needs no cores of its own.
func TestManySendersFanIn(t *testing.T) {
	needCores(t, 2)
	const senders = 3
	c := short(Config{Transport: rig.WS, Senders: senders, Sessions: 7, Rate: 3000})
	r, err := Run(t.Context(), c, &Options{Command: peerCommand})
	if err != nil || r.Lost != 0 || r.Senders != senders || r.Sessions != 7 || len(r.Disturbances) != senders+1 || r.Disturbances[2].Thread != "sender 2" {
		t.Fatalf("%+v, %v", r, err)
	}
	const due = 3000 * 80 / 1000
	if got := r.Sent + r.Unsent; got < due-senders || got > due+senders || r.Response.Count != r.Sent {
		t.Errorf("%d messages were due instead of %d, %d were answered of %d", got, due, r.Response.Count, r.Sent)
	}
}

// A receiver that stops makes everybody wait who comes meanwhile. A closed loop would see one of them.
func TestAStallOfTheReceiverShowsInTheResponseTimesTail(t *testing.T) {
	needCores(t, 2)
	const stall = 20 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	shown, enough := false, false
	c := Config{Rate: 25_000, Warm: 20 * time.Millisecond, Rounds: 3, Round: 500 * time.Millisecond, Stall: stall}
	r, err := Run(ctx, c, &Options{Command: peerCommand, Progress: func(p Progress) {
		if p.Round == 0 || p.Latest.Response.P999Ns == nil {
			return // the machine was so busy that there are too few
		}
		enough = true
		// In each round 25 messages come in the first millisecond of the stall, and wait for 19 ms and more: one in 500.
		if response := *p.Latest.Response.P999Ns; response < 0.95*float64(stall) {
			t.Errorf("p99.9 of the response time is %v", time.Duration(response))
		}
		// A machine that does other things makes more messages wait, but not always.
		if p.Latest.Service.P50Ns < 0.5*float64(stall) {
			shown = true
			cancel()
		}
	}})
	switch {
	case err != nil:
		t.Error(err)
	case !enough:
		t.Skip("the machine is too busy to send 10,000 messages in half a second")
	case !shown:
		for _, d := range r.Disturbances {
			if d.Waited > d.Time/5 {
				t.Skipf("the %s had no core for %v of %v", d.Thread, d.Waited, d.Time)
			}
		}
		t.Error("p50 of the service time was never below half of the stall")
	}
}

func TestAClosedLoopHasOneMessageUnderWayInEachSession(t *testing.T) {
	needCores(t, 2)
	for _, sessions := range []int{1, 4} {
		c := Config{Closed: true, Sessions: sessions, Warm: 10 * time.Millisecond, Rounds: 2, Round: 40 * time.Millisecond}
		r, err := Run(t.Context(), c, &Options{Command: peerCommand})
		if err != nil || r.Unsent != 0 || r.Lost != 0 || r.Sent == 0 || r.Response != r.Service && r.Response.P50Ns != r.Service.P50Ns || r.LateMaxNs != 0 {
			t.Errorf("%+v, %v", r, err)
		}
	}
	if err := (Config{Closed: true, Rate: 5}).Check(); !errors.Is(err, rig.ErrConfig) {
		t.Error(err)
	}
}

func TestAReceiverThatIsKilledIsNamed(t *testing.T) {
	needCores(t, 2)
	for _, sessions := range []int{1, 3} {
		fdtest.Snapshot(t)
		var peer *exec.Cmd
		c := short(Config{Sessions: sessions})
		c.Rounds = 1000
		_, err := Run(t.Context(), c, &Options{
			Command:  func() *exec.Cmd { peer = peerCommand(); return peer },
			Progress: func(Progress) { _ = peer.Process.Kill() },
		})
		if err == nil || !strings.Contains(err.Error(), "second process died (signal: killed)") {
			t.Errorf("%d sessions: %v", sessions, err)
		}
	}
}

// A receiver that stops for good is found out when its round is over; what was measured until then is kept. It takes a while to give up.
func TestAReceiverThatStopsForGoodIsReportedSoak(t *testing.T) {
	if os.Getenv("CORECHAN_SOAK") == "" {
		t.Skip("takes as long as an answer may: set CORECHAN_SOAK=1")
	}
	needCores(t, 2)
	fdtest.Snapshot(t)
	var peer *exec.Cmd
	c := short(Config{})
	c.Rounds = 1000
	r, err := Run(t.Context(), c, &Options{
		Command: func() *exec.Cmd { peer = peerCommand(); return peer },
		Progress: func(p Progress) {
			if p.Round == 2 {
				_ = peer.Process.Signal(syscall.SIGSTOP)
			}
		},
	})
	if err != nil || r.Lost == 0 || r.RoundCount != 3 || r.Response.Count == 0 || r.Marks[len(r.Marks)-1].Text == "" {
		t.Fatalf("%+v, %v", r, err)
	}
	if !slices.ContainsFunc(r.Marks, func(m environment.Mark) bool { return m.Kind == environment.Lost }) {
		t.Errorf("%+v", r.Marks)
	}
}

func TestAReceiverThatCannotStartSaysWhy(t *testing.T) {
	needCores(t, 2)
	fdtest.Snapshot(t)
	for says, command := range map[string][]string{
		"start the second process": {"/nonexistent"},
		"out of luck":              {"/bin/sh", "-c", "echo out of luck >&2; exit 3"},
	} {
		_, err := Run(t.Context(), short(Config{}), &Options{Command: func() *exec.Cmd { return exec.Command(command[0], command[1:]...) }})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v does not say %q", command, err, says)
		}
	}
}

func TestAnInterruptedLoadReportsWhatItHas(t *testing.T) {
	needCores(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	c := short(Config{})
	c.Rounds = 1_000_000
	r, err := Run(ctx, c, &Options{Command: peerCommand, Progress: func(p Progress) {
		if p.Round == 2 {
			cancel()
		}
	}})
	if err != nil || !r.Interrupted || r.RoundCount < 2 || r.Response.Count == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Run(ctx, c, &Options{Command: peerCommand}); !errors.Is(err, perf.ErrInterrupted) {
		t.Error(err)
	}
}

func TestARateThatTheMachineCannotKeepIsMarked(t *testing.T) {
	needCores(t, 2)
	r, err := Run(t.Context(), short(Config{Rate: MaxRate, Transport: rig.Unix}), &Options{Command: peerCommand})
	if err != nil {
		t.Fatal(err)
	}
	if r.Unsent == 0 || r.Rate > MaxRate/2 || len(r.Marks) == 0 || r.Marks[0].Kind != environment.MissedRate || !strings.Contains(r.Marks[0].Text, "too good") {
		t.Errorf("%+v", r)
	}
}

func TestOneProcessThatIsToldNothingFails(t *testing.T) {
	if err := peerCommand().Run(); err == nil {
		t.Error("a second process without a first did not fail")
	}
}

// sessionsOver are those worth a test: how many there are makes a difference to memory and to sockets.
func sessionsOver(t rig.Transport) []int {
	switch {
	case t == rig.TCP && raceDetector:
		return []int{5}
	case t == rig.Shm || t == rig.TCP:
		return []int{1, 5}
	}
	return []int{1}
}
