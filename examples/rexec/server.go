package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/examples/internal/pty"
)

// A runner is the Commands of rexec serve.
type runner struct{}

// A running is a command that runs.
type running struct {
	*Command
	stdin          io.ReadCloser
	stdout, stderr io.WriteCloser
	events         engine.Receiver[Event]
}

// Run implements Commands.
func (runner) Run(ctx context.Context, c *Command, stdin io.ReadCloser, stdout, stderr io.WriteCloser, events engine.Receiver[Event]) (Status, error) {
	if c == nil || len(c.Args) == 0 || stdin == nil || stdout == nil || stderr == nil {
		return Status{}, errors.New("incomplete command: it takes arguments, input, output and errors")
	}
	defer events.Close()
	defer func() { _, _, _ = stdin.Close(), stdout.Close(), stderr.Close() }() // so that all output is sent before the status
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a group of its own, so that all of it can be signalled
	cmd.Cancel = func() error { return signalGroup(cmd, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second // what outlives the command may hold its output open for so long
	r := &running{c, stdin, stdout, stderr, events}
	var err error
	if c.Terminal {
		err = r.runOnTerminal(ctx, cmd, cancel)
	} else {
		err = r.runOnStreams(ctx, cmd)
	}
	if ctx.Err() != nil {
		return Status{}, errors.New("the command is killed, as nobody looks at it, or rexec serve was told to end")
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return Status{}, err
	}
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		return Status{Signal: int(ws.Signal())}, nil
	}
	return Status{Code: cmd.ProcessState.ExitCode()}, nil
}

func (c *running) runOnStreams(ctx context.Context, cmd *exec.Cmd) error {
	cmd.Stdout, cmd.Stderr = c.stdout, c.stderr
	stdin, err := cmd.StdinPipe() // not cmd.Stdin: Wait would wait for the end of the input
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(stdin, c.stdin)
		_ = stdin.Close()
	}()
	go c.handleEvents(ctx, cmd, nil)
	return cmd.Wait()
}

func (c *running) runOnTerminal(ctx context.Context, cmd *exec.Cmd, cancel func()) error {
	screen, tty, err := pty.Open()
	if err != nil {
		return err
	}
	defer screen.Close()
	defer tty.Close()
	if err := pty.Resize(screen, pty.Size{Rows: c.Rows, Cols: c.Cols}); err != nil {
		return err
	}
	pty.Attach(cmd, tty)
	cmd.Env = append(os.Environ(), "TERM="+c.Type)
	if err := cmd.Start(); err != nil {
		return err
	}
	_ = tty.Close() // otherwise the screen would not see the end
	go func() { _, _ = io.Copy(screen, c.stdin) }()
	go c.handleEvents(ctx, cmd, screen)
	if _, err := io.Copy(c.stdout, screen); err != nil && !pty.Ended(err) {
		cancel() // nobody looks at it any more
	}
	return cmd.Wait()
}

// handleEvents does what the client tells, until it ends the channel. screen is nil if the command has no terminal.
func (c *running) handleEvents(ctx context.Context, cmd *exec.Cmd, screen *os.File) {
	for e, err := range c.events.All(ctx) {
		switch {
		case err != nil:
			return // ctx tells whether the client is gone
		case e.Signal != 0:
			_ = signalGroup(cmd, syscall.Signal(e.Signal))
		case screen != nil:
			_ = pty.Resize(screen, pty.Size{Rows: e.Rows, Cols: e.Cols})
		}
	}
}

// signalGroup signals the command and what it has started. The group keeps its number while any of them lives.
func signalGroup(cmd *exec.Cmd, sig syscall.Signal) error {
	err := syscall.Kill(-cmd.Process.Pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
