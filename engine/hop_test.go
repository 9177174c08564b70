package engine_test

import (
	"errors"
	"net"
	"os"
	"runtime/debug"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
)

// A box carries a file, a connection or a listener.
type box struct {
	File engine.Carried[*os.File]
	Conn engine.Carried[net.Conn]
	Ln   engine.Carried[net.Listener]
}

func (x *box) Msgsize() int { return 3 * x.File.Msgsize() }

func (x *box) MarshalMsg(b []byte) ([]byte, error) {
	for _, f := range []msgp.Marshaler{&x.File, &x.Conn, &x.Ln} {
		b, _ = f.MarshalMsg(b)
	}
	return b, nil
}

func (x *box) UnmarshalMsg(b []byte) (_ []byte, err error) {
	for _, f := range []msgp.Unmarshaler{&x.File, &x.Conn, &x.Ln} {
		if b, err = f.UnmarshalMsg(b); err != nil {
			break
		}
	}
	return b, err
}

func (x *box) Carry(c *engine.Cargo) error { return c.CarryAll(&x.File, &x.Conn, &x.Ln) }

// boxes is a message with a channel of boxes.
type boxes struct{ Feed engine.Receiver[box] }

// What a hop makes of a descriptor for a link without descriptors is closed if it cannot be sent.
func TestAHopClosesTheStreamsThatItCannotSend(t *testing.T) {
	percent := debug.SetGCPercent(-1) // it would close them too
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	fdtest.Snapshot(t)
	ctx := watchdog(t)
	file := must(os.Open("port.go"))
	defer file.Close()
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	defer ln.Close()
	for name, c := range map[string]struct {
		limits engine.Limits // of the hop
		m      box
		want   error
	}{
		"no channel": {engine.Limits{Channels: 2}, box{File: engine.Carried[*os.File]{V: file}}, engine.ErrLimit},
		"one of two": {engine.Limits{}, box{
			File: engine.Carried[*os.File]{V: file}, Ln: engine.Carried[net.Listener]{V: ln},
		}, errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t, nil)
			to, from := newLinks(t, 1<<16, nil)
			hop, far := to.session(t, newEngine(t, engine.Config{Limits: c.limits})), from.session(t, newEngine(t, engine.Config{}))
			first, firstR := channelOf[boxes](t, a, b, "x")
			r, s := engine.Pipe[box]()
			var m boxes
			check(t, first.Send(ctx, &boxes{Feed: r}))
			check(t, firstR.Receive(ctx, &m))
			second, secondR := channelOf[boxes](t, hop, far, "x")
			check(t, second.Send(ctx, &m))
			var got boxes
			check(t, secondR.Receive(ctx, &got))
			check(t, s.Send(ctx, &c.m))
			err := got.Feed.Receive(ctx, new(box))
			if c.want == engine.ErrLimit {
				wantErr(t, err, c.want)
			} else if err == nil {
				t.Fatal("it arrived")
			}
			for s.Send(ctx, new(box)) == nil {
			}
		})
	}
}
