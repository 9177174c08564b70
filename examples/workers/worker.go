package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports"
)

// A worker is the Worker that a function is.
type worker func(ctx context.Context, path string) (string, error)

// Do implements Worker.
func (do worker) Do(ctx context.Context, path string) (string, error) { return do(ctx, path) }

// work registers with the dispatcher and does its jobs, until it has no more.
func work(ctx context.Context, url, name string, do worker) error {
	sess, err := dial(ctx, url)
	if err != nil {
		return err
	}
	defer sess.Close()
	err = NewDispatcherClient(sess).Register(ctx, name, do)
	if errors.Is(err, engine.ErrPeerGone) {
		err = fmt.Errorf("the dispatcher died; start it and this worker again: %w", err)
	}
	return err
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
