package tls_test

import (
	"context"
	stdtls "crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/certtest"
	"github.com/corechan/corechan/transports/internal/socktest"
	"github.com/corechan/corechan/transports/tcp"
	"github.com/corechan/corechan/transports/tls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A party has an authority, and what both sides need of it.
type party struct {
	ca             *certtest.CA
	server, client *stdtls.Config
}

func newParty(t testing.TB) *party {
	p := &party{ca: certtest.NewCA(t)}
	p.server = &stdtls.Config{Certificates: []stdtls.Certificate{p.ca.Good("server")}}
	p.client = &stdtls.Config{RootCAs: p.ca.Pool(), ServerName: "localhost"}
	return p
}

// raw is the client's configuration for a connection that is made by hand.
func (p *party) raw() *stdtls.Config {
	c := p.client.Clone()
	c.NextProtos = []string{tls.Protocol}
	return c
}

func (p *party) victim() socktest.Transport {
	options := func(o socktest.Options, c *stdtls.Config) *tls.Options {
		return &tls.Options{Engine: o.Engine, Ring: o.Ring, Authorize: o.Authorize, HandshakeTimeout: o.Timeout, Config: c}
	}
	return socktest.Transport{
		Name: tls.Transport,
		Listen: func(t testing.TB, o socktest.Options) *engine.Listener {
			return must(tls.Listen(context.Background(), socktest.Address(t, "127.0.0.1:0"), options(o, p.server)))
		},
		Dial: func(ctx context.Context, addr string, o socktest.Options) (*engine.Session, error) {
			return tls.Dial(ctx, addr, options(o, p.client))
		},
		Connect: func(_ testing.TB, addr string) net.Conn {
			c := must(stdtls.Dial("tcp", addr, p.raw()))
			return c
		},
		Serve: func(t testing.TB, f func(net.Conn)) string {
			c := p.server.Clone()
			c.NextProtos = []string{tls.Protocol}
			ln := must(stdtls.Listen("tcp", "127.0.0.1:0", c))
			t.Cleanup(func() { _ = ln.Close() })
			go func() {
				if c, err := ln.Accept(); err == nil && c.(*stdtls.Conn).Handshake() == nil {
					f(c)
				}
			}()
			return ln.Addr().String()
		},
	}
}

func TestHostilePeers(t *testing.T) { socktest.Hostile(t, newParty(t).victim()) }

// TestAHandshakeOfTLSThatFailsIsNamedAtBothSides has dialers and a listener that do not suit each other.
func TestAHandshakeOfTLSThatFailsIsNamedAtBothSides(t *testing.T) {
	good := newParty(t)
	other := certtest.NewCA(t)
	good.server.ClientAuth, good.server.ClientCAs = stdtls.RequireAndVerifyClientCert, good.ca.Pool()
	expired := time.Now().Add(-time.Minute)
	for _, c := range []struct {
		name   string
		server func(c *stdtls.Config)
		client func(c *stdtls.Config)
		dialer string // what the dialer's error says
		log    string // what the listener's log says
	}{
		{"expired certificate of the listener", func(c *stdtls.Config) {
			c.Certificates = []stdtls.Certificate{good.ca.Cert("server", expired)}
		}, nil, "expired", "bad certificate"},
		{"unknown authority of the listener", func(c *stdtls.Config) {
			c.Certificates = []stdtls.Certificate{other.Good("server")}
		}, nil, "unknown authority", "bad certificate"},
		{"another name", nil, func(c *stdtls.Config) { c.ServerName = "elsewhere" }, "elsewhere", "bad certificate"},
		{"expired certificate of the dialer", nil, func(c *stdtls.Config) {
			c.Certificates = []stdtls.Certificate{good.ca.Cert("client", expired)}
		}, "expired certificate", "expired"},
		{"unknown authority of the dialer", nil, func(c *stdtls.Config) {
			c.GetClientCertificate = func(*stdtls.CertificateRequestInfo) (*stdtls.Certificate, error) {
				own := other.Good("client")
				return &own, nil
			}
		}, "unknown certificate authority", "unknown authority"},
		{"no certificate of the dialer", nil, func(c *stdtls.Config) { c.Certificates = nil }, "certificate required", "didn't provide a certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			socktest.Residue(t)
			p := &party{server: good.server.Clone(), client: good.client.Clone()}
			p.client.Certificates = []stdtls.Certificate{good.ca.Good("client")}
			if c.server != nil {
				c.server(p.server)
			}
			if c.client != nil {
				c.client(p.client)
			}
			s := socktest.Start(t, p.victim(), socktest.Options{})
			eng := must(engine.New(engine.Config{}))
			defer eng.Shutdown(context.Background())
			_, err := p.victim().Dial(context.Background(), s.Addr, socktest.Options{Engine: eng})
			if err == nil || !strings.Contains(err.Error(), c.dialer) || !strings.Contains(err.Error(), s.Addr) || !strings.Contains(err.Error(), "handshake") {
				t.Errorf("the dialer: %v", err)
			}
			if err := s.Log.Take(t); !strings.Contains(err.Error(), c.log) || !strings.Contains(err.Error(), "127.0.0.1:") || !strings.Contains(err.Error(), "handshake") {
				t.Errorf("the listener: %v", err)
			}
		})
	}
}

// TestAnotherProtocolIsNamed has dialers that speak something else to a listener of TLS, and a dialer of TLS at other listeners.
func TestAnotherProtocolIsNamed(t *testing.T) {
	socktest.Residue(t)
	p := newParty(t)
	s := socktest.Start(t, p.victim(), socktest.Options{})
	neighbour := socktest.Meet(t, p.victim(), s)
	for _, c := range []struct {
		name, log string
		speak     func(c net.Conn)
	}{
		{"HTTP", "HTTP client", func(c net.Conn) { must(c.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))) }},
		{"corechan over TCP", "malformed handshake", func(c net.Conn) { must(c.Write(socktest.Hello())) }},
		{"ALPN h2", "protocol", func(c net.Conn) {
			o := p.raw()
			o.NextProtos = []string{"h2"}
			if err := stdtls.Client(c, o).Handshake(); err == nil {
				t.Error("a dialer of h2 was let in")
			}
		}},
		{"no ALPN", "corechan/1", func(c net.Conn) {
			o := p.raw()
			o.NextProtos = nil
			tc := stdtls.Client(c, o)
			_ = tc.Handshake()
			_, _ = tc.Read(make([]byte, 1))
		}},
		{"TLS 1.2", "version", func(c net.Conn) {
			o := p.raw()
			o.MaxVersion = stdtls.VersionTLS12
			if err := stdtls.Client(c, o).Handshake(); err == nil {
				t.Error("a dialer of TLS 1.2 was let in")
			}
		}},
		{"a ClientHello that is cut", "EOF", func(c net.Conn) { must(c.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1})) }},
	} {
		conn := must(net.Dial("tcp", s.Addr))
		c.speak(conn)
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
		if err := s.Log.Take(t); !strings.Contains(err.Error(), c.log) || !strings.Contains(err.Error(), "127.0.0.1:") {
			t.Errorf("%s: logged %v", c.name, err)
		}
		neighbour.GoesOn(t)
	}
	if rest := s.Log.Rest(); len(rest) != 0 {
		t.Errorf("more is logged: %q", rest)
	}

	// The reverse.
	eng := must(engine.New(engine.Config{}))
	defer eng.Shutdown(context.Background())
	if _, err := tcp.Dial(context.Background(), s.Addr, &tcp.Options{Engine: eng}); !errors.Is(err, tcp.ErrHandshake) && !errors.Is(err, io.EOF) {
		t.Errorf("tcp to a tls port: %v", err)
	}
	_ = s.Log.Take(t)
	plain := must(tcp.Listen(context.Background(), "127.0.0.1:0", &tcp.Options{Engine: eng}))
	defer plain.Close()
	addr := strings.TrimPrefix(plain.Addr(), "tcp://")
	if _, err := tls.Dial(context.Background(), addr, &tls.Options{Engine: eng, Config: p.client}); !errors.Is(err, tls.ErrHandshake) || !strings.Contains(err.Error(), addr) {
		t.Errorf("tls to a tcp port: %v", err)
	}
}

// TestWhatAFullSocketDoesNotTakeLeavesLater sends until the socket is full, and does nothing more, while the peer reads.
func TestWhatAFullSocketDoesNotTakeLeavesLater(t *testing.T) {
	socktest.Residue(t)
	p := newParty(t)
	ctx, cancel := context.WithTimeout(context.Background(), socktest.Patience)
	defer cancel()
	limits := engine.Limits{Window: 64 << 20}
	ea, eb := must(engine.New(engine.Config{Limits: limits})), must(engine.New(engine.Config{Limits: limits}))
	defer func() { _, _ = ea.Shutdown(ctx), eb.Shutdown(ctx) }()
	ln := must(tls.Listen(ctx, "127.0.0.1:0", &tls.Options{Engine: eb, Config: p.server}))
	defer ln.Close()
	a := must(tls.Dial(ctx, strings.TrimPrefix(ln.Addr(), "tls://"), &tls.Options{Engine: ea, Config: p.client}))
	b := must(ln.Accept(ctx))
	defer func() { _, _ = a.Close(), b.Close() }()
	out := must(engine.Open[engine.Raw](ctx, a, "x"))
	n := 0
	for m := make(engine.Raw, 50_000); ; n++ {
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		err := out.Send(short, &m)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	in := must(engine.Accept[engine.Raw](ctx, b, "x"))
	for i := range n {
		var m engine.Raw
		if err := in.Receive(ctx, &m); err != nil || len(m) != 50_000 {
			t.Fatalf("message %d of %d: %v", i, n, err)
		}
	}
	t.Log(n, "messages")
}

// TestAPeerThatEndsTLSInTheMiddleOfAFrameIsGone has it send close_notify, or bytes that are no record.
func TestAPeerThatEndsTLSInTheMiddleOfAFrameIsGone(t *testing.T) {
	socktest.Residue(t)
	p := newParty(t)
	s := socktest.Start(t, p.victim(), socktest.Options{})
	neighbour := socktest.Meet(t, p.victim(), s)
	for _, how := range []string{"close_notify", "no record"} {
		conn := must(net.Dial("tcp", s.Addr))
		c := stdtls.Client(conn, p.raw())
		must(c.Write(socktest.Hello()))
		must(io.ReadFull(c, make([]byte, 40)))
		whole := append(socktest.Open(1, "ping"), socktest.Frame(2, 0, 1, 0, "hello")...)
		must(c.Write(append(whole, whole[:20]...)))
		if how == "close_notify" {
			_ = c.CloseWrite()
		} else {
			must(conn.Write([]byte("this is no record of TLS, is it?")))
		}
		err := s.End(t) // though the connection stays open
		if how == "close_notify" && !errors.Is(err, engine.ErrPeerGone) || how != "close_notify" && (err == nil || !strings.Contains(err.Error(), "tls: ")) {
			t.Errorf("%s: %v", how, err)
		}
		_ = conn.Close()
	}
	neighbour.GoesOn(t)
}

// TestListeningWithoutACertificateSaysWhatToDo is about options.
func TestListeningWithoutACertificateSaysWhatToDo(t *testing.T) {
	if _, err := tls.Listen(context.Background(), "127.0.0.1:0", nil); !errors.Is(err, tls.ErrNoCertificate) {
		t.Error(err)
	}
	missing := tls.Files{Cert: "/no/such/cert.pem", Key: "/no/such/key.pem"}
	if _, err := tls.Listen(context.Background(), "127.0.0.1:0", &tls.Options{Files: missing}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := tls.Listen(context.Background(), "127.0.0.1:0", &tls.Options{Files: tls.Files{Cert: "x"}}); err == nil {
		t.Error("a certificate without its key")
	}
}
