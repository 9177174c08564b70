package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/gateway"
)

func TestAnOfferHasSoManyConnections(t *testing.T) {
	onWays(t, func(t *testing.T, l link, proxied bool) {
		o := upstream(t, "tcp", echo).offer("x")
		o.MaxConns, o.Proxied = 2, proxied
		s := serve(t, l, o)
		one, two := s.dial("x"), s.dial("x")
		_, err := gateway.Dial(s.ctx, s.sess, "x")
		want(t, err, gateway.ErrBusy)
		if !strings.Contains(err.Error(), "2 are open, and no more are allowed") {
			t.Error(err)
		}
		s.log.line(t, lineRefused, "too many connections")
		roundTrip(t, one, "hello") // those that are open go on
		roundTrip(t, two, "hello")
		check(t, one.Close())
		// A connection that was handed over counts until nobody holds it, whatever its user says.
		eventually(t, "one has ended", func() bool { return s.stats().Open == 1 })
		roundTrip(t, s.dial("x"), "hello")
		if st := s.stats(); st.Refused != 1 || st.Open != 2 || st.Total != 3 {
			t.Errorf("%+v", st)
		}
	})
}

// TestAConnectorHasSoManyConnections has further clients wait.
func TestAConnectorHasSoManyConnections(t *testing.T) {
	residue(t)
	s := serve(t, overShm, upstream(t, "tcp", echo).offer("x"))
	n := must(gateway.NewConnector(&gateway.ConnectorConfig{
		Session:  func(context.Context) (*engine.Session, error) { return s.sess, nil },
		MaxConns: 1,
	}))
	addr := s.listen(n, "tcp", "x")
	one := netDial(t, addr)
	roundTrip(t, one, "hello")
	two := netDial(t, addr)
	answered := result(func() error { return tryRoundTrip(two, "hello") })
	if st := n.Stats()[0]; st.Total != 1 {
		t.Errorf("%+v", st)
	}
	check(t, one.Close())
	check(t, get(t, answered))
}

// TestConnectionsComeAndGo leaves nothing behind; see residue.
func TestConnectionsComeAndGo(t *testing.T) {
	onWays(t, func(t *testing.T, l link, proxied bool) {
		o := upstream(t, "tcp", echo).offer("x")
		o.Proxied = proxied
		s := serve(t, l, o)
		addr := s.listen(s.connector(), "tcp", "x")
		var all sync.WaitGroup
		const clients, each = 8, 50
		for i := range clients {
			all.Go(func() {
				for j := range each {
					c, err := net.Dial(addr.Network(), addr.String())
					if err == nil {
						_ = c.SetDeadline(time.Now().Add(patience))
						err = tryRoundTrip(c, fmt.Sprintf("client %d for the time %d", i, j))
						switch j % 3 {
						case 0:
							abort(c)
						case 1:
							_ = c.(halfCloser).CloseWrite()
							_, _ = io.Copy(io.Discard, c)
						}
						_ = c.Close()
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		eventually(t, "all have ended", func() bool { return s.stats().Open == 0 })
		if st := s.stats(); st.Total != clients*each || st.Failed != 0 || st.Refused != 0 {
			t.Errorf("%+v", st)
		}
		eventually(t, "the channels are closed", func() bool {
			n := 0
			for range s.sess.Channels() {
				n++
			}
			return n == 0
		})
	})
}
