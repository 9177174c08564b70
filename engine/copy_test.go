package engine_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/json"
	"github.com/corechan/corechan/transports/inmem"
)

type copied struct {
	n   int64
	err error
}

// copying runs Copy.
func copying[T any](ctx context.Context, to engine.Sender[T], from engine.Receiver[T]) <-chan copied {
	return result(func() copied { n, err := engine.Copy(ctx, to, from); return copied{n, err} })
}

// routes runs f with two channels of all kinds, one to be copied to the other.
func routes[T any](t *testing.T, f func(t *testing.T, from, to ends[T])) {
	for _, k := range []string{channel, lane, pipe} {
		for _, l := range []string{channel, lane, pipe} {
			t.Run(k+" to "+l, func(t *testing.T) {
				o := with(t, engine.Config{})
				f(t, connectWith[T](t, k, o), connectWith[T](t, l, o))
			})
		}
	}
}

func TestCopyMovesAllUntilTheEnd(t *testing.T) {
	routes(t, func(t *testing.T, from, to ends[order]) {
		ctx := watchdog(t)
		done := copying(ctx, to.s, from.r)
		const n = 3000
		go func() {
			for i := range uint64(n) {
				if err := from.s.Send(ctx, &order{ID: i, Note: strings.Repeat("x", int(i)%500)}); err != nil {
					t.Error(err)
				}
			}
			_ = from.s.Close()
		}()
		var o order
		for i := range uint64(n) {
			if err := to.r.Receive(ctx, &o); err != nil || o.ID != i || len(o.Note) != int(i)%500 {
				t.Fatal(i, o.ID, err)
			}
		}
		if c := get(t, done); c.n != n || c.err != nil {
			t.Error(c)
		}
		check(t, to.s.Send(ctx, &order{ID: 9})) // it is not closed
		check(t, to.r.Receive(ctx, &o))
		if n := engine.AtEnd(to.s); n != 0 {
			t.Errorf("%d things are left to be called at its end", n)
		}
	})
}

func TestCopyTakesCarriedValuesAlong(t *testing.T) {
	for _, k := range []string{channel, pipe} {
		for _, l := range []string{channel, pipe} {
			t.Run(k+" to "+l, func(t *testing.T) {
				ctx := watchdog(t)
				o := with(t, engine.Config{})
				from, to := connectWith[ask](t, k, o), connectWith[ask](t, l, o)
				done := copying(ctx, to.s, from.r)
				fills, reply := engine.Pipe[order]()
				more, feed := engine.Pipe[order]()
				file := must(os.Open("port.go"))
				defer file.Close()
				back, sink := engine.Stream()
				check(t, from.s.Send(ctx, &ask{
					ID: 7, Reply: reply, More: more,
					Body: engine.Carried[io.Reader]{V: strings.NewReader("hello, world")},
					File: engine.Carried[*os.File]{V: file},
					Sink: engine.Carried[io.WriteCloser]{V: sink},
				}))
				var got ask
				check(t, to.r.Receive(ctx, &got))
				check(t, got.Reply.Send(ctx, &order{ID: got.ID}))
				check(t, got.Reply.Close())
				var f order
				check(t, fills.Receive(ctx, &f))
				if f.ID != 7 {
					t.Error(f)
				}
				wantErr(t, fills.Receive(ctx, &f), io.EOF)
				check(t, feed.Send(ctx, &order{ID: 8}))
				check(t, feed.Close())
				check(t, got.More.Receive(ctx, &f))
				wantErr(t, got.More.Receive(ctx, new(order)), io.EOF)
				if text := string(must(io.ReadAll(got.Body.V))); f.ID != 8 || text != "hello, world" {
					t.Error(f, text)
				}
				text := must(io.ReadAll(got.File.V))
				if k != pipe || l != pipe { // else it is the sender's own
					check(t, got.File.V.Close())
				}
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
				check(t, from.s.Close())
				if c := get(t, done); c.n != 1 || c.err != nil {
					t.Error(c)
				}
			})
		}
	}
}

func TestCopyEndsWhenItsReceiverWantsNoMore(t *testing.T) {
	routes(t, func(t *testing.T, from, to ends[order]) {
		ctx := watchdog(t)
		done := copying(ctx, to.s, from.r)
		check(t, from.s.Send(ctx, &order{ID: 1}))
		var o order
		check(t, to.r.Receive(ctx, &o))
		check(t, to.r.CloseWith(&engine.ChannelError{Code: engine.CodeCanceled, Text: "enough"})) // while from has nothing
		c := get(t, done)
		wantErr(t, c.err, engine.ErrCanceled)
		if c.n != 1 || as[*engine.ChannelError](t, c.err).Text != "enough" {
			t.Error(c)
		}
		// from goes on, to another one, or is told.
		check(t, from.s.Send(ctx, &order{ID: 2}))
		check(t, from.r.Receive(ctx, &o))
		if o.ID != 2 {
			t.Error(o)
		}
		check(t, from.r.CloseWith(c.err))
		for err := error(nil); ; err = from.s.Send(ctx, &o) {
			if err != nil {
				wantErr(t, err, engine.ErrCanceled)
				if as[*engine.ChannelError](t, err).Text != "enough" {
					t.Error(err)
				}
				break
			}
		}
	})
}

func TestCopyReturnsHowItsSenderEnded(t *testing.T) {
	routes(t, func(t *testing.T, from, to ends[order]) {
		ctx := watchdog(t)
		done := copying(ctx, to.s, from.r)
		check(t, from.s.Send(ctx, &order{ID: 1}))
		check(t, from.s.CloseWith(errors.New("unlucky")))
		c := get(t, done)
		if as[*engine.ChannelError](t, c.err).Text != "unlucky" || c.n != 1 {
			t.Fatal(c)
		}
		check(t, to.s.CloseWith(c.err))
		var o order
		check(t, to.r.Receive(ctx, &o))
		if err := to.r.Receive(ctx, &o); as[*engine.ChannelError](t, err).Text != "unlucky" {
			t.Error(err)
		}
	})
}

func TestCopyIsEndedByItsContext(t *testing.T) {
	routes(t, func(t *testing.T, from, to ends[order]) {
		ctx := watchdog(t)
		check(t, from.s.Send(ctx, &order{ID: 1}))
		waiting, cancel := context.WithCancel(ctx)
		done := copying(waiting, to.s, from.r)
		var o order
		check(t, to.r.Receive(ctx, &o))
		cancel()
		c := get(t, done)
		wantErr(t, c.err, context.Canceled)
		if c.n != 1 {
			t.Error(c)
		}
		// While to is full.
		raw := order{Note: strings.Repeat("x", 1000)}
		for to.s.Send(impatient(ctx), &raw) == nil {
			continue
		}
		check(t, from.s.Send(ctx, &raw))
		wantErr(t, cancelled(t, func(ctx context.Context) error { _, err := engine.Copy(ctx, to.s, from.r); return err }),
			context.Canceled)
		_, err := engine.Copy(waiting, to.s, from.r)
		wantErr(t, err, context.Canceled)
	})
}

func TestCopySeesSessionsEnd(t *testing.T) {
	for _, first := range []bool{true, false} {
		from, to := connect[order](t, setting{kind: channel}), connect[order](t, setting{kind: channel})
		done := copying(watchdog(t), to.s, from.r)
		check(t, from.s.Send(watchdog(t), &order{ID: 1}))
		check(t, to.r.Receive(watchdog(t), new(order)))
		if first {
			check(t, from.a.Close())
		} else {
			check(t, to.b.Close())
		}
		if c := get(t, done); c.n != 1 || !errors.Is(c.err, engine.ErrSessionClosed) {
			t.Error(first, c)
		}
	}
}

// Where the codecs differ, what is carried goes along too; and if it cannot, it ends.
func TestCopyBetweenCodecs(t *testing.T) {
	ctx := watchdog(t)
	eng := newEngine(t, engine.Config{Codecs: []codec.Codec{json.Codec{}}})
	a, b := pair(t, &inmem.Options{Engine: eng})
	s := must(engine.OpenWith[bag](ctx, a, "json", &engine.OpenOptions{Codec: json.Codec{}}))
	r := must(engine.Accept[bag](ctx, b, "json"))
	s2, r2 := channelOf[bag](t, a, b, "msgpack")
	done := copying(ctx, s2, r)
	fills, reply := engine.Pipe[bag]()
	check(t, s.Send(ctx, &bag{Name: "x", Reply: reply, Body: io.NopCloser(strings.NewReader("body"))}))
	var got bag
	check(t, r2.Receive(ctx, &got))
	check(t, got.Reply.Send(ctx, &bag{Name: "y"}))
	var back bag
	check(t, fills.Receive(ctx, &back))
	if body := string(must(io.ReadAll(got.Body))); got.Name != "x" || back.Name != "y" || body != "body" {
		t.Error(got, back, body)
	}
	check(t, r2.Close())
	wantErr(t, get(t, done).err, engine.ErrCanceled)

	s3, _ := channelOf[bag](t, a, b, "small")
	fills, reply = engine.Pipe[bag]()
	check(t, s3.Close())
	from, rest := engine.Pipe[bag]()
	check(t, rest.Send(ctx, &bag{Reply: reply}))
	n, err := engine.Copy(ctx, s3, from)
	wantErr(t, err, os.ErrClosed)
	if n != 0 {
		t.Error(n)
	}
	check(t, from.Receive(ctx, &got)) // it was not taken, as the end was known
	check(t, got.Reply.Close())
	wantErr(t, fills.Receive(ctx, &back), io.EOF)
}

// What was received and cannot be sent on is refused: who waits for it is told.
func TestCopyRefusesWhatItCannotPassOn(t *testing.T) {
	for _, kind := range []string{channel, pipe} { // undecoded, and decoded
		t.Run(kind, func(t *testing.T) {
			ctx := watchdog(t)
			from := connect[ask](t, setting{kind: kind})
			a, b := pair(t, with(t, engine.Config{Limits: engine.Limits{MaxMessage: 16}}))
			s, _ := open[ask](t, channel, a, b, "small")
			fills, reply := engine.Pipe[order]()
			check(t, from.s.Send(ctx, &ask{ID: 1 << 60, Reply: reply}))
			n, err := engine.Copy(ctx, s, from.r)
			if wantErr(t, err, engine.ErrLimit); n != 0 {
				t.Fatal(n, err)
			}
			if err := fills.Receive(ctx, new(order)); as[*engine.ChannelError](t, err).Code != engine.CodeRefused {
				t.Error(err)
			}
			check(t, from.s.Close())
			n, err = engine.Copy(ctx, s, from.r)
			check(t, err)
			if n != 0 {
				t.Error(n)
			}
		})
	}
}

func TestCopyOfZeroEnds(t *testing.T) {
	r, s := engine.Pipe[order]()
	_, err := engine.Copy(watchdog(t), engine.Sender[order]{}, r)
	wantErr(t, err, errors.ErrUnsupported)
	_, err = engine.Copy(watchdog(t), s, engine.Receiver[order]{})
	wantErr(t, err, errors.ErrUnsupported)
}
