package perf

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/perf/rig"
)

// bareWires are the limits that go over a connection, each with the names of what it is held against, when it polls and when it
// blocks.
var bareWires = []struct {
	transport     Transport
	polls, blocks string
}{
	{BareUnix, "polling calls, blocking calls, net.Conn", "blocking calls, net.Conn"},
	{BareTCP, "polling calls, blocking calls, net.Conn", "blocking calls, net.Conn"},
	{BareTLS, "tls.Conn", "tls.Conn"},
	{BareH2, "net/http", "net/http"},
	{BareWS, "coder/websocket", "coder/websocket"},
}

func TestBareConnectionsAreMeasuredAgainstThemselves(t *testing.T) {
	for _, test := range bareWires {
		for wait, names := range map[Wait]string{Spin: test.polls, Hybrid: test.polls, Block: test.blocks} {
			c := Config{Transport: test.transport, Wait: wait, Mode: Raw, Count: 203}
			t.Run(fmt.Sprint("pingpong/", c.Transport, "/", wait), func(t *testing.T) {
				p := pingpongSmoke(t, c)
				checkLimits(t, p.Limits, names)
				if first := p.Limits[0]; first.P50Ns != p.LimitP50Ns || first.Ratio != p.RatioP50 || first.MsgsPerS != 0 {
					t.Errorf("%+v is not what the report has: %v, %v", first, p.LimitP50Ns, p.RatioP50)
				}
			})
			t.Run(fmt.Sprint("stream/", c.Transport, "/", wait), func(t *testing.T) {
				c.Size, c.Runs = Piece, 2
				s := streamSmoke(t, c)
				checkLimits(t, s.Limits, names)
				if first := s.Limits[0]; first.MsgsPerS != s.LimitMsgsPerS || first.Ratio != s.Ratio || first.P50Ns != 0 {
					t.Errorf("%+v is not what the report has: %v, %v", first, s.LimitMsgsPerS, s.Ratio)
				}
			})
		}
	}
}

func checkLimits(t *testing.T, limits []Limit, names string) {
	t.Helper()
	var got []string
	for _, l := range limits {
		got = append(got, l.Name)
		if l.P50Ns+l.MsgsPerS <= 0 || l.Ratio <= 0 || l.RatioLow > l.Ratio || l.Ratio > l.RatioHigh {
			t.Errorf("%+v", l)
		}
	}
	if strings.Join(got, ", ") != names {
		t.Errorf("limits %q, want %q", got, names)
	}
}

func TestABareConnectionEndsASliceWhoseSecondProcessIsKilled(t *testing.T) {
	for _, test := range bareWires {
		for _, k := range []kind{pingpong, stream} {
			for _, wait := range []Wait{Spin, Block} {
				names := strings.Count(test.polls, ",") + 1
				if wait == Block {
					names = strings.Count(test.blocks, ",") + 1
				}
				for i := range names {
					t.Run(fmt.Sprint(k, "/", test.transport, "/", wait, "/", i), func(t *testing.T) {
						killed(t, k, Config{Transport: test.transport, Wait: wait}, []subject{theLimit, theSystem + 1, theSystem + 2}[i])
					})
				}
			}
		}
	}
}

func TestTheFarHalfOfABareConnectionStops(t *testing.T) {
	for _, test := range bareWires {
		for _, k := range []kind{pingpong, stream} {
			t.Run(fmt.Sprint(k, "/", test.transport), func(t *testing.T) {
				s := open(t, k, Config{Transport: test.transport})
				if err := s.far.begin(order{Subject: theSystem, Count: 10}); err != nil {
					t.Fatal(err)
				}
				s.far.stop() // it waits for messages that never come
				if _, err := s.far.end(); err == nil || !strings.Contains(err.Error(), measure.ErrStopped.Error()) {
					t.Error(err)
				}
				_ = s.close()
			})
		}
	}
}

// What waits in Go's own poller has the core to itself only while it runs.
func TestAProcessIsConfinedOnlyForAWhile(t *testing.T) {
	core := forTwoCores(t, Config{}).Cores[1]
	before := affinities(t)
	release, err := rig.Confine(core)
	if err != nil {
		t.Fatal(err)
	}
	// Threads that are started meanwhile, one for each goroutine that blocks in the kernel.
	started, blocked := make(chan struct{}), make(chan struct{})
	for range 4 {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			started <- struct{}{}
			<-blocked
		}()
	}
	for range 4 {
		<-started
	}
	for id, set := range affinities(t) {
		if set.Count() != 1 || !set.IsSet(core) {
			t.Errorf("thread %d may use %d cores", id, set.Count())
		}
	}
	release()
	close(blocked)
	for id, set := range affinities(t) {
		want, known := before[id]
		if known && set != want || !known && set.Count() < 2 {
			t.Errorf("thread %d may use %d cores afterwards, %d before", id, set.Count(), want.Count())
		}
	}
}

func affinities(t *testing.T) map[int]unix.CPUSet {
	t.Helper()
	ids, err := rig.Threads()
	if err != nil {
		t.Fatal(err)
	}
	all := map[int]unix.CPUSet{}
	for _, id := range ids {
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(id, &set); err == nil {
			all[id] = set
		} else if !errors.Is(err, unix.ESRCH) {
			t.Fatal(err)
		}
	}
	return all
}

func TestAThreadStaysPinnedWhileItsProcessIsConfined(t *testing.T) {
	cores := forTwoCores(t, Config{}).Cores
	c, err := newCrew(measure.Near, cores[0])
	if err != nil {
		t.Fatal(err)
	}
	release, err := rig.Confine(cores[1])
	if err != nil {
		t.Fatal(err)
	}
	release()
	got := make(chan unix.CPUSet)
	c.jobs <- func() {
		var set unix.CPUSet
		_ = unix.SchedGetaffinity(0, &set)
		got <- set
	}
	if set := <-got; set.Count() != 1 || !set.IsSet(cores[0]) {
		t.Errorf("a pinned thread has %d cores afterwards", set.Count())
	}
	if err := c.dismiss(); err != nil {
		t.Error(err)
	}
}

// The second process has them too, each under the number that the first gave it.
func TestEachContestantHasAConnectionOfItsOwn(t *testing.T) {
	forTwoCores(t, Config{})
	s := open(t, pingpong, Config{Transport: BareTCP})
	var seen []string
	for i := range s.all {
		if s.all[i].network != "tcp" {
			t.Errorf("%s goes over %q", &s.all[i], s.all[i].network)
		}
		name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", s.all[i].env.sock))
		if err != nil || slices.Contains(seen, name) {
			t.Errorf("%s has %s: %v", &s.all[i], name, err)
		}
		seen = append(seen, name)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

func TestASliceOverAConnectionThatIsCutSaysSo(t *testing.T) {
	s := open(t, pingpong, Config{Transport: BareTCP, Wait: Block})
	if err := unix.Shutdown(s.all[theSystem].env.sock, unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(watchdog)
	if _, err := s.slice(theSystem, 10); err == nil || !strings.Contains(err.Error(), "system slice 0: ") {
		t.Error(err)
	}
	if time.Now().After(deadline) {
		t.Error("the slice went on")
	}
	_ = s.close()
}
