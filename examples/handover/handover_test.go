package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/corechan/corechan/examples/internal/extest"
	"github.com/corechan/corechan/fd/fdtest"
)

// dieEnv makes this executable a successor that gets the socket and never serves.
const dieEnv = "CORECHAN_HANDOVER_DIE"

func TestMain(m *testing.M) {
	if control := os.Getenv(dieEnv); control != "" {
		ln, _, err := takeOver(context.Background(), control)
		fmt.Println(ln.Addr(), err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	extest.Main(m, main)
}

// start starts a server, and returns the address that it serves.
func start(t *testing.T, control string) (p *extest.Process, addr string) {
	t.Helper()
	p = extest.Start(t, "--control", control)
	line := p.Line()
	addr, ok := strings.CutPrefix(line, fmt.Sprintf("process %d serves http://", p.PID()))
	if !ok {
		t.Fatalf("it says %q", line)
	}
	return p, strings.TrimSuffix(addr, "/")
}

// clients connect all the time, each time anew.
type clients struct {
	addr string
	all  sync.WaitGroup
	stop context.CancelFunc

	mu       sync.Mutex
	answered *sync.Cond
	answers  map[string]int
	failed   []error
}

func connect(t *testing.T, addr string) *clients {
	t.Helper()
	c := &clients{addr: addr, answers: map[string]int{}}
	c.answered = sync.NewCond(&c.mu)
	ctx, stop := context.WithCancel(extest.Context(t))
	c.stop = stop
	t.Cleanup(func() {
		stop()
		c.all.Wait()
	})
	context.AfterFunc(ctx, c.answered.Broadcast)
	for range 4 {
		c.all.Go(func() {
			for ctx.Err() == nil {
				answer, err := get(addr)
				c.mu.Lock()
				c.answers[answer]++
				if err != nil {
					c.failed = append(c.failed, err)
				}
				c.answered.Broadcast()
				c.mu.Unlock()
			}
		})
	}
	return c
}

func get(addr string) (string, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := ask(conn); err != nil {
		return "", err
	}
	return answer(conn)
}

func ask(conn net.Conn) error {
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	return err
}

func answer(conn net.Conn) (string, error) {
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// await returns when a process has answered many more requests.
func (c *clients) await(t *testing.T, p *extest.Process) {
	t.Helper()
	who := fmt.Sprintf("process %d\n", p.PID())
	c.mu.Lock()
	defer c.mu.Unlock()
	for want := c.answers[who] + 50; c.answers[who] < want && len(c.failed) == 0; {
		c.answered.Wait()
	}
}

// end checks that no request failed.
func (c *clients) end(t *testing.T) {
	t.Helper()
	c.stop()
	c.all.Wait()
	if len(c.failed) != 0 {
		t.Errorf("%d requests failed: %v, ...; the others: %v", len(c.failed), c.failed[0], c.answers)
	}
}

func TestNoConnectionIsRefusedWhileServersAreReplaced(t *testing.T) {
	fdtest.Snapshot(t)
	control := extest.URL(t)
	old, addr := start(t, control)
	c := connect(t, addr)
	c.await(t, old)
	for range 5 {
		next, same := start(t, control)
		if same != addr {
			t.Fatalf("it serves %s, not %s", same, addr)
		}
		old.Expect(fmt.Sprintf("process %d is replaced by process %d", old.PID(), next.PID()))
		old.End(0)
		c.await(t, next)
		old = next
	}
	c.end(t)
	old.Terminate()
	if _, err := get(addr); err == nil {
		t.Error("somebody serves still")
	}
}

func TestARequestUnderWayIsFinished(t *testing.T) {
	fdtest.Snapshot(t)
	control := extest.URL(t)
	old, addr := start(t, control)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nX: "); err != nil {
		t.Fatal(err)
	}
	if _, err := get(addr); err != nil { // so it has accepted the first one
		t.Fatal(err)
	}
	next, _ := start(t, control)
	old.Expect(fmt.Sprintf("process %d is replaced by process %d", old.PID(), next.PID()))
	if _, err := io.WriteString(conn, "y\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "Host: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := answer(conn); err != nil || got != fmt.Sprintf("process %d\n", old.PID()) {
		t.Errorf("%q, %v", got, err)
	}
	old.End(0)
	next.Terminate()
}

func TestAServerGoesOnIfItsSuccessorDies(t *testing.T) {
	fdtest.Snapshot(t)
	control := extest.URL(t)
	old, addr := start(t, control)
	cmd := extest.Command()
	cmd.Env = append(cmd.Env, dieEnv+"="+control)
	successor := extest.StartCommand(t, cmd)
	successor.Expect(addr + " <nil>")
	successor.Kill()
	old.Expect(fmt.Sprintf("process %d goes on: its successor ended before it served: peer is gone", old.PID()))

	c := connect(t, addr)
	c.await(t, old)
	next, _ := start(t, control)
	old.End(0)
	c.await(t, next)
	c.end(t)
	next.Terminate()
}
