// Command demo runs corechan's perf commands one after the other, briefly, and prints what each
// measured beside the limit of the machine in the same run. Usage: demo PATH-OF-CORECHAN.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
)

// result is what the demo shows of the JSON that perf prints.
type result struct {
	P50NS       float64 `json:"p50_ns"`
	P99NS       float64 `json:"p99_ns"`
	LimitP50NS  float64 `json:"limit_p50_ns"`
	RatioP50    float64 `json:"ratio_p50"`
	MsgsPerS    float64 `json:"msgs_per_s"`
	BytesPerS   float64 `json:"bytes_per_s"`
	LimitMsgs   float64 `json:"limit_msgs_per_s"`
	Ratio       float64 `json:"ratio"`
	AllocsPerOp float64 `json:"allocs_per_op"`
	CallsPerS   float64 `json:"calls_per_s"`
	RatioCalls  float64 `json:"ratio_calls"`
}

// run is one perf command, a row of the table.
type run struct{ transport, size, wait, mode string }

// What messages carry: the name of the row, and the command with its flags.
var trips = []struct{ name, command string }{
	{"call", "call"},
	{"call, block", "call --wait block"},
	{"descriptor, block", "fd"},
}

var pingpongs = []run{
	{"shm", "64", "spin", "typed"},
	{"shm", "64", "spin", "raw"},
	{"shm", "64", "hybrid", "typed"},
	{"shm", "64", "block", "typed"},
	{"inmem", "64", "spin", "typed"},
	{"inmem", "64", "hybrid", "typed"},
	{"inmem", "64", "block", "typed"},
}

var streams = []run{
	{"shm", "64", "spin", "typed"},
	{"shm", "64", "spin", "raw"},
	{"shm", "64", "block", "typed"},
	{"shm", "65536", "spin", "raw"},
	{"inmem", "64", "spin", "typed"},
	{"inmem", "65536", "spin", "raw"},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: demo PATH-OF-CORECHAN")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := demo(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context, corechan string) error {
	const columns = "%-9s %7s %-7s %-6s"

	fmt.Println("Round trips: a message there and its answer back, between two pinned cores")
	fmt.Printf(columns+" %10s %10s %10s %8s %7s\n",
		"transport", "bytes", "wait", "mode", "p50", "p99", "limit p50", "ratio", "allocs")
	for _, r := range pingpongs {
		got, err := r.measure(ctx, corechan, "pingpong")
		if err != nil {
			return err
		}
		fmt.Printf(columns+" %10s %10s %10s %6.2f x %7.2g\n", r.transport, r.size, r.wait, r.mode,
			duration(got.P50NS), duration(got.P99NS), duration(got.LimitP50NS), got.RatioP50, got.AllocsPerOp)
	}

	fmt.Println("\nStreams: messages one way, as fast as they go")
	fmt.Printf(columns+" %10s %10s %10s %8s %7s\n",
		"transport", "bytes", "wait", "mode", "msg/s", "bytes/s", "limit/s", "ratio", "allocs")
	for _, r := range streams {
		got, err := r.measure(ctx, corechan, "stream")
		if err != nil {
			return err
		}
		fmt.Printf(columns+" %10s %10s %10s %6.2f x %7.2g\n", r.transport, r.size, r.wait, r.mode,
			rate(got.MsgsPerS), rate(got.BytesPerS), rate(got.LimitMsgs), got.Ratio, got.AllocsPerOp)
	}

	fmt.Println("\nWhat messages carry: over shm, each beside its own limit")
	fmt.Printf("%-28s %10s %10s %10s %8s %7s\n", "round trip", "p50", "p99", "limit p50", "ratio", "allocs")
	for _, r := range trips {
		got, err := perf(ctx, corechan, r.command)
		if err != nil {
			return err
		}
		fmt.Printf("%-28s %10s %10s %10s %6.2f x %7.2g\n", r.name,
			duration(got.P50NS), duration(got.P99NS), duration(got.LimitP50NS), got.RatioP50, got.AllocsPerOp)
	}
	calls, err := perf(ctx, corechan, "call --wait block --inflight 64")
	if err != nil {
		return err
	}
	fmt.Printf("%-28s %10s calls/s, %.2f x those of one caller\n", "64 callers, block", rate(calls.CallsPerS), calls.RatioCalls)
	bytes, err := perf(ctx, corechan, "stream --kind bytes")
	if err != nil {
		return err
	}
	fmt.Printf("%-28s %10s bytes/s, %.2f x raw messages of 64 KiB\n", "io.Copy", rate(bytes.BytesPerS), bytes.Ratio)

	fmt.Printf(`
The limit is what this machine does without corechan, on the same two cores in the same run: a bare
cache line passed back and forth (with wait block an eventfd), and a bare ring of one writer and one
reader. A stream's limit is in messages. allocs is allocations per message. A call, which opens a channel for
its answer, is held against a plain round trip, a descriptor against sendmsg. A row by itself:
  %s
`, strings.Join(append([]string{corechan}, pingpongs[0].args("pingpong")...), " "))
	return nil
}

func (r run) args(command string) []string {
	return []string{"perf", command, "--transport", r.transport, "--size", r.size, "--wait", r.wait, "--mode", r.mode}
}

func (r run) measure(ctx context.Context, corechan, command string) (*result, error) {
	return perf(ctx, corechan, strings.Join(r.args(command)[1:], " "))
}

// perf runs one perf command.
func perf(ctx context.Context, corechan, command string) (*result, error) {
	args := append(append([]string{"perf"}, strings.Fields(command)...), "--seconds", "1", "--json")
	cmd := exec.CommandContext(ctx, corechan, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmd, err)
	}
	var got result
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, fmt.Errorf("%s printed %q: %w", cmd, out, err)
	}
	return &got, nil
}

func duration(ns float64) string {
	if ns < 10_000 {
		return fmt.Sprintf("%.0f ns", ns)
	}
	return fmt.Sprintf("%.1f us", ns/1000)
}

func rate(perSecond float64) string {
	switch {
	case perSecond >= 1e9:
		return fmt.Sprintf("%.2f G", perSecond/1e9)
	case perSecond >= 1e6:
		return fmt.Sprintf("%.2f M", perSecond/1e6)
	}
	return fmt.Sprintf("%.1f k", perSecond/1e3)
}
