// Command peers compares corechan with other ways to exchange messages between two processes of one machine: the same work, interleaved
// with the machine's own limit. See go run . --help, and the package comments.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"

	"github.com/corechan/corechan/bench/peers/rivals"
	"github.com/corechan/corechan/bench/peers/worker"
)

// commands are what this program can be told.
type commands struct {
	Compare  compareCommand  `cmd:"" default:"withargs" help:"Compare, print the table, and write it to files."`
	Services servicesCommand `cmd:"" help:"Compare generated services: round trip, allocations, lines of generated code, size of the binary."`
	List     listCommand     `cmd:"" help:"Say what is compared, and with which settings."`
	Worker   workerCommand   `cmd:"" hidden:"" help:"What the comparison starts."`
}

func main() {
	var c commands
	k := kong.Parse(&c, kong.Name("peers"), kong.UsageOnError(), kong.Description(
		"The same work by corechan and by others, each in two processes that are bound to a core each, in turns, and beside what the machine allows."))
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// workerCommand is one of two processes of a pair.
type workerCommand struct {
	ID   string   `arg:""`
	Args []string `arg:""`
}

func (w *workerCommand) Run() error {
	e := rivals.Find(w.ID)
	if e == nil || e.New == nil {
		return fmt.Errorf("there is no worker for %q", w.ID)
	}
	signal.Ignore(os.Interrupt) // Ctrl-C is for the process that compares
	out, err := worker.OwnOutput()
	if err != nil {
		return err
	}
	return worker.Run(context.Background(), e, w.Args, os.Stdin, out)
}

// listCommand says what is compared.
type listCommand struct{}

func (listCommand) Run() error {
	for _, e := range rivals.All() {
		fmt.Printf("%s\n\t%s\n", e.ID(), e.Settings)
		if e.Missing != "" {
			fmt.Printf("\tnot measured: %s\n", e.Missing)
		}
	}
	return nil
}
