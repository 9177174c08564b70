package transporttest

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/corechan/corechan/engine"
)

// small is a window that a few messages fill.
var small = engine.Limits{Window: 8192}

func testASenderWaitsForTheWindow(t *T) {
	t.onRoutesWith(small, func(t *T, w way) {
		const size = 1000
		n := fill(t, w.s, size)
		if n == 0 {
			t.Fatal("no message fits")
		}
		if w.flows() && n > uint64(small.Window)/size+1 {
			t.Fatalf("%d messages of %d bytes in a window of %d", n, size, small.Window)
		}
		ctx, _ := t.watch()
		sent := result(func() error { return w.s.Send(ctx, &note{ID: n, Text: strings.Repeat("x", size)}) })
		if !w.hops() { // a hop takes some more
			get(t, ctx.waiting)
		}
		wantNumbers(t, w.r, 0, n+1)
		t.check(get(t, sent))
	})
}

// flows reports whether the window is all there is between the ends.
func (w *way) flows() bool { return w.from != nil && !w.hops() && !w.lane }

func testAContextEndsAWaitingSend(t *T) {
	t.onRoutesWith(small, func(t *T, w way) {
		n := fill(t, w.s, 1000)
		for w.hops() { // until the hop is full as well
			more := uint64(0)
			for ; w.s.Send(t.impatient(), &note{ID: n}) == nil; n++ {
				more++
			}
			if more == 0 {
				break
			}
		}
		ctx, cancel := t.watch()
		sent := result(func() error {
			for i := n; ; i++ {
				if err := w.s.Send(ctx, &note{ID: i}); err != nil {
					n = i
					return err
				}
			}
		})
		get(t, ctx.waiting)
		cancel()
		t.want(get(t, sent), context.Canceled)
		// Nothing of it was sent, and the channel goes on.
		rest := result(func() error { return w.s.Send(t.ctx, &note{ID: n}) })
		wantNumbers(t, w.r, 0, n+1)
		t.check(get(t, rest))
		t.check(w.s.Close())
		t.want(w.r.Receive(t.ctx, &note{}), io.EOF)
	})
}

func testADeadlineEndsAWaitingSend(t *T) {
	t.onRoutesWith(small, func(t *T, w way) {
		ctx, cancel := context.WithTimeout(t.ctx, 20*time.Millisecond)
		defer cancel()
		t.want(sendUntilEnd(ctx, w.s), context.DeadlineExceeded)
	})
}

func testAContextEndsAWaitingReceive(t *T) {
	t.onRoutes(func(t *T, w way) {
		ctx, cancel := t.watch()
		received := result(func() error { return w.r.Receive(ctx, &note{}) })
		get(t, ctx.waiting)
		cancel()
		t.want(get(t, received), context.Canceled)
		short, stop := context.WithTimeout(t.ctx, time.Millisecond)
		defer stop()
		t.want(w.r.Receive(short, &note{}), context.DeadlineExceeded)
		sendNumbers(t, w.s, 0, 10) // nothing is lost
		wantNumbers(t, w.r, 0, 10)
	})
}

// testTryReceiveNeverWaits looks for messages without waiting for any: it finds all of them, in order, and the end.
func testTryReceiveNeverWaits(t *T) {
	t.onRoutes(func(t *T, w way) {
		look := func() (n note, ok bool, err error) {
			for !ok && err == nil && t.ctx.Err() == nil {
				if ok, err = w.r.TryReceive(&n); !ok {
					runtime.Gosched()
				}
			}
			return n, ok, err
		}
		if ok, err := w.r.TryReceive(&note{}); ok || err != nil {
			t.Fatalf("received something before it was sent: %v", err)
		}
		const count = 300
		sent := result(func() error {
			for i := range uint64(count) {
				if err := w.s.Send(t.ctx, &note{ID: i}); err != nil {
					return err
				}
			}
			return w.s.Close()
		})
		for i := range uint64(count) {
			n, ok, err := look()
			if !ok || n.ID != i {
				t.Fatalf("message %d where %d was due: %v", n.ID, i, err)
			}
		}
		t.check(get(t, sent))
		for range 2 { // and again
			_, ok, err := look()
			if ok {
				t.Fatal("a message after the last one")
			}
			t.want(err, io.EOF)
		}
	})
}

// testTryReceiveLearnsThatThePeerIsGone cuts the link after a message: that is received, then the peer is gone.
func testTryReceiveLearnsThatThePeerIsGone(t *T) {
	l := t.connect()
	s, r := channel[note](t, l.A, l.B)
	t.check(s.Send(t.ctx, &note{ID: 7}))
	t.check(l.A.Flush(t.ctx))
	l.Cut()
	n, ok, err := note{}, false, error(nil)
	for !ok && err == nil && t.ctx.Err() == nil {
		if ok, err = r.TryReceive(&n); !ok {
			runtime.Gosched()
		}
	}
	if !ok || n.ID != 7 {
		t.Fatalf("%+v, %v", n, err)
	}
	for ok, err = false, nil; !ok && err == nil && t.ctx.Err() == nil; {
		ok, err = r.TryReceive(&n)
		runtime.Gosched()
	}
	t.want(err, engine.ErrPeerGone)
}

func testAContextEndsAWaitingAccept(t *T) {
	l := t.connect()
	ctx, cancel := t.watch()
	accepted := result(func() error { _, err := engine.Accept[note](ctx, l.B, "x"); return err })
	get(t, ctx.waiting)
	cancel()
	t.want(get(t, accepted), context.Canceled)
	s, r := channel[note](t, l.A, l.B)
	sendNumbers(t, s, 0, 10)
	wantNumbers(t, r, 0, 10)
}

// testOneStoppedReceiverStopsNobodyElse fills one channel, and has the others of its session go on, in both directions.
func testOneStoppedReceiverStopsNobodyElse(t *T) {
	l := t.connect(small)
	stopped, later := channel[note](t, l.A, l.B)
	n := fill(t, stopped, 1000)
	ctx, _ := t.watch()
	blocked := result(func() error { return stopped.Send(ctx, &note{ID: n}) })
	get(t, ctx.waiting)
	var all sync.WaitGroup
	for i := range 8 {
		from, to := l.A, l.B
		if i%2 == 1 {
			from, to = to, from
		}
		s, r := channel[note](t, from, to)
		all.Go(func() {
			text := string(make([]byte, 500))
			for i := range uint64(500) {
				if err := s.Send(t.ctx, &note{ID: i, Text: text}); err != nil {
					t.Error(err)
					return
				}
			}
			_ = s.Close()
		})
		all.Go(func() {
			if n, err := receiveUntilEnd(t.ctx, r); n != 500 {
				t.Errorf("%d messages, then %v", n, err)
			}
		})
	}
	all.Wait()
	select {
	case err := <-blocked:
		t.Fatalf("the stopped channel took one more message: %v", err)
	default:
	}
	wantNumbers(t, later, 0, n+1)
	t.check(get(t, blocked))
}

// testOneStoppedReaderStopsNobodyElse is the same for byte streams.
func testOneStoppedReaderStopsNobodyElse(t *T) {
	l := t.connect()
	r, w := engine.Stream()
	stopped := give[io.Reader](t, l.A, l.B, r)
	t.check(w.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)))
	full := pattern(4 << 20)
	n, err := w.Write(full)
	if err == nil {
		t.Fatalf("%d bytes fit, and nobody reads", n)
	}
	for i := range 3 {
		r, w := engine.Stream()
		got := give[io.Reader](t, l.A, l.B, r)
		written := result(func() error {
			_, err := w.Write(full)
			_ = w.Close()
			return err
		})
		b, err := io.ReadAll(got)
		t.check(err)
		if len(b) != len(full) {
			t.Fatalf("stream %d: %d bytes of %d", i, len(b), len(full))
		}
		t.check(get(t, written))
	}
	t.check(w.Close())
	b, err := io.ReadAll(stopped)
	t.check(err)
	if len(b) != n || string(b) != string(full[:n]) {
		t.Errorf("%d bytes, and %d were written", len(b), n)
	}
}

// testAStoppedReceiverBoundsWhatIsUnderWay sends without anybody receiving, also through a hop: it must come to a stop.
func testAStoppedReceiverBoundsWhatIsUnderWay(t *T) {
	t.onRoutesWith(small, func(t *T, w way) {
		const size = 1000
		most := 4 * 256 << 10 / size // what rings hold
		ctx, cancel := context.WithCancel(t.ctx)
		text := string(make([]byte, size))
		sent := make(chan uint64, 1)
		go func() {
			n := uint64(0)
			for ; n < uint64(most); n++ {
				if w.s.Send(ctx, &note{ID: n, Text: text}) != nil {
					break
				}
			}
			sent <- n
		}()
		// Whatever it takes at first, it stops.
		stop := time.AfterFunc(50*time.Millisecond, cancel)
		defer stop.Stop()
		n := get(t, sent)
		if n == uint64(most) {
			t.Fatalf("%d messages of %d bytes were sent, and nobody receives", n, size)
		}
		wantNumbers(t, w.r, 0, n)
		t.check(w.s.CloseWith(fmt.Errorf("after %d", n)))
		t.wantReason(w.r.Receive(t.ctx, &note{}), engine.CodeError, fmt.Sprint("after ", n))
	})
}
