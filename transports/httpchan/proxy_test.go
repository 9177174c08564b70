package httpchan_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/httpchan"
	"github.com/corechan/corechan/transports/internal/certtest"
	"github.com/corechan/corechan/transports/internal/webtest"
	"github.com/corechan/corechan/transports/transporttest"
)

// A proxy ends TLS, wants credentials, and passes the rest on to a server without TLS.
type proxy struct {
	command string
	args    func(config string) []string
	config  string // with %[1]s the folder, %[2]d its port, %[3]d the server's
	front   string // the scheme that is dialled, and the path
	path    string
	user    string // basic authentication
	token   string // or bearer
	becomes string // the transport
}

const haproxyConfig = `
global
  maxconn 1000
  nbthread 2
defaults
  mode http
  timeout connect 5s
  retries 0
  timeout client 1h
  timeout server 1h
userlist users
  user ann insecure-password secret
frontend front
  bind 127.0.0.1:%[2]d ssl crt %[1]s/both.pem alpn h2,http/1.1
  http-request auth unless { http_auth(users) }
  default_backend back
backend back
  http-reuse never
  server one 127.0.0.1:%[3]d proto h2
`

const nginxConfig = `
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr crit;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  server {
    listen 127.0.0.1:%[2]d ssl http2;
    ssl_certificate %[1]s/cert.pem;
    ssl_certificate_key %[1]s/key.pem;
    if ($http_authorization != "Bearer secret") { return 401; }
    location /chan {
      proxy_pass http://127.0.0.1:%[3]d;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
    }
    location /waits {
      proxy_pass http://127.0.0.1:%[3]d;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
    }
    location /grpc {
      grpc_pass grpc://127.0.0.1:%[3]d;
      grpc_read_timeout 1h;
      grpc_send_timeout 1h;
      client_max_body_size 0;
    }
  }
}
`

func proxies() map[string]proxy {
	haproxy := func(config string) []string { return []string{"-db", "-f", config} }
	nginx := func(config string) []string {
		return []string{"-p", filepath.Dir(config), "-e", "stderr", "-c", config}
	}
	return map[string]proxy{
		"haproxy":      {"haproxy", haproxy, haproxyConfig, "https", "/chan", "ann:secret@", "", "h2"},
		"nginx":        {"nginx", nginx, nginxConfig, "wss", "/chan", "", "secret", "ws"},
		"nginx-http2":  {"nginx", nginx, nginxConfig, "https", "/grpc", "", "secret", "h2"},
		"nginx-waits":  {"nginx", nginx, nginxConfig, "https", "/waits", "", "secret", "ws"},
		"nginx-either": {"nginx", nginx, nginxConfig, "https", "/chan", "", "secret", "ws"},
	}
}

// A fronted is a proxy that runs.
type fronted struct {
	proxy
	server string // where it passes requests on to
	url    string
	client *tls.Config
}

// start starts a proxy until the test ends. If it is not installed, the test is skipped.
func (p proxy) start(t testing.TB) *fronted {
	t.Helper()
	path, err := exec.LookPath(p.command)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + p.command)
	}
	if err != nil {
		t.Skipf("%s is not installed: apt-get install %s", p.command, p.command)
	}
	ca := certtest.NewCA(t)
	dir := t.TempDir()
	cert, key, _ := ca.Write(dir, ca.Good("proxy"))
	pem := append(must(os.ReadFile(cert)), must(os.ReadFile(key))...)
	if err := os.WriteFile(filepath.Join(dir, "both.pem"), pem, 0o600); err != nil {
		t.Fatal(err)
	}
	port, back := freePort(t), freePort(t)
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, fmt.Appendf(nil, p.config, dir, port, back), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(path, p.args(config)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
	})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for ctx := watchdog(t); ; {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			break
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("%s: %v\n%s", p.command, err, said.Bytes())
		case <-ctx.Done():
			t.Fatalf("%s does not listen", p.command)
		case <-time.After(time.Millisecond):
		}
	}
	return &fronted{
		p, fmt.Sprintf("h2c://127.0.0.1:%d%s", back, p.path), p.front + "://" + p.user + address + p.path, &tls.Config{RootCAs: ca.Pool()},
	}
}

func freePort(t testing.TB) int {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func (f *fronted) dial(ctx context.Context, url string, o httpchan.Options) (*engine.Session, error) {
	o.TLS, o.Token = f.client, f.token
	return dialAny(ctx, url, &o)
}

func dialAny(ctx context.Context, url string, o *httpchan.Options) (*engine.Session, error) {
	for _, k := range kinds() {
		if k.scheme == "wss" && strings.HasPrefix(url, "wss:") {
			return k.dial(ctx, url, o)
		}
	}
	return httpchan.Dial(ctx, url, o)
}

func TestConformsThroughProxies(t *testing.T) {
	for _, name := range []string{"haproxy", "nginx"} {
		t.Run(name, func(t *testing.T) {
			f := proxies()[name].start(t)
			transporttest.Run(t, transporttest.Transport{
				Name: name, Waits: []engine.Wait{engine.Hybrid},
				Pair: func(t testing.TB, a, b *engine.Engine) transporttest.Link {
					listen, listened := webtest.Observe(context.Background())
					dial, dialled := webtest.Observe(context.Background())
					ln := must(httpchan.Listen(listen, f.server, &httpchan.Options{Engine: b}))
					defer ln.Close()
					relay := webtest.NewRelay(t, f.url)
					sa := must(f.dial(dial, relay.URL(f.url), httpchan.Options{Engine: a}))
					sb := must(ln.Accept(listen))
					if sb.Transport() != f.becomes {
						t.Fatalf("it became %s, not %s", sb.Transport(), f.becomes)
					}
					return transporttest.Link{A: sa, B: sb, Cut: func() {
						webtest.Settle(dialled.Last(), listened.Last())
						relay.Cut()
					}}
				},
			})
		})
	}
}

func TestProxies(t *testing.T) {
	for name, p := range proxies() {
		t.Run(name, func(t *testing.T) {
			f := p.start(t)
			residue(t)
			url := f.url
			if _, err := f.dial(watchdog(t), url, httpchan.Options{HandshakeTimeout: time.Second}); !errors.Is(err, h2.ErrUnavailable) {
				t.Errorf("no server behind the proxy: %v", err)
			}
			eng := must(engine.New(engine.Config{}))
			ln := must(httpchan.Listen(context.Background(), f.server, &httpchan.Options{Engine: eng}))
			go func() {
				for s := range ln.Sessions(context.Background()) {
					go func() {
						defer s.Close()
						r := s.Peer().Identity.(*http.Request)
						if r.Header.Get("Authorization") == "" {
							t.Error("the credentials do not reach the server")
						}
						echo(context.Background(), s)
					}()
				}
			}()
			defer func() {
				_ = ln.Close()
				_ = eng.Shutdown(context.Background())
			}()
			s, err := f.dial(watchdog(t), url, httpchan.Options{HandshakeTimeout: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if s.Transport() != p.becomes {
				t.Errorf("it became %s, not %s", s.Transport(), p.becomes)
			}
			talk(t, s)
			stranger := strings.Replace(url, "ann:secret@", "ann:guess@", 1)
			if _, err := dialAny(watchdog(t), stranger, &httpchan.Options{TLS: f.client}); !errors.Is(err, h2.ErrUnauthorized) {
				t.Errorf("wrong credentials: %v", err)
			}
			talk(t, s)
		})
	}
}
