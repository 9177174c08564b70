// Command handover is an HTTP server that can be replaced by a new process, without a moment in which connections are
// refused: start it again with the same --control. The new process gets the listening socket itself, so connections that
// nobody has accepted yet are kept too; the old one finishes what it is doing, and ends.
//
//	handover --address 127.0.0.1:8080 --control shm:///tmp/handover.sock &
//	curl http://127.0.0.1:8080/
//	handover --control shm:///tmp/handover.sock &
//	curl http://127.0.0.1:8080/
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/corechan/corechan/transports"
)

type cli struct {
	Address string        `default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Where to serve HTTP, unless there is a server to take over from. Default: a free port of 127.0.0.1."`
	Control string        `required:"" placeholder:"URL" help:"Where to take over from a server, and to wait for a successor, such as shm:///tmp/handover.sock."`
	Finish  time.Duration `default:"30s" help:"How long the requests under way may take once a successor serves. Default: 30s."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	k := kong.Parse(&c, kong.Name("handover"), kong.UsageOnError(),
		kong.Description("Serve HTTP, and hand the listening socket to the process that is started after this one."))
	k.FatalIfErrorf(c.serve(ctx))
}

// serve serves until there is a successor, or ctx ends.
func (c *cli) serve(ctx context.Context) error {
	ln, serving, err := takeOver(ctx, c.Control)
	if errors.Is(err, errNobody) {
		ln, err = net.Listen("tcp", c.Address)
	}
	if err != nil {
		return err
	}
	var open sync.WaitGroup // connections
	web := &http.Server{
		Handler: http.HandlerFunc(hello), ReadHeaderTimeout: time.Minute,
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed, http.StateHijacked:
				open.Done()
			}
		},
	}
	served := make(chan error, 1)
	go func() { served <- web.Serve(ln) }()
	control, err := transports.Listen(ctx, c.Control, nil)
	if err != nil {
		return err
	}
	if err := serving(); err != nil {
		return errors.Join(err, control.Close())
	}
	fmt.Printf("process %d serves http://%s/\n", os.Getpid(), ln.Addr())

	handedOver := make(chan error, 1)
	replaceable, stop := context.WithCancel(ctx)
	defer stop()
	go func() { handedOver <- awaitSuccessor(replaceable, control, c.Control, ln) }()
	select {
	case err = <-served: // it failed
		stop()
		<-handedOver
		return err
	case err = <-handedOver:
	}
	// Not web.Shutdown: that drops the request of a connection that it has just accepted.
	web.SetKeepAlivesEnabled(false)
	_ = ln.Close() // this descriptor of the socket; it listens as long as there is another one
	<-served
	late := time.AfterFunc(c.Finish, func() { _ = web.Close() })
	defer late.Stop()
	open.Wait()
	return err
}

func hello(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, "process %d\n", os.Getpid())
}
