package gateway_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/gateway"
	"github.com/corechan/corechan/transports/tcp"
)

func TestASideConnectionOutlivesItsSession(t *testing.T) {
	residue(t)
	s := serve(t, overTCP, upstream(t, "tcp", echo).offer("x"))
	c := s.dial("x")
	if _, ok := c.(*net.TCPConn); !ok {
		t.Fatalf("it is a %T", c)
	}
	roundTrip(t, c, "hello")
	check(t, s.sess.Close())
	roundTrip(t, c, "it goes on")
	check(t, s.g.Close())
	if _, err := c.Read(make([]byte, 1)); !isReset(err) {
		t.Errorf("the gateway is closed: %v", err)
	}
	s.log.line(t, lineEnded, "handed_over=false", "side=true", "sent=17", "received=17", "gateway was closed")
}

// TestAPeerThatDoesNotJoinHoldsNothing asks for a connection beside the session and never makes it.
func TestAPeerThatDoesNotJoinHoldsNothing(t *testing.T) {
	residue(t)
	s := serve(t, overTCP, upstream(t, "tcp", echo).offer("x"))
	ch, err := engine.Open[sideRequest](s.ctx, s.sess, openName)
	check(t, err)
	req, ans := sideRequest{Offer: "x", Side: true}, sideAnswer{}
	check(t, engine.Call(s.ctx, ch, &req, &req.Answer, &ans))
	if len(ans.Side) != 32 || s.stats().Open != 1 {
		t.Fatalf("%+v, %+v", ans, s.stats())
	}
	eventually(t, "it is given up", func() bool { return s.stats().Open == 0 })
	s.log.line(t, lineEnded, "client: it did not make its connection to here")
	if c, err := s.sess.Sides().Join(s.ctx, ans.Side); err == nil {
		_ = c.Close()
		t.Error("it joined too late")
	} else {
		want(t, err, tcp.ErrRefused)
	}
	roundTrip(t, s.dial("x"), "the session goes on")
}

// TestASideConnectionThatCannotBeMadeTravelsOnTheSession has the ticket be of no use, as where another gateway answers at the
// address meanwhile.
func TestASideConnectionThatCannotBeMadeTravelsOnTheSession(t *testing.T) {
	onLinks(t, []link{overTCP, overInmem}, func(t *testing.T, l link) {
		for _, ticket := range [][]byte{make([]byte, 32), []byte("short")} {
			a, b, _ := l.pair(t)
			ctx := watchdog(t)
			near, far := engine.Stream()
			in, out := engine.Stream()
			over := result(func() error {
				for _, ans := range []*sideAnswer{{Side: ticket}, {Read: near, Write: out}} {
					ch, err := engine.Accept[sideRequest](ctx, b, openName)
					if err != nil {
						return err
					}
					var req sideRequest
					if err := ch.Receive(ctx, &req); err != nil {
						return err
					}
					_ = ch.Close()
					if asked := l.besides && len(ans.Side) != 0; req.Side != asked {
						return fmt.Errorf("%+v; want Side: %v", req, asked)
					}
					if err := req.Answer.Send(ctx, ans); err != nil {
						return err
					}
				}
				_, err := io.Copy(far, in)
				return errors.Join(err, far.Close())
			})
			c, err := gateway.Dial(ctx, a, "x")
			check(t, err)
			roundTrip(t, c, "hello")
			check(t, c.(halfCloser).CloseWrite())
			check(t, get(t, over))
			_ = c.Close()
			_ = a.Close()
			_ = b.Close()
		}
	})
}

type sideRequest struct {
	Offer  string                    `msg:"offer"`
	Answer engine.Sender[sideAnswer] `msg:"answer"`
	Side   bool                      `msg:"side"`
}

type sideAnswer struct {
	Read  io.ReadCloser  `msg:"read"`
	Write io.WriteCloser `msg:"write"`
	Side  []byte         `msg:"side"`
}
