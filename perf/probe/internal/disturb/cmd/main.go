// Command cmd disturbs a core, or a process, so that one can see what "corechan trace" says of it:
//
//	go run ./perf/probe/internal/disturb/cmd -core 1 -for 10s competitor
//	go run ./perf/probe/internal/disturb/cmd -pid 1234 -for 300ms stop
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/perf/probe/internal/disturb"
)

func main() {
	core := flag.Int("core", 0, "which core")
	pid := flag.Int("pid", 0, "which process, for stop")
	span := flag.Duration("for", 5*time.Second, "for how long")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: cmd [flags] competitor|timers|faults|flood|stop")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, flag.Arg(0), *core, *pid, *span); err != nil {
		fmt.Fprintln(os.Stderr, "disturb:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, what string, core, pid int, span time.Duration) error {
	if what == "stop" {
		if pid <= 0 {
			return fmt.Errorf("stop needs -pid")
		}
		return disturb.Stop(ctx, pid, span)
	}
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	if err := disturb.Pin(core); err != nil {
		return err
	}
	fmt.Printf("process %d: %s on core %d for %v\n", os.Getpid(), what, core, span)
	switch what {
	case "competitor":
		return disturb.Compete(ctx)
	case "timers":
		return disturb.Timers(ctx, core)
	case "faults":
		var count, busy atomic.Int64
		err := disturb.Fault(ctx, &count, &busy)
		fmt.Printf("%d pages in %v\n", count.Load(), time.Duration(busy.Load()))
		return err
	case "flood":
		return disturb.Flood(ctx)
	}
	return fmt.Errorf("%q is no disturbance; there are competitor, timers, faults, flood, stop", what)
}
