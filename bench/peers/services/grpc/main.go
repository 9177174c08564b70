// Command grpc serves and calls a Book by grpc-go and protobuf.
package main

import (
	"context"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/bench/peers/services/book"
	"github.com/corechan/corechan/bench/peers/services/grpc/pb"
)

func main() {
	book.Main(os.Args[1:], 1, func() (peer.Peer, error) { return &side{}, nil })
}

// side is one of the two.
type side struct {
	pb.UnimplementedBookServer
	server *grpc.Server
}

func (s *side) Serve(ctx context.Context, addr string) (string, error) {
	l, err := book.Listen(ctx, addr)
	if err != nil {
		return "", err
	}
	s.server = grpc.NewServer()
	pb.RegisterBookServer(s.server, s)
	go func() {
		if err := s.server.Serve(l); err != nil {
			peer.Fail(err)
		}
	}()
	return addr, nil
}

func (s *side) Place(_ context.Context, o *pb.Order) (*pb.Fill, error) {
	return &pb.Fill{Id: o.Id, Price: o.Price, Quantity: o.Quantity, Symbol: o.Symbol}, nil
}

func (s *side) Dial(_ context.Context, addr string) (peer.Conn, error) {
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return book.Dial(ctx, addr) }))
	if err != nil {
		return nil, err
	}
	client := pb.NewBookClient(conn)
	return book.Caller(func(ctx context.Context, id uint64) (uint64, int64, uint32, string, error) {
		f, err := client.Place(ctx, &pb.Order{Id: id, Price: book.Price, Quantity: book.Quantity, Symbol: book.Symbol, Note: book.Note})
		return f.GetId(), f.GetPrice(), f.GetQuantity(), f.GetSymbol(), err
	}, conn.Close), nil
}

func (s *side) Close() error {
	s.server.Stop()
	return nil
}
