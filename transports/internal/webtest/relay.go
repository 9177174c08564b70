// Package webtest has what the tests of HTTP/2 and WebSocket share: certificates, a relay that can be cut, and what has
// arrived.
package webtest

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// A Relay passes connections on to an address, and can cut them.
type Relay struct {
	ln       net.Listener
	to       string
	up, down int64 // limits: see NewCutter

	all   sync.WaitGroup
	mu    sync.Mutex
	conns []net.Conn
	shut  bool
}

// NewRelay starts a relay to the host and port of a URL, until the test ends.
func NewRelay(t testing.TB, to string) *Relay { return NewCutter(t, to, 1<<62, 1<<62) }

// NewCutter starts a relay that cuts each connection once it has passed on so many bytes from its dialer, or to it.
func NewCutter(t testing.TB, to string, up, down int) *Relay {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{ln: ln, to: u.Host, up: int64(up), down: int64(down)}
	r.all.Go(r.accept)
	t.Cleanup(r.Close)
	return r
}

// URL returns a URL with the relay's address in the place of its own.
func (r *Relay) URL(of string) string {
	u, err := url.Parse(of)
	if err != nil {
		panic(err)
	}
	u.Host = r.ln.Addr().String()
	return u.String()
}

// Close ends the relay.
func (r *Relay) Close() {
	_ = r.ln.Close()
	r.mu.Lock()
	r.shut = true
	r.mu.Unlock()
	r.Cut()
	r.all.Wait()
}

// Cut cuts all connections, without a word.
func (r *Relay) Cut() {
	r.mu.Lock()
	conns := r.conns
	r.conns = nil
	r.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// Conns returns how many connections it passes on.
func (r *Relay) Conns() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns) / 2
}

// CutOne cuts the i-th connection, without a word.
func (r *Relay) CutOne(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.conns[2*i].Close()
	_ = r.conns[2*i+1].Close()
}

func (r *Relay) accept() {
	for {
		from, err := r.ln.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = from.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, from, to)
		shut := r.shut
		r.mu.Unlock()
		if shut {
			r.Cut()
		}
		r.all.Go(func() { pass(to, from, r.up) })
		r.all.Go(func() { pass(from, to, r.down) })
	}
}

// pass moves bytes until either side ends, or so many have passed: then both connections are cut.
func pass(to, from net.Conn, limit int64) {
	_, _ = io.CopyN(struct{ io.Writer }{to}, from, limit) // without splice(2): its pipes outlive the test
	_ = to.Close()
	_ = from.Close()
}
