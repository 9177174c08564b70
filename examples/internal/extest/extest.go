// Package extest runs the examples as what they are: processes. The test's own executable is the example's too, so that
// the race detector sees all of them.
package extest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds every wait of a test. It is no measure of anything.
const patience = 40 * time.Second

// mainEnv makes a test's executable the example itself.
const mainEnv = "CORECHAN_EXAMPLE"

// Main is an example's TestMain: it runs the tests, or in a process that they have started the example's main.
func Main(m *testing.M, main func()) {
	if os.Getenv(mainEnv) != "" {
		main()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// Context returns a context that ends before a hanging test does.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// URL returns a fresh address, and fails the test if anything is left there at its end.
func URL(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cc") // shorter than t.TempDir: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		_ = os.RemoveAll(dir)
	})
	return "shm://" + filepath.Join(dir, "s")
}

// A Process is a running example.
type Process struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	stdin  *os.File
	stdout *os.File
	lines  *bufio.Reader
	stderr bytes.Buffer
	waited bool
}

// Command returns the example's command with these arguments, for StartCommand, or to be started otherwise.
func Command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), mainEnv+"=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// Start starts the example. It is killed at the end of the test if it runs still.
func Start(t testing.TB, args ...string) *Process {
	t.Helper()
	return StartCommand(t, Command(args...))
}

// StartCommand starts a command that Command made.
func StartCommand(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, name: strings.Join(cmd.Args[1:], " "), cmd: cmd}
	in, out := pipe(t), pipe(t)
	p.stdin, p.stdout, p.lines = in[1], out[0], bufio.NewReader(out[0])
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in[0], out[1], &p.stderr
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = in[0].Close(), out[1].Close()
	_ = p.stdout.SetReadDeadline(time.Now().Add(patience))
	t.Cleanup(func() {
		if !p.waited {
			p.Signal(syscall.SIGKILL)
			_ = cmd.Wait()
		}
		_, _ = p.stdin.Close(), p.stdout.Close()
		if t.Failed() && p.stderr.Len() != 0 {
			t.Logf("%s: standard error:\n%s", p.name, p.stderr.String())
		}
	})
	return p
}

func pipe(t testing.TB) [2]*os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return [2]*os.File{r, w}
}

// PID returns the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Type writes to its standard input.
func (p *Process) Type(text string) {
	p.t.Helper()
	if _, err := p.stdin.WriteString(text); err != nil {
		p.t.Fatalf("%s: type: %v", p.name, err)
	}
}

// CloseStdin ends its standard input.
func (p *Process) CloseStdin() { _ = p.stdin.Close() }

// Line returns the next line of its standard output.
func (p *Process) Line() string {
	p.t.Helper()
	line, err := p.lines.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%s: %q, %v", p.name, line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// Expect checks the next line.
func (p *Process) Expect(want string) {
	p.t.Helper()
	if got := p.Line(); got != want {
		p.t.Fatalf("%s: it says %q, want %q", p.name, got, want)
	}
}

// Rest returns the lines up to the end.
func (p *Process) Rest() []string {
	p.t.Helper()
	var lines []string
	for {
		line, err := p.lines.ReadString('\n')
		if line != "" {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
		if err != nil {
			return lines
		}
	}
}

// Signal sends it a signal.
func (p *Process) Signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// Kill kills it as kill -9 does, and waits.
func (p *Process) Kill() {
	p.t.Helper()
	p.Signal(syscall.SIGKILL)
	_ = p.Wait()
}

// Wait waits until it ends, and returns its exit code; -1 if a signal ended it.
func (p *Process) Wait() int {
	p.t.Helper()
	timer := time.AfterFunc(patience, func() {
		p.t.Errorf("%s: it goes on; it gets SIGQUIT", p.name)
		p.Signal(syscall.SIGQUIT)
	})
	err := p.cmd.Wait()
	timer.Stop()
	p.waited = true
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// End waits until it ends by itself, and checks its exit code.
func (p *Process) End(want int) {
	p.t.Helper()
	if got := p.Wait(); got != want {
		p.t.Errorf("%s: exit code %d, want %d", p.name, got, want)
	}
}

// Terminate asks it to end, as ^C does, and checks that it does so in order.
func (p *Process) Terminate() {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	p.End(0)
}

// Stderr returns what it has written to standard error. It has ended.
func (p *Process) Stderr() string { return p.stderr.String() }
