package rivals

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/corechan/corechan/bench/peers/echo/echopb"
	"github.com/corechan/corechan/bench/peers/peer"
)

// grpc-go over its own HTTP/2: a stream that stays open, or a call for each message.

// grpcWindow is so large that no message of 1 MiB waits for it. One that is given is not estimated anew, either.
const grpcWindow = 16 << 20

func grpcs() (all []peer.Entry) {
	for _, unary := range []bool{false, true} {
		name := "grpc-go stream"
		if unary {
			name = "grpc-go unary"
		}
		for _, network := range []string{"unix", "tcp"} {
			all = append(all, peer.Entry{
				Name: name, Network: network, Module: "google.golang.org/grpc",
				Settings: "no TLS, windows of 16 MiB, generated protobuf code",
				New: func(c peer.Case) (peer.Peer, error) {
					return &grpcPeer{network: network, unary: unary, size: c.Size}, nil
				},
			})
		}
	}
	return all
}

type grpcPeer struct {
	echopb.UnimplementedEchoServer
	network string
	unary   bool
	size    int
	server  *grpc.Server
}

func (p *grpcPeer) Serve(ctx context.Context, addr string) (string, error) {
	l, err := listen(ctx, p.network, addr)
	if err != nil {
		return "", err
	}
	p.server = grpc.NewServer(
		grpc.InitialWindowSize(grpcWindow), grpc.InitialConnWindowSize(grpcWindow))
	echopb.RegisterEchoServer(p.server, p)
	go func() {
		if err := p.server.Serve(l); err != nil {
			peer.Fail(err)
		}
	}()
	return l.Addr().String(), nil
}

// Call answers one message.
func (p *grpcPeer) Call(_ context.Context, in *echopb.Packet) (*echopb.Packet, error) {
	_, err := peer.Check(in.Body, p.size)
	return in, err
}

// Talk checks and answers what comes on a stream.
func (p *grpcPeer) Talk(s grpc.BidiStreamingServer[echopb.Packet, echopb.Packet]) error {
	return echoStream(p.size, s.Recv, s.Send)
}

func (p *grpcPeer) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return dial(ctx, p.network, addr) }),
		grpc.WithInitialWindowSize(grpcWindow), grpc.WithInitialConnWindowSize(grpcWindow))
	if err != nil {
		return nil, err
	}
	client := echopb.NewEchoClient(conn)
	if p.unary {
		call := func(ctx context.Context, in *echopb.Packet) (*echopb.Packet, error) { return client.Call(ctx, in) }
		return &protoCaller{call, conn.Close}, nil
	}
	s, err := client.Talk(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	return &protoStream{s.Send, s.Recv, conn.Close}, nil
}

func (p *grpcPeer) Close() error {
	p.server.Stop()
	return nil
}
