package unix_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/socktest"
	"github.com/corechan/corechan/transports/unix"
)

// TestWhatWaitsBehindALeaseIsNotLostWithThePeer has the peer go while a lease keeps what it has sent in the socket: the ring is full.
func TestWhatWaitsBehindALeaseIsNotLostWithThePeer(t *testing.T) {
	for _, wait := range []engine.Wait{engine.Block, engine.Hybrid} {
		t.Run(wait.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			eng := must(engine.New(engine.Config{Wait: wait}))
			defer func() {
				now, cancel := context.WithCancel(ctx)
				cancel()
				_ = eng.Shutdown(now)
			}()
			o := &unix.Options{Engine: eng, Ring: ring.Options{Capacity: 4096}}
			name := address()
			ln := must(unix.Listen(ctx, name, o))
			defer ln.Close()
			a := must(unix.Dial(ctx, name, o))
			b := must(ln.Accept(ctx))
			tx := must(engine.Open[engine.Raw](ctx, a, "x"))
			rx := must(engine.Accept[engine.Raw](ctx, b, "x"))
			var lease engine.Lease
			const n = 20
			for i := range n {
				if i == 1 {
					lease = must(rx.Lease(ctx)) // in the ring
				}
				size := 1000
				if i == 0 {
					size = 4096 - engine.HeaderSize - 16 // fills the ring
				}
				m := engine.Raw(strings.Repeat(string(rune('a'+i)), size))
				if err := tx.Send(ctx, &m); err != nil {
					t.Fatal(err)
				}
			}
			last := must(engine.Open[engine.Raw](ctx, a, "y"))
			m := engine.Raw("last")
			if err := last.Send(ctx, &m); err != nil {
				t.Fatal(err)
			}
			if err := a.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			socktest.CutUnix(t, name)
			<-b.Done()
			behind := make(chan error, 1)
			go func() { // has nothing to read as long as the lease is held
				var m engine.Raw
				r, err := engine.Accept[engine.Raw](ctx, b, "y")
				if err == nil {
					err = r.Receive(ctx, &m)
				}
				if err == nil && string(m) != "last" {
					err = errors.New(string(m))
				}
				behind <- err
			}()
			select {
			case err := <-behind:
				t.Errorf("it came past the lease: %v", err)
				behind <- nil
			case <-time.After(50 * time.Millisecond):
			}
			if lease.Bytes()[0] != 'a' {
				t.Errorf("%q", lease.Bytes()[:1])
			}
			lease.Release()
			got := 1
			for {
				var m engine.Raw
				err := rx.Receive(ctx, &m)
				if err != nil {
					if !errors.Is(err, engine.ErrPeerGone) || errors.Is(err, io.EOF) {
						t.Error(err)
					}
					break
				}
				if len(m) != 1000 || m[0] != byte('a'+got) {
					t.Fatalf("message %d: %d bytes of %q", got, len(m), m[:1])
				}
				got++
			}
			if got != n {
				t.Errorf("%d of %d messages", got, n)
			}
			if err := <-behind; err != nil {
				t.Error(err)
			}
			_ = a.Close()
			_ = b.Close()
		})
	}
}

// TestALeaseDoesNotHideThatThePeerIsGone has room in the ring beside the lease: all that was sent has come, and nothing is to be waited for.
func TestALeaseDoesNotHideThatThePeerIsGone(t *testing.T) {
	for _, wait := range []engine.Wait{engine.Block, engine.Hybrid, engine.Spin} {
		t.Run(wait.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			eng := must(engine.New(engine.Config{Wait: wait}))
			defer func() { _ = eng.Shutdown(ctx) }()
			o := &unix.Options{Engine: eng}
			name := address()
			ln := must(unix.Listen(ctx, name, o))
			defer ln.Close()
			a := must(unix.Dial(ctx, name, o))
			b := must(ln.Accept(ctx))
			tx := must(engine.Open[engine.Raw](ctx, a, "x"))
			idle := must(engine.Open[engine.Raw](ctx, a, "y"))
			rx := must(engine.Accept[engine.Raw](ctx, b, "x"))
			quiet := must(engine.Accept[engine.Raw](ctx, b, "y"))
			m := engine.Raw("held")
			if err := tx.Send(ctx, &m); err != nil {
				t.Fatal(err)
			}
			lease := must(rx.Lease(ctx))
			if err := a.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			socktest.CutUnix(t, name)
			if err := quiet.Receive(ctx, &m); !errors.Is(err, engine.ErrPeerGone) {
				t.Error(err)
			}
			lease.Release()
			_ = idle.Close()
			_ = a.Close()
			_ = b.Close()
		})
	}
}
