package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/gateway"
)

// patience bounds every wait: long enough for a loaded machine, and only ever spent by a test that fails.
const patience = time.Minute

// terminal keeps what is printed, and can be waited on.
type terminal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *terminal) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *terminal) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until a text is printed.
func (s *terminal) await(t *testing.T, text string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !strings.Contains(s.String(), text); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("it does not print %q:\n%s", text, s)
		}
	}
}

// A daemon is a command that runs until it is interrupted.
type daemon struct {
	out, err terminal
	stop     context.CancelFunc
	code     chan int
}

func start(t *testing.T, args ...string) *daemon {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	d := &daemon{stop: stop, code: make(chan int, 1)}
	a := &app{ctx: ctx, stdout: &d.out, stderr: &d.err}
	go func() { d.code <- a.run(args) }()
	t.Cleanup(stop)
	return d
}

// interrupt presses Ctrl-C and returns what is printed on standard output.
func (d *daemon) interrupt(t *testing.T) string {
	t.Helper()
	d.stop()
	select {
	case code := <-d.code:
		if code != exitOK {
			t.Errorf("exit code %d: %s", code, &d.err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	return d.out.String()
}

// echoServer returns where lines come back.
func echoServer(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		all.Wait()
	})
	return ln.Addr().String()
}

func tryEcho(t *testing.T, network, addr string) {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	_ = c.(interface{ CloseWrite() error }).CloseWrite()
	if b, err := io.ReadAll(c); string(b) != "hello" || err != nil {
		t.Fatalf("%q, %v", b, err)
	}
}

func leavesNothing(t *testing.T) {
	t.Helper()
	goroutines := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, goroutines) })
	fdtest.Snapshot(t)
}

func TestAGatewayLeadsToItsEndpoint(t *testing.T) {
	for _, scheme := range []string{"shm", "auto", "unix", "tcp", "h2c", "ws"} {
		t.Run(scheme, func(t *testing.T) {
			leavesNothing(t)
			dir := t.TempDir()
			url := scheme + "://" + filepath.Join(dir, "gw.sock")
			offer := "echo=" + echoServer(t) + ",proxied"
			tokens := filepath.Join(dir, "tokens")
			if err := os.WriteFile(tokens, []byte("a token of enough bytes\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			who := []string{}
			remote := scheme == "tcp" || scheme == "h2c" || scheme == "ws"
			if remote {
				url = scheme + "://127.0.0.1:0"
				if scheme != "tcp" {
					url += "/gateway"
				}
				offer += ",token-file=" + tokens
				who = []string{"--token-file", tokens}
			}
			serve := start(t, "gateway", "serve", "--offer", offer, "--listen", url, "--json")
			serve.err.await(t, "echo at "+scheme+"://")
			if remote {
				_, after, _ := strings.Cut(serve.err.String(), "echo at ")
				url, _, _ = strings.Cut(after, " ")
				serve.err.await(t, "can be read on the way")
			}
			socket := filepath.Join(dir, "echo.sock")
			connect := start(t, append([]string{
				"gateway", "connect", "--remote", url, "--listen", "echo=127.0.0.1:0",
				"--listen", "echo=unix:" + socket,
			}, who...)...)
			connect.err.await(t, socket+" leads to echo at "+url)
			tcp := regexp.MustCompile(`(127.0.0.1:\d+) leads to`).FindStringSubmatch(connect.err.String())
			tryEcho(t, "tcp", tcp[1])
			tryEcho(t, "unix", socket)
			serve.err.await(t, "connection ended")
			connect.err.await(t, "reason=closed")

			code, out, errOut := corechan(t, append([]string{"gateway", "list", "--remote", url}, who...)...)
			if code != exitOK || !strings.Contains(out, "echo") || !strings.Contains(out, "10 B") {
				t.Errorf("list: exit code %d, %s%s", code, out, errOut)
			}
			if out := connect.interrupt(t); !strings.Contains(out, "handed over") || !strings.Contains(out, "10 B") {
				t.Errorf("%s", out)
			}
			var counters struct {
				Offers []struct {
					Name                  string
					Open, Total, Received int
				}
			}
			out = serve.interrupt(t)
			if err := json.Unmarshal([]byte(out), &counters); err != nil || len(counters.Offers) != 1 {
				t.Fatalf("%v: %s", err, out)
			}
			if o := counters.Offers[0]; o.Name != "echo" || o.Open != 0 || o.Total != 2 || o.Received != 10 {
				t.Errorf("%s", out)
			}
		})
	}
}

func TestAGatewayIsConfiguredByAFile(t *testing.T) {
	leavesNothing(t)
	dir := t.TempDir()
	file, url := filepath.Join(dir, "gateway.json"), "shm://"+filepath.Join(dir, "gw.sock")
	text := fmt.Sprintf(`{"offer": ["echo=%s", "none=unix:/nowhere,uid=1,cert=x"], "listen": [%q], "tls_ca": "ca.pem", "log": "json"}`, echoServer(t), url)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := start(t, "gateway", "serve", "--config", file)
	serve.err.await(t, "none at shm://")
	code, out, errOut := corechan(t, "gateway", "list", "--remote", url, "--json")
	if code != exitOK || !strings.Contains(out, `"echo"`) || strings.Contains(out, "none") {
		t.Errorf("exit code %d, %s%s", code, out, errOut)
	}
	if out := serve.interrupt(t); !strings.Contains(out, "unix:/nowhere") {
		t.Error(out)
	}
}

// TestAConnectorWaitsForItsGateway starts it first.
func TestAConnectorWaitsForItsGateway(t *testing.T) {
	leavesNothing(t)
	dir := t.TempDir()
	url, socket := "shm://"+filepath.Join(dir, "gw.sock"), filepath.Join(dir, "s")
	connect := start(t, "gateway", "connect", "--remote", url, "--listen", "echo=unix:"+socket, "--wait")
	connect.err.await(t, "trying again")
	serve := start(t, "gateway", "serve", "--offer", "echo="+echoServer(t), "--listen", url, "--log", "none")
	connect.err.await(t, "leads to echo")
	tryEcho(t, "unix", socket)
	if serve.interrupt(t); strings.Contains(serve.err.String(), "level=") {
		t.Errorf("it logs: %s", &serve.err)
	}
	connect.interrupt(t)
	// One that was killed has left its socket behind.
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	_ = ln.Close()
	serve = start(t, "gateway", "serve", "--offer", "echo="+echoServer(t), "--listen", url)
	serve.err.await(t, "echo at")
	connect = start(t, "gateway", "connect", "--remote", url, "--listen", "echo=unix:"+socket)
	connect.err.await(t, "leads to echo")
	tryEcho(t, "unix", socket)
	connect.interrupt(t)
	serve.interrupt(t)
}

// TestATokenOpensWhatStandsBeforeAGateway has a server want it before the gateway does.
func TestATokenOpensWhatStandsBeforeAGateway(t *testing.T) {
	const token = "a token of sixteen bytes"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(&gateway.Config{Offers: []gateway.Offer{{Name: "x", Upstream: "127.0.0.1:1", Rules: gateway.Rules{Tokens: []string{token}}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	sessions := transports.Handler(func(ctx context.Context, s *engine.Session) { _ = g.ServeSession(ctx, s) }, nil)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if given := r.Header.Get("Authorization"); given != "Bearer "+token {
			http.Error(w, "not with "+given, http.StatusUnauthorized)
			return
		}
		sessions.ServeHTTP(w, r)
	}))
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	defer srv.Close()
	remote := "h2c://" + srv.Listener.Addr().String()
	if code, out, errOut := corechan(t, "gateway", "list", "--remote", remote, "--token-file", file); code != exitOK || !strings.Contains(out, "x") {
		t.Errorf("exit code %d, %q, %q", code, out, errOut)
	}
	// A user in the URL is for who stands before it; the token is then for the gateway alone.
	remote = strings.Replace(remote, "://", "://user:password@", 1)
	if code, _, errOut := corechan(t, "gateway", "list", "--remote", remote, "--token-file", file); code != exitFailure || !strings.Contains(errOut, "not with Basic") {
		t.Errorf("exit code %d, %q", code, errOut)
	}
}

func TestGatewayErrorsAreExplained(t *testing.T) {
	dir := t.TempDir()
	missing := "shm://" + filepath.Join(dir, "gw.sock")
	for _, test := range []struct {
		command string
		code    int
		says    string
	}{
		{"gateway serve", exitUsage, "--offer"},
		{"gateway serve --offer x=h:1", exitUsage, "--listen"},
		{"gateway serve --offer redis --listen shm://@x", exitUsage, "name=host:port"},
		{"gateway serve --offer x=h:1,colour=red --listen shm://@x", exitUsage, "no option"},
		{"gateway serve --offer x=h:1 --offer x=h:1 --listen shm://@x", exitUsage, "two offers"},
		{"gateway serve --offer x=h:1,cert=web --listen shm://@x", exitUsage, "--tls-ca"},
		{"gateway serve --offer x=h:1 --listen smoke://x", exitUsage, "smoke"},
		{"gateway serve --offer x=h:1 --listen shm://@x --tls-cert c", exitUsage, "go together"},
		{"gateway serve --offer x=h:1 --listen shm://@x --log loud", exitUsage, "text"},
		{"gateway serve --offer x=h:1 --listen tls://127.0.0.1:0", exitFailure, "certificate"},
		{"gateway serve --offer x=h:1 --listen shm:///nowhere/at/all", exitFailure, "nowhere"},
		{"gateway serve --config /nowhere", exitUsage, "nowhere"},
		{"gateway connect --listen x=h:1", exitUsage, "--remote"},
		{"gateway connect --remote shm://@x", exitUsage, "--listen"},
		{"gateway connect --remote shm://@x --listen 6380", exitUsage, "NAME=host:port"},
		{"gateway connect --remote shm://@x --listen x=6380", exitUsage, "NAME=host:port"},
		{"gateway connect --remote shm://@x --listen x=unix:", exitUsage, "NAME=unix:/path"},
		{"gateway connect --remote shm://@x --listen x=h:1 --max-conns 0", exitUsage, "at least 1"},
		{"gateway connect --remote nowhere --listen x=h:1", exitUsage, "scheme://address"},
		{"gateway connect --remote shm://@x --listen x=h:1 --token-file /nowhere", exitFailure, "token"},
		{"gateway connect --remote " + missing + " --listen x=127.0.0.1:0", exitFailure, "gw.sock"},
		{"gateway list --remote " + missing, exitFailure, "gw.sock"},
		{"gateway list", exitUsage, "--remote"},
	} {
		code, out, errOut := corechan(t, strings.Fields(test.command)...)
		if code != test.code || out != "" || !strings.Contains(errOut, test.says) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want %d, and that it says %q", test.command, code, out, errOut, test.code, test.says)
		}
	}
}

func TestGatewayHelpIsComplete(t *testing.T) {
	for command, says := range map[string][]string{
		"gateway": {"serve", "connect", "list"},
		"gateway serve": {
			"--offer", "--listen", "--tls-cert", "--tls-key", "--tls-ca", "--config", "--log", "--json", "uid=", "cert=", "token-file=", "anyone",
			"max-conns=", "dial-timeout=", "idle-timeout=", "proxied", "Examples:", "shm://", "tls://", "Ctrl-C",
		},
		"gateway connect": {
			"--remote", "--listen", "--token-file", "--tls-ca", "--wait", "--max-conns", "--config", "--log", "--json", "Examples:", "Ctrl-C",
		},
		"gateway list": {"--remote", "--token-file", "--json", "Examples:", "handed_over"},
	} {
		code, out, errOut := corechan(t, append(strings.Fields(command), "--help")...)
		if code != exitOK || errOut != "" {
			t.Errorf("%q: exit code %d, %s", command, code, errOut)
		}
		for _, s := range says {
			if !strings.Contains(out, s) {
				t.Errorf("help of %q does not say %q", command, s)
			}
		}
		if strings.Contains(out, "inmem://") {
			t.Errorf("help of %q speaks of inmem", command)
		}
	}
}
