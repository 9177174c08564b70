package perf

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/measure"
)

func TestAMessageThatCarriesSomethingHasTheSizeThatWasAskedFor(t *testing.T) {
	for _, size := range []int{27, 28, 64, 282, 285, 4096, 1 << 17} {
		pad, err := carrierPad(size)
		if err != nil {
			t.Fatal(err)
		}
		m := Message{Seq: firstSeq, Sent: 1 << 60, Pad: make([]byte, pad)}
		_, reply := engine.Pipe[Message]()
		a := &ask{Message: m, Reply: reply}
		b, err := a.MarshalMsg(nil)
		if err != nil || len(b) != size || a.Msgsize() < size {
			t.Errorf("%d bytes encoded, Msgsize %d, want %d: %v", len(b), a.Msgsize(), size, err)
		}
		var got ask
		if rest, err := got.UnmarshalMsg(b); err != nil || len(rest) != 0 || got.Seq != firstSeq || len(got.Pad) != pad {
			t.Errorf("%d bytes: %d left, %+v, %v", size, len(rest), got.Message, err)
		}
		for n := range min(len(b), 40) {
			if _, err := got.UnmarshalMsg(b[:n]); err == nil {
				t.Errorf("%d bytes of %d were taken for a message", n, size)
			}
		}
	}
	for size, says := range map[int]string{26: "at least 27", 283: "try 285"} {
		if _, err := carrierPad(size); !errors.Is(err, ErrSize) || !strings.Contains(err.Error(), says) {
			t.Errorf("%d: %v does not say %q", size, err, says)
		}
	}
}

// No matter how the stream cuts the bytes into Reads and Writes.
func TestTheBytesOfAStreamAreNumberedByPieces(t *testing.T) {
	for _, cut := range []int{1 << 10, 4 << 10, 5000, 7, Piece, Piece + 1, 3 * Piece} {
		const pieces = 3
		from, to := source{buf: make([]byte, Piece), left: pieces * Piece}, sink{buf: make([]byte, Piece)}
		b := make([]byte, cut)
		var all []byte
		for {
			n, err := from.Read(b)
			if errors.Is(err, io.EOF) {
				break
			}
			all = append(all, b[:n]...)
		}
		for rest := all; len(rest) != 0; {
			n, err := to.Write(rest[:min(cut, len(rest))])
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if len(all) != pieces*Piece || to.seq != pieces || to.at != 0 {
			t.Errorf("cut by %d: %d bytes, the last piece is number %d", cut, len(all), to.seq)
		}
	}
}

func TestCallsAreMeasured(t *testing.T) {
	for _, transport := range Transports() {
		for i, wait := range waits(transport, Spin, Hybrid, Block) {
			for _, inflight := range []int{1, 7} {
				if i == 1 && inflight == 7 {
					continue // between the two that are measured
				}
				t.Run(fmt.Sprint(transport, "/", wait, "/", inflight), func(t *testing.T) {
					c := Config{Transport: transport, Wait: wait, Inflight: inflight, Count: 503}
					forTwoCores(t, Config{})
					r, err := Call(t.Context(), c, testOptions(nil))
					if err != nil {
						t.Fatal(err)
					}
					if r.Transport != transport || r.Wait != wait || r.Mode != Typed || r.Inflight != inflight || r.Count != 503 ||
						r.Interrupted || len(r.Rivals) != 0 || r.Size != 64 {
						t.Errorf("%+v", r)
					}
					if !(0 < r.P50Ns && r.P50Ns <= r.P99Ns && r.MeanNs <= r.MaxNs) || r.LimitP50Ns <= 0 || r.RatioP50 <= 0 || r.CallsPerS <= 0 {
						t.Errorf("%+v", r)
					}
					if beside := r.SingleCallsPerS > 0 && r.RatioCalls > 0; beside != (inflight > 1) {
						t.Errorf("%v single calls per second, ratio %v", r.SingleCallsPerS, r.RatioCalls)
					}
					processes, sum := 2, 0.0
					if transport == Inmem {
						processes = 1
					}
					for _, n := range r.AllocsEach {
						sum += n
					}
					if len(r.AllocsEach) != processes || sum > r.AllocsPerOp+0.01 || sum < r.AllocsPerOp-0.01 {
						t.Errorf("%v allocations, of each process %v", r.AllocsPerOp, r.AllocsEach)
					}
				})
			}
		}
	}
}

func TestDescriptorsAreMeasured(t *testing.T) {
	forTwoCores(t, Config{})
	for _, c := range []Config{{}, {Wait: Spin}, {Wait: Hybrid}, {Wait: Block}, {Transport: Unix}, {Transport: Unix, Wait: Spin}} {
		t.Run(fmt.Sprint(c.Transport, "/", c.Wait), func(t *testing.T) {
			before := descriptors(t)
			c.Count = 503
			r, err := Descriptor(t.Context(), c, testOptions(nil))
			if err != nil {
				t.Fatal(err)
			}
			wait, transport := c.Wait, c.Transport
			setDefault(&wait, Block)
			setDefault(&transport, Shm)
			if r.Transport != transport || r.Wait != wait || r.Count != 503 || r.P50Ns <= 0 || r.LimitP50Ns <= 0 || r.RatioP50 <= 0 {
				t.Errorf("%+v", r)
			}
			if after := descriptors(t); after > before {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
		})
	}
}

func TestByteStreamsAreMeasured(t *testing.T) {
	for _, transport := range Transports() {
		for _, wait := range waits(transport, Spin, Hybrid, Block) {
			t.Run(fmt.Sprint(transport, "/", wait), func(t *testing.T) {
				forTwoCores(t, Config{})
				r, err := Bytes(t.Context(), Config{Transport: transport, Wait: wait, Count: 253}, testOptions(nil))
				if err != nil {
					t.Fatal(err)
				}
				if r.Transport != transport || r.Wait != wait || r.Count != 253 || r.Size != Piece || r.Mode != Raw || r.Kind != KindBytes {
					t.Errorf("%+v", r)
				}
				if r.BytesPerS <= 0 || r.LimitBytesPerS <= 0 || r.Ratio <= 0 || r.BareBytesPerS <= 0 || r.RatioBare <= 0 {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

func TestWhatCarriesSomethingStopsToo(t *testing.T) {
	whatCarries(t, func(t *testing.T, k kind, c Config, sub subject) {
		s := open(t, k, c)
		if err := s.far.begin(order{Subject: sub, Count: 10}); err != nil {
			t.Fatal(err)
		}
		s.far.stop() // it waits for what never comes
		if _, err := s.far.end(); err == nil || !strings.Contains(err.Error(), measure.ErrStopped.Error()) {
			t.Error(err)
		}
		_ = s.close()
	})
}

func TestWhatCarriesSomethingEndsWhenTheSecondProcessIsKilled(t *testing.T) {
	whatCarries(t, func(t *testing.T, k kind, c Config, sub subject) {
		if k == call {
			c.Inflight = 3
		}
		killed(t, k, c, sub)
	})
}

// whatCarries runs a test for each kind of measurement that carries something, over each transport between two processes.
func whatCarries(t *testing.T, test func(t *testing.T, k kind, c Config, sub subject)) {
	for _, transport := range twoProcesses() {
		for _, wait := range waits(transport, Spin, Block) {
			for _, k := range []kind{call, passing, byteStream} {
				if k == passing && !transport.Passes() {
					continue
				}
				for _, sub := range []subject{theLimit, theSystem} {
					t.Run(fmt.Sprint(k, "/", transport, "/", wait, "/", sub), func(t *testing.T) {
						test(t, k, Config{Transport: transport, Wait: wait}, sub)
					})
				}
			}
		}
	}
}

func TestWhatCannotCarryIsRefused(t *testing.T) {
	for _, test := range []struct {
		kind   kind
		config Config
		says   string
	}{
		{call, Config{Lane: true}, "lane"},
		{call, Config{Mode: Raw}, "typed"},
		{call, Config{Transport: Bare}, "carries no call"},
		{call, Config{Inflight: -1}, "1 to 4096"},
		{call, Config{Inflight: MaxInflight + 1}, "1 to 4096"},
		{call, Config{Size: 26}, "at least 27"},
		{call, Config{Pause: 1}, "pauses"},
		{passing, Config{Transport: Inmem}, "use shm or unix"},
		{passing, Config{Transport: TCP}, "use shm or unix"},
		{call, Config{Transport: BareTCP}, "carries no call"},
		{pingpong, Config{Transport: TCP, Lane: true}, "use shm or inmem"},
		{passing, Config{Size: limit.MaxRights + 1}, "at most 4096"},
		{passing, Config{Inflight: 2}, "in flight"},
		{byteStream, Config{Size: 64}, "neither a message size"},
		{byteStream, Config{Mode: Typed}, "nor a mode"},
		{byteStream, Config{Ring: MinRing}, "--ring"},
		{pingpong, Config{Inflight: 2}, "in flight"},
		{pingpong, Config{Transport: H2, Wait: Hybrid}, "use --wait block"},
		{stream, Config{Transport: WS, Wait: Spin}, "use --wait block"},
		{stream, Config{Inflight: 1}, "in flight"},
	} {
		if _, err := test.config.complete(test.kind, of(0, 1)); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s %+v: %v does not say %q", test.kind, test.config, err, test.says)
		}
	}
	c, err := Config{}.complete(byteStream, of(0, 1))
	if err != nil || c.Count*c.Size != DefaultBytes || c.Seconds != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = (Config{Seconds: 1}).complete(byteStream, of(0, 1)); err != nil || c.Count != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestTheReportsOfCallsAreMerged(t *testing.T) {
	runs := []CallReport{
		{PingpongReport: PingpongReport{P50Ns: 3, AllocsEach: []float64{1, 6}, Runs: 1}, CallsPerS: 5, RatioCalls: 2},
		{PingpongReport: PingpongReport{P50Ns: 1, AllocsEach: []float64{3, 4}, Runs: 1}, CallsPerS: 9, RatioCalls: 6},
		{PingpongReport: PingpongReport{P50Ns: 2, AllocsEach: []float64{2, 5}, Runs: 1}, CallsPerS: 7, RatioCalls: 4},
	}
	got := mergeCall(runs)
	if got.P50Ns != 2 || got.CallsPerS != 7 || got.RatioCalls != 4 || got.Runs != 3 || fmt.Sprint(got.AllocsEach) != "[2 5]" {
		t.Errorf("%+v", got)
	}
	if fmt.Sprint(runs[0].AllocsEach) != "[1 6]" {
		t.Error("the first run's report was changed")
	}
}
