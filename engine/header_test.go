package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/inmem"
)

func TestHeadersTravelWithOpeningsAndMessages(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, err := engine.OpenWith[order](ctx, a, "x", &engine.OpenOptions{Header: engine.Header{"tenant": "blue", "empty": ""}})
	check(t, err)
	r := must(engine.Accept[order](ctx, b, "x"))
	if h := r.Header(); len(h) != 2 || h["tenant"] != "blue" {
		t.Error(h)
	}
	check(t, s.SendWith(ctx, &order{ID: 1}, &engine.SendOptions{Header: engine.Header{"trace": "abc"}}))
	check(t, s.Send(ctx, &order{ID: 2}))
	check(t, s.SendWith(ctx, &order{ID: 3}, &engine.SendOptions{Last: true}))
	wantErr(t, s.Send(ctx, &order{}), os.ErrClosed)
	var o order
	var m engine.Meta
	check(t, r.ReceiveWith(ctx, &o, &m))
	if o.ID != 1 || m.Header["trace"] != "abc" {
		t.Error(o, m)
	}
	check(t, r.ReceiveWith(ctx, &o, &m))
	if o.ID != 2 || m.Header != nil {
		t.Error(o, m)
	}
	check(t, r.Receive(ctx, &o))
	wantErr(t, r.Receive(ctx, &o), io.EOF)
}

func TestAHeaderThatIsTooLargeIsRefusedByName(t *testing.T) {
	ctx := watchdog(t)
	a, _ := pair(t, nil)
	s := must(engine.Open[order](ctx, a, "x"))
	for _, h := range []engine.Header{{"": "x"}, {strings.Repeat("k", 256): ""}, {"k": strings.Repeat("v", 8200)}, {"k": "\xff"}} {
		if err := s.SendWith(ctx, &order{}, &engine.SendOptions{Header: h}); err == nil {
			t.Errorf("%.20v was sent", h)
		}
		if _, err := engine.OpenWith[order](ctx, a, "y", &engine.OpenOptions{Header: h}); err == nil {
			t.Errorf("%.20v was opened", h)
		}
	}
}

func TestInterceptorsSeeAndRefuse(t *testing.T) {
	ctx := watchdog(t)
	var opened, sent, received atomic.Int32
	eng := newEngine(t, engine.Config{Interceptors: []engine.Interceptor{{
		Open: func(_ context.Context, o *engine.Opening) error {
			opened.Add(1)
			if !o.Accepted {
				o.Header["who"] = "me"
			} else if o.Name == "forbidden" {
				return errors.New("not this one")
			}
			return nil
		},
		Send: func(_ context.Context, m *engine.Passing) error {
			sent.Add(1)
			m.Header["n"] = fmt.Sprint(m.Message.(*order).ID)
			if m.Message.(*order).ID == 13 {
				return errors.New("unlucky")
			}
			return nil
		},
		Receive: func(_ context.Context, m *engine.Passing) error {
			received.Add(1)
			if m.Header["n"] == "14" {
				return errors.New("unwanted")
			}
			return nil
		},
	}}})
	a, b := pair(t, &inmem.Options{Engine: eng})
	s, r := channelOf[order](t, a, b, "x")
	if r.Header()["who"] != "me" {
		t.Error(r.Header())
	}
	for id := range uint64(16) {
		err := s.Send(ctx, &order{ID: id})
		if (err != nil) != (id == 13) {
			t.Error(id, err)
		}
	}
	for id := range uint64(16) {
		if id == 13 {
			continue
		}
		var o order
		err := r.Receive(ctx, &o)
		if (err != nil) != (id == 14) || o.ID != id {
			t.Error(id, o, err)
		}
	}
	if opened.Load() != 2 || sent.Load() != 16 || received.Load() != 15 {
		t.Error(opened.Load(), sent.Load(), received.Load())
	}
	f := must(engine.Open[order](ctx, a, "forbidden"))
	if _, err := engine.Accept[order](ctx, b, "forbidden"); err == nil || !strings.Contains(err.Error(), "not this one") {
		t.Error(err)
	}
	var err error
	for err == nil {
		err = f.Send(ctx, &order{})
	}
	wantErr(t, err, engine.ErrRefused)
}

func TestAHandlerFindsTheHeaderInItsContext(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	got := make(chan engine.Header, 2)
	check(t, engine.Handle(b, "x", func(ctx context.Context, _ *order) error {
		got <- engine.HeaderFrom(ctx)
		return nil
	}))
	s := must(engine.Open[order](ctx, a, "x"))
	check(t, s.SendWith(ctx, &order{}, &engine.SendOptions{Header: engine.Header{"k": "v"}}))
	check(t, s.Send(ctx, &order{}))
	if h := get(t, got); h["k"] != "v" {
		t.Error(h)
	}
	if h := get(t, got); h != nil {
		t.Error(h)
	}
}

func TestACallsDeadlineReachesWhoAnswers(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[ask](t, a, b, "asks")
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	done := result(func() error {
		q, o := ask{}, order{}
		return engine.Call(short, s, &q, &q.Reply, &o)
	})
	var q ask
	check(t, r.Receive(ctx, &q))
	answering, stop := q.Reply.Context(ctx)
	defer stop()
	if by, ok := answering.Deadline(); !ok || time.Until(by) > 20*time.Millisecond {
		t.Error(by, ok)
	}
	get(t, answering.Done())
	wantErr(t, get(t, done), context.DeadlineExceeded)
}

func TestAnUnbufferedChannelIsARendezvous(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, err := engine.OpenWith[order](ctx, a, "x", &engine.OpenOptions{Unbuffered: true})
	check(t, err)
	r := must(engine.Accept[order](ctx, b, "x"))
	for i := range uint64(100) {
		w, cancel := watch(t)
		sent := result(func() error { return s.Send(w, &order{ID: i}) })
		get(t, w.waiting)
		select {
		case err := <-sent:
			t.Fatal("nobody has received it: ", err)
		default:
		}
		var o order
		check(t, r.Receive(ctx, &o))
		if o.ID != i {
			t.Fatal(o)
		}
		check(t, get(t, sent))
		cancel()
	}
	if _, err := s.Reserve(ctx, 8); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	sent := result(func() error { return s.Send(ctx, &order{}) })
	check(t, r.Close())
	wantErr(t, get(t, sent), engine.ErrCanceled)
}

// The answer of a Call is a message like any other.
func TestInterceptorsSeeTheAnswersOfCalls(t *testing.T) {
	ctx := watchdog(t)
	eng := newEngine(t, engine.Config{Interceptors: []engine.Interceptor{{
		Send: func(_ context.Context, m *engine.Passing) error {
			if o, ok := m.Message.(*order); ok {
				m.Header["n"] = fmt.Sprint(o.ID)
			}
			return nil
		},
		Receive: func(_ context.Context, m *engine.Passing) error {
			if m.Header["n"] == "14" {
				return errors.New("unwanted")
			}
			return nil
		},
	}}})
	a, b := pair(t, &inmem.Options{Engine: eng})
	s, r := channelOf[ask](t, a, b, "x")
	over := result(func() error {
		for q, err := range r.All(ctx) {
			if err == nil {
				err = q.Reply.Send(ctx, &order{ID: q.ID + 1})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	for id := range uint64(20) {
		n, err := callOnce(t, s, id)
		if unwanted := err != nil && strings.Contains(err.Error(), "unwanted"); unwanted != (id == 13) || n != id+1 {
			t.Error(id, n, err)
		}
	}
	check(t, s.Close())
	check(t, get(t, over))
}

// What a message carries that an interceptor refuses is refused too, also where somebody has closed some of it.
func TestWhatAnInterceptorRefusesTakesWithItWhatItCarries(t *testing.T) {
	ctx := watchdog(t)
	eng := newEngine(t, engine.Config{Interceptors: []engine.Interceptor{{
		Receive: func(_ context.Context, m *engine.Passing) error {
			_ = m.Message.(*ask).Reply.Close()
			return errors.New("unwanted")
		},
	}}})
	a, b := pair(t, &inmem.Options{Engine: eng})
	s, r := channelOf[ask](t, a, b, "x")
	fills, reply := engine.Pipe[order]()
	more, out := engine.Pipe[order]()
	check(t, s.Send(ctx, &ask{Reply: reply, More: more}))
	if err := r.Receive(ctx, new(ask)); err == nil {
		t.Error("it was received")
	}
	wantErr(t, fills.Receive(ctx, new(order)), io.EOF)
	var err error
	for err == nil {
		err = out.Send(ctx, new(order))
	}
	wantErr(t, err, engine.ErrRefused)
}

// Serve does not leave a channel behind that nobody receives from: an interceptor's error ends it.
func TestServeEndsTheChannelOfAMessageThatAnInterceptorRefuses(t *testing.T) {
	v := startServing(t, engine.Config{Interceptors: []engine.Interceptor{{
		Receive: func(_ context.Context, m *engine.Passing) error {
			if q, ok := m.Message.(*ask); ok && q.ID == 14 {
				return errors.New("unwanted")
			}
			return nil
		},
	}}}, answer)
	s := must(engine.Open[ask](watchdog(t), v.dial(t), "asks"))
	if n, err := callOnce(t, s, 1); n != 2 || err != nil {
		t.Error(n, err)
	}
	_, err := callOnce(t, s, 14)
	wantErr(t, err, engine.ErrRefused)
	for err = nil; err == nil; {
		_, err = callOnce(t, s, 1)
	}
	if !strings.Contains(err.Error(), "unwanted") {
		t.Error(err)
	}
	check(t, v.ln.Close())
}
