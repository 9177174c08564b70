package gateway_test

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corechan/corechan/transports/gateway"
)

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

// wantReset wants a connection to be accepted and reset, which may show when it is dialled.
func wantReset(t testing.TB, to net.Addr) {
	t.Helper()
	c, err := net.Dial(to.Network(), to.String())
	if err == nil {
		defer c.Close()
		check(t, c.SetDeadline(time.Now().Add(patience)))
		_, err = c.Read(make([]byte, 1))
	}
	if !isReset(err) {
		t.Errorf("the error is %v", err)
	}
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

// readLine reads up to a newline, byte by byte.
func readLine(c net.Conn) (string, error) {
	s, err := bufio.NewReaderSize(c, 16).ReadString('\n')
	return strings.TrimSuffix(s, "\n"), err
}
