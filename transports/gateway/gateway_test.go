package gateway_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/corechan/corechan/transports/gateway"
)

// onWays runs f over a link of each kind, once with connections as they come and once proxied.
func onWays(t *testing.T, f func(t *testing.T, l link, proxied bool)) { onWaysOf(t, overKinds, f) }

// onServerWays is onWays for what takes long, with a real server.
func onServerWays(t *testing.T, f func(t *testing.T, l link, proxied bool)) {
	onWaysOf(t, []link{overShm, overTLS, overH2}, f)
}

func onWaysOf(t *testing.T, links []link, f func(t *testing.T, l link, proxied bool)) {
	for _, l := range links {
		for _, proxied := range []bool{false, true} {
			if proxied && !l.handsOver && !l.besides {
				continue
			}
			name := l.name
			if proxied {
				name += "Proxied"
			}
			t.Run(name, func(t *testing.T) {
				residue(t)
				f(t, l, proxied)
			})
		}
	}
}

func TestAConnectionIsWhatItsUpstreamIs(t *testing.T) {
	onWaysOf(t, overAll, func(t *testing.T, l link, proxied bool) {
		for _, network := range []string{"tcp", "unix"} {
			b := upstream(t, network, echo)
			o := b.offer("echo")
			o.Proxied = proxied
			s := serve(t, l, o)
			c := s.dial("echo")
			_, stream := c.(*gateway.Conn)
			if direct := (l.handsOver || l.besides) && !proxied; stream == direct {
				t.Errorf("%s: it is a %T", network, c)
			}
			roundTrip(t, c, "hello")
			check(t, c.CloseWrite())
			if rest, err := io.ReadAll(c); err != nil || len(rest) != 0 {
				t.Errorf("%q, %v", rest, err)
			}
			check(t, c.Close())
			eventually(t, "it counts as ended", func() bool { return s.stats().Open == 0 })
			handed := !stream && l.handsOver
			if handed {
				s.log.line(t, lineEnded, "offer=echo", "upstream="+o.Upstream, "handed_over=true", "reason=closed", fmt.Sprintf("uid %d", os.Geteuid()))
			} else {
				says := []string{"offer=echo", "upstream=" + o.Upstream, "handed_over=false", "sent=6", "received=6", "reason=closed"}
				if !stream {
					says = append(says, "side=true")
				}
				s.log.line(t, lineEnded, says...)
			}
			st := s.stats()
			if st.Total != 1 || st.HandedOver == 1 != handed {
				t.Errorf("%+v", st)
			}
		}
	})
}

func TestAConnectorOpensOffersLocally(t *testing.T) {
	onWays(t, func(t *testing.T, l link, proxied bool) {
		for _, networks := range [][2]string{{"tcp", "tcp"}, {"tcp", "unix"}, {"unix", "tcp"}, {"unix", "unix"}} {
			b := upstream(t, networks[0], echo)
			o := b.offer("echo")
			o.Proxied = proxied
			s := serve(t, l, o)
			n := s.connector()
			c := netDial(t, s.listen(n, networks[1], "echo"))
			big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
			sent := result(func() error {
				if _, err := c.Write(big); err != nil {
					return err
				}
				return c.CloseWrite()
			})
			got, err := io.ReadAll(c)
			check(t, err)
			check(t, get(t, sent))
			if !bytes.Equal(got, big) {
				t.Errorf("%d bytes of %d came back", len(got), len(big))
			}
			check(t, c.Close())
			bytes := fmt.Sprintf("sent=%d received=%d", len(big), len(big))
			s.log.line(t, lineEnded, bytes, "reason=closed", fmt.Sprintf("handed_over=%t", l.handsOver && !proxied))
			s.log.line(t, "connector "+lineEnded, bytes, "reason=closed")
			eventually(t, "nothing is open", func() bool { return s.stats().Open == 0 && n.Stats()[0].Open == 0 })
			if st := n.Stats()[0]; st.Name != "echo" || st.Total != 1 || st.Sent != int64(len(big)) || st.Received != st.Sent {
				t.Errorf("%+v", st)
			}
			if st := s.stats(); st.Sent != int64(len(big)) || st.Received != st.Sent {
				t.Errorf("%+v", st)
			}
		}
	})
}

// TestHalvesCloseApart has the upstream end first and the client go on, and the other way round.
func TestHalvesCloseApart(t *testing.T) {
	onWaysOf(t, overAll, func(t *testing.T, l link, proxied bool) {
		heard := make(chan string, 1)
		b := upstream(t, "tcp", func(c halfCloser) {
			_, _ = io.WriteString(c, "said first")
			_ = c.CloseWrite()
			rest, err := io.ReadAll(c)
			heard <- fmt.Sprintf("%s %v", rest, err)
		})
		o := b.offer("x")
		o.Proxied = proxied
		s := serve(t, l, o)
		n := s.connector()
		c := netDial(t, s.listen(n, "tcp", "x"))
		got, err := io.ReadAll(c)
		check(t, err)
		if string(got) != "said first" {
			t.Errorf("%q", got)
		}
		_, err = io.WriteString(c, "said after")
		check(t, err)
		check(t, c.CloseWrite())
		if h := get(t, heard); h != "said after <nil>" {
			t.Error(h)
		}
	})
}

func TestAThousandConnections(t *testing.T) {
	onWaysOf(t, []link{overShm, overTCP}, func(t *testing.T, l link, proxied bool) {
		const count = 1000
		b := upstream(t, "tcp", echo)
		o := b.offer("echo")
		o.Proxied, o.MaxConns = proxied, count
		s := serve(t, l, o)
		n := s.connector()
		addr := s.listen(n, "tcp", "echo")
		var all sync.WaitGroup
		conns := make([]halfCloser, count)
		for i := range conns {
			conns[i] = netDial(t, addr)
		}
		for i, c := range conns {
			all.Go(func() {
				for range 3 {
					if err := tryRoundTrip(c, fmt.Sprintf("this is connection %d", i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if st := s.stats(); st.Open != count || st.Total != count {
			t.Errorf("%+v", st)
		}
		for _, c := range conns {
			check(t, c.Close())
		}
		eventually(t, "all are closed", func() bool { return s.stats().Open == 0 })
		if lines := s.log.find(lineEnded); len(lines) != count {
			t.Errorf("%d lines", len(lines))
		}
	})
}

func tryRoundTrip(c net.Conn, line string) error {
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return err
	}
	got := make([]byte, len(line)+1)
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if string(got) != line+"\n" {
		return fmt.Errorf("%q came back as %q", line, got)
	}
	return nil
}

func TestAnUnknownOfferIsNamed(t *testing.T) {
	onLinks(t, overAll, func(t *testing.T, l link) {
		b := upstream(t, "tcp", echo)
		hidden := b.offer("hidden")
		hidden.Rules.Certs = []string{"nobody"}
		s := serve(t, l, b.offer("echo"), hidden)
		_, err := gateway.Dial(s.ctx, s.sess, "ecco")
		want(t, err, gateway.ErrUnknownOffer)
		var oe *gateway.OpenError
		if !errors.As(err, &oe) || oe.Offer != "ecco" || !strings.Contains(err.Error(), "there are: echo") || strings.Contains(err.Error(), "hidden") {
			t.Error(err)
		}
		s.log.line(t, lineRefused, "offer=ecco", "no such offer")
	})
}

func TestAnUpstreamThatIsDownIsNamed(t *testing.T) {
	onLinks(t, overAll, func(t *testing.T, l link) {
		b := upstream(t, "tcp", echo)
		o := b.offer("echo")
		b.stop()
		s := serve(t, l, o)
		_, err := gateway.Dial(s.ctx, s.sess, "echo")
		want(t, err, gateway.ErrUpstream)
		if !strings.Contains(err.Error(), "connection refused") {
			t.Error(err)
		}
		s.log.line(t, lineRefused, "offer=echo", "upstream="+o.Upstream, "connection refused")
		eventually(t, "its place is free", func() bool { return s.stats().Open == 0 })
		if st := s.stats(); st.Failed != 1 || st.Total != 0 {
			t.Errorf("%+v", st)
		}
		n := s.connector() // which resets its client
		wantReset(t, s.listen(n, "tcp", "echo"))
		s.log.line(t, "connector connection failed", "offer=echo", "upstream cannot be reached")
	})
}

func TestOffersAreListed(t *testing.T) {
	onLinks(t, overAll, func(t *testing.T, l link) {
		b := upstream(t, "tcp", echo)
		hidden := b.offer("hidden")
		hidden.Rules.Certs = []string{"nobody"}
		s := serve(t, l, b.offer("echo"), hidden)
		roundTrip(t, s.dial("echo"), "x")
		list, err := gateway.List(s.ctx, s.sess, nil)
		check(t, err)
		if len(list) != 1 || list[0].Name != "echo" || list[0].Total != 1 || list[0].Open != 1 {
			t.Errorf("%+v", list)
		}
	})
}
