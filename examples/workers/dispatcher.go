package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

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
		go d.offer(ctx, &task{path: path, done: out})
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
func (d *dispatcher) offer(ctx context.Context, t *task) {
	select {
	case d.tasks <- t:
	case <-ctx.Done():
		t.done <- outcome{path: t.path, err: ctx.Err()}
	}
}

// serve lets workers register until all tasks are done, and returns when all have heard of it.
func (d *dispatcher) serve(ctx context.Context, ln *engine.Listener) error {
	var sessions sync.WaitGroup
	defer sessions.Wait()
	registering, stop := context.WithCancel(ctx)
	defer stop()
	sessions.Go(func() {
		defer stop()
		select {
		case <-d.over:
		case <-registering.Done():
		}
	})
	for sess, err := range ln.Sessions(registering) {
		if registering.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		sessions.Go(func() {
			defer sess.Close()
			if err := d.register(ctx, registering, sess); err != nil && registering.Err() == nil {
				fmt.Fprintf(d.log, "process %d: %v\n", sess.Peer().Cred.PID, err)
			}
		})
	}
	return ctx.Err()
}

// register serves one process, in which there may be several workers. It returns when none of them has a job.
func (d *dispatcher) register(ctx, registering context.Context, sess *engine.Session) error {
	workers, err := engine.Accept[Registration](registering, sess, registrations)
	if err != nil {
		return err
	}
	var feeding sync.WaitGroup
	defer feeding.Wait()
	for w, err := range workers.All(registering) {
		if errors.Is(err, engine.ErrPeerGone) || errors.Is(err, engine.ErrSessionClosed) {
			return nil // feed says what it means for each
		}
		if err != nil {
			return err
		}
		worker := *w
		fmt.Fprintf(d.log, "%s registered\n", worker.Name)
		feeding.Go(func() { d.feed(ctx, &worker) })
	}
	return nil
}

// feed gives a worker one job after the other until there are no more, or it is lost.
func (d *dispatcher) feed(ctx context.Context, w *Registration) {
	defer w.Jobs.Close() // it hears that there are no more
	lost, stop := w.Jobs.Context(ctx)
	defer stop()
	for {
		select {
		case t, more := <-d.tasks:
			if !more {
				return
			}
			if err := d.give(ctx, w, t); err != nil {
				fmt.Fprintf(d.log, "%s is lost: %v\n", w.Name, err)
				return
			}
		case <-lost.Done():
			fmt.Fprintf(d.log, "%s is lost: %v\n", w.Name, context.Cause(lost))
			return
		}
	}
}

// give has a worker do a task. If the worker is lost, the task is offered to the others.
func (d *dispatcher) give(ctx context.Context, w *Registration, t *task) error {
	var result Result
	job := Job{Path: t.path}
	err := engine.Call(ctx, w.Jobs, &job, &job.Result, &result)
	t.attempts++
	switch {
	case err == nil && result.Err == "":
		fmt.Fprintf(d.log, "%s did %s\n", w.Name, t.path)
		t.done <- outcome{path: t.path, sum: result.Sum}
	case err == nil:
		t.done <- outcome{path: t.path, err: errors.New(result.Err)}
	case t.attempts == maxAttempts:
		t.done <- outcome{path: t.path, err: fmt.Errorf("given up after %d workers were lost with it: %w", t.attempts, err)}
	default:
		go d.offer(ctx, t)
	}
	return err
}
