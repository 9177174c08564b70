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
	Limits      []struct {
		Name  string  `json:"name"`
		Ratio float64 `json:"ratio"`
	} `json:"limits"`
}

// run is one perf command, a row of the table.
type run struct{ transport, size, wait, mode string }

// What messages carry: the name of the row, and the command with its flags.
var trips = []struct{ name, command string }{
	{"call, shm", "call"},
	{"call, shm, block", "call --wait block"},
	{"call, tcp, block", "call --transport tcp --wait block"},
	{"descriptor, shm, block", "fd"},
	{"descriptor, unix, block", "fd --transport unix"},
}

var pingpongs = []run{
	{"shm", "64", "spin", "typed"},
	{"shm", "64", "spin", "raw"},
	{"shm", "64", "hybrid", "typed"},
	{"shm", "64", "block", "typed"},
	{"inmem", "64", "spin", "typed"},
	{"inmem", "64", "block", "typed"},
	{"unix", "64", "spin", "typed"},
	{"unix", "64", "block", "typed"},
	{"tcp", "64", "spin", "typed"},
	{"tcp", "64", "block", "typed"},
	{"tls", "64", "block", "typed"},
	{"h2", "64", "block", "typed"},
	{"ws", "64", "block", "typed"},
}

var streams = []run{
	{"shm", "64", "spin", "typed"},
	{"shm", "64", "block", "typed"},
	{"shm", "65536", "spin", "raw"},
	{"inmem", "64", "spin", "typed"},
	{"inmem", "65536", "spin", "raw"},
	{"unix", "64", "block", "typed"},
	{"tcp", "64", "block", "typed"},
	{"tls", "64", "block", "typed"},
	{"h2", "64", "block", "typed"},
	{"ws", "64", "block", "typed"},
	{"unix", "65536", "block", "raw"},
	{"tcp", "65536", "block", "raw"},
	{"tls", "65536", "block", "raw"},
	{"h2", "65536", "block", "raw"},
	{"ws", "65536", "block", "raw"},
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
	for _, table := range []func(context.Context, string) error{roundTrips, oneWay, carried, idle, cores} {
		if err := table(ctx, corechan); err != nil {
			return err
		}
	}
	fmt.Printf(`
The limit is what this machine does without corechan, on the same two cores in the same run; a ratio of round
trips is good if it is low, one of streams if it is high. In memory the limit is a bare cache line passed back and
forth (with wait block an eventfd), and a bare ring of one writer and one reader. Over a socket it is read(2) and
write(2), one write a message, which poll with wait spin and else block; what Go programs use, net.Conn, stands beside.
tls is held against a bare tls.Conn, h2 and ws against a bare stream of the same library. A call, which opens a
channel for its answer, is held against a plain round trip, a descriptor against sendmsg. allocs is allocations per
message, of both sides. A row by itself:
  %s
`, strings.Join(append([]string{corechan}, pingpongs[0].args("pingpong")...), " "))
	return nil
}

const columns = "%-9s %6s %-6s %-5s"

func roundTrips(ctx context.Context, corechan string) error {
	fmt.Println("Round trips: a message there and its answer back, between two pinned cores")
	fmt.Printf(columns+" %9s %9s %9s %8s %6s  %s\n",
		"transport", "bytes", "wait", "mode", "p50", "p99", "limit p50", "ratio", "allocs", "limit")
	for _, r := range pingpongs {
		got, err := r.measure(ctx, corechan, "pingpong")
		if err != nil {
			return err
		}
		fmt.Printf(columns+" %9s %9s %9s %6.2f x %6.2g  %s\n", r.transport, r.size, r.wait, r.mode,
			duration(got.P50NS), duration(got.P99NS), duration(got.LimitP50NS), got.RatioP50, got.AllocsPerOp, got.limits())
	}
	return nil
}

func oneWay(ctx context.Context, corechan string) error {
	fmt.Println("\nStreams: messages one way, as fast as they go")
	fmt.Printf(columns+" %9s %9s %9s %8s %6s  %s\n",
		"transport", "bytes", "wait", "mode", "msg/s", "bytes/s", "limit/s", "ratio", "allocs", "limit")
	for _, r := range streams {
		got, err := r.measure(ctx, corechan, "stream")
		if err != nil {
			return err
		}
		fmt.Printf(columns+" %9s %9s %9s %6.2f x %6.2g  %s\n", r.transport, r.size, r.wait, r.mode,
			rate(got.MsgsPerS), rate(got.BytesPerS), rate(got.LimitMsgs), got.Ratio, got.AllocsPerOp, got.limits())
	}
	return nil
}

func carried(ctx context.Context, corechan string) error {
	fmt.Println("\nWhat messages carry, each beside its own limit")
	fmt.Printf("%-28s %10s %10s %10s %8s %7s\n", "round trip", "p50", "p99", "limit p50", "ratio", "allocs")
	for _, r := range trips {
		var got result
		if err := perf(ctx, corechan, r.command, &got); err != nil {
			return err
		}
		fmt.Printf("%-28s %10s %10s %10s %6.2f x %7.2g\n", r.name,
			duration(got.P50NS), duration(got.P99NS), duration(got.LimitP50NS), got.RatioP50, got.AllocsPerOp)
	}
	var calls, bytes result
	if err := perf(ctx, corechan, "call --wait block --inflight 64", &calls); err != nil {
		return err
	}
	fmt.Printf("%-28s %10s calls/s, %.2f x those of one caller\n", "64 callers, shm, block", rate(calls.CallsPerS), calls.RatioCalls)
	if err := perf(ctx, corechan, "stream --kind bytes", &bytes); err != nil {
		return err
	}
	fmt.Printf("%-28s %10s bytes/s, %.2f x raw messages of 64 KiB\n", "io.Copy, shm", rate(bytes.BytesPerS), bytes.Ratio)
	return nil
}

// idleResult is what the demo shows of the JSON that perf idle prints.
type idleResult struct {
	Sessions int
	System   idleFigures
	Limit    idleFigures
}

type idleFigures struct {
	Server struct {
		New, Used struct {
			Bytes float64 `json:"rss_bytes"`
			Cores float64 `json:"cores"`
		}
	}
	Slowest float64 `json:"slowest_ratio"`
}

func idle(ctx context.Context, corechan string) error {
	fmt.Println("\nMany sessions that do nothing, at their server; then 200 of them are busy")
	fmt.Printf("%-9s %9s %13s %13s %9s %17s\n", "transport", "sessions", "memory, new", "memory, used", "cores", "slowest / median")
	for _, transport := range []string{"tcp", "tls"} {
		var got idleResult
		if err := perf(ctx, corechan, "idle --sessions 800 --busy 200 --transport "+transport, &got); err != nil {
			return err
		}
		for _, row := range []struct {
			name string
			of   *idleFigures
		}{{transport, &got.System}, {"  limit", &got.Limit}} {
			s := &row.of.Server
			fmt.Printf("%-9s %9d %9.1f KiB %9.1f KiB %9.3f %17.2f\n",
				row.name, got.Sessions, s.New.Bytes/1024, s.Used.Bytes/1024, s.Used.Cores, row.of.Slowest)
		}
	}
	fmt.Println("The limit is net.Conn, over tls tls.Conn, with a goroutine for each.")
	return nil
}

// limits names the limit, and how the transport does beside the other ones.
func (r *result) limits() string {
	var b strings.Builder
	for i, l := range r.Limits {
		if i == 0 {
			b.WriteString(l.Name)
		} else {
			fmt.Fprintf(&b, "; %s: %.2f x", l.Name, l.Ratio)
		}
	}
	return b.String()
}

func (r run) args(command string) []string {
	return []string{"perf", command, "--transport", r.transport, "--size", r.size, "--wait", r.wait, "--mode", r.mode}
}

func (r run) measure(ctx context.Context, corechan, command string) (*result, error) {
	var got result
	return &got, perf(ctx, corechan, strings.Join(r.args(command)[1:], " "), &got)
}

// perf runs one perf command.
func perf(ctx context.Context, corechan, command string, got any) error {
	args := append(append([]string{"perf"}, strings.Fields(command)...), "--seconds", "0.5", "--json")
	cmd := exec.CommandContext(ctx, corechan, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", cmd, err)
	}
	if err := json.Unmarshal(out, got); err != nil {
		return fmt.Errorf("%s printed %q: %w", cmd, out, err)
	}
	return nil
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
