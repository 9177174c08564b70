package netpoll

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// spinUntil waits without parking, so that what is measured is the loop's wake and not the test's.
func spinUntil(cond func() bool) {
	for !cond() {
	}
}

// From Post to the first instruction of the function, and a store back; the loop sleeps before each.
func BenchmarkWakeByPost(b *testing.B) {
	l := startLoop(b, &Config{Wait: Block})
	var n atomic.Int64
	f := func() { n.Add(1) }
	var total time.Duration
	for i := 1; b.Loop(); i++ {
		spinUntil(l.asleep.Load)
		start := time.Now()
		_ = l.Post(f)
		spinUntil(func() bool { return n.Load() == int64(i) })
		total += time.Since(start)
	}
	b.ReportMetric(float64(total.Nanoseconds())/float64(b.N), "ns/wake")
	b.ReportAllocs()
}

// Posts to a loop that is awake, back and forth.
func BenchmarkPostToASpinningLoop(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("with GOMAXPROCS=1 no loop spins")
	}
	l := startLoop(b, &Config{Wait: Spin})
	var n atomic.Int64
	f := func() { n.Add(1) }
	b.ReportAllocs()
	for i := int64(1); b.Loop(); i++ {
		_ = l.Post(f)
		spinUntil(func() bool { return n.Load() == i })
	}
}

// Posts without waiting for each.
func BenchmarkPostThroughput(b *testing.B) {
	l := startLoop(b, &Config{Wait: Hybrid})
	var n atomic.Int64
	f := func() { n.Add(1) }
	b.ReportAllocs()
	sent := int64(0)
	for b.Loop() {
		for l.Post(f) != nil {
			runtime.Gosched()
		}
		sent++
	}
	for n.Load() != sent {
		runtime.Gosched()
	}
}

// Two loops ring each other's eventfd. One operation is there and back.
func BenchmarkEventfdPingPong(b *testing.B) {
	for _, pinned := range []bool{false, true} {
		name := "floating"
		if pinned {
			name = "pinned"
		}
		b.Run(name, func(b *testing.B) {
			var cores CoreSet
			cfg := &Config{Wait: Block}
			if pinned {
				cores, _ = Allowed()
			}
			g := startGroup(b, cores, cfg)
			first, second := g.Loops()[0], g.Loops()[len(g.Loops())-1]
			if !pinned {
				second = startLoop(b, cfg)
			}
			ping, pong := eventfd(b), eventfd(b)
			done := make(chan struct{})
			left := b.N
			register(b, second, ping, In|Edge, func(Events) bool { ringBell(pong); return false })
			register(b, first, pong, In|Edge, func(Events) bool {
				if left--; left == 0 {
					close(done)
					return false
				}
				ringBell(ping)
				return false
			})
			b.ReportAllocs()
			b.ResetTimer()
			ringBell(ping)
			<-done
		})
	}
}

type emptyPoller struct{}

func (p *emptyPoller) Poll(int) int { return 0 }
func (p *emptyPoller) Arm() bool    { return false }
func (p *emptyPoller) Disarm()      {}

// A turn of a loop that spins, with looks at epoll in proportion.
func BenchmarkTurn(b *testing.B) {
	for _, bm := range []struct {
		name    string
		pollers int
	}{{"0 pollers", 0}, {"1 poller", 1}, {"2 pollers", 2}, {"16 pollers", 16}} {
		b.Run(bm.name, func(b *testing.B) {
			l := startLoop(b, nil)
			on(b, l, func() {
				for range bm.pollers {
					l.heat(&PollerRegistration{loop: l, poller: new(emptyPoller), source: source{meter: new(meter)}})
				}
				l.cfg.Wait = Spin
				l.spinning = true // a token that was not taken
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					l.turn()
				}
				b.StopTimer()
				l.cfg.Wait = Block
				l.spinning = false
				clear(l.hot)
				l.hot = l.hot[:0]
			})
		})
	}
}

func BenchmarkTimerReset(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		b.Run(map[int]string{1: "of 1", 10_000: "of 10000"}[n], func(b *testing.B) {
			l := startLoop(b, nil)
			on(b, l, func() {
				var timers []*Timer
				for i := range n {
					timers = append(timers, l.AfterFunc(time.Hour+time.Duration(i), func() {}))
				}
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					timers[i%n].Reset(2*time.Hour + time.Duration(i%n))
				}
			})
		})
	}
}

func BenchmarkInLoop(b *testing.B) {
	l := startLoop(b, nil)
	for b.Loop() {
		l.InLoop()
	}
}
