package gateway_test

import (
	"bufio"
	"context"
	stdtls "crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/gateway"
	"github.com/corechan/corechan/transports/internal/certtest"
	"github.com/corechan/corechan/transports/internal/socktest"
	"github.com/corechan/corechan/transports/tcp"
	"github.com/corechan/corechan/transports/tls"
	"github.com/corechan/corechan/transports/unix"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childEnv); url != "" {
		if err := childServe(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait: long enough for a loaded machine, and only ever spent by a test that fails.
const patience = time.Minute

func watchdog(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error is %v, not %v", err, target)
	}
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("gave up waiting until %s\n%s", what, buf[:runtime.Stack(buf, true)])
		}
	}
}

// get returns what comes from a Go channel.
func get[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		t.Fatalf("nothing came\n%s", buf[:runtime.Stack(buf, true)])
		panic("unreachable")
	}
}

func result[T any](f func() T) <-chan T {
	c := make(chan T, 1)
	go func() { c <- f() }()
	return c
}

// residue checks at the end of the test that no goroutine and no descriptor is left.
func residue(t *testing.T) {
	t.Helper()
	goroutines := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if !t.Failed() {
			goleak.VerifyNone(t, goroutines)
		}
	})
	fdtest.Snapshot(t)
	t.Cleanup(func() { // package net keeps the pipes of splice(2) for later, in a sync.Pool
		for range 3 {
			runtime.GC()
		}
	})
}

// A link is how a peer is connected to its gateway.
type link struct {
	name string
	// handsOver says that connections are handed over.
	handsOver bool
	// pair makes a session; a is the peer's, and cut cuts the two apart.
	pair func(t testing.TB) (a, b *engine.Session, cut func())
}

var (
	overShm    = link{"shm", true, urlPair("shm")}
	overInmem  = link{"inmem", true, urlPair("inmem")}
	overRemote = link{"remote", false, remotePair}
	overUnix   = link{"unix", true, wirePair(unix.Transport, "@gateway-test-unix-", func(ctx context.Context, addr string, e *engine.Engine, _ *certtest.CA) (*engine.Listener, error) {
		return unix.Listen(ctx, addr, &unix.Options{Engine: e})
	}, func(ctx context.Context, addr string, e *engine.Engine, _ *certtest.CA) (*engine.Session, error) {
		return unix.Dial(ctx, addr, &unix.Options{Engine: e})
	})}
	overTCP = link{"tcp", false, wirePair(tcp.Transport, "", func(ctx context.Context, addr string, e *engine.Engine, _ *certtest.CA) (*engine.Listener, error) {
		return tcp.Listen(ctx, addr, &tcp.Options{Engine: e})
	}, func(ctx context.Context, addr string, e *engine.Engine, _ *certtest.CA) (*engine.Session, error) {
		return tcp.Dial(ctx, addr, &tcp.Options{Engine: e})
	})}
	overTLS = link{"tls", false, wirePair(tls.Transport, "", func(ctx context.Context, addr string, e *engine.Engine, ca *certtest.CA) (*engine.Listener, error) {
		return tls.Listen(ctx, addr, &tls.Options{Engine: e, Config: &stdtls.Config{
			Certificates: []stdtls.Certificate{ca.Good("gateway")}, ClientCAs: ca.Pool(), ClientAuth: stdtls.RequireAndVerifyClientCert,
		}})
	}, func(ctx context.Context, addr string, e *engine.Engine, ca *certtest.CA) (*engine.Session, error) {
		return tls.Dial(ctx, addr, &tls.Options{Engine: e, Config: &stdtls.Config{
			RootCAs: ca.Pool(), Certificates: []stdtls.Certificate{ca.Good("web")},
		}})
	})}
	overAll = []link{overShm, overInmem, overUnix, overRemote, overTCP, overTLS}
)

func onLinks(t *testing.T, links []link, f func(t *testing.T, l link)) {
	for _, l := range links {
		t.Run(l.name, func(t *testing.T) {
			residue(t)
			f(t, l)
		})
	}
}

var names atomic.Int64

func newEngine(t testing.TB, c engine.Config) *engine.Engine {
	t.Helper()
	eng := must(engine.New(c))
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = eng.Shutdown(now)
	})
	return eng
}

func url(scheme string) string {
	return fmt.Sprintf("%s://@gateway-test-%d-%d", scheme, os.Getpid(), names.Add(1))
}

func urlPair(scheme string) func(t testing.TB) (a, b *engine.Session, cut func()) {
	return func(t testing.TB) (a, b *engine.Session, cut func()) {
		t.Helper()
		ctx, u := watchdog(t), url(scheme)
		ln := must(transports.Listen(ctx, u, &transports.Options{Engine: newEngine(t, engine.Config{})}))
		t.Cleanup(func() { _ = ln.Close() })
		a = must(transports.Dial(ctx, u, &transports.Options{Engine: newEngine(t, engine.Config{})}))
		b = must(ln.Accept(ctx))
		return a, b, func() { a.PeerGone(); b.PeerGone() }
	}
}

// wirePair makes sessions over a socket.
func wirePair(scheme, name string,
	listen func(ctx context.Context, addr string, e *engine.Engine, ca *certtest.CA) (*engine.Listener, error),
	dial func(ctx context.Context, addr string, e *engine.Engine, ca *certtest.CA) (*engine.Session, error),
) func(t testing.TB) (a, b *engine.Session, cut func()) {
	return func(t testing.TB) (a, b *engine.Session, cut func()) {
		t.Helper()
		ctx, ca := watchdog(t), certtest.NewCA(t)
		addr := "127.0.0.1:0"
		if name != "" {
			addr = fmt.Sprintf("%s%d-%d", name, os.Getpid(), names.Add(1))
		}
		ln := must(listen(ctx, addr, newEngine(t, engine.Config{}), ca))
		t.Cleanup(func() { _ = ln.Close() })
		addr = strings.TrimPrefix(ln.Addr(), scheme+"://")
		a = must(dial(ctx, addr, newEngine(t, engine.Config{}), ca))
		b = must(ln.Accept(ctx))
		return a, b, func() {
			if name != "" {
				socktest.CutUnix(t, addr)
			} else {
				socktest.CutTCP(t, addr)
			}
		}
	}
}

// remotePair stands for two machines: a link without descriptors, whose peers do not know each other's user.
func remotePair(t testing.TB) (sa, sb *engine.Session, cut func()) {
	return remotePairOf(t, engine.Peer{Addr: "remote://test"})
}

func remotePairOf(t testing.TB, who engine.Peer) (sa, sb *engine.Session, cut func()) {
	t.Helper()
	ea, eb := newEngine(t, engine.Config{}), newEngine(t, engine.Config{})
	segA, segB := must(ring.NewHeap(nil)), must(ring.NewHeap(nil))
	bellA, bellB := engine.NewBells()
	make := func(own, peer *ring.Segment, bell engine.Bell, e, other *engine.Engine, dialer bool) *engine.Session {
		l := other.Limits()
		return must(engine.NewSession(e, &engine.Link{
			Producer: ring.NewProducer(own, peer), Consumer: ring.NewConsumer(own, peer), Bell: bell,
			Barrier: engine.ProcessBarrier(), Close: func() error { return nil }, Transport: "remote", Dialer: dialer,
			MaxRecord: own.MaxRecord(), PeerLimits: engine.Announced{Window: l.Window, MaxMessage: l.MaxMessage},
			Peer: who,
		}))
	}
	sa, sb = make(segA, segB, bellA, ea, eb, true), make(segB, segA, bellB, eb, ea, false)
	bellA.OnGone(sa.PeerGone)
	bellB.OnGone(sb.PeerGone)
	return sa, sb, func() { sa.PeerGone(); sb.PeerGone() }
}

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

type halfCloser interface {
	net.Conn
	CloseWrite() error
}

func netDial(t testing.TB, to net.Addr) halfCloser {
	t.Helper()
	c, err := net.Dial(to.Network(), to.String())
	check(t, err)
	t.Cleanup(func() { _ = c.Close() })
	check(t, c.SetDeadline(time.Now().Add(patience)))
	return c.(halfCloser)
}

// A backend is an endpoint behind a gateway.
type backend struct {
	ln  net.Listener
	all sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

// upstream starts a backend that has f serve each connection, and closes it when f returns.
func upstream(t testing.TB, network string, f func(c halfCloser)) *backend {
	t.Helper()
	where := "127.0.0.1:0"
	if network == "unix" {
		where = filepath.Join(t.TempDir(), "upstream")
	}
	b := &backend{ln: must(net.Listen(network, where))}
	b.all.Go(func() {
		for {
			c, err := b.ln.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.conns = append(b.conns, c)
			b.mu.Unlock()
			b.all.Go(func() {
				defer c.Close()
				f(c.(halfCloser))
			})
		}
	})
	t.Cleanup(b.stop)
	return b
}

func (b *backend) stop() {
	_ = b.ln.Close()
	b.mu.Lock()
	for _, c := range b.conns {
		_ = c.Close()
	}
	b.mu.Unlock()
	b.all.Wait()
}

func (b *backend) accepted() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns)
}

// offer returns an offer of it.
func (b *backend) offer(name string) gateway.Offer {
	if a := b.ln.Addr(); a.Network() == "unix" {
		return gateway.Offer{Name: name, Upstream: "unix:" + a.String()}
	}
	return gateway.Offer{Name: name, Upstream: b.ln.Addr().String()}
}

// echo sends back what comes.
func echo(c halfCloser) {
	_, _ = io.Copy(c, c)
	_ = c.CloseWrite()
}

// roundTrip sends a line and wants it back.
func roundTrip(t testing.TB, c net.Conn, line string) {
	t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(line)+1)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != line+"\n" {
		t.Fatalf("%q came back as %q, %v", line, got, err)
	}
}

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

// readLine reads up to a newline, byte by byte.
func readLine(c net.Conn) (string, error) {
	s, err := bufio.NewReaderSize(c, 16).ReadString('\n')
	return strings.TrimSuffix(s, "\n"), err
}
