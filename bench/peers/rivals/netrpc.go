package rivals

import (
	"context"
	"net/rpc"

	"github.com/corechan/corechan/bench/peers/peer"
)

// net/rpc of the standard library, with gob.

func netRPCs() (all []peer.Entry) {
	for _, network := range []string{"unix", "tcp"} {
		all = append(all, peer.Entry{
			Name: "net/rpc", Network: network, Settings: "gob, as it comes",
			New: func(c peer.Case) (peer.Peer, error) { return &rpcPeer{network: network, size: c.Size}, nil },
		})
	}
	return all
}

type rpcPeer struct {
	network string
	size    int
	close   func() error
}

// GobPacket is what net/rpc carries; gob wants it exported.
type GobPacket struct{ Body []byte }

// GobEcho is the service; net/rpc wants it exported.
type GobEcho struct{ size int }

// Call answers one message.
func (e *GobEcho) Call(in, out *GobPacket) error {
	_, err := peer.Check(in.Body, e.size)
	out.Body = in.Body
	return err
}

func (p *rpcPeer) Serve(ctx context.Context, addr string) (string, error) {
	l, err := listen(ctx, p.network, addr)
	if err != nil {
		return "", err
	}
	p.close = l.Close
	server := rpc.NewServer()
	if err := server.RegisterName("Echo", &GobEcho{p.size}); err != nil {
		return "", err
	}
	go server.Accept(l)
	return l.Addr().String(), nil
}

func (p *rpcPeer) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	conn, err := dial(ctx, p.network, addr)
	if err != nil {
		return nil, err
	}
	return &rpcConn{rpc.NewClient(conn)}, nil
}

func (p *rpcPeer) Close() error { return p.close() }

type rpcConn struct{ client *rpc.Client }

func (c *rpcConn) Call(_ context.Context, msg, _ []byte) ([]byte, error) {
	var out GobPacket
	err := c.client.Call("Echo.Call", &GobPacket{msg}, &out)
	return out.Body, err
}

func (c *rpcConn) Close() error { return c.client.Close() }
