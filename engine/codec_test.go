package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
)

// A stubborn message fails as it is told to.
type stubborn struct{ encode, decode func() error }

func (s *stubborn) Msgsize() int { return 10 }

func (s *stubborn) MarshalMsg(b []byte) ([]byte, error) {
	if s.encode != nil {
		if err := s.encode(); err != nil {
			return b, err
		}
	}
	return msgp.AppendNil(b), nil
}

func (s *stubborn) UnmarshalMsg(b []byte) ([]byte, error) {
	if s.decode != nil {
		if err := s.decode(); err != nil {
			return b, err
		}
	}
	return msgp.ReadNilBytes(b)
}

// An unfit message needs more than it says.
type unfit struct{ order }

func (u *unfit) Msgsize() int { return 4 }

type plain struct{ A func() } // nobody can encode it

func TestATypeWithoutACodecIsRefusedWithWhatToDo(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	_, open := engine.Open[plain](ctx, a, "x")
	_, lane := engine.OpenLane[plain](ctx, a, "x", nil)
	_, accept := engine.Accept[plain](ctx, b, "x")
	handle := engine.Handle(b, "x", func(context.Context, *plain) error { return nil })
	var piped error
	func() {
		defer func() { piped, _ = recover().(error) }()
		engine.Pipe[plain]()
	}()
	for name, err := range map[string]error{"Open": open, "OpenLane": lane, "Accept": accept, "Handle": handle, "Pipe": piped} {
		if !errors.Is(err, engine.ErrNoCodec) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, part := range []string{"engine_test.plain", "func"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not mention %q", name, err, part)
			}
		}
	}
}

func TestBothEndsMustUseOneCodec(t *testing.T) {
	for _, kind := range []string{channel, lane} {
		t.Run(kind, func(t *testing.T) {
			ctx := watchdog(t)
			a, b := pair(t, nil)
			accepted := result(func() error { _, err := engine.Accept[engine.Raw](ctx, b, "prices"); return err })
			var s engine.Sender[order]
			if kind == lane {
				s = must(engine.OpenLane[order](ctx, a, "prices", nil))
			} else {
				s = must(engine.Open[order](ctx, a, "prices"))
			}
			err := get(t, accepted)
			wantErr(t, err, engine.ErrCodec)
			for err = nil; err == nil; {
				err = s.Send(ctx, new(order))
			}
			wantErr(t, err, engine.ErrCodec)
			for _, part := range []string{"prices", "msgpack", "raw"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not mention %q", err, part)
				}
			}
			check(t, a.Err())
			check(t, b.Err())
		})
	}
}

func TestAnyCarriesWhatMsgpackHas(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[any](t, c)
		for _, v := range []any{
			nil, true, "text", int64(-5), uint64(1 << 63), 1.5,
			[]byte{1, 2},
			[]any{"a", int64(-1), nil},
			map[string]any{"a": int64(-1), "b": []any{}},
		} {
			check(t, e.s.Send(ctx, &v))
			var got any
			check(t, e.r.Receive(ctx, &got))
			if !reflect.DeepEqual(got, v) {
				t.Errorf("%#v became %#v", v, got)
			}
		}
		// What msgpack does not have is refused, and the channel goes on.
		var v any = make(chan int)
		if err := e.s.Send(ctx, &v); err == nil || !strings.Contains(err.Error(), "chan int") {
			t.Errorf("a Go channel: %v", err)
		}
		v = "after"
		check(t, e.s.Send(ctx, &v))
		check(t, e.r.Receive(ctx, &v))
	})
}

func TestAnyAndTypedEndsUnderstandEachOther(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s := must(engine.Open[order](ctx, a, "x"))
	check(t, s.Send(ctx, &order{ID: 300, Price: -300, Note: "n"}))
	r := must(engine.Accept[any](ctx, b, "x"))
	var v any
	check(t, r.Receive(ctx, &v))
	if want := []any{uint64(300), int64(-300), "n"}; fmt.Sprint(v) != fmt.Sprint(want) {
		t.Fatalf("%#v", v)
	}
	back := must(engine.Open[any](ctx, b, "x"))
	v = &order{ID: 7, Note: "by its methods"}
	check(t, back.Send(ctx, &v))
	v = []any{uint64(8), int64(-1), "by reflection"}
	check(t, back.Send(ctx, &v))
	orders := must(engine.Accept[order](ctx, a, "x"))
	for _, want := range []order{{7, 0, "by its methods"}, {8, -1, "by reflection"}} {
		var o order
		if err := orders.Receive(ctx, &o); err != nil || o != want {
			t.Fatal(o, err)
		}
	}
}

// A received value must not change when the ring's memory does.
func TestReceivedValuesAreCopies(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		orders, anys := connect[order](t, c), connect[any](t, c)
		var first order
		check(t, orders.s.Send(ctx, &order{ID: 1, Note: "first message"}))
		check(t, orders.r.Receive(ctx, &first))
		var v any = map[string]any{"k": []byte("first message")}
		check(t, anys.s.Send(ctx, &v))
		var got any
		check(t, anys.r.Receive(ctx, &got))
		for range 3 * (256 << 10) / 128 { // thrice round the ring
			check(t, orders.s.Send(ctx, &order{Note: strings.Repeat("z", 100)}))
			check(t, orders.r.Receive(ctx, new(order)))
			var z any = strings.Repeat("z", 100)
			check(t, anys.s.Send(ctx, &z))
			check(t, anys.r.Receive(ctx, &z))
		}
		if first.Note != "first message" || fmt.Sprint(got) != fmt.Sprint(v) {
			t.Fatal(first, got)
		}
	})
}

// kindsOfReading are the ways in which a message reaches its receiver: read in place by itself, or from the inbox where
// somebody else's poll has put it.
func kindsOfReading(t *testing.T, f func(t *testing.T, send func([]byte), receive func(*order) error)) {
	for _, inbox := range []bool{false, true} {
		t.Run(fmt.Sprintf("inbox=%v", inbox), func(t *testing.T) {
			ctx := watchdog(t)
			a, b := pair(t, nil)
			s := must(engine.Open[order](ctx, a, "x")) // what is sent are bytes, through a Slot
			r := must(engine.Accept[order](ctx, b, "x"))
			other := must(engine.Open[order](ctx, a, "other"))
			poll := must(engine.Accept[order](ctx, b, "other"))
			send := func(payload []byte) {
				slot := must(s.Reserve(ctx, len(payload)))
				check(t, slot.Commit(copy(slot.Bytes(), payload)))
			}
			f(t, send, func(o *order) error {
				if inbox {
					check(t, other.Send(ctx, new(order)))
					check(t, poll.Receive(ctx, new(order)))
				}
				return r.Receive(ctx, o)
			})
		})
	}
}

func TestAMalformedMessageIsNamedAndTheChannelGoesOn(t *testing.T) {
	good := must((&order{ID: 300, Price: -300, Note: "note"}).MarshalMsg(nil))
	bad := map[string][]byte{
		"empty":          {},
		"wrong type":     msgp.AppendString(nil, "a string"),
		"too few fields": msgp.AppendArrayHeader(nil, 2),
		"trailing bytes": append(append([]byte(nil), good...), 0),
		"two values":     append(append([]byte(nil), good...), good...),
		"never used":     {0xc1},
		"huge array":     {0xdd, 0xff, 0xff, 0xff, 0xff},
		"huge string":    append(append([]byte(nil), good[:len(good)-5]...), 0xdb, 0xff, 0xff, 0xff, 0xff),
	}
	for n := 1; n < len(good); n++ {
		bad[fmt.Sprintf("cut at %d", n)] = good[:n]
	}
	kindsOfReading(t, func(t *testing.T, send func([]byte), receive func(*order) error) {
		for name, payload := range bad {
			send(payload)
			send(good)
			err := receive(new(order))
			if !errors.Is(err, engine.ErrMalformed) || !strings.Contains(err.Error(), "order") {
				t.Errorf("%s: %v", name, err)
			}
			var o order
			if err := receive(&o); err != nil || o.ID != 300 {
				t.Fatalf("after %s: %+v %v", name, o, err)
			}
		}
	})
}

func TestAllGoesOnAfterAMalformedMessage(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s := must(engine.Open[any](ctx, a, "x"))
	for _, v := range []any{[]any{uint64(1), int64(1), "a"}, "bad", []any{uint64(2), int64(2), "b"}} {
		check(t, s.Send(ctx, &v))
	}
	check(t, s.Close())
	var got []string
	r := must(engine.Accept[order](ctx, b, "x"))
	for o, err := range r.All(ctx) {
		switch {
		case errors.Is(err, engine.ErrMalformed) && o == nil:
			got = append(got, "malformed")
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, o.Note)
		}
	}
	if fmt.Sprint(got) != "[a malformed b]" {
		t.Fatal(got)
	}
}

func TestADecoderThatFailsOrPanicsLosesOnlyItsMessage(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[stubborn](t, c)
		for name, decode := range map[string]func() error{
			"fails":              func() error { return io.ErrUnexpectedEOF },
			"panics":             func() error { panic("decoder") },
			"panics with an err": func() error { panic(io.ErrNoProgress) },
		} {
			check(t, e.s.Send(ctx, &stubborn{}))
			err := e.r.Receive(ctx, &stubborn{decode: decode})
			wantErr(t, err, engine.ErrMalformed)
			if name == "fails" {
				wantErr(t, err, io.ErrUnexpectedEOF)
			} else if !strings.Contains(err.Error(), "stubborn") || !strings.Contains(err.Error(), "panicked") {
				t.Errorf("%s: %q", name, err)
			}
			check(t, e.s.Send(ctx, &stubborn{}))
			check(t, e.r.Receive(ctx, &stubborn{}))
		}
	})
}

func TestAnEncoderThatFailsOrPanicsSendsNothing(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[stubborn](t, c)
		err := e.s.Send(ctx, &stubborn{encode: func() error { return io.ErrUnexpectedEOF }})
		wantErr(t, err, io.ErrUnexpectedEOF)
		func() {
			defer func() {
				if r := recover(); r != "encoder" {
					t.Errorf("recovered %v", r)
				}
			}()
			_ = e.s.Send(ctx, &stubborn{encode: func() error { panic("encoder") }})
		}()
		check(t, e.s.Send(ctx, &stubborn{}))
		check(t, e.s.Close())
		check(t, e.r.Receive(ctx, &stubborn{}))
		wantErr(t, e.r.Receive(ctx, &stubborn{}), io.EOF)
	})
}

func TestAMessageLargerThanItsMsgsizeIsSentAllTheSame(t *testing.T) {
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[unfit](t, c)
		for _, note := range []string{"more than four bytes", "", strings.Repeat("x", 1000)} {
			check(t, e.s.Send(ctx, &unfit{order{Note: note}}))
			var got unfit
			check(t, e.r.Receive(ctx, &got))
			if got.Note != note {
				t.Fatalf("%q", got.Note)
			}
		}
	})
}

func TestReceiveKeepsWhatTheMessageDoesNotHave(t *testing.T) {
	// Raw appends from the beginning, so that a buffer is used again.
	kinds(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		e := connect[engine.Raw](t, c)
		buf := make(engine.Raw, 0, 100)
		first := &buf[:1][0]
		for _, m := range []string{"a longer message", "short", ""} {
			msg := engine.Raw(m)
			check(t, e.s.Send(ctx, &msg))
			check(t, e.r.Receive(ctx, &buf))
			if string(buf) != m || &buf[:1][0] != first {
				t.Fatalf("%q", buf)
			}
		}
	})
}
