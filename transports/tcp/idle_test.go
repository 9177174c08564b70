package tcp_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/atomics"
	"github.com/corechan/corechan/transports/tcp"
)

// A question brings the channel for its answer.
type question struct {
	N     uint64
	Reply engine.Sender[answer]
}

type answer struct{ N uint64 }

// childIdle answers questions, with handlers on a loop.
func childIdle(c *childSide) error {
	ctx := context.Background()
	eng := must(engine.New(engine.Config{Wait: engine.Block, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))}))
	ln, err := tcp.Listen(ctx, "127.0.0.1:0", &tcp.Options{Engine: eng})
	if err != nil {
		return err
	}
	err = engine.Handle(ln, "questions", func(ctx context.Context, q *question) error {
		return q.Reply.Send(ctx, &answer{q.N})
	})
	if err != nil {
		return err
	}
	c.say(strings.TrimPrefix(ln.Addr(), "tcp://"))
	return c.obey(func(line string) (string, error) {
		switch line {
		case "memory": // what this process has, and its heap
			debug.FreeOSMemory()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			status, err := os.ReadFile("/proc/self/status")
			if err != nil {
				return "", err
			}
			maps, err := os.ReadFile("/proc/self/maps")
			for l := range strings.Lines(string(status)) {
				if rss, ok := strings.CutPrefix(l, "VmRSS:"); ok {
					return fmt.Sprint(strings.Fields(rss)[0], " ", m.HeapAlloc>>10, " ", strings.Count(string(maps), "\n")), err
				}
			}
		case "sessions":
			n := 0
			for range eng.Sessions() {
				n++
			}
			return fmt.Sprint(n), nil
		}
		return "", errNoCommand
	})
}

// cpu returns how much CPU time the processes have used.
func cpu(t testing.TB, pids ...int) (sum time.Duration) {
	t.Helper()
	for _, pid := range pids {
		var ts unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil { // see clock_getcpuclockid(3)
			t.Fatal(err)
		}
		sum += time.Duration(ts.Nano())
	}
	return sum
}

// A name with Alloc in it, so that it also runs without the race detector, which has memory of its own for everything.
func TestIdleSessionsUseNoCPUAndAllocateLittle(t *testing.T) {
	n := 500
	if soak {
		n = 9_000 // below the usual hard limit on descriptors
	}
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		t.Fatal(err)
	}
	if soak && lim.Max > 11_000 {
		n = 10_000
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
	defer cancel()
	server, addr := startChild(t, "idle")
	eng := newEngine(t, engine.Config{Wait: engine.Block})
	ask := func(s *engine.Session) {
		out := must(engine.Open[question](ctx, s, "questions"))
		q, a := question{N: 42}, answer{}
		if err := engine.Call(ctx, out, &q, &q.Reply, &a); err != nil || a.N != 42 {
			t.Fatalf("answer %d, %v", a.N, err)
		}
	}
	open := func(n int) (list []*engine.Session) {
		for range n {
			s := must(tcp.Dial(ctx, addr, &tcp.Options{Engine: eng}))
			ask(s)
			list = append(list, s)
		}
		return list
	}
	memory := func() (rss, heap, maps int) {
		_, err := fmt.Sscan(server.tell("memory"), &rss, &heap, &maps)
		if err != nil {
			t.Fatal(err)
		}
		return rss << 10, heap << 10, maps
	}
	list := open(100) // what is allocated once
	rss, heap, maps := memory()
	<-time.After(2500 * time.Millisecond)
	rss, heap, maps = memory()
	list = append(list, open(n)...)
	busy, _, _ := memory()
	each, eachHeap := 1<<30, 0
	var last, lastMaps int
	trimmed := poll(func() bool {
		<-time.After(500 * time.Millisecond)
		var h int
		last, h, lastMaps = memory()
		each, eachHeap = (last-rss)/n, (h-heap)/n
		return each <= 8<<10
	})
	t.Logf("%d sessions: %d bytes each at first, %d when idle, of them %d on Go's heap; %d mappings more (race=%v)", n, (busy-rss)/n, each, eachHeap, lastMaps-maps, atomics.Race)
	if !trimmed && !atomics.Race {
		t.Errorf("%d bytes a session", each)
	}

	const maxCPU = 20 * time.Millisecond
	used := time.Hour
	for range 5 { // a second of it, once everything has come to rest
		before := cpu(t, os.Getpid(), server.pid())
		<-time.After(time.Second)
		if used = cpu(t, os.Getpid(), server.pid()) - before; used <= maxCPU {
			break
		}
	}
	t.Logf("CPU time of both processes in a second: %v", used)
	if used > maxCPU {
		t.Errorf("%v of CPU time in a second, more than %v", used, maxCPU)
	}
	for i, s := range list { // all of them work
		if err := s.Err(); err != nil {
			t.Fatalf("session %d of %d: %v; the server: %s", i, len(list), err, server.errs.String())
		}
		ask(s)
	}
	for _, s := range list {
		_ = s.Close()
	}
	if !poll(func() bool { return server.tell("sessions") == "0" }) {
		t.Errorf("%s sessions are left", server.tell("sessions"))
	}
}

// BenchmarkFairness has many busy sessions on one server, whose handlers answer each question, and reports what share of the
// median's number of answers the slowest one got.
func BenchmarkFairness(b *testing.B) {
	const sessions, inflight = 1000, 4
	_, addr := startChild(b, "idle")
	eng := newEngine(b, engine.Config{Wait: engine.Block})
	for b.Loop() {
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		var list []*engine.Session
		counts := make([]atomic.Int64, sessions)
		var started sync.WaitGroup
		begin := make(chan struct{})
		for i := range sessions {
			s := must(tcp.Dial(ctx, addr, &tcp.Options{Engine: eng}))
			list = append(list, s)
			out := must(engine.Open[question](ctx, s, "questions"))
			for range inflight {
				started.Add(1)
				all.Go(func() {
					started.Done()
					<-begin
					for {
						q, a := question{N: 42}, answer{}
						if engine.Call(ctx, out, &q, &q.Reply, &a) != nil {
							return
						}
						counts[i].Add(1)
					}
				})
			}
		}
		started.Wait()
		close(begin)
		<-time.After(5 * time.Second)
		var got []int64
		for i := range counts {
			got = append(got, counts[i].Load())
		}
		cancel()
		all.Wait()
		for _, s := range list {
			_ = s.Close()
		}
		slices.Sort(got)
		sum := int64(0)
		for _, n := range got {
			sum += n
		}
		b.ReportMetric(float64(got[0])/float64(got[len(got)/2]), "slowest/median")
		b.ReportMetric(float64(got[len(got)-1])/float64(got[len(got)/2]), "fastest/median")
		b.ReportMetric(float64(sum)/5, "calls/s")
	}
}

// childEcho echoes what comes on "ping" on "pong".
func childEcho(c *childSide) error {
	ctx := context.Background()
	ln, err := tcp.Listen(ctx, "127.0.0.1:0", nil)
	if err != nil {
		return err
	}
	go func() {
		for s := range ln.Sessions(ctx) {
			go func() {
				out, err := engine.Open[engine.Raw](ctx, s, "pong")
				in, aerr := engine.Accept[engine.Raw](ctx, s, "ping")
				if err != nil || aerr != nil {
					return
				}
				for m, err := range in.All(ctx) {
					if err != nil || out.Send(ctx, m) != nil {
						return
					}
				}
			}()
		}
	}()
	c.say(strings.TrimPrefix(ln.Addr(), "tcp://"))
	return c.obey(func(string) (string, error) { return "", errNoCommand })
}
