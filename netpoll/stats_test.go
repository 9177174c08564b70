package netpoll

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

type labelled struct{ HandlerFunc }

func (labelled) Label() string { return "the busy one" }

func TestTheBusiestHandlerIsNamed(t *testing.T) {
	for _, profile := range []bool{false, true} {
		l := startLoop(t, &Config{Profile: profile})
		fd := eventfd(t)
		done := make(chan struct{})
		n := 0
		_, err := l.Register(fd, Out|Edge, labelled{func(Events) bool {
			if n++; n < 1000 {
				return true
			}
			close(done)
			return false
		}})
		if err != nil {
			t.Fatal(err)
		}
		register(t, l, eventfd(t), Out|OneShot, func(Events) bool { return false })
		await(t, done)
		until(t, "the label", func() bool { return l.Stats().Busiest.Label == "the busy one" })
		b := l.Stats().Busiest
		if b.Calls < 1000-lookEvery || (b.Time > 0) != profile {
			t.Errorf("profile %v: %+v", profile, b)
		}
	}
}

func TestAHandlerWithoutALabelIsNamedByItsFunctionAndDescriptor(t *testing.T) {
	if name := newMeter(HandlerFunc(func(Events) bool { return false }), 17).name(); !strings.Contains(name,
		"TestAHandlerWithoutALabel") || !strings.HasSuffix(name, "(descriptor 17)") {
		t.Error(name)
	}
	if name := newMeter(new(queue), -1).name(); name != "*netpoll.queue" {
		t.Error(name)
	}
}

func TestStatsCountWhatHappens(t *testing.T) {
	l := startLoop(t, &Config{Wait: Block})
	a, b := pair(t)
	got := make(chan struct{}, 1)
	register(t, l, a, In, func(Events) bool { drain(a); got <- struct{}{}; return false })
	const n = 10
	for range n {
		untilAsleep(t, l)
		write(t, b, "x")
		await(t, got)
		untilAsleep(t, l)
		on(t, l, func() {})
		fired := make(chan struct{})
		l.AfterFunc(time.Microsecond, func() { close(fired) })
		await(t, fired)
	}
	untilAsleep(t, l)
	s := l.Stats()
	if s.Posts != n || s.Timers != n || s.Events < n || s.Wakes < 2*n || s.Rings < n || s.Turns < s.Wakes || s.Looks < s.Wakes {
		t.Errorf("%+v", s)
	}
	if s.Events+s.EmptyPolls < s.Looks || s.Stale != 0 || s.Exhausted != 0 || s.PollerItems != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAnEventAllocatesNothing(t *testing.T) {
	l := startLoop(t, &Config{Wait: Block, Profile: true})
	fd := eventfd(t)
	done := make(chan struct{}, 1)
	register(t, l, fd, In|Edge, func(Events) bool { done <- struct{}{}; return false })
	bell := eventfd(t)
	q := &queue{wake: func() { ringBell(bell) }, onPoll: func() {}}
	if _, err := l.AddPollerDoorbell(q, bell); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(200, func() {
		ringBell(fd)
		<-done
		q.put(1)
		for q.items.Load() != 0 {
			runtime.Gosched()
		}
	}); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}
