package gateway_test

import (
	"context"
	stdtls "crypto/tls"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/internal/certtest"
	"github.com/corechan/corechan/transports/internal/socktest"
)

// A link is how a peer is connected to its gateway.
type link struct {
	name string
	// handsOver says that connections are handed over.
	handsOver bool
	// besides says that connections are made beside the session.
	besides bool
	// pair makes a session; a is the peer's, and cut cuts the two apart.
	pair func(t testing.TB) (a, b *engine.Session, cut func())
}

var (
	overShm    = link{"shm", true, false, urlPair("shm")}
	overInmem  = link{"inmem", true, false, urlPair("inmem")}
	overUnix   = link{"unix", true, false, urlPair("unix")}
	overRemote = link{"remote", false, false, remotePair}
	overTCP    = link{"tcp", false, true, urlPair("tcp")}
	overTLS    = link{"tls", false, false, urlPair("tls")}
	overH2     = link{"h2", false, false, urlPair("https")}
	overWS     = link{"ws", false, false, urlPair("wss")}
	// overKinds has one for each way that a connection takes; overAll is every transport.
	overKinds = []link{overShm, overTCP, overH2}
	overAll   = []link{overShm, overInmem, overUnix, overRemote, overTCP, overTLS, overH2, overWS}
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

// url returns one at which nobody listens.
func url(scheme string) string {
	switch scheme {
	case "tcp", "tls":
		return scheme + "://127.0.0.1:0"
	case "https", "wss":
		return scheme + "://127.0.0.1:0/chan"
	}
	return fmt.Sprintf("%s://@gateway-test-%d-%d", scheme, os.Getpid(), names.Add(1))
}

// urlPair makes sessions by URLs. With TLS the peer has a certificate for "web".
func urlPair(scheme string) func(t testing.TB) (a, b *engine.Session, cut func()) {
	return func(t testing.TB) (a, b *engine.Session, cut func()) {
		t.Helper()
		ctx := watchdog(t)
		listen := &transports.Options{Engine: newEngine(t, engine.Config{})}
		dial := &transports.Options{Engine: newEngine(t, engine.Config{})}
		if scheme == "tls" || scheme == "https" || scheme == "wss" {
			ca := certtest.NewCA(t)
			listen.TLS = &stdtls.Config{
				Certificates: []stdtls.Certificate{ca.Good("gateway")}, ClientCAs: ca.Pool(), ClientAuth: stdtls.RequireAndVerifyClientCert,
			}
			dial.TLS = &stdtls.Config{RootCAs: ca.Pool(), Certificates: []stdtls.Certificate{ca.Good("web")}}
		}
		ln := must(transports.Listen(ctx, url(scheme), listen))
		t.Cleanup(func() { _ = ln.Close() })
		a = must(transports.Dial(ctx, ln.Addr(), dial))
		b = must(ln.Accept(ctx))
		return a, b, func() {
			switch _, addr, _ := strings.Cut(ln.Addr(), "://"); scheme {
			case "tcp", "tls", "https", "wss":
				addr, _, _ = strings.Cut(addr, "/")
				socktest.CutTCP(t, addr)
			case "unix":
				socktest.CutUnix(t, addr)
			default:
				a.PeerGone()
				b.PeerGone()
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
