// Command ttrpc serves and calls a Book by ttrpc and protobuf.
package main

import (
	"context"
	"os"

	"github.com/containerd/ttrpc"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/bench/peers/services/book"
	"github.com/corechan/corechan/bench/peers/services/ttrpc/pb"
)

func main() {
	book.Main(os.Args[1:], 1, func() (peer.Peer, error) { return &side{}, nil })
}

// side is one of the two.
type side struct{ server *ttrpc.Server }

func (s *side) Serve(ctx context.Context, addr string) (string, error) {
	l, err := book.Listen(ctx, addr)
	if err != nil {
		return "", err
	}
	if s.server, err = ttrpc.NewServer(); err != nil {
		return "", err
	}
	pb.RegisterBookService(s.server, s)
	go func() {
		if err := s.server.Serve(ctx, l); err != nil {
			peer.Fail(err)
		}
	}()
	return addr, nil
}

func (s *side) Place(_ context.Context, o *pb.Order) (*pb.Fill, error) {
	return &pb.Fill{Id: o.Id, Price: o.Price, Quantity: o.Quantity, Symbol: o.Symbol}, nil
}

func (s *side) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	conn, err := book.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	c := ttrpc.NewClient(conn)
	client := pb.NewBookClient(c)
	return book.Caller(func(ctx context.Context, id uint64) (uint64, int64, uint32, string, error) {
		f, err := client.Place(ctx, &pb.Order{Id: id, Price: book.Price, Quantity: book.Quantity, Symbol: book.Symbol, Note: book.Note})
		return f.GetId(), f.GetPrice(), f.GetQuantity(), f.GetSymbol(), err
	}, c.Close), nil
}

func (s *side) Close() error { return s.server.Close() }
