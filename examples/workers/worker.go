package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"syscall"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports"
)

// registrations is the name of the channel on which workers register.
const registrations = "registrations"

// work registers with the dispatcher and does its jobs, until it has no more.
func work(ctx context.Context, url, name string, do func(ctx context.Context, path string) (string, error)) error {
	sess, err := dial(ctx, url)
	if err != nil {
		return err
	}
	defer sess.Close()
	register, err := engine.Open[Registration](ctx, sess, registrations)
	if err != nil {
		return err
	}
	jobs, give := engine.Pipe[Job]() // the other end is the dispatcher's, with the message
	if err := register.Send(ctx, &Registration{Name: name, Jobs: give}); err != nil {
		return err
	}
	var doing sync.WaitGroup
	defer doing.Wait()
	for next, err := range jobs.All(ctx) {
		if errors.Is(err, engine.ErrPeerGone) {
			return fmt.Errorf("the dispatcher died; start it and this worker again: %w", err)
		}
		if err != nil {
			return err
		}
		// Meanwhile the loop waits for the next job: who waits sees that the dispatcher cancels this one, or dies.
		job := *next
		doing.Go(func() { job.do(ctx, do) })
	}
	return nil
}

// do does one job. Its context ends when the dispatcher does not want the result any more.
func (j *Job) do(ctx context.Context, do func(ctx context.Context, path string) (string, error)) {
	ctx, cancel := j.Result.Context(ctx)
	defer cancel()
	sum, err := do(ctx, j.Path)
	if ctx.Err() != nil {
		_ = j.Result.CloseWith(ctx.Err())
		return
	}
	result := Result{Sum: sum}
	if err != nil {
		result.Err = err.Error()
	}
	_ = j.Result.Send(ctx, &result) // if it fails the dispatcher has lost its interest
}

// dial waits for a dispatcher that is not there yet, or has just ended.
func dial(ctx context.Context, url string) (*engine.Session, error) {
	for {
		sess, err := transports.Dial(ctx, url, nil)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, io.EOF) {
			return sess, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
