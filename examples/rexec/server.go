package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/examples/internal/pty"
)

// serve runs the commands of every client until ctx ends, and then kills those that run.
func serve(ctx context.Context, ln *engine.Listener) error {
	var clients sync.WaitGroup
	defer clients.Wait()
	for sess, err := range ln.Sessions(ctx) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		clients.Go(func() {
			defer sess.Close()
			if err := serveClient(ctx, sess); err != nil && ctx.Err() == nil {
				fmt.Fprintf(os.Stderr, "rexec: client %d: %v\n", sess.Peer().Cred.PID, err)
			}
		})
	}
	return nil
}

// serveClient runs the commands of one client, as many at once as it sends.
func serveClient(ctx context.Context, sess *engine.Session) error {
	commands, err := engine.Accept[Command](ctx, sess, commandsName)
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	defer running.Wait()
	for {
		c := new(Command)
		err := commands.Receive(ctx, c)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, engine.ErrPeerGone), errors.Is(err, engine.ErrSessionClosed):
			return nil // what it left running is killed: see Status
		case errors.Is(err, engine.ErrMalformed): // only this message is lost
			fmt.Fprintf(os.Stderr, "rexec: client %d: %v\n", sess.Peer().Cred.PID, err)
			continue
		case err != nil:
			return err
		}
		running.Go(func() { c.serve(ctx) })
	}
}

// serve runs the command and tells its status.
func (c *Command) serve(ctx context.Context) {
	wanted, cancel := c.Status.Context(ctx) // ends when the client no longer waits
	defer cancel()
	status, err := c.run(wanted, cancel)
	if ctx.Err() != nil {
		err = errors.New("the command is killed, as rexec serve was told to end")
	}
	for _, s := range []io.Closer{c.Stdin.V, c.Stdout.V, c.Stderr.V} { // so that all output is sent before the status
		if s != nil {
			_ = s.Close()
		}
	}
	_ = c.Events.Close()
	if err == nil {
		err = c.Status.Send(ctx, &status)
	}
	_ = c.Status.CloseWith(err)
}

// run runs the command until it ends or ctx does.
func (c *Command) run(ctx context.Context, cancel func()) (Status, error) {
	if len(c.Args) == 0 || c.Stdin.V == nil || c.Stdout.V == nil || c.Stderr.V == nil {
		return Status{}, errors.New("incomplete command: it takes arguments, Stdin, Stdout and Stderr")
	}
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a group of its own, so that all of it can be signalled
	cmd.Cancel = func() error { return signalGroup(cmd, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second // what outlives the command may hold its output open for so long
	var err error
	if c.Terminal {
		err = c.runOnTerminal(ctx, cmd, cancel)
	} else {
		err = c.runOnStreams(ctx, cmd)
	}
	if ctx.Err() != nil {
		return Status{}, context.Cause(ctx)
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return Status{}, err
	}
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		return Status{Signal: int(ws.Signal())}, nil
	}
	return Status{Code: cmd.ProcessState.ExitCode()}, nil
}

func (c *Command) runOnStreams(ctx context.Context, cmd *exec.Cmd) error {
	cmd.Stdout, cmd.Stderr = c.Stdout.V, c.Stderr.V
	stdin, err := cmd.StdinPipe() // not cmd.Stdin: Wait would wait for the end of the input
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(stdin, c.Stdin.V)
		_ = stdin.Close()
	}()
	go c.handleEvents(ctx, cmd, nil)
	return cmd.Wait()
}

func (c *Command) runOnTerminal(ctx context.Context, cmd *exec.Cmd, cancel func()) error {
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
	go func() { _, _ = io.Copy(screen, c.Stdin.V) }()
	go c.handleEvents(ctx, cmd, screen)
	if _, err := io.Copy(c.Stdout.V, screen); err != nil && !pty.Ended(err) {
		cancel() // nobody looks at it any more
	}
	return cmd.Wait()
}

// handleEvents does what the client tells, until it ends the channel. screen is nil if the command has no terminal.
func (c *Command) handleEvents(ctx context.Context, cmd *exec.Cmd, screen *os.File) {
	for e, err := range c.Events.All(ctx) {
		switch {
		case err != nil:
			return // Status tells whether the client is gone
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
