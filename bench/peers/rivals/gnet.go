package rivals

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"

	"github.com/corechan/corechan/bench/peers/peer"
)

// gnet v2 as the server; its clients are event loops too, so that one which waits for its answer is better off with a net.Conn.

func gnets() (all []peer.Entry) {
	for _, network := range []string{"unix", "tcp"} {
		all = append(all, peer.Entry{
			Name: "gnet", Network: network, Module: "github.com/panjf2000/gnet/v2",
			Settings: "server: one event loop on a locked thread, edge triggered, answers of a turn in one write; client: the net.Conn above",
			New:      func(c peer.Case) (peer.Peer, error) { return &gnetPeer{network: network, size: c.Size}, nil },
		})
	}
	return all
}

type gnetPeer struct {
	gnet.BuiltinEventEngine
	network string
	size    int
	engine  gnet.Engine
	booted  chan struct{}
	answers []byte // of this turn
}

func (p *gnetPeer) Serve(ctx context.Context, addr string) (string, error) {
	if p.network == "tcp" {
		free, err := freePorts(ctx, 1)
		if err != nil {
			return "", err
		}
		addr = free[0]
	}
	p.booted = make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		failed <- gnet.Run(p, p.network+"://"+addr, gnet.WithNumEventLoop(1), gnet.WithLockOSThread(true), gnet.WithEdgeTriggeredIO(true),
			gnet.WithReadBufferCap(1<<20), gnet.WithWriteBufferCap(1<<20), gnet.WithTCPNoDelay(gnet.TCPNoDelay),
			gnet.WithLogLevel(logging.ErrorLevel))
	}()
	select {
	case <-p.booted:
		return addr, nil
	case err := <-failed:
		return "", fmt.Errorf("gnet: %w", err)
	}
}

// OnBoot says that it listens.
func (p *gnetPeer) OnBoot(e gnet.Engine) gnet.Action {
	p.engine = e
	close(p.booted)
	return gnet.None
}

// OnOpen makes what a connection needs.
func (p *gnetPeer) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	c.SetContext(&peer.Order{Size: p.size})
	return nil, gnet.None
}

// OnTraffic checks and answers all whole messages that have come.
func (p *gnetPeer) OnTraffic(c gnet.Conn) gnet.Action {
	order := c.Context().(*peer.Order)
	p.answers = p.answers[:0]
	for c.InboundBuffered() >= 4+p.size {
		b, err := c.Next(4 + p.size)
		if err != nil {
			peer.Fail(err)
		}
		if n := int(binary.LittleEndian.Uint32(b)); n != p.size {
			peer.Fail(fmt.Errorf("%w: one of %d bytes", peer.ErrMismatch, n))
		}
		if err := order.Take(b[4:]); err != nil {
			peer.Fail(err)
		}
		if peer.WantsReply(b[4:]) {
			p.answers = append(p.answers, b...)
		}
	}
	if len(p.answers) > 0 {
		if _, err := c.Write(p.answers); err != nil {
			return gnet.Close
		}
	}
	return gnet.None
}

func (p *gnetPeer) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	conn, err := dial(ctx, p.network, addr)
	if err != nil {
		return nil, err
	}
	return newFramed(conn), nil
}

func (p *gnetPeer) Close() error { return p.engine.Stop(context.Background()) }
