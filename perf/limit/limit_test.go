package limit

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/measure"
)

// pair is the two halves of one limit over memory of this process, where the race detector sees them.
type pair struct{ near, far measure.Half }

func newClock(t testing.TB) measure.Clock {
	t.Helper()
	c, err := measure.NewClock()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func makePair(t *testing.T, half func(measure.Side) (measure.Half, error)) pair {
	t.Helper()
	near, err := half(measure.Near)
	if err != nil {
		t.Fatal(err)
	}
	far, err := half(measure.Far)
	if err != nil {
		t.Fatal(err)
	}
	return pair{near, far}
}

// all makes every limit for payloads of this size, by name. Streams get a ring of three records.
func all(t *testing.T, size int) (pings, streams map[string]pair) {
	clk := newClock(t)
	capacity := 3 * recordBytes(size)
	ping, ring := make([]byte, PingBytes(size)), make([]byte, StreamBytes(capacity))
	// The race detector does not know that an eventfd orders anything, so its memory is where the detector does not look.
	blocking, err := unix.Mmap(-1, 0, PingBytes(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(blocking) })
	var bells [2]int
	for i := range bells {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		bells[i] = fd
	}
	there, err := NewChannels(size, 0)
	if err != nil {
		t.Fatal(err)
	}
	flow, err := NewChannels(size, capacity)
	if err != nil {
		t.Fatal(err)
	}
	pings = map[string]pair{
		"polled":  makePair(t, func(s measure.Side) (measure.Half, error) { return NewPingpong(ping, size, s, clk) }),
		"eventfd": makePair(t, func(s measure.Side) (measure.Half, error) { return NewEventfd(blocking, bells, size, s, clk) }),
		"channel": makePair(t, func(s measure.Side) (measure.Half, error) { return there.Half(s, clk) }),
	}
	streams = map[string]pair{
		"ring":    makePair(t, func(s measure.Side) (measure.Half, error) { return NewStream(ring, size, capacity, s, clk) }),
		"channel": makePair(t, func(s measure.Side) (measure.Half, error) { return flow.Half(s, clk) }),
	}
	return pings, streams
}

// slice runs both halves once.
func (p pair) slice(near, far *measure.Slice) error {
	var wg sync.WaitGroup
	var farErr error
	wg.Go(func() { farErr = p.far.Run(far) })
	nearErr := p.near.Run(near)
	wg.Wait()
	return errors.Join(nearErr, farErr)
}

func TestSlicesFollowOneAnother(t *testing.T) {
	for _, size := range []int{1, 8, 63, 64, 65, 5000} {
		pings, streams := all(t, size)
		for name, p := range pings {
			t.Run(fmt.Sprint("pingpong/", name, "/", size), func(t *testing.T) {
				for i, n := range []int{1, 0, 2, 100, spotCount(size) - 1, spotCount(size) + 1} {
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
					if n > 0 && (near.Begin == 0 || near.End < near.Begin || sum > near.End-near.Begin) {
						t.Errorf("round trips of %d ns from %d to %d", sum, near.Begin, near.End)
					}
				}
			})
		}
		for name, p := range streams {
			t.Run(fmt.Sprint("stream/", name, "/", size), func(t *testing.T) {
				for i, n := range []int{1, 0, 2, 3, 4, 1000, 7} {
					near, far := measure.Slice{Index: 7 * i, Count: n}, measure.Slice{Index: 7 * i, Count: n}
					if err := p.slice(&near, &far); err != nil {
						t.Fatal(err)
					}
					if n > 0 && far.End < near.Begin {
						t.Errorf("from %d to %d", near.Begin, far.End)
					}
				}
			})
		}
	}
}

// What arrives is what was sent: the sequence number in the first word of each payload.
func TestPayloadsArriveWhole(t *testing.T) {
	const size, n = 64, 100
	pings, streams := all(t, size)
	if err := pings["polled"].slice(&measure.Slice{Count: n, Samples: make([]int64, n)}, &measure.Slice{Count: n}); err != nil {
		t.Fatal(err)
	}
	// The last spot's round trips end with its own sequence number, which counts the final answer too.
	p := pings["polled"].near.(*pingpong)
	for i := range p.spots {
		if k := share(n, i, len(p.spots)); k > 0 && *word(p.spots[i].in, 0) != uint64(k+1) {
			t.Errorf("spot %d holds %d after %d round trips", i, *word(p.spots[i].in, 0), k)
		}
	}
	if err := streams["ring"].slice(&measure.Slice{Count: n}, &measure.Slice{Count: n}); err != nil {
		t.Fatal(err)
	}
	if got := *word(streams["ring"].far.(*stream).buf, 0); got != n-1 {
		t.Errorf("the last record holds %d, want %d", got, n-1)
	}
}

func TestAHalfWithoutAPeerEndsWhenItIsStopped(t *testing.T) {
	pings, streams := all(t, 64)
	delete(pings, "channel")
	delete(streams, "channel")
	for _, limits := range []map[string]pair{pings, streams} {
		for name, p := range limits {
			for side, half := range map[string]measure.Half{"near": p.near, "far": p.far} {
				done := make(chan error, 1)
				go func() { done <- half.Run(&measure.Slice{Count: 10, Samples: make([]int64, 10)}) }()
				half.Stop()
				select {
				case err := <-done:
					if !errors.Is(err, measure.ErrStopped) {
						t.Errorf("%s %s: %v", name, side, err)
					}
				case <-time.After(20 * time.Second):
					t.Fatalf("%s %s runs on", name, side)
				}
			}
		}
	}
}

func TestSizesThatMakeNoSenseAreRefused(t *testing.T) {
	clk := newClock(t)
	mem := make([]byte, StreamBytes(4096))
	for name, half := range map[string]func() (measure.Half, error){
		"empty ping-pong":  func() (measure.Half, error) { return NewPingpong(mem, 0, measure.Near, clk) },
		"short ping-pong":  func() (measure.Half, error) { return NewPingpong(mem[:100], 64, measure.Near, clk) },
		"short eventfd":    func() (measure.Half, error) { return NewEventfd(mem[:100], [2]int{}, 64, measure.Near, clk) },
		"empty stream":     func() (measure.Half, error) { return NewStream(mem, 0, 4096, measure.Near, clk) },
		"short stream":     func() (measure.Half, error) { return NewStream(mem, 64, 8192, measure.Near, clk) },
		"record too large": func() (measure.Half, error) { return NewStream(mem, MaxStreamSize(4096)+1, 4096, measure.Near, clk) },
	} {
		if _, err := half(); !errors.Is(err, ErrSize) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, capacity := range []int{0, 4096} {
		if _, err := NewChannels(0, capacity); !errors.Is(err, ErrSize) {
			t.Errorf("channels, capacity %d: %v", capacity, err)
		}
	}
}

// The words and payloads that different cores write must not share a line.
func TestLayout(t *testing.T) {
	for _, size := range []int{1, 64, 128, 129, 1 << 20} {
		if spotBytes(size)%line != 0 || spotBytes(size) < spotPayload+2*size {
			t.Errorf("size %d: a spot has %d bytes", size, spotBytes(size))
		}
		if n := spotCount(size); n < 1 || n > maxSpots || PingBytes(size) != n*spotBytes(size) {
			t.Errorf("size %d: %d spots in %d bytes", size, n, PingBytes(size))
		}
	}
	if spotNearSeq != 0 || spotFarSeq != 128 || spotPayload != 256 || streamRecords != 4096 {
		t.Error("the layout is not the one that its comment shows")
	}
	if most := MaxStreamSize(256 << 10); most < 64<<10 || recordBytes(most)*minRecords > 256<<10 {
		t.Errorf("a ring of 256 KiB takes %d bytes", most)
	}
	sum := 0
	for i := range 7 {
		sum += share(100, i, 7)
	}
	if sum != 100 {
		t.Errorf("the shares of 100 add up to %d", sum)
	}
}
