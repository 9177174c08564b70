package rivals

import (
	"context"
	"net"

	"github.com/containerd/ttrpc"

	"github.com/corechan/corechan/bench/peers/echo/echopb"
	"github.com/corechan/corechan/bench/peers/peer"
)

// ttrpc, containerd's lighter gRPC, over the Unix sockets that it is made for.

func ttrpcs() (all []peer.Entry) {
	for _, unary := range []bool{false, true} {
		name := "ttrpc stream"
		if unary {
			name = "ttrpc unary"
		}
		all = append(all, peer.Entry{
			Name: name, Network: "unix", Module: "github.com/containerd/ttrpc", Settings: "defaults, generated protobuf code",
			New: func(c peer.Case) (peer.Peer, error) { return &ttrpcPeer{unary: unary, size: c.Size}, nil },
		})
	}
	return all
}

type ttrpcPeer struct {
	unary  bool
	size   int
	server *ttrpc.Server
}

func (p *ttrpcPeer) Serve(ctx context.Context, addr string) (string, error) {
	l, err := listen(ctx, "unix", addr)
	if err != nil {
		return "", err
	}
	if p.server, err = ttrpc.NewServer(); err != nil {
		return "", err
	}
	echopb.RegisterTTRPCEchoService(p.server, p)
	go func() { _ = p.server.Serve(context.WithoutCancel(ctx), l) }()
	return addr, nil
}

// Call answers one message.
func (p *ttrpcPeer) Call(_ context.Context, in *echopb.Packet) (*echopb.Packet, error) {
	_, err := peer.Check(in.Body, p.size)
	return in, err
}

// Talk checks and answers what comes on a stream.
func (p *ttrpcPeer) Talk(_ context.Context, s echopb.TTRPCEcho_TalkServer) error {
	return echoStream(p.size, s.Recv, s.Send)
}

func (p *ttrpcPeer) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	conn, err := net.Dial("unix", addr)
	if err != nil {
		return nil, err
	}
	c := ttrpc.NewClient(conn)
	client := echopb.NewTTRPCEchoClient(c)
	if p.unary {
		return &protoCaller{client.Call, c.Close}, nil
	}
	s, err := client.Talk(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	return &protoStream{s.Send, s.Recv, c.Close}, nil
}

func (p *ttrpcPeer) Close() error { return p.server.Close() }
