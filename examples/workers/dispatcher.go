package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
)

// maxAttempts is how many workers may be lost to one job before it is given up: it may be what kills them.
const maxAttempts = 3

// A dispatcher hands jobs to those who have registered.
//
// Workers take a job when they have none, and those that wait are served in the order in which they began to: so each gets
// as much as it can do, and a slow one holds up nothing but the job that it has.
type dispatcher struct {
	log   io.Writer
	tasks chan *task    // unbuffered; closed after the last outcome
	over  chan struct{} // closed then too
}

// A task is a job on its way to be done.
type task struct {
	ctx      context.Context // of all
	path     string
	attempts int
	done     chan<- outcome
}

// An outcome is what became of a task.
type outcome struct {
	path, sum string
	err       error
}

func newDispatcher(log io.Writer) *dispatcher {
	return &dispatcher{log: log, tasks: make(chan *task), over: make(chan struct{})}
}

// do returns the outcomes as they come. It ends when all tasks are done, or ctx is.
func (d *dispatcher) do(ctx context.Context, paths []string) <-chan outcome {
	out := make(chan outcome, len(paths)) // so that nobody ever waits to tell one
	all := make(chan outcome)
	for _, path := range paths {
		go d.offer(&task{ctx: ctx, path: path, done: out})
	}
	go func() {
		defer close(all)
		defer close(d.over)
		defer close(d.tasks)
		for range paths {
			all <- <-out
		}
	}()
	return all
}

// offer waits until a worker takes the task.
func (d *dispatcher) offer(t *task) {
	select {
	case d.tasks <- t:
	case <-t.ctx.Done():
		t.done <- outcome{path: t.path, err: t.ctx.Err()}
	}
}

// serve lets workers register until all tasks are done, and returns when all have heard of it.
func (d *dispatcher) serve(ctx context.Context, ln *engine.Listener) error {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer stop()
		select {
		case <-d.over:
		case <-serving.Done():
		}
	}()
	if err := rpc.ServeListener(serving, ln, nil, DispatcherService(d)); serving.Err() == nil {
		return err
	}
	return ctx.Err()
}

// Register implements Dispatcher: it gives a worker one job after the other until there are no more, or it is lost.
func (d *dispatcher) Register(ctx context.Context, name string, w Worker) error {
	defer rpc.Release(w)
	fmt.Fprintf(d.log, "%s registered\n", name)
	for {
		select {
		case t, more := <-d.tasks:
			if !more {
				return nil
			}
			if err := d.give(ctx, name, w, t); err != nil {
				fmt.Fprintf(d.log, "%s is lost: %v\n", name, err)
				return err
			}
		case <-d.over:
			return nil
		case <-ctx.Done():
			fmt.Fprintf(d.log, "%s is lost: %v\n", name, context.Cause(ctx))
			return ctx.Err()
		}
	}
}

// give has a worker do a task. If the worker is lost, the task is offered to the others.
func (d *dispatcher) give(ctx context.Context, name string, w Worker, t *task) error {
	sum, err := w.Do(ctx, t.path)
	t.attempts++
	var failed *rpc.Error // the worker's
	switch {
	case err == nil:
		fmt.Fprintf(d.log, "%s did %s\n", name, t.path)
		t.done <- outcome{path: t.path, sum: sum}
	case errors.As(err, &failed):
		t.done <- outcome{path: t.path, err: failed}
		return nil
	case t.attempts == maxAttempts:
		t.done <- outcome{path: t.path, err: fmt.Errorf("given up after %d workers were lost with it: %w", t.attempts, err)}
	default:
		go d.offer(t)
	}
	return err
}
