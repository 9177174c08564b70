package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/gateway"
)

// A served gateway, with the session of one peer.
type served struct {
	t    testing.TB
	ctx  context.Context
	g    *gateway.Gateway
	sess *engine.Session // the peer's
	log  *logs
	cut  func()
	over <-chan error // what ServeSession returned
	stop context.CancelCauseFunc
}

var errStopped = errors.New("the test stops it")

// serve serves offers over a link. Offers without rules are for anyone.
func serve(t testing.TB, l link, offers ...gateway.Offer) *served {
	t.Helper()
	for i := range offers {
		if r := &offers[i].Rules; !l.handsOver && len(r.UIDs)+len(r.Certs)+len(r.Tokens) == 0 && offers[i].Authorize == nil {
			r.Anyone = true
		}
	}
	return serveExactly(t, l, offers...)
}

func serveExactly(t testing.TB, l link, offers ...gateway.Offer) *served {
	t.Helper()
	s := &served{t: t, ctx: watchdog(t), log: new(logs)}
	g, err := gateway.New(&gateway.Config{Offers: offers, Logger: slog.New(s.log)})
	check(t, err)
	s.g = g
	a, b, cut := l.pair(t)
	s.sess, s.cut = a, cut
	ctx, stop := context.WithCancelCause(context.Background())
	s.stop = stop
	s.over = result(func() error { return g.ServeSession(ctx, b) })
	t.Cleanup(func() {
		stop(errStopped)
		_ = g.Close()
		_ = a.Close()
		_ = b.Close()
	})
	return s
}

// dial opens an offer, which must work.
func (s *served) dial(offer string) halfCloser {
	s.t.Helper()
	conn, err := gateway.Dial(s.ctx, s.sess, offer)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	check(s.t, conn.SetDeadline(time.Now().Add(patience)))
	return conn.(halfCloser)
}

// connector returns a Connector that has one session only.
func (s *served) connector() *gateway.Connector {
	s.t.Helper()
	n := must(gateway.NewConnector(&gateway.ConnectorConfig{
		Session: func(context.Context) (*engine.Session, error) { return s.sess, s.sess.Err() },
		Logger:  slog.New(s.log.of("connector ")),
	}))
	s.t.Cleanup(func() { _ = n.Close() })
	return n
}

// listen has a connector listen locally for an offer, and returns where.
func (s *served) listen(n *gateway.Connector, network, offer string) net.Addr {
	s.t.Helper()
	where := "127.0.0.1:0"
	if network == "unix" {
		where = filepath.Join(s.t.TempDir(), "s")
	}
	ln := must(net.Listen(network, where))
	over := result(func() error { return n.Serve(context.Background(), ln, offer) })
	s.t.Cleanup(func() {
		_ = n.Close()
		if err := get(s.t, over); !errors.Is(err, gateway.ErrClosed) {
			s.t.Errorf("Serve returned %v", err)
		}
	})
	return ln.Addr()
}

// stats returns the counters of the first offer.
func (s *served) stats() gateway.OfferStats { return s.g.Stats()[0] }

// logs is a slog handler that keeps lines: "connection ended offer=redis ...".
type logs struct {
	prefix string
	in     *logs
	mu     sync.Mutex
	lines  []string
}

func (l *logs) of(prefix string) *logs { return &logs{prefix: prefix, in: l} }

func (l *logs) Enabled(context.Context, slog.Level) bool { return true }
func (l *logs) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logs) WithGroup(string) slog.Handler            { return l }

func (l *logs) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s", l.prefix, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	to := l
	if l.in != nil {
		to = l.in
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	to.lines = append(to.lines, b.String())
	return nil
}

// find returns the lines that begin in some way.
func (l *logs) find(prefix string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.HasPrefix(line, prefix) {
			found = append(found, line)
		}
	}
	return found
}

// line waits for the one line that begins in some way, and checks that it says what it should.
func (l *logs) line(t testing.TB, prefix string, says ...string) {
	t.Helper()
	eventually(t, "there is a line "+prefix, func() bool { return len(l.find(prefix)) != 0 })
	found := l.find(prefix)
	if len(found) != 1 {
		t.Errorf("%d lines %s: %q", len(found), prefix, found)
	}
	for _, s := range says {
		if !strings.Contains(found[0], s) {
			t.Errorf("%q does not say %q", found[0], s)
		}
	}
}

const (
	lineEnded   = "connection ended"
	lineRefused = "connection refused"
)
