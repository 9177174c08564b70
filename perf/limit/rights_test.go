package limit

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/perf/measure"
)

// rightsPair makes both halves of the ping-pong of descriptors, which each pass on an eventfd.
func rightsPair(t testing.TB, size int) pair {
	t.Helper()
	clk, err := measure.NewClock()
	if err != nil {
		t.Fatal(err)
	}
	socks, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	gift, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, n := range []int{socks[0], socks[1], gift} {
			_ = unix.Close(n)
		}
	})
	near, err := NewRights(socks[0], gift, size, measure.Near, clk)
	if err != nil {
		t.Fatal(err)
	}
	far, err := NewRights(socks[1], gift, size, measure.Far, clk)
	if err != nil {
		t.Fatal(err)
	}
	return pair{near, far}
}

func TestDescriptorsGoBothWaysAndNoneStaysOpen(t *testing.T) {
	fdtest.Snapshot(t)
	for _, size := range []int{1, 64, MaxRights} {
		p := rightsPair(t, size)
		before := len(fdtest.Open(t))
		for i, n := range []int{1, 0, 2, 100} {
			near := measure.Slice{Index: i, Warm: i, Count: n, Samples: make([]int64, n)}
			if err := p.slice(&near, &measure.Slice{Index: i, Warm: i, Count: n}); err != nil {
				t.Fatal(err)
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
		if after := len(fdtest.Open(t)); after != before {
			t.Errorf("size %d: %d descriptors open, %d before", size, after, before)
		}
	}
}

func TestAHalfOfRightsEndsWhenItIsStoppedAndSoDoesTheOther(t *testing.T) {
	fdtest.Snapshot(t)
	for _, stopNear := range []bool{true, false} {
		p := rightsPair(t, 8)
		first, second := p.near, p.far
		if !stopNear {
			first, second = second, first
		}
		run := func(h measure.Half) <-chan error {
			done := make(chan error, 1)
			go func() { done <- h.Run(&measure.Slice{Count: 1 << 19, Samples: make([]int64, 1<<19)}) }()
			return done
		}
		stopped, other := run(first), run(second)
		first.Stop()
		for name, done := range map[string]<-chan error{"stopped": stopped, "other": other} {
			select {
			case err := <-done:
				if name == "stopped" && !errors.Is(err, measure.ErrStopped) {
					t.Errorf("%s: %v, want ErrStopped", name, err)
				}
				if name == "other" && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, unix.EPIPE) {
					t.Errorf("%s: %v, want the end", name, err)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("the %s half runs on", name)
			}
		}
		if err := first.Run(&measure.Slice{}); !errors.Is(err, measure.ErrStopped) {
			t.Errorf("later: %v, want ErrStopped", err)
		}
	}
}

func TestRightsRefusesWhatItDoesNotExpect(t *testing.T) {
	fdtest.Snapshot(t)
	for _, size := range []int{0, MaxRights + 1} {
		if _, err := NewRights(-1, -1, size, measure.Near, measure.Clock{}); !errors.Is(err, ErrSize) {
			t.Errorf("size %d: %v, want ErrSize", size, err)
		}
	}
	for name, c := range map[string]struct {
		payload string
		rights  []byte
	}{
		"no descriptor": {"12345678", nil},
		"a short one":   {"123", unix.UnixRights(0)},
		"two of them":   {"12345678", unix.UnixRights(0, 1)},
	} {
		p := rightsPair(t, 8)
		if err := unix.Sendmsg(p.near.(*rights).sock, []byte(c.payload), c.rights, nil, 0); err != nil {
			t.Fatal(err)
		}
		before := len(fdtest.Open(t))
		if err := p.far.Run(&measure.Slice{}); !errors.Is(err, ErrRights) {
			t.Errorf("%s: %v, want ErrRights", name, err)
		}
		if after := len(fdtest.Open(t)); after != before {
			t.Errorf("%s: %d descriptors open, %d before", name, after, before)
		}
	}
}

func TestPassingADescriptorAllocatesNothing(t *testing.T) {
	p := rightsPair(t, 64)
	far := make(chan error, 1)
	const runs, each = 20, 10
	go func() { far <- p.far.Run(&measure.Slice{Count: (runs+1)*(each+1) - 1}) }()
	s := measure.Slice{Count: each, Samples: make([]int64, each)}
	got := testing.AllocsPerRun(runs, func() {
		if err := p.near.Run(&s); err != nil {
			t.Error(err)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations for %d round trips", got, each)
	}
	if err := <-far; err != nil {
		t.Error(err)
	}
}

// BenchmarkRights is the limit alone, without the pinning and the interleaving that package perf adds.
func BenchmarkRights(b *testing.B) {
	for _, size := range []int{1, 64, MaxRights} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p := rightsPair(b, size)
			near := measure.Slice{Warm: 100, Count: b.N, Samples: make([]int64, b.N)}
			if err := p.slice(&near, &measure.Slice{Warm: 100, Count: b.N}); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(near.End-near.Begin)/float64(b.N), "ns/round-trip")
		})
	}
}
