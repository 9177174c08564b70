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
	measure measurement
}

// figures are all figures, in the README's order.
func figures() []figure {
	return []figure{
		{"round trip, spin, typed", "pingpong --wait spin", false, trips(perf.Pingpong, perf.Config{Wait: perf.Spin})},
		{"round trip, spin, raw", "pingpong --wait spin --mode raw", false, trips(perf.Pingpong, perf.Config{Wait: perf.Spin, Mode: perf.Raw})},
		{"round trip, hybrid, typed", "pingpong --wait hybrid", false, trips(perf.Pingpong, perf.Config{Wait: perf.Hybrid})},
		{"round trip, block, typed", "pingpong --wait block", false, trips(perf.Pingpong, perf.Config{Wait: perf.Block})},
		{
			"round trip, unix, block", "pingpong --transport unix --wait block", false,
			trips(perf.Pingpong, perf.Config{Transport: perf.Unix, Wait: perf.Block}),
		},
		{
			"round trip, tcp, block", "pingpong --transport tcp --wait block", false,
			trips(perf.Pingpong, perf.Config{Transport: perf.TCP, Wait: perf.Block}),
		},
		{"stream, 64 B, typed", "stream", true, streams(perf.Stream, perf.Config{})},
		{"stream, 64 B, raw", "stream --mode raw", true, streams(perf.Stream, perf.Config{Mode: perf.Raw})},
		{"stream, 64 KiB, raw", "stream --size 65536 --mode raw", true, streams(perf.Stream, perf.Config{Size: 64 << 10, Mode: perf.Raw})},
		{"call, spin", "call", false, calls(perf.Config{}, func(r *perf.CallReport) float64 { return r.RatioP50 })},
		{
			"64 calls at a time, block", "call --inflight 64 --wait block", true,
			calls(perf.Config{Inflight: 64, Wait: perf.Block}, func(r *perf.CallReport) float64 { return r.RatioCalls }),
		},
		{"descriptor there and back", "fd", false, trips(perf.Descriptor, perf.Config{})},
		{"byte stream by io.Copy", "stream --kind bytes", true, streams(perf.Bytes, perf.Config{})},
	}
}

// errInterrupted: less was measured than was asked for.
var errInterrupted = errors.New("interrupted")

// measurement measures a ratio for some seconds.
type measurement = func(ctx context.Context, seconds float64) (float64, error)

func trips(do func(context.Context, perf.Config, *perf.Options) (perf.PingpongReport, error), c perf.Config) measurement {
	return func(ctx context.Context, seconds float64) (float64, error) {
		c := c
		c.Seconds = seconds
		r, err := do(ctx, c, nil)
		return r.RatioP50, orInterrupted(err, r.Interrupted)
	}
}

func streams(do func(context.Context, perf.Config, *perf.Options) (perf.StreamReport, error), c perf.Config) measurement {
	return func(ctx context.Context, seconds float64) (float64, error) {
		c := c
		c.Seconds = seconds
		r, err := do(ctx, c, nil)
		return r.Ratio, orInterrupted(err, r.Interrupted)
	}
}

func calls(c perf.Config, ratio func(*perf.CallReport) float64) measurement {
	return func(ctx context.Context, seconds float64) (float64, error) {
		c := c
		c.Seconds = seconds
		r, err := perf.Call(ctx, c, nil)
		return ratio(&r), orInterrupted(err, r.Interrupted)
	}
}

func orInterrupted(err error, interrupted bool) error {
	if err == nil && interrupted {
		return errInterrupted
	}
	return err
}
