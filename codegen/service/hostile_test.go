package service_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/shop"
)

// A forged is a request of any bytes, in which reply may stand.
type forged struct {
	before []byte
	reply  engine.Sender[answer]
	after  []byte
	whole  bool // nothing stands between them
	none   bool // the reply is nil
}

func (f *forged) Msgsize() int { return len(f.before) + f.reply.Msgsize() + len(f.after) }

func (f *forged) MarshalMsg(b []byte) ([]byte, error) {
	if f.whole {
		return append(b, f.before...), nil
	}
	b, err := f.reply.MarshalMsg(append(b, f.before...))
	return append(b, f.after...), err
}
func (f *forged) UnmarshalMsg(b []byte) ([]byte, error) { return b, errors.ErrUnsupported }
func (f *forged) Carry(c *engine.Cargo) error           { return f.reply.Carry(c) }

// An answer is a response as it is.
type answer struct{ b []byte }

func (a *answer) Msgsize() int                        { return len(a.b) }
func (a *answer) MarshalMsg(b []byte) ([]byte, error) { return append(b, a.b...), nil }
func (a *answer) UnmarshalMsg(b []byte) ([]byte, error) {
	a.b = bytes.Clone(b)
	return nil, nil
}

// code returns the code of a response that is an error, 0 if it is none.
func (a *answer) code(t *testing.T) rpc.Code {
	n, b, err := msgp.ReadArrayHeaderBytes(a.b)
	check(t, err)
	if n == 1 {
		return 0
	}
	code, _, err := msgp.ReadUint32Bytes(b)
	check(t, err)
	return rpc.Code(code)
}

func pack(x any) []byte {
	b, err := msgp.AppendIntf(nil, x)
	if err != nil {
		panic(err)
	}
	return b
}

// head is the beginning of a request, up to its reply.
func head(slot, method uint32) []byte {
	return msgp.AppendUint32(msgp.AppendUint32([]byte{0x94}, slot), method)
}

func bind(slot uint32, service string, methods ...any) *forged {
	return &forged{before: head(0, 0), after: pack([]any{slot, service, methods})}
}

func TestAHostileRequestIsAnsweredByName(t *testing.T) {
	for name, one := range map[string]struct {
		before, after []byte
		want          rpc.Code
	}{
		"fine":                                  {head(1, 0), pack([]any{}), 0},
		"a slot that is not bound":              {head(9, 0), pack([]any{}), rpc.CodeBadRequest},
		"a slot beyond all":                     {head(1<<32-1, 0), pack([]any{}), rpc.CodeBadRequest},
		"an unknown method number":              {head(1, 77), pack([]any{}), rpc.CodeBadRequest},
		"a method that is not there":            {head(1, 2), pack([]any{}), rpc.CodeNoMethod},
		"an unknown service":                    {head(2, 0), pack([]any{}), rpc.CodeNoService},
		"an unknown method of the channel":      {head(0, 7), pack([]any{}), rpc.CodeNoMethod},
		"no arguments' array":                   {head(1, 1), pack("text"), rpc.CodeBadRequest},
		"an argument of another type":           {head(1, 1), pack([]any{"text"}), rpc.CodeBadRequest},
		"nothing":                               {head(1, 1), nil, rpc.CodeBadRequest},
		"truncated":                             {head(1, 1), []byte{0x91, 0x83, 0xa2, 'I'}, rpc.CodeBadRequest},
		"more than the arguments":               {head(1, 1), append(pack([]any{}), 1), rpc.CodeBadRequest},
		"more arguments are those of a version": {head(1, 0), pack([]any{1, "x", []any{}}), 0},
		"an announcement of 4 billion elements": {head(1, 3), []byte{0x91, 0xdd, 0xff, 0xff, 0xff, 0xff}, rpc.CodeBadRequest},
		"nested too deep":                       {head(1, 3), bytes.Repeat([]byte{0x91}, 100_000), rpc.CodeBadRequest},
		"arguments for one without":             {head(1, 0), pack(map[string]any{"a": 1}), rpc.CodeBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, url string) {
				w, ctx := start(t, url, nil), watchdog(t)
				to, err := engine.Open[forged](ctx, w.client, rpc.ChannelName)
				check(t, err)
				check(t, to.Send(ctx, bind(1, "Shop", "Touch", "Value", "None", "Lists")))
				check(t, to.Send(ctx, bind(2, "None", "Touch")))
				f := &forged{before: one.before, after: one.after}
				var a answer
				check(t, engine.Call(ctx, to, f, &f.reply, &a))
				equal(t, a.code(t), one.want)
				f = &forged{before: head(1, 0), after: pack([]any{})}
				check(t, engine.Call(ctx, to, f, &f.reply, &a)) // it goes on
				equal(t, a.code(t), 0)
			})
		})
	}
}

func TestARequestThatIsNoneIsRefused(t *testing.T) {
	for name, before := range map[string][]byte{
		"an array of another length": {0x93, 1, 0},
		"no array":                   {0xa1, 'x'},
		"no numbers":                 {0x94, 0xa1, 'x', 0xa1, 'y'},
		"numbers below zero":         {0x94, 0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, url string) {
				w, ctx := start(t, url, nil), watchdog(t)
				to, err := engine.Open[forged](ctx, w.client, rpc.ChannelName)
				check(t, err)
				f := &forged{before: before, after: pack([]any{})}
				var a answer
				wantErr(t, engine.Call(ctx, to, f, &f.reply, &a), engine.ErrRefused)
				check(t, to.Send(ctx, bind(1, "Shop", "Touch")))
				f = &forged{before: head(1, 0), after: pack([]any{})}
				check(t, engine.Call(ctx, to, f, &f.reply, &a))
			})
		})
	}
}

func TestABindingThatIsWrongEndsItsChannelOnly(t *testing.T) {
	for name, body := range map[string]any{
		"a slot left out":    []any{7, "Shop", []any{"Touch"}},
		"the channel's slot": []any{0, "Shop", []any{"Touch"}},
		"no methods":         []any{1, "Shop"},
		"methods by numbers": []any{1, "Shop", []any{1}},
		"too many methods":   []any{1, "Shop", make([]any, 5000)},
		"no array":           "Shop",
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, url string) {
				w, ctx := start(t, url, nil), watchdog(t)
				to, err := engine.Open[forged](ctx, w.client, rpc.ChannelName)
				check(t, err)
				check(t, to.Send(ctx, &forged{before: head(0, 0), after: pack(body)}))
				over, cancel := to.Context(ctx)
				defer cancel()
				var a answer
				for over.Err() == nil { // whoever waits sees it
					f := &forged{before: head(0, 1), after: pack([]any{})}
					_ = engine.Call(ctx, to, f, &f.reply, &a)
				}
				check(t, w.Touch(ctx)) // another channel of the session
			})
		})
	}
}

// numberedAsk is a request whose answer is to come by a number, or by what else stands in its place.
func numberedAsk(slot, method uint32, number any, args any) *forged {
	return &forged{before: append(append(head(slot, method), pack(number)...), pack(args)...), whole: true}
}

func TestWhatIsWrongWithNumbersEndsItsChannelOnly(t *testing.T) {
	for name, requests := range map[string][]*forged{
		"no channel for answers": {numberedAsk(1, 0, 7, []any{})},
		"for a binding":          {numberedAsk(0, 0, 7, []any{2, "Shop", []any{"Touch"}})},
		"answers on nothing":     {{before: head(0, 2), after: pack([]any{}), none: true}},
		"answers twice":          {{before: head(0, 2), after: pack([]any{})}, {before: head(0, 2), after: pack([]any{})}},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, url string) {
				w, ctx := start(t, url, nil), watchdog(t)
				to, err := engine.Open[forged](ctx, w.client, rpc.ChannelName)
				check(t, err)
				check(t, to.Send(ctx, bind(1, "Shop", "Touch")))
				for _, q := range requests {
					var in engine.Receiver[answer]
					if !q.whole && !q.none {
						in, q.reply = engine.Pipe[answer]()
						defer in.Close()
					}
					check(t, to.Send(ctx, q))
				}
				over, cancel := to.Context(ctx)
				defer cancel()
				for over.Err() == nil { // whoever waits sees it
					check(t, w.Touch(ctx))
				}
				check(t, w.Touch(ctx))
			})
		})
	}
}

func TestNumbersThatAreWrongAreOfNoConsequence(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		to, err := engine.Open[forged](ctx, w.client, rpc.ChannelName)
		check(t, err)
		check(t, to.Send(ctx, bind(1, "Shop", "Touch", "Wait")))
		in, out := engine.Pipe[answer]()
		check(t, to.Send(ctx, &forged{before: head(0, 2), after: pack([]any{}), reply: out}))
		defer in.Close()
		for _, q := range []*forged{
			numberedAsk(0, 3, nil, []any{99}),         // nobody has called
			numberedAsk(0, 3, nil, []any{"x"}),        // no number
			numberedAsk(1, 0, 0, []any{}),             // which no call has
			numberedAsk(1, 0, []any{1}, []any{}),      // without its deadline
			numberedAsk(1, 0, []any{1, -5}, []any{}),  // before its beginning
			numberedAsk(1, 0, uint64(1)<<40, []any{}), // too large
			numberedAsk(1, 1, 5, []any{}),             // waits
			numberedAsk(1, 1, 5, []any{}),             // and once more, by the same number
		} {
			check(t, to.Send(ctx, q))
		}
		<-w.store.waiting
		<-w.store.waiting
		check(t, to.Send(ctx, numberedAsk(0, 3, nil, []any{5})))
		wantErr(t, <-w.store.ended, engine.ErrCanceled)
		check(t, to.Send(ctx, numberedAsk(1, 0, []any{6, 1 << 40}, []any{}))) // fine
		var a answer
		check(t, in.Receive(ctx, &a))
		equal(t, fmt.Sprintf("%x", a.b), "920690") // [6, []]
	})
}

func TestBindingsAreBounded(t *testing.T) {
	w, ctx := start(t, urls(t)["inmem"], nil), watchdog(t)
	to, err := engine.Open[forged](ctx, w.client, rpc.ChannelName)
	check(t, err)
	for i := range uint32(300) {
		if err := to.Send(ctx, bind(i+1, "Shop", "Touch")); err != nil {
			break
		}
	}
	for err == nil {
		var a answer
		f := &forged{before: head(1, 0), after: pack([]any{})}
		err = engine.Call(ctx, to, f, &f.reply, &a)
	}
	check(t, w.Touch(ctx))
	if !strings.Contains(w.log.String(), "limit of 256") {
		t.Error(w.log.String())
	}
}

// A response of a hostile callee.
func TestAHostileResponseIsAnError(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty":                     {},
		"no array":                  pack("x"),
		"an array of two":           pack([]any{1, 2}),
		"results of another type":   pack([]any{"x"}),
		"results truncated":         {0x91, 0x91, 0x82, 0xa2},
		"more than the results":     append(pack([]any{[]any{}}), 1),
		"an error without its text": {0x94, 1},
		"an error's code is text":   pack([]any{"x", "y", "", nil}),
		"a typed error truncated":   append([]byte{0x94, 1, 0xa0, 0xae}, append([]byte("*shop.Rejected"), 0x82)...),
		"more than the error":       append(pack([]any{1, "text", "", nil}), 1),
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, url string) {
				client, server := pair(t, url, engine.Config{})
				ctx := watchdog(t)
				go answerAll(ctx, server, b)
				c := shop.NewShopClient(client)
				for range 2 {
					if _, err := c.Value(ctx, shop.Order{}); err == nil || errors.Is(err, ctx.Err()) && ctx.Err() != nil {
						t.Fatal(err)
					}
					if _, err := c.Watch(ctx, 1); err == nil || errors.Is(err, ctx.Err()) && ctx.Err() != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

// answerAll answers all requests on all channels with the same bytes.
func answerAll(ctx context.Context, server *engine.Session, b []byte) {
	for {
		in, err := engine.Accept[rawAsk](ctx, server, rpc.ChannelName)
		if err != nil {
			return
		}
		var answers engine.Sender[answer] // to calls that have a number
		for err == nil {
			var q rawAsk
			err = in.Receive(ctx, &q)
			switch {
			case err != nil:
			case q.number != 0:
				err = answers.Send(ctx, &answer{numbered(q.number, b)})
			case q.reply == (engine.Sender[answer]{}):
			case answers == (engine.Sender[answer]{}):
				answers = q.reply
			default:
				err = q.reply.Send(ctx, &answer{b})
			}
		}
	}
}

// numbered returns a response with a number in front, if it is an array.
func numbered(number uint32, b []byte) []byte {
	n, rest, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return b
	}
	return append(msgp.AppendUint32(msgp.AppendArrayHeader(nil, n+1), number), rest...)
}

// A rawAsk is a request of which nothing but the reply is looked at.
type rawAsk struct {
	reply  engine.Sender[answer]
	number uint32
}

func (q *rawAsk) Msgsize() int                        { return 0 }
func (q *rawAsk) MarshalMsg(b []byte) ([]byte, error) { return b, errors.ErrUnsupported }
func (q *rawAsk) Carry(c *engine.Cargo) error         { return q.reply.Carry(c) }

func (q *rawAsk) UnmarshalMsg(b []byte) ([]byte, error) {
	_, b, err := msgp.ReadArrayHeaderBytes(b)
	for range 2 {
		if err == nil {
			b, err = msgp.Skip(b)
		}
	}
	if msgp.NextType(b) == msgp.ArrayType { // beside a deadline
		_, b, err = msgp.ReadArrayHeaderBytes(b)
	}
	if t := msgp.NextType(b); err == nil && (t == msgp.UintType || t == msgp.IntType) {
		q.number, _, err = msgp.ReadUint32Bytes(b)
	} else if err == nil {
		_, err = q.reply.UnmarshalMsg(b)
	}
	return nil, err
}
