package rivals

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/corechan/corechan/bench/peers/echo/echopb"
	"github.com/corechan/corechan/bench/peers/peer"
)

// grpc-go over its HTTP/2 of its own: a stream that stays open, or a call for each message.

const grpcWindow = 16 << 20 // a window that large is not estimated anew, nor does a message of 1 MiB wait for it

func grpcs() (all []peer.Entry) {
	for _, unary := range []bool{false, true} {
		name := "grpc-go stream"
		if unary {
			name = "grpc-go unary"
		}
		for _, network := range []string{"unix", "tcp"} {
			all = append(all, peer.Entry{
				Name: name, Network: network, Module: "google.golang.org/grpc",
				Settings: "no TLS, windows of 16 MiB, shared write buffers, generated protobuf code",
				New: func(peer.Case) (peer.Peer, error) {
					return &grpcPeer{network: network, unary: unary}, nil
				},
			})
		}
	}
	for i := range all {
		newPeer := all[i].New
		all[i].New = func(c peer.Case) (peer.Peer, error) {
			p, err := newPeer(c)
			p.(*grpcPeer).size = c.Size
			return p, err
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
	p.server = grpc.NewServer(grpc.InitialWindowSize(grpcWindow), grpc.InitialConnWindowSize(grpcWindow), grpc.SharedWriteBuffer(true),
		grpc.MaxConcurrentStreams(1<<16))
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

// echoStream checks and answers what comes on a stream of protobuf messages.
func echoStream(size int, receive func() (*echopb.Packet, error), send func(*echopb.Packet) error) error {
	order := peer.Order{Size: size}
	for {
		in, err := receive()
		if err != nil {
			if over(err) {
				return nil
			}
			return err
		}
		if err := order.Take(in.Body); err != nil {
			peer.Fail(err)
		}
		if peer.WantsReply(in.Body) {
			if err := send(in); err != nil {
				return err
			}
		}
	}
}

func (p *grpcPeer) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return dial(ctx, p.network, addr) }),
		grpc.WithInitialWindowSize(grpcWindow), grpc.WithInitialConnWindowSize(grpcWindow), grpc.WithSharedWriteBuffer(true))
	if err != nil {
		return nil, err
	}
	client := echopb.NewEchoClient(conn)
	if p.unary {
		return &grpcCaller{conn, client}, nil
	}
	s, err := client.Talk(context.WithoutCancel(ctx))
	return &protoStream{s.Send, s.Recv, conn.Close}, err
}

func (p *grpcPeer) Close() error {
	p.server.Stop()
	return nil
}

type grpcCaller struct {
	conn   *grpc.ClientConn
	client echopb.EchoClient
}

func (c *grpcCaller) Call(ctx context.Context, msg, _ []byte) ([]byte, error) {
	out, err := c.client.Call(ctx, &echopb.Packet{Body: msg})
	return out.GetBody(), err
}

func (c *grpcCaller) Close() error { return c.conn.Close() }

// protoStream is a stream of protobuf messages as a Channel.
type protoStream struct {
	send    func(*echopb.Packet) error
	receive func() (*echopb.Packet, error)
	close   func() error
}

func (c *protoStream) Send(msg []byte) error { return c.send(&echopb.Packet{Body: msg}) }

func (c *protoStream) Flush() error { return nil }

func (c *protoStream) Receive([]byte) ([]byte, error) {
	in, err := c.receive()
	return in.GetBody(), err
}

func (c *protoStream) Close() error { return c.close() }

