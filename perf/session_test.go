package perf

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/measure"
)

const watchdog = 20 * time.Second

// The limit in the place of the system goes through everything that a system goes through. What its ratio is depends on
// the machine, so only its structure is asserted.
func TestTheBareLimitMeasuredAgainstItself(t *testing.T) {
	for _, transport := range []Transport{Bare, BareInmem} {
		for _, wait := range []Wait{Spin, Hybrid, Block} {
			for _, size := range []int{21, 64, 4096} {
				c := Config{Transport: transport, Wait: wait, Size: size, Count: 503}
				t.Run(fmt.Sprint("pingpong/", transport, "/", wait, "/", size), func(t *testing.T) {
					forTwoCores(t, c)
					steps := 0.0
					p, err := Pingpong(t.Context(), c, testOptions(func(p Progress) {
						if p.Done < steps || p.Done > 1 || p.Run != 1 || p.Runs != 1 {
							t.Errorf("progress %+v after %v", p, steps)
						}
						steps = p.Done
					}))
					if err != nil {
						t.Fatal(err)
					}
					if steps != 1 {
						t.Errorf("progress ended at %v", steps)
					}
					if p.Count != 503 || p.Interrupted || p.Slices < leastSlices || p.Limit == "" || p.Size != size {
						t.Errorf("%+v", p)
					}
					if !(0 < p.P50Ns && p.P50Ns <= p.P90Ns && p.P90Ns <= p.P99Ns && p.P99Ns <= p.P999Ns && p.MeanNs <= p.MaxNs) {
						t.Errorf("quantiles out of order: %+v", p)
					}
					if p.LimitP50Ns <= 0 || p.RatioLow > p.RatioP50 || p.RatioP50 > p.RatioHigh || p.RatioP50 <= 0 || p.TimerNs <= 0 {
						t.Errorf("%+v", p)
					}
				})
				t.Run(fmt.Sprint("stream/", transport, "/", wait, "/", size), func(t *testing.T) {
					forTwoCores(t, c)
					s, err := Stream(t.Context(), c, testOptions(nil))
					if err != nil {
						t.Fatal(err)
					}
					if s.Count != 503 || s.Interrupted || s.MsgsPerS <= 0 || s.LimitMsgsPerS <= 0 || s.Ratio <= 0 || s.Seconds < 0 {
						t.Errorf("%+v", s)
					}
				})
			}
		}
	}
}

// A hot goroutine may find itself on the main thread, which outlives it.
func TestNoThreadStaysPinned(t *testing.T) {
	want := forTwoCores(t, Config{Transport: BareInmem, Count: 1}).Cores
	for range 5 {
		for core := range want {
			c, err := newCrew(measure.Near, want[core])
			if err != nil {
				t.Fatal(err)
			}
			if err := c.dismiss(); err != nil {
				t.Fatal(err)
			}
		}
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err != nil {
			t.Fatal(err)
		}
		// dismiss returns before the goroutine has ended, so a thread may need a moment.
		for deadline := time.Now().Add(watchdog); ; {
			var set unix.CPUSet
			if err := unix.SchedGetaffinity(id, &set); errors.Is(err, unix.ESRCH) || set.Count() > 1 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("thread %d stays pinned", id)
			}
			runtime.Gosched()
		}
	}
}

func TestSecondsAreTheTimeSpentInTheMeasuredSlices(t *testing.T) {
	c := forTwoCores(t, Config{Transport: Bare, Seconds: 0.02, Runs: 2})
	p, err := Pingpong(t.Context(), c, testOptions(nil))
	if err != nil {
		t.Fatal(err)
	}
	if p.Runs != 2 || p.Seconds < 0.02 || p.Slices < leastSlices {
		t.Errorf("%+v", p)
	}
}

func TestAnInterruptedMeasurementReportsWhatItHas(t *testing.T) {
	c := forTwoCores(t, Config{Transport: Bare, Seconds: 3600})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p, err := Pingpong(ctx, c, testOptions(func(Progress) { cancel() }))
	if err != nil || !p.Interrupted || p.Count == 0 || p.Slices != 1 || p.RatioP50 <= 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestInterruptedRunsAreLeftOutOfTheMedians(t *testing.T) {
	c := forTwoCores(t, Config{Transport: Bare, Count: 40, Runs: 5})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p, err := Pingpong(ctx, c, testOptions(func(p Progress) {
		if p.Run == 3 {
			cancel()
		}
	}))
	if err != nil || !p.Interrupted || p.Runs != 2 || p.Count != 40 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestNothingMeasuredIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Stream(ctx, forTwoCores(t, Config{Transport: Bare}), testOptions(nil)); !errors.Is(err, ErrInterrupted) {
		t.Error(err)
	}
}

func TestASecondProcessThatCannotStartSaysWhy(t *testing.T) {
	c := forTwoCores(t, Config{Transport: Bare, Count: 1})
	for _, test := range []struct {
		command []string
		says    string
	}{
		{[]string{"/nonexistent"}, "start the second process"},
		{[]string{"/bin/sh", "-c", "echo out of luck >&2; exit 3"}, "out of luck"},
	} {
		o := &Options{Command: func() *exec.Cmd { return exec.Command(test.command[0], test.command[1:]...) }}
		if _, err := Pingpong(t.Context(), c, o); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v: %v does not say %q", test.command, err, test.says)
		}
	}
	if err := inRole(rolePeer).Run(); err == nil {
		t.Error("a second process without a first did not fail")
	}
}

// open makes a session for a test, and checks at its end that no descriptor is left.
func open(t *testing.T, k kind, c Config) *session {
	t.Helper()
	c = complete(t, k, c)
	before := descriptors(t)
	s, err := newSession(t.Context(), k, &c, func() *exec.Cmd { return inRole(rolePeer) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// An engine's loop closes the socket of a session a moment after the session.
		for deadline := time.Now().Add(watchdog); ; runtime.Gosched() {
			after := descriptors(t)
			if after <= before {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d descriptors before, %d after", before, after)
			}
		}
	})
	return s
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestASliceEndsWhenTheSecondProcessIsKilled(t *testing.T) {
	for _, wait := range []Wait{Spin, Block} {
		for _, k := range []kind{pingpong, stream} {
			t.Run(fmt.Sprint(k, "/", wait), func(t *testing.T) {
				s := open(t, k, Config{Transport: Bare, Wait: wait})
				if _, err := s.slice(theSystem, 10); err != nil {
					t.Fatal(err)
				}
				p := s.far.(*process)
				killed := make(chan struct{})
				go func() {
					defer close(killed)
					_ = p.Cmd.Process.Kill()
				}()
				var err error
				for err == nil {
					_, err = s.slice(theSystem, 10000)
				}
				<-killed
				if !strings.Contains(err.Error(), "second process died (signal: killed)") {
					t.Error(err)
				}
				if s.stuck {
					t.Error("the near thread did not come back")
				}
				_ = s.close() // it tells of the dead process again
			})
		}
	}
}

func TestTheFarHalfStopsWhenTheNearOneGivesUp(t *testing.T) {
	s := open(t, pingpong, Config{Transport: Bare})
	if err := s.far.begin(order{Subject: theLimit, Count: 10}); err != nil {
		t.Fatal(err)
	}
	s.far.stop()
	if _, err := s.far.end(); err == nil || !strings.Contains(err.Error(), measure.ErrStopped.Error()) {
		t.Error(err)
	}
	_ = s.close()
}

func TestTheSecondProcessExitsInMidSliceWhenItsPeerHangsUp(t *testing.T) {
	s := open(t, pingpong, Config{Transport: Bare})
	p := s.far.(*process)
	if err := p.begin(order{Subject: theSystem, Count: 10}); err != nil {
		t.Fatal(err)
	}
	if err := p.Conn.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Gone():
	case <-time.After(watchdog):
		t.Error("the second process lives on")
	}
	_ = s.close()
}

func TestTheSecondProcessDiesWithTheFirst(t *testing.T) {
	forTwoCores(t, Config{})
	lead := inRole(roleLead)
	out, err := lead.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := lead.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	if err := lead.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = lead.Wait() // killed, so always an error
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for deadline := time.Now().Add(watchdog); ; {
		n, err := unix.Poll(fds, int(max(time.Until(deadline).Milliseconds(), 0)))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n != 1 {
			t.Errorf("process %d lives on: %d, %v", pid, n, err)
		}
		return
	}
}
