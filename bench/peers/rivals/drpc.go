package rivals

import (
	"context"

	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcmux"
	"storj.io/drpc/drpcserver"

	"github.com/corechan/corechan/bench/peers/echo/echopb"
	"github.com/corechan/corechan/bench/peers/peer"
)

// drpc, Storj's lighter gRPC.

func drpcs() (all []peer.Entry) {
	for _, unary := range []bool{false, true} {
		name := "drpc stream"
		if unary {
			name = "drpc unary"
		}
		for _, network := range []string{"unix", "tcp"} {
			all = append(all, peer.Entry{
				Name: name, Network: network, Module: "storj.io/drpc", Settings: "defaults, generated protobuf code",
				New: func(c peer.Case) (peer.Peer, error) {
					if unary && c.Kind == peer.Calls {
						return nil, peer.Cannot("a connection carries one call at a time")
					}
					return &drpcPeer{network: network, unary: unary, size: c.Size}, nil
				},
			})
		}
	}
	return all
}

type drpcPeer struct {
	network string
	unary   bool
	size    int
	stop    context.CancelFunc
}

func (p *drpcPeer) Serve(ctx context.Context, addr string) (string, error) {
	l, err := listen(ctx, p.network, addr)
	if err != nil {
		return "", err
	}
	mux := drpcmux.New()
	if err := echopb.DRPCRegisterEcho(mux, p); err != nil {
		return "", err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	go func() { _ = drpcserver.New(mux).Serve(serving, l) }()
	return l.Addr().String(), nil
}

// Call answers one message.
func (p *drpcPeer) Call(_ context.Context, in *echopb.Packet) (*echopb.Packet, error) {
	_, err := peer.Check(in.Body, p.size)
	return in, err
}

// Talk checks and answers what comes on a stream.
func (p *drpcPeer) Talk(s echopb.DRPCEcho_TalkStream) error {
	return echoStream(p.size, s.Recv, s.Send)
}

func (p *drpcPeer) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	conn, err := dial(ctx, p.network, addr)
	if err != nil {
		return nil, err
	}
	c := drpcconn.New(conn)
	client := echopb.NewDRPCEchoClient(c)
	if p.unary {
		return &protoCaller{client.Call, c.Close}, nil
	}
	s, err := client.Talk(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	return &protoStream{s.Send, s.Recv, c.Close}, nil
}

func (p *drpcPeer) Close() error {
	p.stop()
	return nil
}
