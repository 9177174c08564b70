// Command dashboard writes the dashboard of package metrics into a file.
package main

import (
	"fmt"
	"os"

	"github.com/corechan/corechan/perf/metrics"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dashboard FILE")
		os.Exit(2)
	}
	b, err := metrics.Dashboard()
	if err == nil {
		err = os.WriteFile(os.Args[1], b, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}
