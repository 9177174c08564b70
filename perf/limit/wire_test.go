package limit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/perf/measure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const watchdog = 20 * time.Second

// forms are all ways to use a connection, over each network that they are for.
var forms = map[string][]string{
	"unix": {"blocking", "polling", "net.Conn"},
	"tcp":  {"blocking", "polling", "net.Conn", "TLS", "HTTP/2", "WebSocket"},
}

// ends is a connection, and the wires of both sides.
type ends struct {
	form              string
	nearFile, farFile *os.File
	near, far         Wire
}

func newEnds(t testing.TB, network, form string) *ends {
	t.Helper()
	e := &ends{form: form}
	var err error
	if e.nearFile, e.farFile, err = Pair(network); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = e.nearFile.Close(), e.farFile.Close() })
	return e
}

// open makes both wires, at once, as most of them shake hands.
func (e *ends) open(ctx context.Context) error {
	identity, err := NewIdentity()
	if err != nil {
		return err
	}
	clientTLS, err := ClientTLS(identity.Certificate[0])
	if err != nil {
		return err
	}
	one := func(side measure.Side, f *os.File) (Wire, error) {
		fd, config := int(f.Fd()), ServerTLS(identity)
		if side == measure.Far {
			config = clientTLS
		}
		switch e.form {
		case "blocking":
			return NewBlocking(fd)
		case "polling":
			return NewPolling(fd)
		case "TLS":
			return NewTLS(ctx, fd, side, config)
		case "HTTP/2":
			return NewHTTP2(ctx, fd, side, config)
		case "WebSocket":
			return NewWebSocket(ctx, fd, side)
		}
		return NewConn(fd)
	}
	var wg sync.WaitGroup
	var farErr error
	wg.Go(func() { e.far, farErr = one(measure.Far, e.farFile) })
	e.near, err = one(measure.Near, e.nearFile)
	wg.Wait()
	return errors.Join(err, farErr)
}

// wirePair makes both halves of an exchange, and closes them at the end of the test.
func wirePair(t testing.TB, network, form string, half func(Wire, measure.Side) (measure.Half, error)) pair {
	t.Helper()
	e := newEnds(t, network, form)
	ctx, cancel := context.WithTimeout(t.Context(), watchdog)
	defer cancel()
	if err := e.open(ctx); err != nil {
		t.Fatal(err)
	}
	near, err := half(e.near, measure.Near)
	if err != nil {
		t.Fatal(err)
	}
	far, err := half(e.far, measure.Far)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(near.Close(), far.Close()); err != nil {
			t.Error(err)
		}
	})
	return pair{near, far}
}

func pingpongOf(t testing.TB, size int) func(Wire, measure.Side) (measure.Half, error) {
	clk := newClock(t)
	return func(w Wire, s measure.Side) (measure.Half, error) { return NewWirePingpong(w, size, s, clk) }
}

func streamOf(t testing.TB, size int) func(Wire, measure.Side) (measure.Half, error) {
	clk := newClock(t)
	return func(w Wire, s measure.Side) (measure.Half, error) { return NewWireStream(w, size, s, clk) }
}

// eachForm runs a test for each way to use a connection, over each network.
func eachForm(t *testing.T, test func(t *testing.T, network, form string)) {
	for network, names := range forms {
		for _, form := range names {
			t.Run(network+"/"+form, func(t *testing.T) {
				fdtest.Snapshot(t)
				test(t, network, form)
			})
		}
	}
}

func TestSlicesOverAWireFollowOneAnother(t *testing.T) {
	eachForm(t, func(t *testing.T, network, form string) {
		for _, size := range []int{1, 8, 64, 64 << 10, 200_000} {
			p := wirePair(t, network, form, pingpongOf(t, size))
			for i, n := range []int{1, 0, 2, 50} {
				near := measure.Slice{Index: i, Warm: i, Count: n, Samples: make([]int64, n)}
				if err := p.slice(&near, &measure.Slice{Index: i, Warm: i, Count: n}); err != nil {
					t.Fatalf("ping-pong of %d bytes: %v", size, err)
				}
				var sum int64
				for _, ns := range near.Samples {
					if ns <= 0 {
						t.Errorf("a round trip of %d ns", ns)
					}
					sum += ns
				}
				if n > 0 && (near.Begin == 0 || sum != near.End-near.Begin) {
					t.Errorf("round trips of %d ns from %d to %d", sum, near.Begin, near.End)
				}
			}
			p = wirePair(t, network, form, streamOf(t, size))
			for i, n := range []int{1, 0, 2, 100, 7} {
				near, far := measure.Slice{Index: i, Count: n}, measure.Slice{Index: i, Count: n}
				if err := p.slice(&near, &far); err != nil {
					t.Fatalf("stream of %d bytes: %v", size, err)
				}
				if n > 0 && (near.Begin == 0 || far.End < near.Begin) {
					t.Errorf("from %d to %d", near.Begin, far.End)
				}
			}
		}
	})
}

// Stopped or left alone, a half returns: in Read, and in Write when the other side reads no more.
func TestAHalfOverAWireEndsWhenItIsStoppedAndSoDoesTheOther(t *testing.T) {
	eachForm(t, func(t *testing.T, network, form string) {
		for _, half := range []func(Wire, measure.Side) (measure.Half, error){pingpongOf(t, 64), streamOf(t, 64<<10)} {
			for _, both := range []bool{true, false} {
				p := wirePair(t, network, form, half)
				run := func(h measure.Half) <-chan error {
					done := make(chan error, 1)
					go func() { done <- h.Run(&measure.Slice{Count: 1 << 19, Samples: make([]int64, 1<<19)}) }()
					return done
				}
				results := []<-chan error{run(p.near)}
				if both {
					results = append(results, run(p.far))
				}
				p.near.Stop()
				for i, done := range results {
					select {
					case err := <-done:
						if err == nil || errors.Is(err, measure.ErrStopped) != (i == 0) {
							t.Errorf("half %d: %v", i, err)
						}
					case <-time.After(watchdog):
						t.Fatalf("half %d runs on", i)
					}
				}
				if err := p.near.Run(&measure.Slice{Count: 1, Samples: make([]int64, 1)}); !errors.Is(err, measure.ErrStopped) {
					t.Errorf("later: %v, want ErrStopped", err)
				}
			}
		}
	})
}

func TestAWireNoticesALostMessage(t *testing.T) {
	p := wirePair(t, "unix", "blocking", streamOf(t, 8))
	near := p.near.(*wireStream)
	near.seq = 5 // as if as many were sent before
	if err := p.slice(&measure.Slice{Count: 3}, &measure.Slice{Count: 3}); !errors.Is(err, ErrMismatch) {
		t.Error(err)
	}
	q := wirePair(t, "unix", "blocking", pingpongOf(t, 8)).near.(*wirePingpong)
	q.seq = 7
	if err := q.check(6); !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), "6 instead of 7") {
		t.Error(err)
	}
}

// A side that does not come, or does not speak, is waited for no longer than the context lasts, and leaves nothing behind.
func TestAHandshakeOfAWireEndsWithItsContext(t *testing.T) {
	for _, form := range []string{"TLS", "HTTP/2", "WebSocket"} {
		for _, side := range []measure.Side{measure.Near, measure.Far} {
			t.Run(fmt.Sprintf("%s/%v", form, side), func(t *testing.T) {
				fdtest.Snapshot(t)
				e := newEnds(t, "tcp", form)
				identity, err := NewIdentity()
				if err != nil {
					t.Fatal(err)
				}
				config, fd := ServerTLS(identity), int(e.nearFile.Fd())
				if side == measure.Far {
					if config, err = ClientTLS(identity.Certificate[0]); err != nil {
						t.Fatal(err)
					}
					fd = int(e.farFile.Fd())
				}
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				switch form {
				case "TLS":
					_, err = NewTLS(ctx, fd, side, config)
				case "HTTP/2":
					_, err = NewHTTP2(ctx, fd, side, config)
				default:
					_, err = NewWebSocket(ctx, fd, side)
				}
				if err == nil || !strings.Contains(err.Error(), "bare") {
					t.Errorf("%v, want one that names the bare connection", err)
				}
			})
		}
	}
}

func TestAClientTrustsOneServerOnly(t *testing.T) {
	ours, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	config, err := ClientTLS(other.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	e := newEnds(t, "tcp", "TLS")
	ctx, cancel := context.WithTimeout(t.Context(), watchdog)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		if w, err := NewTLS(ctx, int(e.nearFile.Fd()), measure.Near, ServerTLS(ours)); err == nil {
			_ = w.Close() // the server may be done before the client refuses
		}
	})
	if _, err := NewTLS(ctx, int(e.farFile.Fd()), measure.Far, config); err == nil {
		t.Error("a client took a stranger's certificate")
	}
	wg.Wait()
	if _, err := ClientTLS([]byte("nonsense")); err == nil {
		t.Error("nonsense was taken for a certificate")
	}
}

func TestWhatIsNoWireIsRefused(t *testing.T) {
	fdtest.Snapshot(t)
	for name, err := range map[string]error{
		"ping-pong": second(NewWirePingpong(nil, 0, measure.Near, measure.Clock{})),
		"stream":    second(NewWireStream(nil, 0, measure.Near, measure.Clock{})),
	} {
		if !errors.Is(err, ErrSize) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"blocking": second(NewBlocking(-1)), "polling": second(NewPolling(-1)), "net.Conn": second(NewConn(-1)),
		"WebSocket": second(NewWebSocket(t.Context(), -1, measure.Near)),
		"TLS":       second(NewTLS(t.Context(), -1, measure.Near, nil)),
		"HTTP/2":    second(NewHTTP2(t.Context(), -1, measure.Near, nil)),
	} {
		if err == nil {
			t.Errorf("%s: a descriptor that does not exist was taken", name)
		}
	}
	if _, _, err := Pair("pigeon"); err == nil || !strings.Contains(err.Error(), "unix and tcp") {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// testing.AllocsPerRun would leave one processor to two halves that poll.
func TestABareConnectionAllocatesNothing(t *testing.T) {
	const n = 500
	for network := range forms {
		for _, form := range forms["unix"] {
			p := wirePair(t, network, form, pingpongOf(t, 64))
			near := measure.Slice{Warm: 10, Count: n, Samples: make([]int64, n)}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if err := p.slice(&near, &measure.Slice{Warm: 10, Count: n}); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			// The goroutine of the far half is allocated too, and the runtime has needs of its own.
			if got := after.Mallocs - before.Mallocs; got > n/10 {
				t.Errorf("%s %s: %d allocations for %d round trips", network, form, got, n)
			}
		}
	}
}

// BenchmarkWires are the limits alone, without the pinning and the interleaving that package perf adds.
func BenchmarkWires(b *testing.B) {
	for network, names := range forms {
		for _, form := range names {
			b.Run(network+"/"+form, func(b *testing.B) {
				p := wirePair(b, network, form, pingpongOf(b, 64))
				near := measure.Slice{Warm: 100, Count: b.N, Samples: make([]int64, b.N)}
				if err := p.slice(&near, &measure.Slice{Warm: 100, Count: b.N}); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(near.End-near.Begin)/float64(b.N), "ns/round-trip")
			})
		}
	}
}
