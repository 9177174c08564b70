package gateway_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/gateway"
)

func abort(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }

func TestAnUpstreamThatDiesResetsTheClient(t *testing.T) {
	onWays(t, func(t *testing.T, l link, proxied bool) {
		b := upstream(t, "tcp", func(c halfCloser) {
			_, _ = readLine(c)
			abort(c)
		})
		o := b.offer("x")
		o.Proxied = proxied
		s := serve(t, l, o)
		c := s.dial("x")
		_, err := io.WriteString(c, "die\n")
		check(t, err)
		if _, err := io.ReadAll(c); !isReset(err) {
			t.Errorf("who dialled reads %v", err)
		}
		c = netDial(t, s.listen(s.connector(), "tcp", "x"))
		_, err = io.WriteString(c, "die\n")
		check(t, err)
		if _, err := io.ReadAll(c); !isReset(err) {
			t.Errorf("the connector's client reads %v", err)
		}
		s.log.line(t, "connector "+lineEnded, "connection reset by peer")
	})
}

func TestAClientThatDiesResetsTheUpstream(t *testing.T) {
	onWays(t, func(t *testing.T, l link, proxied bool) {
		ended := make(chan error, 1)
		b := upstream(t, "tcp", func(c halfCloser) {
			_, err := io.Copy(io.Discard, c)
			ended <- err
		})
		o := b.offer("x")
		o.Proxied = proxied
		s := serve(t, l, o)
		c := netDial(t, s.listen(s.connector(), "tcp", "x"))
		_, err := io.WriteString(c, "hello")
		check(t, err)
		eventually(t, "the upstream is connected", func() bool { return b.accepted() == 1 })
		abort(c)
		if err := get(t, ended); !isReset(err) {
			t.Errorf("the upstream reads %v", err)
		}
		s.log.line(t, lineEnded, "connection reset by peer")
		eventually(t, "it counts as ended", func() bool { return s.stats().Open == 0 })
	})
}

// TestAnAnswerSentBeforeAnUpstreamClosesArrives has the upstream answer, and close without having read all that is sent to it.
func TestAnAnswerSentBeforeAnUpstreamClosesArrives(t *testing.T) {
	onWays(t, func(t *testing.T, l link, proxied bool) {
		b := upstream(t, "tcp", func(c halfCloser) {
			_, _ = readLine(c)
			_, _ = io.WriteString(c, "too large\n")
		})
		o := b.offer("x")
		o.Proxied = proxied
		s := serve(t, l, o)
		c := netDial(t, s.listen(s.connector(), "tcp", "x"))
		_, err := io.WriteString(c, "upload\n")
		check(t, err)
		if line, err := readLine(c); line != "too large" || err != nil {
			t.Errorf("%q, %v", line, err)
		}
		block := make([]byte, 1<<16)
		for err == nil {
			_, err = c.Write(block)
		}
		if !isReset(err) && !errors.Is(err, syscall.EPIPE) {
			t.Errorf("a Write returns %v", err)
		}
		eventually(t, "it counts as ended", func() bool { return s.stats().Open == 0 })
	})
}

func TestASessionThatIsCutResetsWhatIsProxied(t *testing.T) {
	onWays(t, func(t *testing.T, l link, proxied bool) {
		proxied = proxied || l.besides // see TestASideConnectionOutlivesItsSession
		ended := make(chan error, 2)
		b := upstream(t, "tcp", func(c halfCloser) {
			_, err := io.Copy(c, c)
			ended <- err
		})
		o := b.offer("x")
		o.Proxied = proxied
		s := serve(t, l, o)
		own := s.dial("x")
		roundTrip(t, own, "hello")
		c := netDial(t, s.listen(s.connector(), "tcp", "x"))
		roundTrip(t, c, "hello")
		s.cut()
		if l.handsOver && !proxied {
			roundTrip(t, own, "it goes on")
			roundTrip(t, c, "it goes on")
			if st := s.stats(); st.Open != 2 {
				t.Errorf("%+v", st)
			}
			check(t, own.Close())
			check(t, c.Close())
			get(t, s.over)
			return
		}
		if _, err := own.Read(make([]byte, 1)); !errors.Is(err, engine.ErrPeerGone) {
			t.Errorf("who dialled reads %v", err)
		}
		if _, err := c.Read(make([]byte, 1)); !isReset(err) {
			t.Errorf("the connector's client reads %v", err)
		}
		for range 2 {
			if err := get(t, ended); !isReset(err) {
				t.Errorf("the upstream reads %v", err)
			}
		}
		want(t, get(t, s.over), engine.ErrPeerGone)
		if lines := s.log.find(lineEnded); len(lines) != 2 || !strings.Contains(lines[0], "client: engine: peer is gone") && !strings.Contains(lines[0], "peer is gone") {
			t.Errorf("%q", lines)
		}
	})
}

// TestWhatWasSentBeforeASessionIsClosedArrives is for a program that sends, closes all, and ends.
func TestWhatWasSentBeforeASessionIsClosedArrives(t *testing.T) {
	onWays(t, func(t *testing.T, l link, proxied bool) {
		heard := make(chan string, 1)
		b := upstream(t, "tcp", func(c halfCloser) {
			all, err := io.ReadAll(c)
			if err != nil {
				all = []byte(err.Error())
			}
			heard <- string(all)
		})
		o := b.offer("x")
		o.Proxied = proxied
		s := serve(t, l, o)
		c := s.dial("x")
		_, err := io.WriteString(c, "last words")
		check(t, err)
		check(t, c.Close())
		check(t, s.sess.Close())
		if h := get(t, heard); h != "last words" {
			t.Errorf("%q", h)
		}
	})
}

// TestAClientThatClosesEndsAnUpstreamThatSaysNothing has an upstream that does not end by itself.
func TestAClientThatClosesEndsAnUpstreamThatSaysNothing(t *testing.T) {
	onLinks(t, overKinds, func(t *testing.T, l link) {
		release := make(chan struct{})
		b := upstream(t, "tcp", func(c halfCloser) {
			_, _ = io.Copy(io.Discard, c)
			<-release
		})
		defer close(release)
		o := b.offer("x")
		o.Proxied = true
		s := serve(t, l, o)
		c := s.dial("x")
		_, err := io.WriteString(c, "hello")
		check(t, err)
		check(t, c.Close())
		eventually(t, "it counts as ended", func() bool { return s.stats().Open == 0 })
		s.log.line(t, lineEnded, "sent=5", "received=0", "reason=closed")
	})
}

func TestAGatewayThatIsClosedResetsWhatIsProxied(t *testing.T) {
	onWays(t, func(t *testing.T, l link, proxied bool) {
		b := upstream(t, "tcp", echo)
		o := b.offer("x")
		o.Proxied = proxied
		s := serve(t, l, o)
		c := s.dial("x")
		roundTrip(t, c, "hello")
		check(t, s.g.Close())
		want(t, get(t, s.over), gateway.ErrClosed)
		if l.handsOver && !proxied {
			roundTrip(t, c, "it goes on")
			s.log.line(t, lineEnded, "handed_over=true", "gateway was closed; it was handed over and goes on")
		} else {
			if _, err := c.Read(make([]byte, 1)); !isReset(err) || !l.besides && !strings.Contains(err.Error(), "gateway was closed") {
				t.Errorf("it reads %v", err)
			}
			s.log.line(t, lineEnded, "sent=6 received=6", "reason=gateway was closed")
		}
		if err := s.g.ServeSession(s.ctx, s.sess); !errors.Is(err, gateway.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestASlowReaderIsBounded has an upstream send without end to a client that does not read, beside one that does.
func TestASlowReaderIsBounded(t *testing.T) {
	onLinks(t, overKinds, func(t *testing.T, l link) {
		var written atomic.Int64
		flood := upstream(t, "tcp", func(c halfCloser) {
			_ = c.(*net.TCPConn).SetWriteBuffer(1 << 16)
			block := make([]byte, 1<<14)
			for {
				n, err := c.Write(block)
				written.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
		o := flood.offer("flood")
		o.Proxied = true
		s := serve(t, l, o, upstream(t, "tcp", echo).offer("echo"))
		s.dial("flood")
		settled, since := int64(-1), time.Now()
		eventually(t, "the upstream waits", func() bool {
			if n := written.Load(); n != settled {
				settled, since = n, time.Now()
			}
			return settled > 0 && time.Since(since) > 200*time.Millisecond
		})
		if moved := s.stats().Received; moved > 1<<20+1<<17 { // the window, and what is in between
			t.Errorf("the gateway took %d bytes for a reader that has read nothing", moved)
		}
		roundTrip(t, s.dial("echo"), "others go on")
	})
}

// A slow upstream bounds what is taken of its client, and a stuck one is left when the session has ended.
func TestAStuckUpstreamIsBounded(t *testing.T) {
	onLinks(t, []link{overShm}, func(t *testing.T, l link) {
		stuck := make(chan struct{})
		b := upstream(t, "tcp", func(halfCloser) { <-stuck })
		defer close(stuck)
		o := b.offer("x")
		o.Proxied = true
		s := serve(t, l, o)
		c := s.dial("x")
		check(t, c.SetDeadline(time.Time{}))
		over := result(func() error {
			block := make([]byte, 1<<16)
			for {
				if _, err := c.Write(block); err != nil {
					return err
				}
			}
		})
		settled, since := int64(-1), time.Now()
		eventually(t, "the client waits", func() bool {
			if n := s.stats().Sent; n != settled {
				settled, since = n, time.Now()
			}
			return time.Since(since) > 200*time.Millisecond
		})
		s.cut()
		want(t, get(t, over), engine.ErrPeerGone)
		want(t, get(t, s.over), engine.ErrPeerGone) // after the time that is given to what was sent
		s.log.line(t, lineEnded, "reason=client: ")
	})
}

func TestAnIdleConnectionIsEnded(t *testing.T) {
	onLinks(t, overKinds, func(t *testing.T, l link) {
		o := upstream(t, "tcp", echo).offer("x")
		o.IdleTimeout = 50 * time.Millisecond
		s := serve(t, l, o)
		c := s.dial("x")
		if _, ok := c.(*gateway.Conn); !ok {
			t.Errorf("%T: nobody could end it", c)
		}
		roundTrip(t, c, "hello")
		if _, err := c.Read(make([]byte, 1)); !isReset(err) || !strings.Contains(err.Error(), "idle for too long") {
			t.Errorf("it reads %v", err)
		}
		s.log.line(t, lineEnded, "sent=6 received=6", "idle for too long: nothing for 50ms")
	})
}

// TestAConnectionThatMovesIsNotIdle keeps one busy for several times its limit.
func TestAConnectionThatMovesIsNotIdle(t *testing.T) {
	residue(t)
	o := upstream(t, "tcp", echo).offer("x")
	o.IdleTimeout = 2 * time.Second
	s := serve(t, overRemote, o)
	c := s.dial("x")
	for begun := time.Now(); time.Since(begun) < 2*o.IdleTimeout; {
		roundTrip(t, c, "hello")
	}
}

func TestADialThatTakesTooLongIsEnded(t *testing.T) {
	onLinks(t, overKinds, func(t *testing.T, l link) {
		gone := make(chan struct{})
		s := serve(t, l, gateway.Offer{
			Name: "x", Upstream: "nowhere", DialTimeout: 50 * time.Millisecond,
			Dial: func(ctx context.Context) (net.Conn, error) {
				<-ctx.Done()
				close(gone)
				return nil, ctx.Err()
			},
		})
		_, err := gateway.Dial(s.ctx, s.sess, "x")
		want(t, err, gateway.ErrUpstream)
		if !strings.Contains(err.Error(), "no connection within 50ms") {
			t.Error(err)
		}
		get(t, gone)
	})
}

// TestAClientThatGivesUpEndsTheDial has the gateway wait for an upstream that does not come.
func TestAClientThatGivesUpEndsTheDial(t *testing.T) {
	onLinks(t, overKinds, func(t *testing.T, l link) {
		dialling, gone := make(chan struct{}), make(chan struct{})
		s := serve(t, l, gateway.Offer{
			Name: "x", Upstream: "nowhere", DialTimeout: time.Hour,
			Dial: func(ctx context.Context) (net.Conn, error) {
				close(dialling)
				<-ctx.Done()
				close(gone)
				return nil, ctx.Err()
			},
		})
		ctx, cancel := context.WithCancel(s.ctx)
		over := result(func() error { _, err := gateway.Dial(ctx, s.sess, "x"); return err })
		get(t, dialling)
		cancel()
		want(t, get(t, over), context.Canceled)
		get(t, gone)
		eventually(t, "its place is free", func() bool { return s.stats().Open == 0 })
	})
}
