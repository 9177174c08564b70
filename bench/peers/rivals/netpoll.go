package rivals

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/cloudwego/netpoll"

	"github.com/corechan/corechan/bench/peers/peer"
)

// cloudwego/netpoll at both ends, with its buffers that need no copy.

func netpolls() (all []peer.Entry) {
	for _, network := range []string{"unix", "tcp"} {
		all = append(all, peer.Entry{
			Name: "netpoll", Network: network, Module: "github.com/cloudwego/netpoll",
			Settings: "one poller; messages behind a length, read in place; messages one way are held back until there are 64 KiB",
			New:      func(c peer.Case) (peer.Peer, error) { return &netpollPeer{network: network, size: c.Size}, nil },
		})
	}
	return all
}

type netpollPeer struct {
	network string
	size    int
	loop    netpoll.EventLoop
}

func (p *netpollPeer) configure() error {
	return netpoll.Configure(netpoll.Config{PollerNum: 1, LoggerOutput: io.Discard})
}

// orderKey is where a connection's context has its Order.
type orderKey struct{}

func (p *netpollPeer) Serve(_ context.Context, addr string) (string, error) {
	if err := p.configure(); err != nil {
		return "", err
	}
	l, err := netpoll.CreateListener(p.network, addr)
	if err != nil {
		return "", err
	}
	p.loop, err = netpoll.NewEventLoop(p.answer, netpoll.WithOnConnect(func(ctx context.Context, _ netpoll.Connection) context.Context {
		return context.WithValue(ctx, orderKey{}, &peer.Order{Size: p.size})
	}))
	if err != nil {
		return "", err
	}
	go func() { _ = p.loop.Serve(l) }()
	return l.Addr().String(), nil
}

// answer checks and answers what has come, and waits for the rest of a message.
func (p *netpollPeer) answer(ctx context.Context, c netpoll.Connection) error {
	order, one := ctx.Value(orderKey{}).(*peer.Order), netpollConn{c}
	for {
		b, err := one.Receive(nil)
		if err != nil {
			return nil // closed
		}
		if len(b) != p.size {
			peer.Fail(fmt.Errorf("%w: one of %d bytes", peer.ErrMismatch, len(b)))
		}
		if err := order.Take(b); err != nil {
			peer.Fail(err)
		}
		if peer.WantsReply(b) {
			if err := one.Send(b); err != nil {
				return err
			}
		}
		if c.Reader().Len() < 4 {
			return c.Writer().Flush()
		}
	}
}

func (p *netpollPeer) Dial(_ context.Context, addr string) (peer.Conn, error) {
	if err := p.configure(); err != nil {
		return nil, err
	}
	c, err := netpoll.DialConnection(p.network, addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &netpollConn{c}, nil
}

func (p *netpollPeer) Close() error { return p.loop.Shutdown(context.Background()) }

type netpollConn struct{ netpoll.Connection }

func (c *netpollConn) Send(msg []byte) error {
	w := c.Writer()
	b, err := w.Malloc(4 + len(msg))
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(b, uint32(len(msg)))
	copy(b[4:], msg)
	if w.MallocLen() >= bufferSize {
		return w.Flush()
	}
	return nil
}

func (c *netpollConn) Flush() error { return c.Writer().Flush() }

// Receive returns the next message, which is good until the next call: that releases it.
func (c *netpollConn) Receive([]byte) ([]byte, error) {
	r := c.Reader()
	if err := r.Release(); err != nil {
		return nil, err
	}
	head, err := r.Next(4)
	if err != nil {
		return nil, err
	}
	return r.Next(int(binary.LittleEndian.Uint32(head)))
}
