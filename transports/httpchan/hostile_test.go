package httpchan_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/httpchan"
	"github.com/corechan/corechan/transports/internal/hello"
	"github.com/corechan/corechan/transports/internal/webtest"
	"github.com/corechan/corechan/transports/ws"
)

func residue(t *testing.T) {
	goroutines := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if !t.Failed() {
			goleak.VerifyNone(t, goroutines)
		}
	})
	fdtest.Snapshot(t)
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx := watchdog(t)
	for !ok() {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			t.Fatal("gave up waiting until", what)
		}
	}
}

func TestWhoMayNotConnectIsToldWhy(t *testing.T) {
	onKinds(t, func(t *testing.T, k kind) {
		residue(t)
		b := k.bed(t, httpchan.Options{
			Token: "secret",
			Authorize: func(p engine.Peer) error {
				if r := p.Identity.(*http.Request); r.Header.Get("X-Shift") == "night" {
					return errors.New("closed at night")
				}
				return nil
			},
		}, engine.Config{})
		good := b.options()
		good.Token = "secret"
		neighbour := b.connect(good)
		for _, c := range []struct {
			token, shift, text string
		}{{"", "", "bearer token"}, {"guess", "", "bearer token"}, {"secret", "night", "closed at night"}} {
			o := b.options()
			o.Token, o.Header = c.token, http.Header{"X-Shift": {c.shift}}
			_, err := b.dial(watchdog(t), b.url, o)
			if !errors.Is(err, h2.ErrUnauthorized) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), b.url) {
				t.Errorf("%q, %q: %v", c.token, c.shift, err)
			}
			if !b.log.has(c.text) {
				t.Errorf("%q, %q: not logged", c.token, c.shift)
			}
			talk(t, neighbour)
		}
		_, err := b.dial(watchdog(t), b.url+"/elsewhere", good)
		var status *h2.StatusError
		if !errors.As(err, &status) || status.Code != 404 || !strings.Contains(err.Error(), "/chan") {
			t.Errorf("another path: %v", err)
		}
		talk(t, neighbour)
	})
}

func TestCertificatesThatAreNotGoodAreNamed(t *testing.T) {
	onKinds(t, func(t *testing.T, k kind) {
		if !k.secure {
			return
		}
		residue(t)
		b := k.bed(t, httpchan.Options{}, engine.Config{})
		stranger := b.options()
		stranger.TLS = nil
		_, err := b.dial(watchdog(t), b.url, stranger)
		if unknown := (x509.UnknownAuthorityError{}); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "TLS handshake") {
			t.Errorf("unknown authority: %v", err)
		}
		eventually(t, "it is logged", func() bool { return b.log.has("TLS handshake error") })

		expired := k.bed(t, httpchan.Options{TLS: &tls.Config{Certificates: []tls.Certificate{b.ca.Cert("server", time.Now().Add(-time.Minute))}}}, engine.Config{})
		_, err = b.dial(watchdog(t), expired.url, b.options())
		if invalid := (x509.CertificateInvalidError{}); !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
			t.Errorf("expired: %v", err)
		}
		clear := strings.Replace(strings.Replace(b.url, "https:", "h2c:", 1), "wss:", "ws:", 1)
		if _, err := b.dial(watchdog(t), clear, b.options()); err == nil || !strings.Contains(err.Error(), clear) {
			t.Errorf("cleartext to TLS: %v", err)
		}
		talk(t, b.connect(b.options()))
	})
}

func TestAListenerByTLSNeedsACertificate(t *testing.T) {
	for _, k := range kinds() {
		if k.secure {
			if _, err := k.listen(context.Background(), k.scheme+"://127.0.0.1:0", &httpchan.Options{}); !errors.Is(err, h2.ErrNoCertificate) {
				t.Error(err)
			}
		}
	}
}

func TestBadAddressesAreNamed(t *testing.T) {
	residue(t)
	for _, k := range kinds() {
		for _, bad := range []string{"", "x", k.scheme + "://", k.scheme + ":///path", "shm://x", "gopher://x/", k.scheme + "://x/#here", k.scheme + "://%zz/"} {
			if _, err := k.dial(context.Background(), bad, &httpchan.Options{}); !errors.Is(err, h2.ErrURL) {
				t.Errorf("dial %q: %v", bad, err)
			}
			if _, err := k.listen(context.Background(), bad, &httpchan.Options{}); !errors.Is(err, h2.ErrURL) {
				t.Errorf("listen %q: %v", bad, err)
			}
		}
		nobody := must(net.Listen("tcp", "127.0.0.1:0"))
		_ = nobody.Close()
		if _, err := k.dial(watchdog(t), k.scheme+"://"+nobody.Addr().String(), &httpchan.Options{}); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens: %v", err)
		}
		var dns *net.DNSError
		if _, err := k.dial(watchdog(t), k.scheme+"://no-such-host.invalid/", &httpchan.Options{}); !errors.As(err, &dns) && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("no such name: %v", err)
		}
	}
	b := kinds()[0].bed(t, httpchan.Options{}, engine.Config{})
	if _, err := b.listen(context.Background(), b.url, &httpchan.Options{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("port in use: %v", err)
	}
}

// A silent server takes connections, and says nothing but what it begins with; it keeps them until the test ends.
func silent(t testing.TB, begin string) (addr string) {
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	var all sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			_, _ = io.WriteString(c, begin)
			all.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{c}) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return ln.Addr().String()
}

func TestADialerGivesUpWhoStallsOrTalksNonsense(t *testing.T) {
	onKinds(t, func(t *testing.T, k kind) {
		residue(t)
		const timeout = 200 * time.Millisecond
		for _, c := range []struct{ name, says string }{
			{"nothing", ""},
			{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n"},
			{"an answer before the request", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
			{"half an answer", "HTTP/1.1 101 Switching Proto"},
			{"garbage", strings.Repeat("\x00\xff", 5000)},
			{"HTTP/2 settings alone", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"},
		} {
			url := k.scheme + "://" + silent(t, c.says) + "/chan"
			began := time.Now()
			_, err := k.dial(watchdog(t), url, &httpchan.Options{HandshakeTimeout: timeout})
			if err == nil || !strings.Contains(err.Error(), url) {
				t.Errorf("%s: %v", c.name, err)
			}
			if c.says == "" && (!errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) < timeout) {
				t.Errorf("%s: %v", c.name, err)
			}
			ctx, cancel := context.WithCancel(watchdog(t))
			time.AfterFunc(10*time.Millisecond, cancel)
			if _, err := k.dial(ctx, url, &httpchan.Options{HandshakeTimeout: time.Minute}); c.says == "" && !errors.Is(err, context.Canceled) {
				t.Errorf("%s, cancelled: %v", c.name, err)
			}
		}
	})
}

// raw connects to an endpoint as far as HTTP goes: what is written then is the stream's.
func raw(t testing.TB, b *bed) io.ReadWriteCloser {
	t.Helper()
	if b.scheme == "ws" {
		c, _, err := websocket.Dial(watchdog(t), b.url, &websocket.DialOptions{Subprotocols: []string{ws.Subprotocol}})
		if err != nil {
			t.Fatal(err)
		}
		return websocket.NetConn(context.Background(), c, websocket.MessageBinary)
	}
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	r, w := io.Pipe()
	u := must(url.Parse(b.url))
	u.Scheme = "http"
	req := must(http.NewRequest(http.MethodPost, u.String(), r))
	req.Header.Set("Content-Type", h2.ContentType)
	c := &rawRequest{w: w, tr: tr, got: make(chan struct{})}
	go func() {
		defer close(c.got)
		c.resp, c.err = tr.RoundTrip(req)
	}()
	return c
}

type rawRequest struct {
	w    *io.PipeWriter
	tr   *http.Transport
	got  chan struct{}
	resp *http.Response
	err  error
}

func (c *rawRequest) Write(p []byte) (int, error) { return c.w.Write(p) }

func (c *rawRequest) Read(p []byte) (int, error) {
	<-c.got
	if c.err != nil {
		return 0, c.err
	}
	return c.resp.Body.Read(p)
}

func (c *rawRequest) Close() error {
	_ = c.w.Close()
	<-c.got
	if c.err == nil {
		_ = c.resp.Body.Close()
	}
	c.tr.CloseIdleConnections()
	return nil
}

func greeting() []byte {
	return hello.Encode(hello.Hello{Announced: engine.Announced{Window: 1 << 16, MaxMessage: 1 << 16}})
}

func TestAListenerRefusesBadGreetings(t *testing.T) {
	for _, k := range kinds() {
		if k.secure {
			continue
		}
		t.Run(k.scheme, func(t *testing.T) {
			residue(t)
			b := k.bed(t, httpchan.Options{HandshakeTimeout: 200 * time.Millisecond}, engine.Config{})
			neighbour := b.connect(b.options())
			version := greeting()
			version[8] = 9
			for name, bytes := range map[string][]byte{
				"zeros": make([]byte, 40), "another protocol": []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n............"), "another version": version,
				"a stall": nil, "a stall within": greeting()[:20],
			} {
				c := raw(t, b)
				if len(bytes) != 0 {
					_, _ = c.Write(bytes)
				}
				answer, _ := io.ReadAll(c)
				if !strings.Contains(name, "stall") && !strings.Contains(string(answer), "hanHello") {
					t.Errorf("%s: answered %q", name, answer)
				}
				_ = c.Close()
				eventually(t, name+" is logged", func() bool { return b.log.has("peer refused") })
				talk(t, neighbour)
			}
		})
	}
}

func TestFramesThatAreNoneEndTheirSessionAlone(t *testing.T) {
	for _, k := range kinds() {
		if k.secure {
			continue
		}
		t.Run(k.scheme, func(t *testing.T) {
			residue(t)
			b := k.bed(t, httpchan.Options{}, engine.Config{})
			neighbour := b.connect(b.options())
			for _, length := range []uint32{0, 1, 15, 1<<20 + 1, 1 << 31, 1<<32 - 1} {
				c := raw(t, b)
				_, _ = c.Write(greeting())
				said := make([]byte, hello.Size)
				if _, err := io.ReadFull(c, said); err != nil {
					t.Fatal(err)
				}
				_, _ = c.Write(binary.LittleEndian.AppendUint32(nil, length))
				_, _ = c.Write(make([]byte, 12))
				if _, err := io.ReadAll(c); length != 0 && err == nil && k.scheme == "h2c" {
					t.Logf("length %d: the stream ended in order", length)
				}
				_ = c.Close()
				eventually(t, "it is logged", func() bool { return b.log.has("length") })
				talk(t, neighbour)
			}
		})
	}
}

// TestAProxyThatCutsAtAnyByte cuts the connection after so many bytes in either direction, from the handshake into the session.
func TestAProxyThatCutsAtAnyByte(t *testing.T) {
	onKinds(t, func(t *testing.T, k kind) {
		residue(t)
		b := k.bed(t, httpchan.Options{}, engine.Config{})
		neighbour := b.connect(b.options())
		step := 37
		if os.Getenv("CORECHAN_SOAK") != "" {
			step = 1
		}
		for at := 0; at < 3000; at += step {
			for _, cut := range [][2]int{{at, 1 << 30}, {1 << 30, at}} {
				relay := webtest.NewCutter(t, b.url, cut[0], cut[1])
				s, err := b.dial(watchdog(t), relay.URL(b.url), b.options())
				if err == nil {
					err = chatter(watchdog(t), s)
					_ = s.Close()
				}
				relay.Close()
				if err == nil || errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("cut at %v: %v", cut, err)
				}
			}
		}
		talk(t, neighbour)
	})
}

// chatter echoes until the session ends, and returns why.
func chatter(ctx context.Context, s *engine.Session) error {
	p, err := engine.Open[string](ctx, s, "ping")
	if err != nil {
		return err
	}
	r, err := engine.Accept[string](ctx, s, "pong")
	if err != nil {
		return err
	}
	for {
		m := "a message of some length"
		if err := p.Send(ctx, &m); err != nil {
			return err
		}
		if err := r.Receive(ctx, &m); err != nil {
			return err
		}
	}
}

func TestClosingAListenerCutsShortWhatIsNoSession(t *testing.T) {
	onKinds(t, func(t *testing.T, k kind) {
		residue(t)
		b := k.bed(t, httpchan.Options{HandshakeTimeout: time.Minute}, engine.Config{})
		s := b.connect(b.options())
		talk(t, s)
		stalled := must(net.Dial("tcp", must(url.Parse(b.url)).Host)) // says nothing
		defer stalled.Close()
		var half io.Closer
		if !k.secure {
			c := raw(t, b)
			_, _ = c.Write(greeting()[:20])
			half = c
		}
		closed := make(chan error, 1)
		go func() { closed <- b.ln.Close() }()
		select {
		case err := <-closed:
			if err != nil {
				t.Error(err)
			}
		case <-watchdog(t).Done():
			t.Fatal("Close waits")
		}
		if half != nil {
			_ = half.Close()
		}
		_ = stalled.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := stalled.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection that said nothing: %d, %v", n, err)
		}
		talk(t, s) // goes on
		if _, err := b.dial(watchdog(t), b.url, b.options()); err == nil {
			t.Error("dialled a listener that is closed")
		}
	})
}

func TestTooManySessionsAreRefusedByName(t *testing.T) {
	onKinds(t, func(t *testing.T, k kind) {
		residue(t)
		b := k.bed(t, httpchan.Options{}, engine.Config{Limits: engine.Limits{Sessions: 1}})
		s := b.connect(b.options())
		_, err := b.dial(watchdog(t), b.url, b.options())
		if !errors.Is(err, h2.ErrRefused) || !strings.Contains(err.Error(), "sessions") {
			t.Error(err)
		}
		talk(t, s)
	})
}

// TestStorm connects, talks and ends in each way, many at once.
func TestStorm(t *testing.T) {
	onKinds(t, func(t *testing.T, k kind) {
		residue(t)
		rounds := 20
		if os.Getenv("CORECHAN_SOAK") != "" {
			rounds = 6000
		}
		b := k.bed(t, httpchan.Options{}, engine.Config{})
		relay := webtest.NewRelay(t, b.url)
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for i := range rounds {
					s, err := b.dial(watchdog(t), relay.URL(b.url), b.options())
					if err != nil {
						if worker == 0 || i == 0 {
							continue // cut by another one
						}
						continue
					}
					m := fmt.Sprint(worker, i)
					p, err := engine.Open[string](watchdog(t), s, "ping")
					if err == nil {
						err = p.Send(watchdog(t), &m)
					}
					switch (i + worker) % 3 {
					case 0:
						_ = s.Close()
					case 1:
						_ = chatterOnce(s)
					case 2:
						if i%7 == 0 {
							relay.Cut()
						}
					}
					_ = s.Close()
					_ = err
				}
			})
		}
		all.Wait()
		talk(t, b.connect(b.options()))
	})
}

func chatterOnce(s *engine.Session) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := engine.Accept[string](ctx, s, "pong")
	if err != nil {
		return err
	}
	var m string
	return r.Receive(ctx, &m)
}
