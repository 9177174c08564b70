package load

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
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
		for _, sessions := range []int{1, 5} {
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

// A receiver that stops makes everybody wait who comes meanwhile. A closed loop would see one of them.
func TestAStallOfTheReceiverShowsInTheResponseTimesTail(t *testing.T) {
	needCores(t, 2)
	const stall = 20 * time.Millisecond
	c := Config{Rate: 20_000, Warm: 20 * time.Millisecond, Rounds: 2, Round: 200 * time.Millisecond, Stall: stall}
	r, err := Run(t.Context(), c, &Options{Command: peerCommand})
	if err != nil {
		t.Fatal(err)
	}
	if r.Response.P999Ns == nil {
		if r.Unsent == 0 {
			t.Fatalf("no p99.9 of %d times", r.Response.Count)
		}
		t.Skipf("the machine could not send %d of the messages", r.Unsent)
	}
	// Of 10 messages that come in the first half millisecond of the stall, each waits for more than 19 ms.
	if *r.Response.P999Ns < 0.95*float64(stall) {
		t.Errorf("p99.9 of the response time is %v", time.Duration(*r.Response.P999Ns))
	}
	if r.Service.P50Ns >= 0.5*float64(stall) {
		t.Errorf("p50 of the service time is %v", time.Duration(r.Service.P50Ns))
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
