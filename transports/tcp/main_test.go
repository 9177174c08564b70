package tcp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
)

// childEnv names what this executable is to do instead of the tests.
const childEnv = "CORECHAN_TCP_CHILD"

// children obey lines on standard input, and answer each with one line.
var children = map[string]func(c *childSide) error{
	"idle": childIdle,
	"echo": childEcho,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := children[name](&childSide{bufio.NewScanner(os.Stdin)}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait: long enough for a loaded machine, and only ever spent by a test that fails.
const patience = time.Minute

// soak runs the long forms.
var soak = os.Getenv("CORECHAN_SOAK") != ""

func watchdog(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

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

func poll(ok func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// A child is a process of the test's.
type child struct {
	t    testing.TB
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	errs strings.Builder
}

// startChild starts a child, which is killed at the end of the test at the latest, and returns its first line.
func startChild(t testing.TB, name string, env ...string) (c *child, said string) {
	t.Helper()
	c = &child{t: t, cmd: exec.Command("/proc/self/exe")}
	// The race detector sleeps for a second at exit unless told otherwise.
	c.cmd.Env = append(append(os.Environ(), childEnv+"="+name, "GORACE=atexit_sleep_ms=0"), env...)
	c.in = must(c.cmd.StdinPipe())
	c.out = bufio.NewScanner(must(c.cmd.StdoutPipe()))
	c.cmd.Stderr = &c.errs
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c, c.hear()
}

func (c *child) pid() int { return c.cmd.Process.Pid }

func (c *child) hear() string {
	c.t.Helper()
	stuck := time.AfterFunc(patience, func() { _ = c.cmd.Process.Signal(syscall.SIGQUIT) })
	defer stuck.Stop()
	if !c.out.Scan() {
		err := c.cmd.Wait()
		c.t.Fatalf("child: %v: %s", err, c.errs.String())
	}
	return c.out.Text()
}

// tell gives the child a line and returns its answer.
func (c *child) tell(line string) string {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		c.t.Fatalf("child: %v", err)
	}
	return c.hear()
}

func (c *child) kill() {
	_ = c.in.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// A childSide is what a child has of that.
type childSide struct{ in *bufio.Scanner }

func (c *childSide) say(what ...any) { fmt.Println(what...) }

func (c *childSide) obey(f func(line string) (string, error)) error {
	for c.in.Scan() {
		answer, err := f(c.in.Text())
		if err != nil {
			return fmt.Errorf("%s: %w", c.in.Text(), err)
		}
		c.say(answer)
	}
	return c.in.Err()
}

var errNoCommand = errors.New("no such command")
