package engine_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/json"
	"github.com/corechan/corechan/transports/inmem"
)

// An ask is a message that carries a channel for its answer.
type ask struct {
	ID    uint64
	Reply engine.Sender[order]
	More  engine.Receiver[order]
	Body  engine.Carried[io.Reader]
	File  engine.Carried[*os.File]
	Sink  engine.Carried[io.WriteCloser]
}

func (a *ask) Msgsize() int { return 1 + 9 + 5*6 }

func (a *ask) MarshalMsg(b []byte) ([]byte, error) {
	b = msgp.AppendUint64(b, a.ID)
	for _, f := range []msgp.Marshaler{&a.Reply, &a.More, &a.Body, &a.File, &a.Sink} {
		b, _ = f.MarshalMsg(b)
	}
	return b, nil
}

func (a *ask) UnmarshalMsg(b []byte) (_ []byte, err error) {
	if a.ID, b, err = msgp.ReadUint64Bytes(b); err != nil {
		return b, err
	}
	for _, f := range []msgp.Unmarshaler{&a.Reply, &a.More, &a.Body, &a.File, &a.Sink} {
		if b, err = f.UnmarshalMsg(b); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (a *ask) Carry(c *engine.Cargo) error {
	return errors.Join(a.Reply.Carry(c), a.More.Carry(c), a.Body.Carry(c), a.File.Carry(c), a.Sink.Carry(c))
}

func channelOf[T any](t *testing.T, a, b *engine.Session, name string) (engine.Sender[T], engine.Receiver[T]) {
	t.Helper()
	s := must(engine.Open[T](context.Background(), a, name))
	return s, must(engine.Accept[T](watchdog(t), b, name))
}

func TestAMessageCarriesItsReplyChannel(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[ask](t, a, b, "asks")
	fills, reply := engine.Pipe[order]()
	check(t, s.Send(ctx, &ask{ID: 7, Reply: reply}))
	wantErr(t, reply.Send(ctx, &order{}), engine.ErrGiven)
	var got ask
	check(t, r.Receive(ctx, &got))
	check(t, got.Reply.Send(ctx, &order{ID: got.ID}))
	check(t, got.Reply.Close())
	var o order
	check(t, fills.Receive(ctx, &o))
	if o.ID != 7 {
		t.Error(o)
	}
	wantErr(t, fills.Receive(ctx, &o), io.EOF)
}

func TestCallAsksAndGetsItsAnswer(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[ask](t, a, b, "asks")
	go func() {
		for q, err := range r.All(ctx) {
			if err != nil {
				return
			}
			if q.ID == 13 {
				_ = q.Reply.CloseWith(errors.New("unlucky"))
				continue
			}
			_ = q.Reply.Send(ctx, &order{ID: q.ID + 1})
		}
	}()
	for i := range uint64(100) {
		q := ask{ID: i}
		var o order
		err := engine.Call(ctx, s, &q, &q.Reply, &o)
		if i == 13 {
			if err == nil || !strings.Contains(err.Error(), "unlucky") {
				t.Fatal(err)
			}
		} else if check(t, err); o.ID != i+1 {
			t.Fatal(o)
		}
	}
	if n := a.Ends() + b.Ends(); n != 2 {
		t.Errorf("%d ends are open", n)
	}
	check(t, s.Close())
}

func TestAMessageCarriesStreamsAndFiles(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[ask](t, a, b, "asks")
	file := must(os.Open("port.go"))
	defer file.Close()
	back, sink := engine.Stream()
	check(t, s.Send(ctx, &ask{
		Body: engine.Carried[io.Reader]{V: strings.NewReader("hello, world")},
		File: engine.Carried[*os.File]{V: file},
		Sink: engine.Carried[io.WriteCloser]{V: sink},
	}))
	var got ask
	check(t, r.Receive(ctx, &got))
	if text := string(must(io.ReadAll(got.Body.V))); text != "hello, world" {
		t.Error(text)
	}
	text := must(io.ReadAll(got.File.V))
	check(t, got.File.V.Close())
	if want := must(os.ReadFile("port.go")); string(text) != string(want) {
		t.Error(len(text))
	}
	go func() {
		_, _ = got.Sink.V.Write(text)
		_ = got.Sink.V.Close()
	}()
	if echo := must(io.ReadAll(back)); string(echo) != string(text) {
		t.Error(len(echo))
	}
}

func TestAnEndIsForwardedToAnotherSession(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	c, d := pair(t, nil)
	s, r := channelOf[ask](t, a, b, "asks")
	s2, r2 := channelOf[ask](t, c, d, "asks")
	fills, reply := engine.Pipe[order]()
	more, feed := engine.Pipe[order]()
	check(t, s.Send(ctx, &ask{ID: 7, Reply: reply, More: more}))
	var hop, got ask
	check(t, r.Receive(ctx, &hop))
	check(t, s2.Send(ctx, &hop))
	check(t, r2.Receive(ctx, &got))
	go func() {
		for i := range uint64(1000) {
			if feed.Send(ctx, &order{ID: i}) != nil {
				return
			}
		}
		_ = feed.Close()
	}()
	n := uint64(0)
	for o, err := range got.More.All(ctx) {
		check(t, err)
		if o.ID != n {
			t.Fatal(o, n)
		}
		n++
		check(t, got.Reply.Send(ctx, o))
		var back order
		check(t, fills.Receive(ctx, &back))
		if back.ID != o.ID {
			t.Fatal(back)
		}
	}
	if n != 1000 {
		t.Error(n)
	}
	check(t, got.Reply.Close())
	var o order
	wantErr(t, fills.Receive(ctx, &o), io.EOF)
}

// A bag is a message without generated methods.
type bag struct {
	Name  string                                `msg:"name" json:"name"`
	Reply engine.Sender[bag]                    `msg:"reply" json:"reply"`
	Many  []engine.Receiver[engine.Raw]         `msg:"many" json:"many"`
	ByKey map[string]engine.Sender[any]         `msg:"by_key" json:"by_key"`
	Body  io.ReadCloser                         `msg:"body" json:"body"`
	More  any                                   `msg:"more" json:"more"`
	Inner struct{ Deep *struct{ W io.Writer } } `msg:"inner" json:"inner"`
}

func TestReflectionCarriesValuesAtAnyDepth(t *testing.T) {
	for _, c := range []codec.Codec{nil, json.Codec{}} {
		name := "own"
		if c != nil {
			name = c.Name()
		}
		t.Run(name, func(t *testing.T) {
			ctx := watchdog(t)
			a, b := pair(t, &inmem.Options{Engine: newEngine(t, engine.Config{Codec: c})})
			s, r := channelOf[bag](t, a, b, "plain")
			fills, reply := engine.Pipe[bag]()
			raw, rawIn := engine.Pipe[engine.Raw]()
			anys, anyIn := engine.Pipe[any]()
			others, otherIn := engine.Pipe[any]()
			m := bag{Name: "x", Reply: reply, Many: []engine.Receiver[engine.Raw]{raw}, ByKey: map[string]engine.Sender[any]{"k": anyIn}}
			m.Body = io.NopCloser(strings.NewReader("body"))
			m.More = map[string]any{"deep": []any{otherIn, int64(3)}}
			sunk, sink := io.Pipe()
			m.Inner.Deep = &struct{ W io.Writer }{sink}
			check(t, s.Send(ctx, &m))

			var got bag
			check(t, r.Receive(ctx, &got))
			check(t, rawIn.Send(ctx, &engine.Raw{1, 2, 3}))
			var bytes engine.Raw
			check(t, got.Many[0].Receive(ctx, &bytes))
			check(t, got.Reply.Send(ctx, &bag{Name: "back"}))
			var back bag
			check(t, fills.Receive(ctx, &back))
			v := any("an any")
			check(t, got.ByKey["k"].Send(ctx, &v))
			var x any
			check(t, anys.Receive(ctx, &x))
			deep, ok := got.More.(map[string]any)["deep"].([]any)[0].(engine.Sender[any])
			if !ok {
				t.Fatalf("%#v", got.More)
			}
			check(t, deep.Send(ctx, &v))
			var y any
			check(t, others.Receive(ctx, &y))
			body := must(io.ReadAll(got.Body))
			check(t, got.Body.Close())
			go func() {
				if _, err := io.WriteString(got.Inner.Deep.W, "sunk"); err != nil {
					t.Error(err)
					_ = sunk.Close()
				}
			}()
			buf := make([]byte, 4)
			_ = must(io.ReadFull(sunk, buf))
			if back.Name != "back" || len(bytes) != 3 || x != v || y != v || string(body) != "body" || string(buf) != "sunk" {
				t.Error(back, bytes, x, y, string(body), string(buf))
			}
			check(t, got.Inner.Deep.W.(io.Closer).Close())
			check(t, rawIn.Close())
		})
	}
}

func TestAnUnknownCodecIsRefusedByName(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, err := engine.OpenWith[bag](ctx, a, "x", &engine.OpenOptions{Codec: odd{}})
	check(t, err)
	_, err = engine.Accept[bag](ctx, b, "x")
	wantErr(t, err, engine.ErrCodec)
	if !strings.Contains(err.Error(), "odd") {
		t.Error(err)
	}
	for err == nil || errors.Is(err, engine.ErrCodec) && !errors.As(err, new(*engine.ChannelError)) {
		err = s.Send(ctx, &bag{})
	}
	wantErr(t, err, engine.ErrCodec)
}

type odd struct{ json.Codec }

func (odd) Name() string { return "odd" }

func TestAStreamIsCopied(t *testing.T) {
	r, w := engine.Stream()
	go func() { _, _ = io.WriteString(w, "hello"); _ = w.Close() }()
	var b strings.Builder
	if _, err := io.Copy(&b, r); err != nil || b.String() != "hello" {
		t.Errorf("%v, %q", err, b.String())
	}
}

func TestCallWhileAnotherPolls(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[ask](t, a, b, "asks")
	go func() {
		for q, err := range r.All(ctx) {
			if err != nil {
				return
			}
			_ = q.Reply.Send(ctx, &order{ID: q.ID})
		}
	}()
	other, polled := channelOf[order](t, b, a, "other")
	go func() { _ = polled.Receive(ctx, new(order)) }()
	for i := range uint64(2000) {
		q, o := ask{ID: i}, order{}
		check(t, engine.Call(ctx, s, &q, &q.Reply, &o))
	}
	if n := a.Ends() + b.Ends(); n != 4 {
		t.Errorf("%d ends are open", n)
	}
	check(t, other.Close())
	check(t, s.Close())
}

func TestASendersContextEndsWithTheSession(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[ask](t, a, b, "asks")
	_, reply := engine.Pipe[order]()
	check(t, s.Send(ctx, &ask{Reply: reply}))
	var got ask
	check(t, r.Receive(ctx, &got))
	c, cancel := got.Reply.Context(ctx)
	defer cancel()
	check(t, a.Close())
	get(t, c.Done())
	if err := context.Cause(c); !errors.Is(err, engine.ErrSessionClosed) && !errors.Is(err, engine.ErrPeerGone) {
		t.Error(err)
	}
}

// A call whose answer another call has read.
func TestCallsAtTheSameTimeShareASession(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[ask](t, a, b, "asks")
	go func() {
		var q ask
		for r.Receive(ctx, &q) == nil {
			_ = q.Reply.Send(ctx, &order{ID: q.ID + 1})
		}
	}()
	var callers sync.WaitGroup
	for i := range uint64(8) {
		callers.Go(func() {
			for j := range uint64(300) {
				q, o := ask{ID: i<<32 | j}, order{}
				if err := engine.Call(ctx, s, &q, &q.Reply, &o); err != nil || o.ID != q.ID+1 {
					t.Error(o, err)
					return
				}
			}
		})
	}
	callers.Wait()
	if n := a.Ends() + b.Ends(); n != 2 {
		t.Errorf("%d ends are open", n)
	}
}

// What went through a Pipe as it was is still what it was, when the Pipe's receiver is given away.
func TestAPipeWithStreamsInItIsGivenAway(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	r, s := engine.Pipe[ask]()
	file := must(os.Open("port.go"))
	defer file.Close()
	check(t, s.Send(ctx, &ask{ID: 7, Body: engine.Carried[io.Reader]{V: strings.NewReader("hello")}, File: engine.Carried[*os.File]{V: file}}))
	out, in := channelOf[carrier](t, a, b, "x")
	check(t, out.Send(ctx, &carrier{R: r}))
	var got carrier
	check(t, in.Receive(ctx, &got))
	var q ask
	check(t, got.R.Receive(ctx, &q))
	if text := string(must(io.ReadAll(q.Body.V))); q.ID != 7 || text != "hello" {
		t.Error(q.ID, text)
	}
	if len(must(io.ReadAll(q.File.V))) == 0 {
		t.Error("the file is empty")
	}
	check(t, q.File.V.Close())
	check(t, s.Close())
}

type carrier struct{ R engine.Receiver[ask] }
