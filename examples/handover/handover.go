package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports"
)

// takeovers is the name of the channel on which a successor asks.
const takeovers = "takeovers"

// errNobody says that there is no server to take over from.
var errNobody = errors.New("no server to take over from")

// takeOver gets the listening socket from the server that waits at url. The server goes on until serving is called, and if this
// process dies before that.
func takeOver(ctx context.Context, url string) (ln net.Listener, serving func() error, err error) {
	sess, err := transports.Dial(ctx, url, nil)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, func() error { return nil }, errNobody
	}
	if err != nil {
		return nil, nil, err
	}
	ask, err := engine.Open[Takeover](ctx, sess, takeovers)
	if err != nil {
		_ = sess.Close()
		return nil, nil, err
	}
	theirs, mine := engine.Pipe[Serving]()
	request := Takeover{Serving: theirs}
	var socket Socket
	if err := engine.Call(ctx, ask, &request, &request.Socket, &socket); err != nil {
		_ = sess.Close()
		return nil, nil, fmt.Errorf("take over: %w", err)
	}
	return socket.Listener, func() error {
		defer sess.Close() // after what is sent
		return mine.Send(ctx, &Serving{PID: os.Getpid()})
	}, nil
}

// awaitSuccessor waits until another process, which asks at control, has taken ln over and serves, or ctx ends. control is closed then.
func awaitSuccessor(ctx context.Context, control *engine.Listener, url string, ln net.Listener) error {
	defer func() { _ = control.Close() }()
	for ctx.Err() == nil {
		sess, err := control.Accept(ctx)
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		request, err := requestOf(ctx, sess)
		if err != nil {
			_ = sess.Close() // not a successor
			continue
		}
		// The address is the successor's from now on: it listens there before it says that it serves.
		_ = control.Close()
		died := handOver(ctx, ln, request)
		_ = sess.Close()
		if died == nil {
			return nil
		}
		again, err := transports.Listen(ctx, url, nil)
		if err != nil {
			return err
		}
		control = again
		fmt.Printf("process %d goes on: its successor ended before it served: %v\n", os.Getpid(), died)
	}
	return nil
}

// requestOf returns what a peer asks for.
func requestOf(ctx context.Context, sess *engine.Session) (*Takeover, error) {
	requests, err := engine.Accept[Takeover](ctx, sess, takeovers)
	if err != nil {
		return nil, err
	}
	request := new(Takeover)
	return request, requests.Receive(ctx, request)
}

// handOver gives ln to a successor and waits until that serves. Until then both accept connections.
func handOver(ctx context.Context, ln net.Listener, to *Takeover) error {
	if err := to.Socket.Send(ctx, &Socket{Listener: ln}); err != nil {
		return err
	}
	var successor Serving
	if err := to.Serving.Receive(ctx, &successor); err != nil {
		return err
	}
	fmt.Printf("process %d is replaced by process %d\n", os.Getpid(), successor.PID)
	return nil
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
