package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/codec/json"
	"github.com/corechan/corechan/transports/gateway"
)

// The messages of the protocol, as docs/gateway.md has them.
const openName = "corechan.gateway.open"

type request struct {
	Offer  string                  `msg:"offer"`
	Answer engine.Sender[answer]   `msg:"answer"`
	Report engine.Receiver[report] `msg:"report"`
}

type answer struct {
	Conn  net.Conn       `msg:"conn"`
	Read  io.ReadCloser  `msg:"read"`
	Write io.WriteCloser `msg:"write"`
}

type report struct {
	Sent     int64  `msg:"sent"`
	Received int64  `msg:"received"`
	Reason   string `msg:"reason"`
}

func sendUntilEnd[T any](ctx context.Context, s engine.Sender[T], v T) error {
	for {
		if err := s.Send(ctx, &v); err != nil {
			return err
		}
	}
}

// TestARequestThatIsNoneIsRefused has a peer send what no peer should, and the session go on.
func TestARequestThatIsNoneIsRefused(t *testing.T) {
	onLinks(t, overKinds, func(t *testing.T, l link) {
		s := serve(t, l, upstream(t, "tcp", echo).offer("x"))
		t.Run("codec", func(t *testing.T) {
			ch, err := engine.OpenWith[map[string]any](s.ctx, s.sess, openName, &engine.OpenOptions{Codec: json.Codec{}})
			check(t, err)
			want(t, sendUntilEnd(s.ctx, ch, map[string]any{"offer": "x"}), engine.ErrCodec)
		})
		t.Run("malformed", func(t *testing.T) {
			ch, err := engine.Open[string](s.ctx, s.sess, openName)
			check(t, err)
			want(t, sendUntilEnd(s.ctx, ch, "give me redis"), engine.ErrCanceled)
		})
		t.Run("withoutAnswer", func(t *testing.T) {
			ch, err := engine.Open[request](s.ctx, s.sess, openName)
			check(t, err)
			check(t, ch.Send(s.ctx, &request{Offer: "x"}))
		})
		t.Run("gone", func(t *testing.T) { // before its answer
			ch, err := engine.Open[request](s.ctx, s.sess, openName)
			check(t, err)
			r, to := engine.Pipe[answer]()
			check(t, ch.Send(s.ctx, &request{Offer: "x", Answer: to}))
			check(t, r.Close())
			roundTrip(t, s.dial("x"), "this reads what came")
			eventually(t, "it is over", func() bool { st := s.stats(); return st.Total+st.Failed == 2 && st.Open == 1 })
		})
		roundTrip(t, s.dial("x"), "the session goes on")
	})
}

// TestAHostileReportChangesNothing has the user of a connection that was handed over say that it has ended, and more.
func TestAHostileReportChangesNothing(t *testing.T) {
	onLinks(t, []link{overShm, overInmem}, func(t *testing.T, l link) {
		o := upstream(t, "tcp", echo).offer("x")
		o.MaxConns = 1
		s := serve(t, l, o)
		ch, err := engine.Open[request](s.ctx, s.sess, openName)
		check(t, err)
		reports, last := engine.Pipe[report]()
		req, ans := request{Offer: "x", Report: reports}, answer{}
		check(t, engine.Call(s.ctx, ch, &req, &req.Answer, &ans))
		defer ans.Conn.Close()
		check(t, last.Send(s.ctx, &report{Sent: 1 << 60, Reason: strings.Repeat("x", 100_000)}))
		_ = last.Close()
		roundTrip(t, ans.Conn, "it is still open")
		_, err = gateway.Dial(s.ctx, s.sess, "x")
		want(t, err, gateway.ErrBusy)
		check(t, ans.Conn.Close())
		eventually(t, "it has ended", func() bool { return s.stats().Open == 0 })
		s.log.line(t, lineEnded, "handed_over=true")
		if line := s.log.find(lineEnded)[0]; len(line) > 1000 || strings.Contains(line, "sent=") {
			t.Errorf("%.300s", line)
		}
		if st := s.stats(); st.Sent != 0 || st.Received != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestAHostileAnswerIsAnError has a gateway answer with what is no connection.
func TestAHostileAnswerIsAnError(t *testing.T) {
	onLinks(t, overKinds, func(t *testing.T, l link) {
		a, b, _ := l.pair(t)
		defer a.Close()
		defer b.Close()
		ctx := watchdog(t)
		file := must(os.Open("/dev/null"))
		defer file.Close()
		packets := must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))
		defer packets.Close()
		conn, far := net.Pipe()
		defer far.Close()
		r, w := engine.Stream()
		r2, w2 := engine.Stream()
		answers := []answer{{}, {Conn: packets}, {Read: file}, {Conn: conn, Read: r}, {Write: w2}}
		over := result(func() error {
			for i := range answers {
				ch, err := engine.Accept[request](ctx, b, openName)
				if err != nil {
					return err
				}
				var req request
				if err := ch.Receive(ctx, &req); err != nil {
					return err
				}
				err = req.Answer.Send(ctx, &answers[i])
				if err != nil {
					_ = req.Answer.CloseWith(err)
				}
				if err != nil && !(i == 1 && errors.Is(err, errors.ErrUnsupported)) { // packets travel as a descriptor only
					return fmt.Errorf("answer %d: %w", i, err)
				}
				_ = ch.Close()
			}
			return nil
		})
		for i := range answers {
			c, err := gateway.Dial(ctx, a, "x")
			var refused *engine.ChannelError
			if i == 1 && errors.As(err, &refused) {
				continue // it could not be sent
			}
			if !errors.Is(err, engine.ErrMalformed) {
				t.Errorf("answer %d: %T, %v", i, c, err)
			}
		}
		check(t, get(t, over))
		_ = w.Close()
		_ = r2.Close()
		_ = conn.Close()
	})
}

// TestAPeerThatIsNoGatewayIsAskedAboutInVain bounds the wait, as nobody will ever answer.
func TestAPeerThatIsNoGatewayIsAskedAboutInVain(t *testing.T) {
	onLinks(t, overKinds, func(t *testing.T, l link) {
		a, b, _ := l.pair(t)
		defer a.Close()
		defer b.Close()
		ctx, cancel := context.WithTimeout(watchdog(t), 50*time.Millisecond)
		defer cancel()
		_, err := gateway.Dial(ctx, a, "x")
		want(t, err, context.DeadlineExceeded)
		var oe *gateway.OpenError
		if !errors.As(err, &oe) || !oe.Timeout() {
			t.Error(err)
		}
		check(t, b.Close())
		_, err = gateway.Dial(watchdog(t), a, "x")
		if !errors.Is(err, engine.ErrSessionClosed) {
			t.Error(err)
		}
	})
}
