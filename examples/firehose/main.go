// Command firehose sends every line of its standard input to all subscribers, each as fast as that one takes them: a slow one
// loses events, and is told how many, but slows down neither the producer nor the others.
//
//	ping localhost | firehose serve --listen shm:///tmp/firehose.sock
//	firehose watch --connect shm:///tmp/firehose.sock --name fast
//	firehose watch --connect shm:///tmp/firehose.sock --name slow --pause 3s --queue 1
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports"
)

type cli struct {
	Serve serveCmd `cmd:"" help:"Send each line of standard input to all subscribers."`
	Watch watchCmd `cmd:"" help:"Subscribe, and print the events."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&cli{}, kong.Name("firehose"), kong.UsageOnError(),
		kong.Description("Send events to many subscribers, of which a slow one holds up nobody."))
	k.BindTo(ctx, (*context.Context)(nil))
	k.FatalIfErrorf(k.Run())
}

type serveCmd struct {
	Listen string        `required:"" placeholder:"URL" help:"Where to listen, such as shm:///tmp/firehose.sock."`
	Drain  time.Duration `default:"5s" help:"How long slow subscribers get for the rest once the input has ended. Default: 5s."`
}

// Run serves until standard input ends.
func (s *serveCmd) Run(ctx context.Context) error {
	ln, err := transports.Listen(ctx, s.Listen, nil)
	if err != nil {
		return err
	}
	defer ln.Close()
	fmt.Println("listening on", ln.Addr())
	serving, stop := context.WithCancel(ctx)
	defer stop()
	h := newHub(func(line string) { fmt.Println(line) })
	served := make(chan error, 1)
	go func() { served <- h.serve(serving, ln) }()

	lines := make(chan string)
	go func() { // a read of standard input cannot be cancelled: nobody waits for it
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			select {
			case lines <- in.Text():
			case <-serving.Done():
				return
			}
		}
	}()
	for more := true; more; {
		var line string
		select {
		case line, more = <-lines:
			if more {
				h.publish(line)
			}
		case err := <-served:
			return err
		}
	}
	drained := time.AfterFunc(s.Drain, stop)
	defer drained.Stop()
	h.end()
	return <-served
}

type watchCmd struct {
	Connect string        `required:"" placeholder:"URL" help:"Where firehose serve listens."`
	Name    string        `required:"" help:"What the subscriber is called."`
	Queue   uint16        `default:"1000" help:"How many events are kept when it does not keep up. Default: 1000."`
	Pause   time.Duration `help:"Be slow: wait so long after each event."`
}

// Run prints events until the producer ends.
func (w *watchCmd) Run(ctx context.Context) error {
	sess, err := transports.Dial(ctx, w.Connect, nil)
	if err != nil {
		return fmt.Errorf("%w; is firehose serve --listen %s running?", err, w.Connect)
	}
	defer sess.Close()
	subscribe, err := engine.Open[Subscription](ctx, sess, subscriptions)
	if err != nil {
		return err
	}
	events, to := engine.Pipe[Event]()
	if err := subscribe.Send(ctx, &Subscription{Name: w.Name, Queue: w.Queue, Events: to}); err != nil {
		return err
	}
	for e, err := range events.All(ctx) {
		switch {
		case errors.Is(err, engine.ErrPeerGone):
			return fmt.Errorf("the producer died; start it and this subscriber again: %w", err)
		case err != nil:
			return err
		case e.Missed != 0:
			fmt.Printf("(%d missed)\n", e.Missed)
		}
		fmt.Println(e.Seq, e.Text)
		select {
		case <-time.After(w.Pause):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}
