// Command corechan generates the code of messages, measures what corechan does on this machine, says what the machine offers, and
// connects raw endpoints.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/dash"
	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/gateway"
)

// Exit codes, as the help states them.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130 // as a shell reports Ctrl-C
)

// errUsage is a command line that is wrong.
var errUsage = errors.New("wrong usage")

type cli struct {
	Perf struct {
		Pingpong pingpongCmd `cmd:"" set:"wait=spin; over h2 and ws block" help:"Measure round trips."`
		Stream   streamCmd   `cmd:"" set:"wait=spin; over h2 and ws block" help:"Measure a stream of messages or bytes in one direction."`
		Call     callCmd     `cmd:"" set:"wait=spin; over h2 and ws block" help:"Measure round trips through a fresh channel for each answer."`
		Fd       fdCmd       `cmd:"" set:"wait=block" help:"Measure round trips that pass a descriptor."`
		Idle     idleCmd     `cmd:"" help:"Measure what idle sessions cost, and how evenly busy ones are served."`
		Compare  compareCmd  `cmd:"" help:"Say what changed beyond noise between two results."`
		Export   exportCmd   `cmd:"" help:"Print results in the form of benchstat or HdrHistogram."`
		Report   reportCmd   `cmd:"" help:"Make one HTML page of results."`
		Load     loadCmd     `cmd:"" help:"Measure answers to messages that come at a rate, whether the ones before were answered or not."`
		Cores    coresCmd    `cmd:"" help:"Measure how far apart cores are: a table and a drawing."`
		Matrix   matrixCmd   `cmd:"" help:"Measure round trips in many settings, and how far repeats are apart."`
		Soak     soakCmd     `cmd:"" help:"Put a load on for hours, and say what drifts."`
		LoadPeer loadPeerCmd `cmd:"" hidden:"" help:"The second process of a load; started by the first."`
		Peer     peerCmd     `cmd:"" hidden:"" help:"The second process of a measurement; started by the first."`
	} `cmd:"" help:"Measure how fast messages travel, beside what the machine itself allows."`
	Run     runCmd        `cmd:"" help:"Become a command that is pinned and prepared."`
	Gen     genCmd        `cmd:"" help:"Generate the code of messages and services from Go source."`
	Ls      lsCmd         `cmd:"" help:"List the services that a process serves, with their methods."`
	Call    callMethodCmd `cmd:"" help:"Call a method of a service, with JSON."`
	Gateway gatewayCmd    `cmd:"" help:"Give peers connections to raw endpoints, such as a database, over any transport."`
	Trace   traceCmd      `cmd:"" help:"Say where each core's time goes: waits, preemptions, interrupts, page faults, steal."`
	Dash    dashCmd       `cmd:"" help:"Show that in a browser, live and recorded: which core lost its time to what."`
	Top     topCmd        `cmd:"" help:"Show the sessions and channels of the processes of this machine, and what passes over them."`
	Doctor  doctorCmd     `cmd:"" help:"Say what this machine offers to corechan, and how to get what is missing."`

	Completion completionCmd `cmd:"" help:"Print a script that has a shell complete commands, URLs and methods."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

const description = `Channels between processes on one machine, at the speed of a shared cache line.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (what was measured until then is printed).`

// app is what the commands run in.
type app struct {
	ctx      context.Context
	stdout   io.Writer
	stderr   io.Writer
	progress bool // stderr is a terminal
	colours  bool // stdout is one
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	a := &app{
		ctx: ctx, stdout: os.Stdout, stderr: os.Stderr, progress: term.IsTerminal(int(os.Stderr.Fd())),
		colours: term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == "",
	}
	os.Exit(a.run(os.Args[1:]))
}

// run executes one command line and returns the exit code.
func (a *app) run(args []string) int {
	exited := -1 // --help ends the parser by this
	parser, err := kong.New(&cli{},
		kong.Name("corechan"), kong.Description(description), kong.Writers(a.stdout, a.stderr),
		kong.Configuration(kong.JSON), kong.Vars{"schemes": schemes()},
		kong.Exit(func(code int) { exited = code }), kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 100}))
	if err != nil {
		panic(err) // the struct tags above are wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if args[0] == completeWord {
		return a.complete(parser, args[1:])
	}
	k, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintln(a.stderr, "corechan:", err)
		fmt.Fprintln(a.stderr, "Help: corechan --help, or corechan COMMAND --help")
		return exitUsage
	}
	return a.exitCode(k.Run(a))
}

func (a *app) exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errPartial):
		return exitInterrupted
	}
	if code := exitStatus(0); errors.As(err, &code) {
		return int(code)
	}
	fmt.Fprintln(a.stderr, "corechan:", err)
	switch {
	case errors.Is(err, perf.ErrInterrupted):
		return exitInterrupted
	case errors.Is(err, perf.ErrConfig), errors.Is(err, dash.ErrConfig), errors.Is(err, errUsage), errors.Is(err, gateway.ErrOffer), errors.Is(err, transports.ErrURL):
		return exitUsage
	default:
		return exitFailure
	}
}
