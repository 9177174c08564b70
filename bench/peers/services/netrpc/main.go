// Command netrpc serves and calls a Book by net/rpc and gob.
package main

import (
	"context"
	"net"
	"net/rpc"
	"os"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/bench/peers/services/book"
)

func main() {
	book.Main(os.Args[1:], 1, func() (peer.Peer, error) { return &side{}, nil })
}

// Order is a request.
type Order struct {
	ID       uint64
	Price    int64
	Quantity uint32
	Symbol   string
	Note     string
}

// Fill is an answer.
type Fill struct {
	ID       uint64
	Price    int64
	Quantity uint32
	Symbol   string
}

// Book is the service; net/rpc wants it exported.
type Book struct{}

// Place answers an order.
func (Book) Place(o *Order, f *Fill) error {
	*f = Fill{ID: o.ID, Price: o.Price, Quantity: o.Quantity, Symbol: o.Symbol}
	return nil
}

// side is one of the two.
type side struct{ listener net.Listener }

func (s *side) Serve(ctx context.Context, addr string) (_ string, err error) {
	if s.listener, err = book.Listen(ctx, addr); err != nil {
		return "", err
	}
	server := rpc.NewServer()
	if err := server.Register(Book{}); err != nil {
		return "", err
	}
	go server.Accept(s.listener)
	return addr, nil
}

func (s *side) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	conn, err := book.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	client := rpc.NewClient(conn)
	return book.Caller(func(_ context.Context, id uint64) (uint64, int64, uint32, string, error) {
		var f Fill
		o := &Order{ID: id, Price: book.Price, Quantity: book.Quantity, Symbol: book.Symbol, Note: book.Note}
		err := client.Call("Book.Place", o, &f)
		return f.ID, f.Price, f.Quantity, f.Symbol, err
	}, client.Close), nil
}

func (s *side) Close() error { return s.listener.Close() }
