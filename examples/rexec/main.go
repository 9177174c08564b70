// Command rexec runs a command in another process, as if it ran here: it is a service whose method takes the command together with
// its standard input, output and error as streams and a channel for signals and sizes, and returns its exit status.
//
//	rexec serve --listen shm:///tmp/rexec.sock &
//	rexec run --connect shm:///tmp/rexec.sock -- tr a-z A-Z <README.md
//	rexec run --connect shm:///tmp/rexec.sock --tty -- vi README.md
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/examples/internal/pty"
	"github.com/corechan/corechan/transports"
)

const description = `Run commands in another process, with streams, signals and a terminal.

Exit codes of run: the command's own; 128 + N if signal N ended it; 255 if rexec itself failed.`

// exitFailure is the exit code if not the command failed but rexec.
const exitFailure = 255

type cli struct {
	Serve serveCmd `cmd:"" help:"Run the commands that others send, as this user. Only processes of this user are let in."`
	Run   runCmd   `cmd:"" help:"Have a command run."`
}

func main() {
	k := kong.Parse(&cli{}, kong.Name("rexec"), kong.Description(description), kong.UsageOnError())
	var code int
	if err := k.Run(&code); err != nil {
		k.Errorf("%v", err)
		code = exitFailure
	}
	os.Exit(code)
}

type serveCmd struct {
	Listen string `required:"" placeholder:"URL" help:"Where to listen, such as shm:///tmp/rexec.sock."`
}

// Run serves until SIGINT or SIGTERM.
func (s *serveCmd) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ln, err := transports.Listen(ctx, s.Listen, nil)
	if err != nil {
		return err
	}
	defer ln.Close()
	fmt.Println("listening on", ln.Addr())
	if err := rpc.ServeListener(ctx, ln, nil, CommandsService(runner{})); ctx.Err() == nil {
		return err
	}
	return nil
}

type runCmd struct {
	Connect string   `required:"" placeholder:"URL" help:"Where rexec serve listens."`
	TTY     bool     `name:"tty" short:"t" help:"Give the command a terminal that behaves like this one."`
	Command []string `arg:"" passthrough:"" help:"The command and its arguments, after --."`
}

// Run runs one command; code becomes what it exited with.
func (r *runCmd) Run(code *int) error {
	if r.Command[0] == "--" {
		r.Command = r.Command[1:]
	}
	ctx := context.Background()
	sess, err := transports.Dial(ctx, r.Connect, nil)
	if err != nil {
		return fmt.Errorf("%w; is rexec serve --listen %s running?", err, r.Connect)
	}
	defer sess.Close()

	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	defer signal.Stop(signals)
	j := job{args: r.Command, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, events: signals}
	if r.TTY {
		restore, err := j.useTerminal(os.Stdin)
		if err != nil {
			return err
		}
		defer restore()
	}
	status, err := j.run(ctx, sess)
	*code = status.exitCode()
	return err
}

// forwarded are the signals that go to the command. SIGWINCH goes as the new size.
var forwarded = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH,
}

// eventOf turns a signal to the client into an event. terminal is nil if there is none.
func eventOf(sig os.Signal, terminal *os.File) (e Event, ok bool) {
	if sig != syscall.SIGWINCH {
		return Event{Signal: int(sig.(syscall.Signal))}, true
	}
	if terminal == nil {
		return e, false
	}
	size, err := pty.SizeOf(terminal)
	return Event{Rows: size.Rows, Cols: size.Cols}, err == nil
}
