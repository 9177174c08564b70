package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/examples/internal/extest"
	"github.com/corechan/corechan/examples/internal/pty"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/transports"
)

// watchEnv makes this executable a command that tells each new size of its terminal.
const watchEnv = "CORECHAN_REXEC_WATCH"

func TestMain(m *testing.M) {
	if os.Getenv(watchEnv) != "" {
		watch()
		return
	}
	extest.Main(m, main)
}

func watch() {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	for {
		s, err := pty.SizeOf(os.Stdin)
		fmt.Println("size", s.Rows, s.Cols, err)
		<-changed
	}
}

// server starts rexec serve, which ends with the test.
func server(t *testing.T) (url string) {
	t.Helper()
	fdtest.Snapshot(t)
	url = extest.URL(t)
	s := extest.Start(t, "serve", "--listen", url)
	t.Cleanup(s.Terminate)
	s.Expect("listening on " + url)
	return url
}

func shell(t *testing.T, url, script string) *extest.Process {
	t.Helper()
	return extest.Start(t, "run", "--connect", url, "--", "sh", "-c", script)
}

func TestACommandRunsElsewhere(t *testing.T) {
	url := server(t)
	p := shell(t, url, "tr a-z A-Z; echo oops >&2; exit 7")
	p.Type("hello\nworld\n")
	p.CloseStdin()
	p.Expect("HELLO")
	p.Expect("WORLD")
	p.End(7)
	if got := p.Stderr(); got != "oops\n" {
		t.Errorf("standard error is %q", got)
	}
}

func TestAllOutputComesBeforeTheStatus(t *testing.T) {
	url := server(t)
	p := shell(t, url, "seq 200000")
	lines := p.Rest()
	p.End(0)
	if n := len(lines); n != 200000 || lines[n-1] != "200000" {
		t.Errorf("%d lines", n)
	}
}

func TestACommandEndsThoughItsInputGoesOn(t *testing.T) {
	url := server(t)
	p := shell(t, url, "exit 3") // standard input stays open
	p.End(3)
}

func TestACommandThatDoesNotExistIsNamed(t *testing.T) {
	url := server(t)
	p := extest.Start(t, "run", "--connect", url, "no-such-command")
	p.End(exitFailure)
	if got := p.Stderr(); !strings.Contains(got, `"no-such-command": executable file not found`) {
		t.Errorf("standard error is %q", got)
	}
}

func TestAServerThatIsNotThereIsNamed(t *testing.T) {
	fdtest.Snapshot(t)
	url := extest.URL(t)
	p := extest.Start(t, "run", "--connect", url, "--", "true")
	p.End(exitFailure)
	if got := p.Stderr(); !strings.Contains(got, "is rexec serve --listen "+url+" running?") {
		t.Errorf("standard error is %q", got)
	}
}

func TestATerminalIsAskedForWhereThereIsNone(t *testing.T) {
	url := server(t)
	p := extest.Start(t, "run", "--connect", url, "--tty", "--", "true")
	p.End(exitFailure)
	if got := p.Stderr(); !strings.Contains(got, "--tty needs a terminal") {
		t.Errorf("standard error is %q", got)
	}
}

func TestSignalsTravel(t *testing.T) {
	url := server(t)
	p := shell(t, url, "trap 'echo usr1; exit 5' USR1; echo ready; while read x; do :; done")
	p.Expect("ready")
	p.Signal(syscall.SIGUSR1)
	p.Type("\n")
	p.Expect("usr1")
	p.End(5)

	p = shell(t, url, "echo ready; read x")
	p.Expect("ready")
	p.Signal(syscall.SIGTERM)
	p.End(128 + int(syscall.SIGTERM))
}

func TestTheCommandIsKilledWhenItsClientIs(t *testing.T) {
	url := server(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// The command holds the pipe open as long as it lives, and so does what it has started.
	p := shell(t, url, fmt.Sprintf("exec 3>/proc/%d/fd/%d; sh -c 'read x' <&0 & echo ready; wait", os.Getpid(), w.Fd()))
	p.Expect("ready")
	_ = w.Close()
	p.Kill()
	_ = r.SetReadDeadline(time.Now().Add(30 * time.Second))
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d, %v: the command lives", n, err)
	}
}

func TestTheClientHearsThatTheServerIsGone(t *testing.T) {
	fdtest.Snapshot(t)
	url := "shm://@rexec-" + fmt.Sprint(os.Getpid())
	s := extest.Start(t, "serve", "--listen", url)
	s.Expect("listening on " + url)
	p := shell(t, url, "echo ready; read x; echo $x")
	p.Expect("ready")
	s.Kill()
	p.End(exitFailure)
	if got := p.Stderr(); !strings.Contains(got, "start rexec serve again") {
		t.Errorf("standard error is %q", got)
	}
}

func TestAServerThatEndsKillsItsCommandsAndSaysSo(t *testing.T) {
	fdtest.Snapshot(t)
	url := extest.URL(t)
	s := extest.Start(t, "serve", "--listen", url)
	s.Expect("listening on " + url)
	p := shell(t, url, "echo ready; while read x; do :; done")
	p.Expect("ready")
	s.Terminate()
	p.End(exitFailure)
	if got := p.Stderr(); !strings.Contains(got, "rexec serve was told to end") {
		t.Errorf("standard error is %q", got)
	}
}

// client starts rexec run --tty on a terminal of its own.
func client(t *testing.T, url string, size pty.Size, script string) (screen *os.File, lines *bufio.Reader, wait func() int) {
	t.Helper()
	screen, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = screen.Close(), tty.Close() })
	_ = screen.SetReadDeadline(time.Now().Add(30 * time.Second))
	if err := pty.Resize(screen, size); err != nil {
		t.Fatal(err)
	}
	cmd := extest.Command("run", "--connect", url, "--tty", "--", "sh", "-c", script)
	pty.Attach(cmd, tty)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait = sync.OnceValue(func() int {
		_ = cmd.Wait()
		return cmd.ProcessState.ExitCode()
	})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		wait()
	})
	return screen, bufio.NewReader(screen), wait
}

func expect(t *testing.T, lines *bufio.Reader, want string) {
	t.Helper()
	line, err := lines.ReadString('\n')
	if got := strings.TrimRight(line, "\r\n"); err != nil || got != want {
		t.Fatalf("%q, %v; want %q", got, err, want)
	}
}

func TestATerminalWorks(t *testing.T) {
	url := server(t)
	screen, lines, wait := client(t, url, pty.Size{Rows: 40, Cols: 100}, "stty size; read x; echo got $x; exit 9")
	expect(t, lines, "40 100")
	if _, err := screen.WriteString("word\r"); err != nil {
		t.Fatal(err)
	}
	expect(t, lines, "word") // the echo, which is the command's terminal's
	expect(t, lines, "got word")
	if got := wait(); got != 9 {
		t.Errorf("exit code %d", got)
	}
	if _, err := screen.WriteString("again\r"); err != nil {
		t.Fatal(err)
	}
	expect(t, lines, "again") // its own terminal echoes, as before
}

func TestTheInterruptKeyReachesTheCommand(t *testing.T) {
	url := server(t)
	screen, lines, wait := client(t, url, pty.Size{Rows: 24, Cols: 80}, "echo ready; read x")
	expect(t, lines, "ready")
	if _, err := screen.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if got := wait(); got != 128+int(syscall.SIGINT) {
		t.Errorf("exit code %d", got)
	}
}

func TestTheSizeOfTheWindowTravels(t *testing.T) {
	url := server(t)
	script := watchEnv + "=1 GORACE=atexit_sleep_ms=0 exec " + os.Args[0]
	screen, lines, wait := client(t, url, pty.Size{Rows: 24, Cols: 80}, script)
	expect(t, lines, "size 24 80 <nil>")
	if err := pty.Resize(screen, pty.Size{Rows: 50, Cols: 132}); err != nil {
		t.Fatal(err)
	}
	expect(t, lines, "size 50 132 <nil>")
	if _, err := screen.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if got := wait(); got == 0 {
		t.Error("the command ended well; it was interrupted")
	}
}

// The same within one process, where the caller is a program that wants the output and may lose interest.
func TestACancelledContextKillsTheCommand(t *testing.T) {
	ctx := extest.Context(t)
	ln, err := transports.Listen(ctx, "inmem://rexec", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	serving, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() {
		if err := rpc.ServeListener(serving, ln, nil, CommandsService(runner{})); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	defer all.Wait()
	defer stop()
	dial := func() *engine.Session {
		sess, err := transports.Dial(ctx, "inmem://rexec", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = sess.Close() })
		return sess
	}

	running, cancel := context.WithCancel(ctx)
	out := &onFirstWrite{do: cancel}
	j := job{args: []string{"sh", "-c", "echo ready; exec sleep 1000"}, stdin: strings.NewReader(""), stdout: out, stderr: io.Discard}
	if _, err := j.run(running, dial()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	if got := out.text.String(); got != "ready\n" {
		t.Errorf("output %q", got)
	}
	var again strings.Builder
	j = job{args: []string{"echo", "again"}, stdin: strings.NewReader(""), stdout: &again, stderr: io.Discard}
	if status, err := j.run(ctx, dial()); err != nil || status.exitCode() != 0 || again.String() != "again\n" {
		t.Errorf("%v, %v, %q", status, err, again.String())
	}
}

type onFirstWrite struct {
	do   func()
	text strings.Builder
}

func (w *onFirstWrite) Write(b []byte) (int, error) {
	w.do()
	return w.text.Write(b)
}
