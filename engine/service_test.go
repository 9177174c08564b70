package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/corechan/corechan/engine"
)

// What generated services need of the engine.

func TestACallTakesAHeader(t *testing.T) {
	for name, within := range map[string]bool{"session": false, "pipe": true} {
		t.Run(name, func(t *testing.T) {
			ctx := watchdog(t)
			var s engine.Sender[ask]
			var r engine.Receiver[ask]
			if within {
				r, s = engine.Pipe[ask]()
			} else {
				a, b := pair(t, nil)
				s, r = channelOf[ask](t, a, b, "asks")
			}
			over := result(func() error {
				var q ask
				var m engine.Meta
				if err := r.ReceiveWith(ctx, &q, &m); err != nil {
					return err
				}
				id := uint64(len(m.Header["trace"]))
				if engine.HeaderFrom(engine.WithHeader(ctx, m.Header))["trace"] != "abc" {
					id = 0
				}
				return q.Reply.Send(ctx, &order{ID: id})
			})
			q, o := ask{ID: 1}, order{}
			check(t, engine.CallWith(ctx, s, &q, &q.Reply, &o, &engine.SendOptions{Header: engine.Header{"trace": "abc"}}))
			check(t, get(t, over))
			if o.ID != 3 {
				t.Error(o)
			}
			_ = s.Close()
		})
	}
}

func TestAGiftIsClosedOnceItIsSent(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[box](t, a, b, "boxes")
	path := filepath.Join(t.TempDir(), "f")
	check(t, os.WriteFile(path, []byte("x"), 0o600))
	for _, gift := range []bool{false, true} {
		f := must(os.Open(path))
		check(t, s.Send(ctx, &box{File: engine.Carried[*os.File]{V: f, Gift: gift}}))
		var got box
		check(t, r.Receive(ctx, &got))
		b := make([]byte, 1)
		if _, err := got.File.V.Read(b); err != nil || string(b) != "x" {
			t.Error(err)
		}
		check(t, got.File.V.Close())
		if _, err := f.Stat(); (err != nil) != gift {
			t.Errorf("gift %v: %v", gift, err)
		}
		_ = f.Close()
	}
}

func TestASessionKeepsWhatPackagesKeepWithIt(t *testing.T) {
	a, b := pair(t, nil)
	type key struct{}
	first := a.Local(key{}, func() any { return 1 })
	if again := a.Local(key{}, func() any { return 2 }); first != 1 || again != 1 {
		t.Error(first, again)
	}
	if other := b.Local(key{}, func() any { return 3 }); other != 3 {
		t.Error(other)
	}
}
