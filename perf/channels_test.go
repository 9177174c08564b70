package perf

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/perf/rig"
)

// waits leaves out the ways to wait that are not measured over a transport. Of the sockets one is measured in every way; whether the
// harness waits right does not depend on which.
func waits(t Transport, all ...Wait) []Wait {
	if t.Network() != "" && t != TCP {
		return []Wait{Block}
	}
	return all
}

// polled are the transports over which a receiver can poll.
func polled() []Transport { return slices.DeleteFunc(Transports(), Transport.Roams) }

// lanes is whether to measure without a lane, and with one.
func lanes(t Transport) []bool {
	if t.Lanes() {
		return []bool{false, true}
	}
	return []bool{false}
}

// modes are what to measure with a transport's i-th way to wait: both with one of them, which spares half of the processes.
func modes(i int) []Mode {
	if i == 0 {
		return []Mode{Typed, Raw}
	}
	return []Mode{Typed}
}

// Every way to wait and every mode of every transport measures, and finds that the messages are those that were sent.
func TestEveryTransportEveryWayToWaitAndEveryMode(t *testing.T) {
	for _, transport := range Transports() {
		for i, wait := range waits(transport, Spin, Hybrid, Block) {
			for _, mode := range modes(i) {
				for _, lane := range lanes(transport) {
					c := Config{Transport: transport, Wait: wait, Mode: mode, Lane: lane, Count: 503}
					name := fmt.Sprintf("%s/%s/%s/lane=%t", transport, wait, mode, lane)
					t.Run("pingpong/"+name, func(t *testing.T) { pingpongSmoke(t, c) })
					t.Run("stream/"+name, func(t *testing.T) { streamSmoke(t, c) })
				}
			}
		}
	}
}

func pingpongSmoke(t *testing.T, c Config) PingpongReport {
	t.Helper()
	forTwoCores(t, c)
	p, err := Pingpong(t.Context(), c, testOptions(nil))
	if err != nil {
		t.Fatal(err)
	}
	if p.Transport != c.Transport || p.Wait != c.Wait || p.Mode != c.Mode || p.Lane != c.Lane || p.Count != c.Count ||
		p.Interrupted || p.Slices < leastSlices || p.BusyCores < 0 || len(p.Rivals) != 0 {
		t.Errorf("%+v", p)
	}
	if !(0 < p.P50Ns && p.P50Ns <= p.P99Ns && p.P99Ns <= p.P999Ns && p.MeanNs <= p.MaxNs) || p.LimitP50Ns <= 0 || p.RatioP50 <= 0 {
		t.Errorf("%+v", p)
	}
	return p
}

func streamSmoke(t *testing.T, c Config) StreamReport {
	t.Helper()
	forTwoCores(t, c)
	s, err := Stream(t.Context(), c, testOptions(nil))
	if err != nil {
		t.Fatal(err)
	}
	if s.Transport != c.Transport || s.Wait != c.Wait || s.Mode != c.Mode || s.Lane != c.Lane || s.Count != c.Count ||
		s.Interrupted || s.MsgsPerS <= 0 || s.LimitMsgsPerS <= 0 || s.Ratio <= 0 || s.BusyCores < 0 {
		t.Errorf("%+v", s)
	}
	return s
}

// A stream of many times the ring, so that the sender waits for space or credit.
func TestAStreamGoesRoundTheRing(t *testing.T) {
	for _, transport := range Transports() {
		for i, wait := range waits(transport, Hybrid, Block) {
			for _, mode := range modes(i) {
				for _, lane := range lanes(transport) {
					t.Run(fmt.Sprintf("%s/%s/%s/lane=%t", transport, wait, mode, lane), func(t *testing.T) {
						streamSmoke(t, Config{
							Transport: transport, Wait: wait, Mode: mode, Lane: lane, Ring: 2 * MinRing, Size: 1000, Count: 2000,
						})
					})
				}
			}
		}
	}
}

func TestTheLargestMessageIsWhatTheChannelTakes(t *testing.T) {
	for i, transport := range Transports() { // Shm comes first
		wait := Hybrid
		if transport.Roams() {
			wait = Block
		}
		for _, lane := range lanes(transport) {
			for _, mode := range modes(i) {
				c := forTwoCores(t, Config{Transport: transport, Lane: lane, Mode: mode, Wait: wait, Ring: MinRing, Count: 100})
				c.Size = MinRing
				_, err := Pingpong(t.Context(), c, testOptions(nil))
				most := MinRing - engine.HeaderSize
				if !errors.Is(err, ErrSize) || !strings.Contains(err.Error(), fmt.Sprint("than the ", most, " that")) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s lane=%t: %v does not say, in a line, that %d bytes are the most", transport, lane, err, most)
				}
				c.Size = most
				if _, err := Pingpong(t.Context(), c, testOptions(nil)); err != nil {
					t.Errorf("%s lane=%t: %d bytes: %v", transport, lane, most, err)
				}
			}
		}
	}
}

func TestAPauseIsPartOfNoSample(t *testing.T) {
	const pause, n = 100 * time.Microsecond, 50
	for _, transport := range append(Transports(), Bare, BareTCP) {
		for _, mode := range []Mode{Typed, Raw} {
			t.Run(fmt.Sprint(transport, "/", mode), func(t *testing.T) {
				s := open(t, pingpong, Config{Transport: transport, Mode: mode, Wait: Block, Pause: pause})
				for _, sub := range []subject{theLimit, theSystem} {
					m, err := s.slice(sub, n)
					if err != nil {
						t.Fatal(err)
					}
					trips := time.Duration(0)
					for _, ns := range m.samples {
						trips += time.Duration(ns)
					}
					if trips <= 0 || trips > m.elapsed-n*pause {
						t.Errorf("subject %d: %d round trips took %v, without pauses %v", sub, n, m.elapsed, trips)
					}
				}
				if err := s.close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestHybridIsComparedWithTheOtherWaysToWait(t *testing.T) {
	for _, transport := range append(polled(), Bare, BareTCP) {
		c := Config{Transport: transport, Wait: Hybrid, Compare: true, Count: 100, Runs: 2, Pause: 10 * time.Microsecond}
		forTwoCores(t, c)
		p, err := Pingpong(t.Context(), c, testOptions(nil))
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Rivals) != 2 || p.Rivals[0].Wait != Spin || p.Rivals[1].Wait != Block || p.PauseNs != 10000 || p.Runs != 2 {
			t.Errorf("%+v", p)
		}
		for _, r := range p.Rivals {
			if r.P50Ns <= 0 || r.Ratio <= 0 || r.BusyCores < 0 {
				t.Errorf("%+v", r)
			}
		}
	}
}

// Where both sides share a core, no one may poll for long.
func TestHybridOnOneCore(t *testing.T) {
	m, err := rig.ThisMachine()
	if err != nil {
		t.Fatal(err)
	}
	core := m.Allowed[0]
	for _, transport := range []Transport{Shm, Bare} {
		c := Config{Transport: transport, Wait: Hybrid, Compare: true, Count: 100, Cores: []int{core, core}}
		p, err := Pingpong(t.Context(), c, testOptions(nil))
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Rivals) != 1 || p.Rivals[0].Wait != Block || !strings.Contains(p.Limit, "eventfd") {
			t.Errorf("%+v", p)
		}
	}
}

func TestALostMessageIsNoticed(t *testing.T) {
	if check(5, 5) != nil || !errors.Is(check(4, 5), errMismatch) {
		t.Error("a number that differs is no error")
	}
	h := raw{dst: make([]byte, 8), seq: 7}
	binary.LittleEndian.PutUint64(h.dst, 6)
	if !errors.Is(h.check(), errMismatch) {
		t.Error("a message that differs is no error")
	}
}

// In steady state nothing is allocated for a message. What a window of credit costs is not for each message.
func TestNothingIsAllocatedForAMessage(t *testing.T) {
	for _, transport := range []Transport{Shm, Inmem, Unix, TCP} {
		for _, mode := range []Mode{Typed, Raw} {
			for _, lane := range lanes(transport) {
				t.Run(fmt.Sprintf("%s/%s/lane=%t", transport, mode, lane), func(t *testing.T) {
					c := Config{Transport: transport, Wait: Hybrid, Mode: mode, Lane: lane, Count: 2000}
					forTwoCores(t, c)
					p, err := Pingpong(t.Context(), c, testOptions(nil))
					if err != nil {
						t.Fatal(err)
					}
					s, err := Stream(t.Context(), c, testOptions(nil))
					if err != nil {
						t.Fatal(err)
					}
					// The harness and the runtime allocate a little in every slice.
					if p.AllocsPerOp > 0.5 || s.AllocsPerOp > 0.5 {
						t.Errorf("%v allocations a round trip, %v a message of a stream", p.AllocsPerOp, s.AllocsPerOp)
					}
				})
			}
		}
	}
}

func TestAHalfOverASessionStops(t *testing.T) {
	for _, transport := range Transports() {
		for _, wait := range waits(transport, Spin, Hybrid, Block) {
			for _, k := range []kind{pingpong, stream} {
				t.Run(fmt.Sprint(k, "/", transport, "/", wait), func(t *testing.T) {
					s := open(t, k, Config{Transport: transport, Wait: wait, Lane: transport.Lanes()})
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
}

func TestASessionEndsASliceWhoseSecondProcessIsKilled(t *testing.T) {
	for _, transport := range twoProcesses() {
		for _, wait := range waits(transport, Spin, Hybrid, Block) {
			for _, k := range []kind{pingpong, stream} {
				t.Run(fmt.Sprint(k, "/", transport, "/", wait), func(t *testing.T) {
					killed(t, k, Config{Transport: transport, Wait: wait}, theSystem)
				})
			}
		}
	}
}

// twoProcesses are the transports whose other side can be killed.
func twoProcesses() []Transport {
	return slices.DeleteFunc(Transports(), Transport.InProcess)
}

// killed kills the second process of a run while a contestant has its turn.
func killed(t *testing.T, k kind, c Config, sub subject) {
	t.Helper()
	s := open(t, k, c)
	if _, err := s.slice(sub, 10); err != nil {
		t.Fatal(err)
	}
	dead := make(chan struct{})
	go func() {
		defer close(dead)
		_ = s.far.(*process).Cmd.Process.Kill()
	}()
	var err error
	for err == nil {
		_, err = s.slice(sub, 10000)
	}
	<-dead
	if !strings.Contains(err.Error(), "second process died (signal: killed)") || s.stuck {
		t.Errorf("%v; stuck: %t", err, s.stuck)
	}
	_ = s.close() // it tells of the dead process again
}

func TestRivalsAreObjectsInJSON(t *testing.T) {
	b, err := json.Marshal(PingpongReport{Rivals: []Rival{{Wait: Block}}})
	if err != nil {
		t.Fatal(err)
	}
	if want := `"rivals":[{"wait":"block","p50_ns":0,"ratio":0,"busy_cores":0}]`; !strings.Contains(string(b), want) {
		t.Errorf("%s has no %s", b, want)
	}
}
