package shm_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/transports/shm"
)

// childEnv names the function of children that this executable is to run instead of the tests.
const childEnv = "CORECHAN_SHM_CHILD"

// children are what tests need a process of their own for. They obey lines on standard input, and answer each with one
// line. An error is reported by the test that started them.
var children = map[string]func(c *childSide) error{
	"serve":  childServe,
	"dial":   childDial,
	"stream": childStream,
	"idle":   childIdle,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		c := &childSide{in: bufio.NewScanner(os.Stdin)}
		if err := children[name](c); err != nil {
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

// eventually waits until ok, within patience.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !poll(ok) {
		t.Fatalf("gave up waiting until %s", what)
	}
}

// poll waits until ok, within patience, and reports whether it is.
func poll(ok func() bool) bool {
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// within returns what ch brings, within patience.
func within[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("gave up waiting for %s; the goroutines are:\n%s", what, stacks())
		panic("unreachable")
	}
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// residue checks at the end of the test, after the cleanups that are registered later, that no descriptor, mapping or
// goroutine is left.
func residue(t *testing.T) {
	t.Helper()
	goroutines := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if !t.Failed() { // a test that has failed leaves things behind
			goleak.VerifyNone(t, goroutines)
		}
	})
	before := mappings(t)
	t.Cleanup(func() {
		if !t.Failed() && !poll(func() bool { return mappings(t) <= before }) {
			t.Errorf("%d mappings of segments, %d at the start", mappings(t), before)
		}
	})
	fdtest.Snapshot(t)
}

// mappings counts the mapped parts of segments, one's own and peers'.
func mappings(t testing.TB) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(maps), "memfd:corechan")
}

var names atomic.Int64

// address returns an abstract name that nobody else uses.
func address() string { return fmt.Sprintf("@corechan-test-%d-%d", os.Getpid(), names.Add(1)) }

func trimScheme(addr string) string { return strings.TrimPrefix(addr, shm.Transport+"://") }

// newEngine returns an engine that the test's end shuts down.
func newEngine(t testing.TB, c engine.Config) *engine.Engine {
	t.Helper()
	eng := must(engine.New(c))
	t.Cleanup(func() { _ = eng.Shutdown(context.Background()) })
	return eng
}

// connect returns the two ends of a session over a listener of an abstract name: a is the dialer's.
func connect(t testing.TB, o *shm.Options) (a, b *engine.Session) {
	t.Helper()
	ctx := watchdog(t)
	name := address()
	ln := must(shm.Listen(ctx, name, o))
	a = must(shm.Dial(ctx, name, o))
	b = must(ln.Accept(ctx))
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
		_ = ln.Close()
	})
	return a, b
}

// A logs is a slog handler that keeps the reasons of what is logged.
type logs struct {
	mu      sync.Mutex
	reasons []error
	said    []string
}

func (l *logs) Enabled(context.Context, slog.Level) bool { return true }
func (l *logs) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logs) WithGroup(string) slog.Handler            { return l }

func (l *logs) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok {
			l.reasons = append(l.reasons, err)
			l.said = append(l.said, r.Message)
		}
		return true
	})
	return nil
}

// take waits for a message and returns the reason it was logged with.
func (l *logs) take(t testing.TB, message string) error {
	t.Helper()
	err, ok := l.find(message)
	if !ok {
		t.Fatalf("gave up waiting until %q is logged", message)
	}
	return err
}

func (l *logs) has(message string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.said, message)
}

func (l *logs) find(message string) (err error, ok bool) { //nolint:staticcheck // the error is what was looked for
	ok = poll(func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		i := slices.Index(l.said, message)
		if i < 0 {
			return false
		}
		err = l.reasons[i]
		l.said = slices.Delete(l.said, i, i+1)
		l.reasons = slices.Delete(l.reasons, i, i+1)
		return true
	})
	return err, ok
}

// A server serves every session of a listener as answer does.
type server struct {
	ln    *engine.Listener
	log   *logs
	eng   *engine.Engine
	ended chan error // why each session ended
	all   sync.WaitGroup
	stop  func()
}

// serve starts a server that the test's end stops. Of o, Engine is set here, from c.
func serve(t testing.TB, addr string, o shm.Options, c engine.Config) *server {
	t.Helper()
	s, err := newServer(addr, o, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

func newServer(addr string, o shm.Options, c engine.Config) (*server, error) {
	s := &server{log: new(logs), ended: make(chan error, 1<<16)}
	c.Logger = slog.New(s.log)
	s.eng = must(engine.New(c))
	o.Engine = s.eng
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = func() {
		cancel()
		if s.ln != nil {
			_ = s.ln.Close()
		}
		s.all.Wait()
		_ = s.eng.Shutdown(context.Background())
	}
	var err error
	if s.ln, err = shm.Listen(ctx, addr, &o); err != nil {
		s.stop()
		return nil, err
	}
	s.all.Go(func() {
		for sess, err := range s.ln.Sessions(ctx) {
			if err != nil {
				return
			}
			s.all.Go(func() { s.ended <- answer(ctx, sess) })
		}
	})
	return s, nil
}

// answer serves a session: what comes on channels named "ping" goes back on one named "pong", and who opens "flood" is sent
// messages on "water". It returns why the session ended.
func answer(ctx context.Context, s *engine.Session) error {
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := engine.Accept[engine.Raw](ctx, s, "flood"); err != nil {
			return
		}
		out, err := engine.Open[engine.Raw](ctx, s, "water")
		for message := make(engine.Raw, 100); err == nil; {
			err = out.Send(ctx, &message)
		}
	})
	err := echo(ctx, s)
	if ctx.Err() == nil && !poll(func() bool { return s.Err() != nil }) {
		err = fmt.Errorf("the session goes on after %v", err) //nolint:errorlint // so that no cause is found
		_ = s.Close()
	}
	all.Wait()
	if end := s.Err(); end != nil && !errors.Is(end, os.ErrClosed) {
		err = end
	}
	_ = s.Close()
	return err
}

func echo(ctx context.Context, s *engine.Session) error {
	out, err := engine.Open[engine.Raw](ctx, s, "pong")
	if err != nil {
		return err
	}
	for {
		in, err := engine.Accept[engine.Raw](ctx, s, "ping")
		if err != nil {
			return err
		}
		for m, err := range in.All(ctx) {
			if err != nil {
				return err
			}
			if err := out.Send(ctx, m); err != nil {
				return err
			}
		}
	}
}

// A client is a session to a server: a neighbour of those that get into trouble.
type client struct {
	*engine.Session
	ping engine.Sender[engine.Raw]
	pong engine.Receiver[engine.Raw]
	n    int
}

func dial(t testing.TB, addr string, o *shm.Options) *client {
	t.Helper()
	c, err := newClient(watchdog(t), addr, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func newClient(ctx context.Context, addr string, o *shm.Options) (c *client, err error) {
	c = new(client)
	if c.Session, err = shm.Dial(ctx, addr, o); err != nil {
		return nil, err
	}
	if c.ping, err = engine.Open[engine.Raw](ctx, c.Session, "ping"); err == nil {
		c.pong, err = engine.Accept[engine.Raw](ctx, c.Session, "pong")
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// roundTrip sends a message that no other was like, and waits for it to come back.
func (c *client) roundTrip(ctx context.Context) error {
	c.n++
	m := engine.Raw(fmt.Sprintf("message %d", c.n))
	if err := c.ping.Send(ctx, &m); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	var back engine.Raw
	if err := c.pong.Receive(ctx, &back); err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	if string(back) != string(m) {
		return fmt.Errorf("%q came back as %q", m, back)
	}
	return nil
}

// onLane has the client send on a lane from now on.
func (c *client) onLane(ctx context.Context, o *engine.LaneOptions) (err error) {
	_ = c.ping.Close()
	c.ping, err = engine.OpenLane[engine.Raw](ctx, c.Session, "ping", o)
	return err
}

// goesOn checks that the session works.
func (c *client) goesOn(t testing.TB) {
	t.Helper()
	for range 3 {
		if err := c.roundTrip(watchdog(t)); err != nil {
			t.Fatalf("a session that nothing was wrong with: %v", err)
		}
	}
}

// A child is a process of the test's.
type child struct {
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	errs   strings.Builder
	waited bool
}

// startChild starts the child process of that name. It is killed at the end of the test at the latest.
func startChild(t testing.TB, name string, env ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: childCommand(t, name, env...)}
	c.start()
	return c
}

func (c *child) start() {
	c.t.Helper()
	c.in = must(c.cmd.StdinPipe())
	c.out = bufio.NewScanner(must(c.cmd.StdoutPipe()))
	c.cmd.Stderr = &c.errs
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(c.kill)
}

func childCommand(t testing.TB, name string, env ...string) *exec.Cmd {
	t.Helper()
	if children[name] == nil {
		t.Fatalf("no child is called %q", name)
	}
	cmd := exec.Command("/proc/self/exe") // also for a user who may not enter the directory of the executable
	// The race detector sleeps for a second at exit unless told otherwise.
	cmd.Env = append(append(os.Environ(), childEnv+"="+name, "GORACE=atexit_sleep_ms=0"), env...)
	return cmd
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// hear returns the next line that the child says.
func (c *child) hear() string {
	c.t.Helper()
	line := make(chan string, 1)
	go func() {
		if c.out.Scan() {
			line <- c.out.Text()
			return
		}
		close(line)
	}()
	var said string
	select {
	case said = <-line:
	case <-time.After(patience):
		_ = c.cmd.Process.Signal(syscall.SIGQUIT) // it prints its goroutines
	}
	if said == "" {
		c.waited = true
		err := c.cmd.Wait()
		c.t.Fatalf("child: %v: %s", err, c.errs.String())
	}
	return said
}

// tell gives the child a line and returns its answer.
func (c *child) tell(format string, args ...any) string {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.in, format+"\n", args...); err != nil {
		c.t.Fatalf("child: %v", err)
	}
	return c.hear()
}

// wait returns how the child ended.
func (c *child) wait() error {
	if c.waited {
		return nil
	}
	c.waited = true
	_ = c.in.Close()
	return c.cmd.Wait()
}

func (c *child) kill() {
	if !c.waited {
		_ = c.cmd.Process.Kill()
		_ = c.wait()
	}
}

// A childSide is what a child has of that.
type childSide struct {
	in *bufio.Scanner
}

func (c *childSide) say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// obey calls f for every line until there are no more, and says what it returns.
func (c *childSide) obey(f func(words []string) (string, error)) error {
	for c.in.Scan() {
		answer, err := f(strings.Fields(c.in.Text()))
		if err != nil {
			return fmt.Errorf("%s: %w", c.in.Text(), err)
		}
		c.say("%s", answer)
	}
	return c.in.Err()
}

var errNoCommand = errors.New("no such command")
