// Command waits measures what each way to wait costs, in time and in processor time, and prints the table of docs/performance.md. The
// rarer messages are, the longer a receiver sleeps, and the deeper the core does. Each line is one run in which the three ways take
// turns, slice by slice, so that a line's figures compare even on a machine that has other work.
//
//	go run ./bench/waits -seconds 5 -runs 5
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/corechan/corechan/perf"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "waits:", err)
		os.Exit(1)
	}
}

// pauses are how long messages are apart.
var pauses = []time.Duration{0, 20 * time.Microsecond, 200 * time.Microsecond, 2 * time.Millisecond, 20 * time.Millisecond}

// run measures and prints.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 2 && args[0] == "perf" && args[1] == "peer" {
		return perf.ServePeer(ctx) // the second process of a measurement
	}
	flags := flag.NewFlagSet("waits", flag.ContinueOnError)
	seconds := flags.Float64("seconds", 1, "how long each way is measured in a run")
	runs := flags.Int("runs", 3, "runs of which the median is printed, each with new processes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fmt.Fprintln(out, "| pause between messages | spin | cores | hybrid | to spin | cores | block | to spin | cores |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|")
	for _, pause := range pauses {
		c := perf.Config{Wait: perf.Hybrid, Compare: true, Pause: pause, Seconds: *seconds, Runs: *runs}
		r, err := perf.Pingpong(ctx, c, nil)
		if err != nil {
			return err
		}
		if err := row(out, pause, &r); err != nil {
			return err
		}
		if r.Interrupted {
			return perf.ErrInterrupted
		}
	}
	return nil
}

// row prints a line of the table.
func row(out io.Writer, pause time.Duration, r *perf.PingpongReport) error {
	rivals := map[perf.Wait]perf.Rival{}
	for _, v := range r.Rivals {
		rivals[v.Wait] = v
	}
	spin, block := rivals[perf.Spin], rivals[perf.Block]
	if spin.P50Ns == 0 || block.Ratio == 0 {
		return fmt.Errorf("with a pause of %v: nothing to compare with", pause)
	}
	// r's ratios are those of hybrid to the others, each the median over the slices.
	_, err := fmt.Fprintf(out, "| %v | %s | %.2f | %s | %.2f | %.2f | %s | %.1f | %.2f |\n", pause,
		micro(spin.P50Ns), spin.BusyCores, micro(r.P50Ns), spin.Ratio, r.BusyCores, micro(block.P50Ns), spin.Ratio/block.Ratio, block.BusyCores)
	return err
}

func micro(ns float64) string {
	if ns < 10e3 {
		return fmt.Sprintf("%.2f µs", ns/1e3)
	}
	return fmt.Sprintf("%.0f µs", ns/1e3)
}
