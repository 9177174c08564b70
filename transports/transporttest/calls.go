package transporttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/corechan/corechan/engine"
)

// call calls with a number, and returns that of the answer.
func call(ctx context.Context, s engine.Sender[parcel], id uint64) (uint64, error) {
	p := parcel{ID: id}
	var answer note
	err := engine.Call(ctx, s, &p, &p.Reply, &answer)
	if err == nil && p.Reply != (engine.Sender[note]{}) {
		err = errors.New("the request still has its reply channel")
	}
	return answer.ID, err
}

// answering answers every call with its number and one more, until the channel ends.
func answering(ctx context.Context, r engine.Receiver[parcel]) error {
	for p, err := range r.All(ctx) {
		if err != nil {
			return err
		}
		if err := p.Reply.Send(ctx, &note{ID: p.ID + 1}); err != nil {
			return err
		}
	}
	return nil
}

// onCallRoutes runs f with a channel for calls, over one session, through a hop, and within the process.
func onCallRoutes(t *T, f func(t *T, s engine.Sender[parcel], r engine.Receiver[parcel])) {
	t.sub("opened", func(t *T) {
		l := t.connect()
		s, r := channel[parcel](t, l.A, l.B)
		f(t, s, r)
	})
	t.sub("senderGiven", func(t *T) {
		l := t.connect()
		r, s := engine.Pipe[parcel]()
		f(t, pass(t, l.A, l.B, &parcel{Deeper: s}).Deeper, r)
	})
	t.sub("forwarded", func(t *T) {
		s, r := hopped(t)
		f(t, s, r)
	})
	t.sub("within", func(t *T) {
		r, s := engine.Pipe[parcel]()
		f(t, s, r)
	})
}

func testACallIsAnswered(t *T) {
	onCallRoutes(t, func(t *T, s engine.Sender[parcel], r engine.Receiver[parcel]) {
		served := result(func() error { return answering(t.ctx, r) })
		for i := range uint64(100) {
			n, err := call(t.ctx, s, i)
			t.check(err)
			if n != i+1 {
				t.Fatalf("%d was answered with %d", i, n)
			}
		}
		t.check(s.Close())
		t.check(get(t, served))
	})
}

func testCallsRunAtTheSameTime(t *T) {
	onCallRoutes(t, func(t *T, s engine.Sender[parcel], r engine.Receiver[parcel]) {
		const callers, each = 16, 20
		served := result(func() error { return answeringInReverse(t.ctx, r, callers) })
		var all sync.WaitGroup
		for k := range uint64(callers) {
			all.Go(func() {
				for i := range uint64(each) {
					id := k<<32 | i
					if n, err := call(t.ctx, s, id); err != nil || n != id+1 {
						t.Errorf("%d was answered with %d, %v", id, n, err)
						return
					}
				}
			})
		}
		all.Wait()
		t.check(s.Close())
		t.check(get(t, served))
	})
}

// answeringInReverse collects that many calls and answers the last first, again and again.
func answeringInReverse(ctx context.Context, r engine.Receiver[parcel], many int) error {
	var waiting []parcel
	for p, err := range r.All(ctx) {
		if err != nil {
			return err
		}
		if waiting = append(waiting, *p); len(waiting) < many {
			continue
		}
		for i := len(waiting) - 1; i >= 0; i-- {
			if err := waiting[i].Reply.Send(ctx, &note{ID: waiting[i].ID + 1}); err != nil {
				return err
			}
		}
		waiting = waiting[:0]
	}
	return nil
}

func testACallIsAnsweredWithAnError(t *T) {
	onCallRoutes(t, func(t *T, s engine.Sender[parcel], r engine.Receiver[parcel]) {
		served := result(func() error {
			for p, err := range r.All(t.ctx) {
				if err != nil {
					return err
				}
				if err := p.Reply.CloseWith(&engine.ChannelError{Code: 304, Text: fmt.Sprint("no ", p.ID)}); err != nil {
					return err
				}
			}
			return nil
		})
		for i := range uint64(10) {
			_, err := call(t.ctx, s, i)
			t.wantReason(err, 304, fmt.Sprint("no ", i))
		}
		t.check(s.Close())
		t.check(get(t, served))
	})
}

func testACallThatIsNotAnsweredSaysSo(t *T) {
	onCallRoutes(t, func(t *T, s engine.Sender[parcel], r engine.Receiver[parcel]) {
		served := result(func() error {
			for p, err := range r.All(t.ctx) {
				if err != nil {
					return err
				}
				if err := p.Reply.Close(); err != nil {
					return err
				}
			}
			return nil
		})
		_, err := call(t.ctx, s, 1)
		t.want(err, io.ErrUnexpectedEOF)
		t.check(s.Close())
		t.check(get(t, served))
	})
}

func testACallThatNobodyTakesIsRefused(t *T) {
	l := t.connect()
	s, r := channelAs[parcel, forgetful](t, l.A, l.B)
	called := result(func() error { _, err := call(t.ctx, s, 1); return err })
	t.check(r.Receive(t.ctx, &forgetful{}))
	t.want(get(t, called), engine.ErrRefused)
	called = result(func() error { _, err := call(t.ctx, s, 1); return err })
	t.check(r.Close())
	t.polled(l.B)
	if err := get(t, called); !errors.Is(err, engine.ErrRefused) && !errors.Is(err, engine.ErrCanceled) {
		t.Fatal(err) // it depends on which was first
	}
}

func testACalleeLearnsThatTheCallWasCancelled(t *T) {
	onCallRoutes(t, func(t *T, s engine.Sender[parcel], r engine.Receiver[parcel]) {
		t.learnsOfCancellation(s, r)
		// The next call is not disturbed.
		served := result(func() error { return answering(t.ctx, r) })
		n, err := call(t.ctx, s, 5)
		t.check(err)
		if n != 6 {
			t.Error(n)
		}
		t.check(s.Close())
		t.check(get(t, served))
	})
}

// learnsOfCancellation cancels a call while the other side works on it.
func (t *T) learnsOfCancellation(s engine.Sender[parcel], r engine.Receiver[parcel]) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.ctx)
	called := result(func() error { _, err := call(ctx, s, 1); return err })
	var p parcel
	t.check(r.Receive(t.ctx, &p))
	work, stop := p.Reply.Context(t.ctx)
	defer stop()
	// A server waits for something on the session, so that it sees what the peer says.
	idle, done := context.WithCancel(t.ctx)
	waited := result(func() error { return r.Receive(idle, &parcel{}) })
	cancel()
	t.want(get(t, called), context.Canceled)
	get(t, work.Done())
	t.want(context.Cause(work), engine.ErrCanceled)
	t.want(p.Reply.Send(t.ctx, &note{}), engine.ErrCanceled)
	done()
	t.want(get(t, waited), context.Canceled)
}

func testACallEndsWhenTheCalleeIsGone(t *T) {
	for _, how := range []string{"cut", "closed"} {
		t.sub(how, func(t *T) {
			l := t.connect()
			s, r := channel[parcel](t, l.A, l.B)
			called := result(func() error { _, err := call(t.ctx, s, 1); return err })
			t.check(r.Receive(t.ctx, &parcel{}))
			if how == "cut" {
				l.Cut()
				t.want(get(t, called), engine.ErrPeerGone)
				_, err := call(t.ctx, s, 1)
				t.want(err, engine.ErrPeerGone)
				return
			}
			t.check(l.B.Close())
			t.want(get(t, called), engine.ErrSessionClosed)
			_, err := call(t.ctx, s, 1)
			t.want(err, engine.ErrSessionClosed)
		})
	}
}

// testACallWhoseRequestCannotBeSentIsOver checks that failed calls leave nothing open: more than may be.
func testACallWhoseRequestCannotBeSentIsOver(t *T) {
	l := t.connect(engine.Limits{MaxMessage: 64, Channels: 8})
	s, r := channel[request](t, l.A, l.B)
	for range 20 {
		q := request{Text: strings.Repeat("x", 100)}
		err := engine.Call(t.ctx, s, &q, &q.Reply, &note{})
		t.wantLimit(err, "bytes a message", "64")
	}
	served := result(func() error {
		var q request
		return errors.Join(r.Receive(t.ctx, &q), q.Reply.Send(t.ctx, &note{Text: q.Text}))
	})
	q, answer := request{Text: "short"}, note{}
	t.check(engine.Call(t.ctx, s, &q, &q.Reply, &answer))
	if answer.Text != "short" {
		t.Errorf("%q", answer.Text)
	}
	t.check(get(t, served))
	t.check(s.Close())
	q.Text = "late"
	t.want(engine.Call(t.ctx, s, &q, &q.Reply, &answer), os.ErrClosed)
}

// testHandlersAnswerCalls has the loop's thread answer.
func testHandlersAnswerCalls(t *T) {
	l := t.connect()
	t.check(engine.Handle(l.B, "calls", func(ctx context.Context, p *parcel) error {
		if p.ID == 13 {
			return p.Reply.CloseWith(errors.New("unlucky"))
		}
		return p.Reply.Send(ctx, &note{ID: p.ID + 1})
	}))
	s, err := engine.Open[parcel](t.ctx, l.A, "calls")
	t.check(err)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range uint64(30) {
				n, err := call(t.ctx, s, i)
				var reason *engine.ChannelError
				if i == 13 && (!errors.As(err, &reason) || reason.Text != "unlucky") || i != 13 && (err != nil || n != i+1) {
					t.Errorf("%d was answered with %d, %v", i, n, err)
				}
			}
		})
	}
	all.Wait()
	t.check(s.Close())
}
