package engine_test

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/inmem"
)

func TestADescriptorBeforeAnEntryThatIsWrongIsClosed(t *testing.T) {
	v := newVictim(t, engine.Config{}, nil)
	f := tabled(2, line(1, 4, 0, 0, 0)+line(2, 1, 2, 7, 0))
	v.write(with1(f, 1, 1))
	v.broken(v.in.Receive(v.done, new(order)), "channel 7")
	if v.closed != v.given {
		t.Errorf("%d attachments of %d are closed", v.closed, v.given)
	}
}

func TestACallThatCannotBeSentLeavesTheSessionAlone(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, with(t, engine.Config{Limits: engine.Limits{Channels: 1}}))
	s, r := channelOf[ask](t, a, b, "asks")
	more, _ := engine.Pipe[order]()
	q, o := ask{ID: 1, More: more}, order{}
	wantErr(t, engine.Call(ctx, s, &q, &q.Reply, &o), engine.ErrLimit)
	check(t, s.Send(ctx, &ask{ID: 2}))
	check(t, r.Receive(ctx, &q))
	check(t, a.Err())
	check(t, b.Err())
}

// Every byte of credit comes back, that of tables too, also where somebody else reads the messages.
func TestCreditOfMessagesWithTablesComesBack(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, &inmem.Options{Engine: newEngine(t, engine.Config{Limits: engine.Limits{Window: 4096}})})
	s, r := channelOf[ask](t, a, b, "asks")
	other, polled := channelOf[order](t, a, b, "other")
	go func() { _ = polled.Receive(ctx, new(order)) }()
	go func() {
		var q ask
		for r.Receive(ctx, &q) == nil {
			_ = q.Reply.Close()
		}
	}()
	for range 2000 {
		answers, reply := engine.Pipe[order]()
		check(t, s.Send(ctx, &ask{ID: 1, Reply: reply}))
		wantErr(t, answers.Receive(ctx, new(order)), io.EOF)
	}
	check(t, s.Close())
	check(t, other.Close())
}

func TestTablesForAnEndedChannelAreBounded(t *testing.T) {
	v := newVictim(t, engine.Config{Limits: engine.Limits{Channels: 100}}, nil)
	id := uint32(9)
	received := result(func() error { return v.in.Receive(v.done, new(order)) })
	for range 100 {
		table := ""
		for i := range uint32(20) {
			table += line(i+1, 2, 2, id, 0)
			id += 2
		}
		if !writeOrGone(v, frame{typ: frameData, channel: endedID, arg: 20, payload: table}) {
			break
		}
	}
	v.broken(get(t, received), "does not read")
}

func TestAListWithNothingInItIsRefused(t *testing.T) {
	ctx := watchdog(t)
	a, _ := pair(t, nil)
	s, err := engine.OpenWith[list](ctx, a, "l", &engine.OpenOptions{Codec: lists{}})
	check(t, err)
	for _, v := range []any{nil, engine.Sender[order]{}} {
		if err := s.Send(ctx, &list{c: []any{v}}); err == nil {
			t.Error("it was sent")
		}
	}
}

type list struct{ c []any }

func (l *list) CarriedList() *[]any { return &l.c }

type lists struct{}

func (lists) Name() string                           { return "lists" }
func (lists) Append(b []byte, _ any) ([]byte, error) { return b, nil }
func (lists) Decode([]byte, any) error               { return nil }

// More descriptors than the link holds at a time: Send waits.
func TestSendingDescriptorsWaitsForThePeerToTakeThem(t *testing.T) {
	ctx := watchdog(t)
	r, s := engine.Pipe[ask]()
	file := must(os.Open(os.DevNull))
	defer file.Close()
	const n = 3000
	sent := result(func() error {
		for range n {
			if err := s.Send(ctx, &ask{File: engine.Carried[*os.File]{V: file}}); err != nil {
				return err
			}
		}
		return s.Close()
	})
	got := 0
	for q, err := range r.All(ctx) {
		check(t, err)
		if q.File.V != file {
			t.Fatal(q.File.V)
		}
		got++
	}
	check(t, get(t, sent))
	if got != n {
		t.Error(got)
	}
}

func TestACallWithADistantDeadlineHasNone(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[ask](t, a, b, "asks")
	go func() {
		var q ask
		if r.Receive(ctx, &q) == nil {
			c, cancel := q.Reply.Context(t.Context())
			defer cancel()
			if _, ok := c.Deadline(); ok {
				_ = q.Reply.CloseWith(errors.New("a deadline"))
				return
			}
			_ = q.Reply.Send(ctx, &order{})
		}
	}()
	far, cancel := context.WithTimeout(context.Background(), 100*time.Hour)
	defer cancel()
	q, o := ask{}, order{}
	check(t, engine.Call(far, s, &q, &q.Reply, &o))
}

func TestValuesInAMessageThatNobodyReceivesExpire(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, with(t, engine.Config{Limits: engine.Limits{ReferenceExpiry: time.Millisecond}}))
	s, r := channelOf[ask](t, a, b, "asks")
	answers, reply := engine.Pipe[order]()
	check(t, s.Send(ctx, &ask{ID: 1, Reply: reply}))
	check(t, s.Send(ctx, &ask{ID: 2}))
	go func() { // somebody polls, but does not receive it
		_, _ = engine.Accept[order](ctx, b, "nothing")
	}()
	wantErr(t, answers.Receive(ctx, new(order)), engine.ErrRefused)
	var q ask
	wantErr(t, r.Receive(ctx, &q), engine.ErrExpired)
	check(t, r.Receive(ctx, &q))
	if q.ID != 2 || b.Stats().References != 0 {
		t.Error(q.ID, b.Stats())
	}
}
