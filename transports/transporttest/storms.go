package transporttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"

	"github.com/corechan/corechan/engine"
)

// A traffic is a session with both sides doing everything at once: calls, nested channels and streams.
type traffic struct {
	t    *T
	ctx  context.Context
	all  sync.WaitGroup
	mu   sync.Mutex
	errs []error
	done int // rounds
}

func (w *traffic) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, err)
}

func (w *traffic) round() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done++
}

func (w *traffic) rounds() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.done
}

// between starts the traffic from one session to the other: several goroutines, each with so many rounds.
func (w *traffic) between(from, to *engine.Session, rounds int) {
	s, r := channel[parcel](w.t, from, to)
	w.all.Go(func() {
		for p, err := range r.All(w.ctx) {
			if err != nil {
				w.failed(err)
				return
			}
			got := *p
			w.all.Go(func() { w.answer(&got) })
		}
	})
	var askers sync.WaitGroup
	for k := range 3 {
		askers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(k), 1))
			for i := range rounds {
				if err := w.ask(s, i, random); err != nil {
					w.failed(err)
					return
				}
				w.round()
			}
		})
	}
	w.all.Go(func() {
		askers.Wait()
		_ = s.Close()
	})
}

// ask sends a parcel and does what is to be done with it; answer does the other side's part.
func (w *traffic) ask(s engine.Sender[parcel], i int, random *rand.Rand) error {
	switch random.IntN(4) {
	case 0:
		n, err := call(w.ctx, s, uint64(i))
		if err == nil && n != uint64(i)+1 {
			err = fmt.Errorf("%d was answered with %d", i, n)
		}
		return err
	case 1: // an echo
		replies, reply := engine.Pipe[note]()
		feed, out := engine.Pipe[note]()
		if err := s.Send(w.ctx, &parcel{Reply: reply, Feed: feed}); err != nil {
			return err
		}
		for j := range uint64(5) {
			var m note
			if err := errors.Join(out.Send(w.ctx, &note{ID: j}), replies.Receive(w.ctx, &m)); err != nil {
				return err
			}
			if m.ID != j {
				return fmt.Errorf("echo of %d is %d", j, m.ID)
			}
		}
		_ = out.Close()
		if err := replies.Receive(w.ctx, &note{}); !errors.Is(err, io.EOF) {
			return err
		}
	case 2: // a stream each way
		body, write := engine.Stream()
		read, sink := engine.Stream()
		p := parcel{Body: engine.Carried[io.Reader]{V: body}, Sink: engine.Carried[io.WriteCloser]{V: sink}}
		if err := s.Send(w.ctx, &p); err != nil {
			return err
		}
		w.all.Go(func() {
			_, _ = write.Write(pattern(20_000))
			_ = write.Close()
		})
		b, err := io.ReadAll(read)
		if err == nil && string(b) != string(pattern(20_000)) {
			err = fmt.Errorf("%d bytes of 20000 came back", len(b))
		}
		return err
	case 3: // given up at once
		replies, reply := engine.Pipe[note]()
		if err := s.Send(w.ctx, &parcel{Reply: reply}); err != nil {
			return err
		}
		_ = replies.Close()
	}
	return nil
}

func (w *traffic) answer(p *parcel) {
	if p.Feed != (engine.Receiver[note]{}) {
		for m, err := range p.Feed.All(w.ctx) {
			if err != nil || p.Reply.Send(w.ctx, m) != nil {
				return
			}
		}
		_ = p.Reply.Close()
	} else if p.Body.V != nil {
		_, _ = io.Copy(p.Sink.V, p.Body.V)
		_ = p.Sink.V.Close()
	} else {
		_ = p.Reply.Send(w.ctx, &note{ID: p.ID + 1})
	}
}

func testBothSidesDoEverythingAtOnce(t *T) {
	l := t.connect()
	w := traffic{t: t, ctx: t.ctx}
	w.between(l.A, l.B, 40)
	w.between(l.B, l.A, 40)
	w.all.Wait()
	for _, err := range w.errs {
		t.Error(err)
	}
	if w.done != 2*3*40 {
		t.Errorf("%d rounds", w.done)
	}
	for _, s := range []*engine.Session{l.A, l.B} {
		t.polled(s)
		t.eventually("all channels have ended", func() bool { return s.Stats().Channels == 0 && s.Stats().References == 0 })
		for c := range s.Channels() {
			t.Errorf("%+v", c)
		}
	}
}

// testACutEndsEverything ends a session in the middle of it all, sooner and later, in each way.
func testACutEndsEverything(t *T) {
	for _, how := range []string{"cut", "closedByTheDialer", "closedByTheListener"} {
		t.sub(how, func(t *T) {
			for i := range 6 {
				l := t.connect()
				w := traffic{t: t, ctx: t.ctx}
				w.between(l.A, l.B, 1<<30)
				w.between(l.B, l.A, 1<<30)
				t.eventually("there is traffic", func() bool { return w.rounds() >= i*i })
				switch how {
				case "cut":
					l.Cut()
				case "closedByTheDialer":
					t.check(l.A.CloseWith(errors.New("enough")))
				case "closedByTheListener":
					t.check(l.B.CloseWith(errors.New("enough")))
				}
				w.all.Wait()
				for _, err := range w.errs {
					if t.ctx.Err() != nil || !isEnd(err) {
						t.Fatalf("after %d rounds: %v", w.done, err)
					}
				}
			}
		})
	}
}

// isEnd reports whether err is one of those that a session's end brings.
func isEnd(err error) bool {
	for _, end := range []error{engine.ErrPeerGone, engine.ErrSessionClosed, io.ErrClosedPipe} {
		if errors.Is(err, end) {
			return true
		}
	}
	return isClosed(err)
}

// isClosed reports whether err is what one's own Close leaves behind.
func isClosed(err error) bool { return errors.Is(err, os.ErrClosed) }
