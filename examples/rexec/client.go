package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/examples/internal/pty"
)

// A job is a command as its client sees it.
type job struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	events         <-chan os.Signal
	terminal       *os.File // nil: none
}

// useTerminal has the job run on a terminal like f, and makes f pass on every key until restore is called.
func (j *job) useTerminal(f *os.File) (restore func() error, err error) {
	restore, err = pty.MakeRaw(f)
	if err != nil {
		return nil, fmt.Errorf("--tty needs a terminal as standard input; leave it out, or run this in one: %w", err)
	}
	j.terminal = f
	return restore, nil
}

// run has the command run and returns how it ended, after all its output was written.
func (j *job) run(ctx context.Context, sess *engine.Session) (status Status, err error) {
	command := &Command{Args: j.args}
	if err := j.describeTerminal(command); err != nil {
		return status, err
	}
	// One end of each goes with the call; this side keeps the other.
	stdinR, stdin := engine.Stream()
	stdout, stdoutW := engine.Stream()
	stderr, stderrW := engine.Stream()
	eventsR, events := engine.Pipe[Event]()
	go func() { // it may wait for a key for ever: nobody waits for it
		_, err := io.Copy(stdin, j.stdin)
		_ = stdin.CloseWithError(err)
	}()
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { j.passOn(ctx, events, stop) })
	all.Go(func() { show(j.stdout, stdout) })
	all.Go(func() { show(j.stderr, stderr) })

	status, err = NewCommandsClient(sess).Run(ctx, command, stdinR, stdoutW, stderrW, eventsR)
	if err != nil {
		_, _ = stdout.Close(), stderr.Close() // nothing that follows is of use
		if errors.Is(err, engine.ErrPeerGone) {
			err = fmt.Errorf("what the command does is not known any more; start rexec serve again: %w", err)
		}
	}
	close(stop)
	all.Wait()
	_ = stdin.Close()
	return status, err
}

func (j *job) describeTerminal(c *Command) error {
	if j.terminal == nil {
		return nil
	}
	size, err := pty.SizeOf(j.terminal)
	c.Terminal, c.Type, c.Rows, c.Cols = true, os.Getenv("TERM"), size.Rows, size.Cols
	return err
}

// passOn tells the command what happens here.
func (j *job) passOn(ctx context.Context, events engine.Sender[Event], stop <-chan struct{}) {
	defer events.Close()
	for {
		select {
		case sig := <-j.events:
			if e, ok := eventOf(sig, j.terminal); ok && events.Send(ctx, &e) != nil {
				return
			}
		case <-stop:
			return
		}
	}
}

// show writes what comes. If nobody wants to see it any more, the command is told, as with a pipe.
func show(w io.Writer, r *engine.StreamReader) {
	_, err := io.Copy(w, r)
	_ = r.CloseWithError(err)
}
