package pty_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/examples/internal/pty"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
)

// watchEnv makes this executable tell the size of its terminal whenever that changes.
const watchEnv = "CORECHAN_PTY_WATCH"

func TestMain(m *testing.M) {
	if os.Getenv(watchEnv) != "" {
		if err := watch(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// watch tells one change.
func watch() error {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	fmt.Println("ready")
	<-changed
	s, err := pty.SizeOf(os.Stdin)
	if err == nil {
		fmt.Println(s.Rows, s.Cols)
	}
	return err
}

// terminal is a pseudo-terminal with a command on it.
type terminal struct {
	*testing.T
	screen *os.File
	lines  *bufio.Reader
	cmd    *exec.Cmd
}

func start(t *testing.T, size pty.Size, cmd *exec.Cmd) *terminal {
	t.Helper()
	screen, tty := open(t)
	if err := pty.Resize(screen, size); err != nil {
		t.Fatal(err)
	}
	pty.Attach(cmd, tty)
	err := cmd.Start()
	tty.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return &terminal{T: t, screen: screen, lines: bufio.NewReader(screen), cmd: cmd}
}

// open makes a terminal whose ends are closed at the end of the test, and whose screen does not wait for ever.
func open(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		screen.Close()
		tty.Close()
	})
	if err := screen.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return screen, tty
}

// expect checks the next line on the screen.
func (t *terminal) expect(want string) {
	t.Helper()
	line, err := t.lines.ReadString('\n')
	if got := strings.TrimRight(line, "\r\n"); err != nil || got != want {
		t.Fatalf("%q, %v; want %q", got, err, want)
	}
}

// expectEnd checks that nothing follows, and waits for the command.
func (t *terminal) expectEnd() error {
	t.Helper()
	if line, err := t.lines.ReadString('\n'); line != "" || !pty.Ended(err) {
		t.Errorf("%q, %v; want the end", line, err)
	}
	return t.cmd.Wait()
}

func TestACommandSeesTheSizeOfItsTerminal(t *testing.T) {
	fdtest.Snapshot(t)
	term := start(t, pty.Size{Rows: 40, Cols: 100}, exec.Command("sh", "-c", "stty size"))
	term.expect("40 100")
	if err := term.expectEnd(); err != nil {
		t.Error(err)
	}
}

func TestAResizeReachesTheCommand(t *testing.T) {
	fdtest.Snapshot(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), watchEnv+"=1", "GORACE=atexit_sleep_ms=0")
	term := start(t, pty.Size{Rows: 24, Cols: 80}, cmd)
	term.expect("ready")
	if err := pty.Resize(term.screen, pty.Size{Rows: 50, Cols: 132}); err != nil {
		t.Fatal(err)
	}
	if s, err := pty.SizeOf(term.screen); s != (pty.Size{Rows: 50, Cols: 132}) || err != nil {
		t.Errorf("the screen has %v, %v", s, err)
	}
	term.expect("50 132")
	if err := term.expectEnd(); err != nil {
		t.Error(err)
	}
}

func TestTheInterruptKeyEndsTheCommand(t *testing.T) {
	fdtest.Snapshot(t)
	term := start(t, pty.Size{}, exec.Command("sh", "-c", "echo ready; read line"))
	term.expect("ready")
	if _, err := term.screen.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	err := term.cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("%v, want an interrupt", err)
	}
}

func TestARawTerminalPassesOnWhatIsTyped(t *testing.T) {
	fdtest.Snapshot(t)
	screen, tty := open(t)
	restore, err := pty.MakeRaw(tty)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := screen.Write([]byte("\x03\r")); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 2)
	if n, err := io.ReadFull(tty, p); string(p[:n]) != "\x03\r" || err != nil {
		t.Errorf("%q, %v", p[:n], err)
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	if _, err := screen.Write([]byte("a\r")); err != nil {
		t.Fatal(err)
	}
	if n, err := tty.Read(p); string(p[:n]) != "a\n" || err != nil {
		t.Errorf("when restored: %q, %v; want a whole line", p[:n], err)
	}
	echo := make([]byte, 3)
	if n, err := io.ReadFull(screen, echo); string(echo[:n]) != "a\r\n" || err != nil {
		t.Errorf("the echo is %q, %v", echo[:n], err)
	}
}

func TestClosingTheScreenEndsItsRead(t *testing.T) {
	fdtest.Snapshot(t)
	screen, _ := open(t)
	done := make(chan error)
	go func() {
		_, err := screen.Read(make([]byte, 1))
		done <- err
	}()
	screen.Close()
	select {
	case err := <-done:
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%v, want os.ErrClosed", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Read goes on")
	}
	if err := pty.Resize(screen, pty.Size{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Resize: %v, want os.ErrClosed", err)
	}
}

func TestWhatIsNoTerminalIsRefused(t *testing.T) {
	fdtest.Snapshot(t)
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, errSize := pty.SizeOf(f)
	_, errRaw := pty.MakeRaw(f)
	for _, err := range []error{errSize, errRaw, pty.Resize(f, pty.Size{})} {
		if !errors.Is(err, unix.ENOTTY) {
			t.Errorf("%v, want ENOTTY", err)
		}
	}
}
