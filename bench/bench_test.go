package bench

import (
	"context"
	"io"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf"
)

// must stops a benchmark, whose goroutines cannot be told apart from the test's, at an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func closing(b *testing.B, c io.Closer) { b.Cleanup(func() { check(c.Close()) }) }

// size is that of the messages, encoded.
const size = 64

func newMessage() perf.Message { return must(perf.NewMessage(size)) }

// An ask is a message with the channel for its answer.
type ask struct {
	perf.Message
	Reply engine.Sender[perf.Message]
}

func (a *ask) Msgsize() int { return a.Message.Msgsize() + a.Reply.Msgsize() }

func (a *ask) MarshalMsg(b []byte) ([]byte, error) {
	b, err := a.Message.MarshalMsg(b)
	if err != nil {
		return b, err
	}
	return a.Reply.MarshalMsg(b)
}

func (a *ask) UnmarshalMsg(b []byte) ([]byte, error) {
	b, err := a.Message.UnmarshalMsg(b)
	if err != nil {
		return b, err
	}
	return a.Reply.UnmarshalMsg(b)
}

func (a *ask) Carry(c *engine.Cargo) error { return a.Reply.Carry(c) }

// newEngine makes an engine that ends with the benchmark.
func newEngine(b *testing.B, w engine.Wait) *engine.Engine {
	e := must(engine.New(engine.Config{Wait: w}))
	b.Cleanup(func() { check(e.Shutdown(context.Background())) })
	return e
}
