// Package book is what the programs of the services' comparison share: the shape of the service, how it is driven, and main. It
// imports none of what is compared, so that each program holds one system, and its size is that system's.
//
// The service is the same for all: Place(Order) returns a Fill.
//
//	Order  ID uint64, Price int64, Quantity uint32, Symbol string, Note string
//	Fill   ID uint64, Price int64, Quantity uint32, Symbol string
package book

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/bench/peers/worker"
)

// What every order says, beside its number.
const (
	Price    = 4200
	Quantity = 17
	Symbol   = "ACME"
	Note     = "good till cancelled, all or none"
)

// Place calls the service with the order of this number, and returns what the fill says.
type Place func(ctx context.Context, id uint64) (got uint64, price int64, quantity uint32, symbol string, err error)

// Caller drives a client.
func Caller(place Place, hangUp func() error) peer.Caller { return &caller{place, hangUp} }

type caller struct {
	place  Place
	hangUp func() error
}

// Call places the order that has the message's number, and makes the answer of the fill.
func (c *caller) Call(ctx context.Context, msg, buf []byte) ([]byte, error) {
	id, price, quantity, symbol, err := c.place(ctx, binary.LittleEndian.Uint64(msg))
	if err != nil {
		return nil, err
	}
	if price != Price || quantity != Quantity || symbol != Symbol {
		return nil, fmt.Errorf("%w: a fill of %d %s at %d", peer.ErrMismatch, quantity, symbol, price)
	}
	peer.Stamp(buf, id, false)
	return buf, nil
}

func (c *caller) Close() error { return c.hangUp() }

// Listen listens at a Unix socket.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "unix", addr)
}

// Dial connects to one.
func Dial(ctx context.Context, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", addr)
}

// Main is a program's main: a worker with these arguments.
func Main(args []string, procs int, newPeer func() (peer.Peer, error)) {
	e := &peer.Entry{
		New:   func(peer.Case) (peer.Peer, error) { return newPeer() },
		Procs: func(peer.Case) int { return procs },
	}
	if err := worker.Run(context.Background(), e, args, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
