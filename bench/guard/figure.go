package main

import (
	"context"
	"errors"

	"github.com/corechan/corechan/perf"
)

// A figure is one of those that the README claims: a ratio to a limit.
type figure struct {
	name    string
	command string // that shows it: what comes after corechan perf
	high    bool   // a high ratio is good
	measure func(ctx context.Context, seconds float64) (float64, error)
}

// figures are all figures, in the README's order.
func figures() []figure {
	return []figure{
		trips("round trip, spin, typed", "pingpong --wait spin", perf.Config{Wait: perf.Spin}),
		trips("round trip, spin, raw", "pingpong --wait spin --mode raw", perf.Config{Wait: perf.Spin, Mode: perf.Raw}),
		trips("round trip, hybrid, typed", "pingpong --wait hybrid", perf.Config{Wait: perf.Hybrid}),
		trips("round trip, block, typed", "pingpong --wait block", perf.Config{Wait: perf.Block}),
		trips("round trip, unix, block", "pingpong --transport unix --wait block", perf.Config{Transport: perf.Unix, Wait: perf.Block}),
		trips("round trip, tcp, block", "pingpong --transport tcp --wait block", perf.Config{Transport: perf.TCP, Wait: perf.Block}),
		streams("stream, 64 B, typed", "stream", perf.Config{}),
		streams("stream, 64 B, raw", "stream --mode raw", perf.Config{Mode: perf.Raw}),
		streams("stream, 64 KiB, raw", "stream --size 65536 --mode raw", perf.Config{Size: 64 << 10, Mode: perf.Raw}),
		calls("call, spin", "call", perf.Config{}),
	}
}

// errInterrupted: less was measured than was asked for.
var errInterrupted = errors.New("interrupted")

func trips(name, command string, c perf.Config) figure {
	return figure{name, command, false, func(ctx context.Context, seconds float64) (float64, error) {
		c := c
		c.Seconds = seconds
		r, err := perf.Pingpong(ctx, c, nil)
		return r.RatioP50, orInterrupted(err, r.Interrupted)
	}}
}

func streams(name, command string, c perf.Config) figure {
	return figure{name, command, true, func(ctx context.Context, seconds float64) (float64, error) {
		c := c
		c.Seconds = seconds
		r, err := perf.Stream(ctx, c, nil)
		return r.Ratio, orInterrupted(err, r.Interrupted)
	}}
}

func calls(name, command string, c perf.Config) figure {
	return figure{name, command, false, func(ctx context.Context, seconds float64) (float64, error) {
		c := c
		c.Seconds = seconds
		r, err := perf.Call(ctx, c, nil)
		return r.RatioP50, orInterrupted(err, r.Interrupted)
	}}
}

func orInterrupted(err error, interrupted bool) error {
	if err == nil && interrupted {
		return errInterrupted
	}
	return err
}
