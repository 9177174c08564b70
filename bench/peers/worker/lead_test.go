package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/perf/measure"
)

// loop is a Channel and its far side in one: what is sent with a wish for an answer is received.
type loop struct {
	size    int
	order   peer.Order
	answers chan []byte
	spoil   func(b []byte, n int) [][]byte // what is answered instead of the n-th; nil: b
	count   int
	sent    int
}

func newLoop(size int) *loop {
	return &loop{size: size, order: peer.Order{Size: size}, answers: make(chan []byte, 1<<12)}
}

func (l *loop) Send(b []byte) error {
	l.sent++
	if err := l.order.Take(b); err != nil {
		return err
	}
	if !peer.WantsReply(b) {
		return nil
	}
	l.count++
	all := [][]byte{bytes.Clone(b)}
	if l.spoil != nil {
		all = l.spoil(all[0], l.count)
	}
	for _, one := range all {
		l.answers <- one
	}
	return nil
}

func (l *loop) Flush() error { return nil }

func (l *loop) Receive([]byte) ([]byte, error) { return <-l.answers, nil }

func (l *loop) Close() error { return nil }

// caller is a Caller that answers with what it was sent.
type caller struct {
	mu   sync.Mutex
	seen map[uint64]bool
	lie  bool
}

func (c *caller) Call(_ context.Context, msg, buf []byte) ([]byte, error) {
	n, err := peer.Check(msg, len(msg))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[n] {
		return nil, errors.New("a number twice")
	}
	c.seen[n] = true
	if c.lie && len(c.seen) == 50 {
		n++
	}
	peer.Stamp(buf, n, false)
	return buf, nil
}

func (c *caller) Close() error { return nil }

// dialer is a Peer whose connections are those given.
type dialer struct{ conns []peer.Conn }

func (d *dialer) Serve(context.Context, string) (string, error) { return "", errors.ErrUnsupported }

func (d *dialer) Dial(context.Context, string) (peer.Conn, error) {
	c := d.conns[0]
	d.conns = d.conns[1:]
	return c, nil
}

func (d *dialer) Close() error { return nil }

func runOne(t *testing.T, c peer.Case, conns ...peer.Conn) (*Result, error) {
	t.Helper()
	l, err := newLeader(t.Context(), &dialer{conns}, c, "")
	if err != nil {
		t.Fatal(err)
	}
	return l.slice(10, 200, os.Getpid())
}

var cases = []peer.Case{
	{Kind: peer.Trip, Size: 64, Conns: 1, Inflight: 1},
	{Kind: peer.Stream, Size: 64, Conns: 1, Inflight: 1},
	{Kind: peer.Calls, Size: 64, Conns: 1, Inflight: 64},
	{Kind: peer.Calls, Size: 64, Conns: 1, Inflight: 1},
	{Kind: peer.Calls, Size: 64, Conns: 1, Inflight: 7},
	{Kind: peer.Crowd, Size: 64, Conns: 3, Inflight: 1},
}

func TestEveryKindOfWorkIsDoneWholeAndCounted(t *testing.T) {
	for _, c := range cases {
		t.Run(c.String(), func(t *testing.T) {
			var conns []peer.Conn
			var sent int
			for range c.Conns {
				conns = append(conns, newLoop(c.Size))
			}
			r, err := runOne(t, c, conns...)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range conns {
				sent += one.(*loop).sent
			}
			if sent != 210 || r.Count != 200 || r.Elapsed <= 0 || r.CPU < 0 || r.Allocs < 0 {
				t.Errorf("%d messages were sent; result %+v", sent, r)
			}
			if trips := c.Kind != peer.Stream; trips != (r.P50 > 0) || r.P50 > r.P99 {
				t.Errorf("percentiles %v, %v", r.P50, r.P99)
			}
		})
	}
}

func TestCallsAreDoneByManyAtOnce(t *testing.T) {
	for _, c := range cases {
		if c.Kind == peer.Stream || c.Kind == peer.Crowd {
			continue
		}
		one := &caller{seen: map[uint64]bool{}}
		l, err := newLeader(t.Context(), &dialer{[]peer.Conn{one}}, c, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.slice(0, 200, os.Getpid()); err != nil || len(one.seen) != 200 {
			t.Errorf("%s: %d calls, %v", c, len(one.seen), err)
		}
	}
}

func TestAnswersThatAreNotDueFailTheRun(t *testing.T) {
	for name, spoil := range map[string]func(b []byte, n int) [][]byte{
		"doubled": func(b []byte, n int) [][]byte {
			if n == 50 {
				return [][]byte{b, b}
			}
			return [][]byte{b}
		},
		"another number": func(b []byte, n int) [][]byte {
			if n == 50 {
				peer.Stamp(b, 7, true)
			}
			return [][]byte{b}
		},
		"cut": func(b []byte, n int) [][]byte {
			if n == 50 {
				b = b[:30]
			}
			return [][]byte{b}
		},
	} {
		for _, c := range cases {
			if c.Kind == peer.Stream || c.Kind == peer.Crowd {
				continue
			}
			one := newLoop(c.Size)
			one.spoil = spoil
			if _, err := runOne(t, c, one); !errors.Is(err, peer.ErrMismatch) {
				t.Errorf("%s, %s: %v, not ErrMismatch", c, name, err)
			}
		}
	}
	_, err := runOne(t, cases[0], &caller{seen: map[uint64]bool{}, lie: true})
	if !errors.Is(err, peer.ErrMismatch) {
		t.Errorf("a call: %v, not ErrMismatch", err)
	}
}

func TestCallersHaveNoStream(t *testing.T) {
	_, err := newLeader(t.Context(), &dialer{[]peer.Conn{&caller{}}}, cases[1], "")
	if !errors.Is(err, peer.ErrCannot) {
		t.Errorf("%v, not ErrCannot", err)
	}
}

func TestSharesCoverEverythingOnce(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 100, 1000} {
		next := 0
		for i := range 64 {
			begin, end := share(n, i, 64)
			if begin != next || end < begin {
				t.Fatalf("of %d, share %d is %d to %d", n, i, begin, end)
			}
			next = end
		}
		if next != n {
			t.Errorf("shares of %d end at %d", n, next)
		}
	}
}

func TestAWorkerObeysAndRefusesByName(t *testing.T) {
	e := &peer.Entry{New: func(peer.Case) (peer.Peer, error) { return &dialer{[]peer.Conn{newLoop(64)}}, nil }}
	run := func(args []string, in string) (string, error) {
		var out bytes.Buffer
		err := Run(t.Context(), e, args, strings.NewReader(in), &out)
		return out.String(), err
	}
	out, err := run(Args(Near, cases[0], "x"), "run 1 20 1\nend\nrun 1 20 1\n")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var r Result
	if len(lines) != 2 || lines[0] != "ready -" || json.Unmarshal([]byte(lines[1]), &r) != nil || r.Count != 20 {
		t.Errorf("it said %q", out)
	}
	for _, order := range []string{"run", "run 1 x 1", "run -1 1 1", "walk 1 1 1"} {
		if _, err := run(Args(Near, cases[0], "x"), order+"\n"); err == nil {
			t.Errorf("the order %q was taken", order)
		}
	}
	for _, args := range [][]string{nil, {"near", "trip", "x", "1", "1", "a"}, {"near", "trip", "8", "1", "1", "a"}, {"near", "trip", "64", "0", "1", "a"}} {
		if _, err := run(args, ""); err == nil {
			t.Errorf("the arguments %q were taken", args)
		}
	}
}

func TestProcessorTimeIsReadOfOthersToo(t *testing.T) {
	clock, err := measure.NewClock()
	if err != nil {
		t.Fatal(err)
	}
	before, err := cpuTime(os.Getpid(), os.Getppid())
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		clock.Think(100_000) // until this process has had its time
		after, err := cpuTime(os.Getpid(), os.Getppid())
		if err != nil {
			t.Fatal(err)
		}
		if after-before > 1_000_000 {
			return
		}
	}
	t.Error("processor time does not pass")
}
