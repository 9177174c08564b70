package main

import (
	"context"
	"errors"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/result"
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

// A round is one measurement of a figure.
type round struct {
	ratio     float64
	disturbed bool // others came in the way, as package perf/environment has it
}

// measurement measures for some seconds.
type measurement = func(ctx context.Context, seconds float64) (round, error)

// measured makes a measurement of a way to measure.
func measured[R any](do func(context.Context, perf.Config, *perf.Options) (R, error), c perf.Config, of func(*R) (ratio float64, interrupted bool)) measurement {
	return func(ctx context.Context, seconds float64) (round, error) {
		c := c
		c.Seconds = seconds
		var all result.Result
		r, err := do(ctx, c, &perf.Options{Result: &all})
		if err != nil {
			return round{}, err
		}
		ratio, interrupted := of(&r)
		if interrupted {
			err = errInterrupted
		}
		return round{ratio, len(all.Marks) > 0}, err
	}
}

func trips(do func(context.Context, perf.Config, *perf.Options) (perf.PingpongReport, error), c perf.Config) measurement {
	return measured(do, c, func(r *perf.PingpongReport) (float64, bool) { return r.RatioP50, r.Interrupted })
}

func streams(do func(context.Context, perf.Config, *perf.Options) (perf.StreamReport, error), c perf.Config) measurement {
	return measured(do, c, func(r *perf.StreamReport) (float64, bool) { return r.Ratio, r.Interrupted })
}

func calls(c perf.Config, ratio func(*perf.CallReport) float64) measurement {
	return measured(perf.Call, c, func(r *perf.CallReport) (float64, bool) { return ratio(r), r.Interrupted })
}
