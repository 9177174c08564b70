package probe

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/internal/mark"
	"github.com/corechan/corechan/transports"
)

// marksOf adds the cores up.
func marksOf(t *testing.T, s *Snapshot) (sum MarkStats) {
	t.Helper()
	for i := range s.Cores {
		c := s.Cores[i].Marks
		if c == nil {
			t.Fatal("no figures")
		}
		if n := c.Times.Count() + c.Missed + c.Discarded; n != c.Received || c.Times.Count() != c.Stamped.Count() {
			t.Errorf("core %d: %d received, %d counted, %d by their stamps", s.Cores[i].ID, c.Received, n, c.Stamped.Count())
		}
		sum.Sent += c.Sent
		sum.Received += c.Received
		sum.Missed += c.Missed
		sum.Discarded += c.Discarded
		sum.Times.Add(&c.Times)
		sum.Stamped.Add(&c.Stamped)
	}
	return sum
}

// agree fails the test unless a quantile by the kernel is that by the stamps, within 5 % and a few microseconds, but for one message in 200: a thread may
// lose its core between its own look at the clock and the kernel's.
func agree(t *testing.T, m *MarkStats, q float64) {
	t.Helper()
	const few, others = 3 * time.Microsecond, 0.005
	got, low, high := m.Times.Quantile(q), m.Stamped.Quantile(q-others), m.Stamped.Quantile(min(q+others, 1))
	if got < low-low/20-few || got > high+high/20+few {
		t.Errorf("quantile %v: %v by the kernel, %v to %v by the stamps", q, got, low, high)
	}
}

func TestEachMarkIsCountedOnce(t *testing.T) {
	fdtest.Snapshot(t)
	needKernel(t)
	a, b := startActor(t, "marker", 0), startActor(t, "marker", 0) // of one executable
	began := a.ask().Count
	c := Config{PIDs: []int{a.pid(), b.pid()}, Groups: []Group{Marks}}
	p, other := startProbe(t, c), startProbe(t, c)
	n := a.ask().Count - began
	b.ask()
	check := func(rounds uint64) {
		t.Helper()
		m := marksOf(t, snapshot(t, p))
		if n != markedEach || m.Sent != rounds*(n+markedReplays+markedLies) || m.Received != rounds*(n+2*markedReplays+markedLies+markedMissed) ||
			m.Missed != rounds*(markedMissed+markedReplays) || m.Discarded != rounds*markedLies {
			t.Errorf("%d rounds of %d: %d sent, %d received, %d missed, %d discarded", rounds, n, m.Sent, m.Received, m.Missed, m.Discarded)
		}
		if p50 := m.Times.Quantile(0.5); p50 < markedTakes*9/10 || p50 > markedTakes*2 {
			t.Errorf("the median is %v, and not %v", p50, markedTakes)
		}
		agree(t, &m, 0.5)
	}
	check(2)
	if m := marksOf(t, snapshot(t, other)); m.Sent != 2*(n+markedReplays+markedLies) {
		t.Errorf("another probe sees %d sent", m.Sent)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if lost := statusOf(p, Marks).Lost; lost != 0 {
		t.Errorf("%d lost", lost)
	}
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	a.ask()
	pid := a.pid()
	a.end() // and is left alone
	if err := p.Resume(); err != nil {
		t.Errorf("with a process that has ended: %v", err)
	}
	check(2)
	b.ask()
	check(3)
	if s := snapshot(t, p); len(s.Ended) != 1 || s.Ended[0] != pid {
		t.Errorf("%v ended, not %d", s.Ended, pid)
	}
	ids := linkIDs(p)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if left := stillAttached(t, ids); left != 0 || len(ids) != 2 {
		t.Errorf("%d of %d links are left", left, len(ids))
	}
	b.ask() // lives
	b.end()
}

// Another process receives what this one sends, and the kernel finds out the same as the stamps.
func TestMarkedMessagesTakeAsLongAsTheirStampsSay(t *testing.T) {
	needKernel(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	socket := filepath.Join(t.TempDir(), "s")
	t.Setenv(socketVariable, socket)
	a := startActor(t, "receiver", 0)
	e, err := engine.New(engine.Config{Wait: engine.Block})
	if err != nil {
		t.Fatal(err)
	}
	s, err := transports.Dial(ctx, "shm://"+socket, &transports.Options{Engine: e})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}()
	sender, err := engine.Open[engine.Raw](ctx, s, "marked")
	if err != nil {
		t.Fatal(err)
	}
	p := startProbe(t, Config{PIDs: []int{os.Getpid(), a.pid()}, Groups: []Group{Marks}})
	text := engine.Raw("message")
	sent := uint64(0)
	// send returns when all have been received.
	send := func(n int) told {
		for range n {
			if err := sender.Send(ctx, &text); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		for {
			s := a.ask()
			if s.Received == sent {
				return s
			}
			if ctx.Err() != nil {
				t.Fatalf("of %d messages, %d have come", sent, s.Received)
			}
			time.Sleep(time.Millisecond)
		}
	}
	send(10_000)
	if m := marksOf(t, snapshot(t, p)); m.Sent != 0 || m.Received != 0 {
		t.Errorf("%d are marked without stamps", m.Sent)
	}
	e.StampMessages(time.Hour)
	for round := 0; send(1+7*round%600).Count < 400*mark.Every; round++ { // bursts, so that there are long and short times
	}
	m, stamps := marksOf(t, snapshot(t, p)), a.ask()
	if m.Sent != m.Received || m.Missed != 0 || m.Discarded != 0 {
		t.Errorf("%d sent, %d received, %d missed, %d discarded", m.Sent, m.Received, m.Missed, m.Discarded)
	}
	expected := float64(stamps.Count) / mark.Every
	if off := math.Abs(float64(m.Sent) - expected); off > 6*math.Sqrt(expected) {
		t.Errorf("%d are marked of %d", m.Sent, stamps.Count)
	}
	for _, q := range []float64{0.1, 0.5, 0.9, 0.99} {
		agree(t, &m, q)
	}
	t.Logf("%d of %d messages: p50 %v, p99 %v; by their stamps %v, %v; all, by the stamps: %v, %v", m.Sent, stamps.Count, m.Times.Quantile(0.5),
		m.Times.Quantile(0.99), m.Stamped.Quantile(0.5), m.Stamped.Quantile(0.99), stamps.P50, stamps.P99)
}

func TestAForeignProcessHasNoMarkers(t *testing.T) {
	fdtest.Snapshot(t)
	needKernel(t)
	cmd := exec.CommandContext(t.Context(), "sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	p, err := Start(Config{PIDs: []int{os.Getpid(), cmd.Process.Pid}, Groups: []Group{Marks, Steal}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s := statusOf(p, Marks)
	if s.State != Failed || !errors.Is(s.Err, ErrNoMarkers) || !strings.Contains(s.Why, "not a Go program") || statusOf(p, Steal).State != Active {
		t.Errorf("%+v", s)
	}
	if c := snapshot(t, p).Cores[0]; c.Marks != nil || c.Steal == nil {
		t.Errorf("%+v", c)
	}
}

func TestAKernelThatRefusesUprobesIsExplained(t *testing.T) {
	needKernel(t)
	for _, test := range []struct {
		err  error
		says string
	}{
		{ErrNoUprobes, "CONFIG_UPROBE_EVENTS"},
		{unix.EPERM, "lockdown"},
	} {
		fdtest.Snapshot(t)
		p, err := start(Config{PIDs: []int{os.Getpid()}, Groups: []Group{Marks}}, &refusing{linux: newLinux(), attach: test.err})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if s := statusOf(p, Marks); s.State != Failed || !errors.Is(s.Err, test.err) || !strings.Contains(s.Why, test.says) {
			t.Errorf("%+v", s)
		}
	}
}

// What a mark costs while a probe is attached, at either end.
func BenchmarkMark(b *testing.B) {
	if newLinux().permitted() != nil {
		b.Skip("needs CAP_BPF and CAP_PERFMON, or root")
	}
	p, err := Start(Config{PIDs: []int{os.Getpid()}, Groups: []Group{Marks}})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	stamp := uint64(0)
	b.Run("sent", func(b *testing.B) {
		for b.Loop() {
			stamp++
			mark.Sent(stamp)
		}
	})
	b.Run("received", func(b *testing.B) {
		for b.Loop() {
			mark.Received(stamp, 1)
		}
	})
}
