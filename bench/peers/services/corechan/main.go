// Command corechan serves and calls a Book by corechan's generated code. Usage: corechan spin|hybrid|block shm|unix WORKER...
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/bench/peers/services/book"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/shm"
	"github.com/corechan/corechan/transports/unix"
)

var waits = map[string]engine.Wait{"spin": engine.Spin, "hybrid": engine.Hybrid, "block": engine.Block}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: corechan spin|hybrid|block shm|unix WORKER...")
		os.Exit(2)
	}
	book.Main(os.Args[3:], 2, func() (peer.Peer, error) {
		e, err := engine.New(engine.Config{Wait: waits[os.Args[1]]})
		return &side{network: os.Args[2], engine: e}, err
	})
}

// side is one of the two.
type side struct {
	network  string
	engine   *engine.Engine
	listener *engine.Listener
}

// LocksThread: one hot goroutine each.
func (s *side) LocksThread() bool { return true }

func (s *side) Serve(ctx context.Context, addr string) (_ string, err error) {
	if s.network == "shm" {
		s.listener, err = shm.Listen(ctx, addr, &shm.Options{Engine: s.engine})
	} else {
		s.listener, err = unix.Listen(ctx, addr, &unix.Options{Engine: s.engine})
	}
	if err != nil {
		return "", err
	}
	go func() {
		runtime.LockOSThread()
		sess, err := s.listener.Accept(ctx)
		if err != nil {
			peer.Fail(err)
		}
		if err := ServeBook(ctx, sess, server{}); err != nil {
			peer.Fail(err)
		}
	}()
	return addr, nil
}

type server struct{}

func (server) Place(_ context.Context, o *Order) (*Fill, error) {
	return &Fill{ID: o.ID, Price: o.Price, Quantity: o.Quantity, Symbol: o.Symbol}, nil
}

func (s *side) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	var sess *engine.Session
	var err error
	if s.network == "shm" {
		sess, err = shm.Dial(ctx, addr, &shm.Options{Engine: s.engine})
	} else {
		sess, err = unix.Dial(ctx, addr, &unix.Options{Engine: s.engine})
	}
	if err != nil {
		return nil, err
	}
	client := NewBookClient(sess)
	return book.Caller(func(ctx context.Context, id uint64) (uint64, int64, uint32, string, error) {
		f, err := client.Place(ctx, &Order{ID: id, Price: book.Price, Quantity: book.Quantity, Symbol: book.Symbol, Note: book.Note})
		if err != nil {
			return 0, 0, 0, "", err
		}
		return f.ID, f.Price, f.Quantity, f.Symbol, nil
	}, sess.Close), nil
}

func (s *side) Close() error { return s.listener.Close() }
