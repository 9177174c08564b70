package engine_test

import (
	"errors"
	"os"
	"testing"

	"github.com/corechan/corechan/engine"
)

// Over a link that gathers nothing Flush does nothing; transports/internal/wire tests it where something is gathered.
func TestFlushFailsAsSendDoes(t *testing.T) {
	ctx := watchdog(t)
	var zero engine.Sender[order]
	if err := zero.Flush(ctx); err == nil {
		t.Error("the zero Sender was flushed")
	}
	r, s := engine.Pipe[order]()
	check(t, s.Flush(ctx))
	check(t, s.Send(ctx, &order{ID: 1}))
	check(t, s.Flush(ctx))
	var o order
	check(t, r.Receive(ctx, &o))
	check(t, s.Close())
	if err := s.Flush(ctx); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
