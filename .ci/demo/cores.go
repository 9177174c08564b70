package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// cores has corechan trace say what happens on the cores while messages go back and forth between two. What it is not allowed to
// see, it names.
func cores(ctx context.Context, corechan string) error {
	fmt.Println("\nWhere the cores' time went meanwhile: corechan trace --once --pinned, beside a ping-pong that spins")
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	busy := exec.CommandContext(ctx, corechan, "perf", "pingpong", "--seconds", "60", "--json")
	busy.Cancel = func() error { return busy.Process.Signal(os.Interrupt) }
	if err := busy.Start(); err != nil {
		return err
	}
	defer func() {
		stop()
		_ = busy.Wait()
	}()
	trace := exec.CommandContext(ctx, corechan, "trace", "--once", "--pinned", "--interval", "2s")
	trace.Stdout, trace.Stderr = os.Stdout, os.Stderr
	if err := trace.Run(); err != nil {
		return fmt.Errorf("%s: %w", trace, err)
	}
	return nil
}
