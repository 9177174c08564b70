package rivals

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/cloudwego/shmipc-go"

	"github.com/corechan/corechan/bench/peers/peer"
)

// cloudwego/shmipc-go: buffers in shared memory, woken over a Unix socket.

func shmipcs() []peer.Entry {
	return []peer.Entry{{
		Name: "shmipc-go", Network: "shm", Module: "github.com/cloudwego/shmipc-go",
		Settings: "memfd, 64 MiB (8 MiB for each of many connections) in slices that hold a message each; " +
			"messages one way are held back until there are 64 KiB",
		New: func(c peer.Case) (peer.Peer, error) { return &shmipcPeer{c: c}, nil },
	}}
}

type shmipcPeer struct {
	c        peer.Case
	listener net.Listener
}

func (p *shmipcPeer) config() *shmipc.Config {
	shmipc.SetLogLevel(5) // none
	c := shmipc.DefaultConfig()
	c.MemMapType = shmipc.MemMapTypeMemFd
	c.LogOutput = io.Discard
	c.InitializeTimeout = 10 * time.Second
	c.ShareMemoryBufferCap = 64 << 20
	if p.c.Conns > 1 {
		c.ShareMemoryBufferCap = 8 << 20
	}
	slice := uint32(max(2*p.c.Size, bufferSize) + 4096)
	c.BufferSliceSizes = []*shmipc.SizePercentPair{{Size: 8192, Percent: 20}, {Size: slice &^ 63, Percent: 80}}
	return c
}

func (p *shmipcPeer) Serve(ctx context.Context, addr string) (string, error) {
	var err error
	if p.listener, err = listen(ctx, "unix", addr); err != nil {
		return "", err
	}
	go accept(p.listener, func(conn net.Conn) error {
		s, err := shmipc.Server(conn, p.config())
		if err != nil {
			return err
		}
		for {
			stream, err := s.AcceptStream()
			if err != nil {
				return nil // closed
			}
			go func() {
				if err := p.echo(&shmipcConn{stream: stream, size: p.c.Size}); !over(err) {
					peer.Fail(err)
				}
			}()
		}
	})
	return addr, nil
}

// echo answers until an error.
func (p *shmipcPeer) echo(c *shmipcConn) error {
	order := peer.Order{Size: p.c.Size}
	for {
		b, err := c.Receive(nil)
		if err != nil {
			return err
		}
		if err := order.Take(b); err != nil {
			return err
		}
		if !peer.WantsReply(b) {
			continue
		}
		if err := c.Send(b); err != nil {
			return err
		}
		if c.stream.BufferReader().Len() == 0 {
			if err := c.Flush(); err != nil {
				return err
			}
		}
	}
}

func (p *shmipcPeer) Dial(_ context.Context, addr string) (peer.Conn, error) {
	config := shmipc.DefaultSessionManagerConfig()
	config.Config, config.Network, config.Address = p.config(), "unix", addr
	m, err := shmipc.NewSessionManager(config)
	if err != nil {
		return nil, err
	}
	s, err := m.GetStream()
	if err != nil {
		return nil, err
	}
	return &shmipcConn{manager: m, stream: s, size: p.c.Size}, nil
}

func (p *shmipcPeer) Close() error { return p.listener.Close() }

type shmipcConn struct {
	manager *shmipc.SessionManager // the near side's
	stream  *shmipc.Stream
	size    int
	held    int // bytes not flushed
}

func (c *shmipcConn) Send(msg []byte) error {
	if _, err := c.stream.BufferWriter().WriteBytes(msg); err != nil {
		return err
	}
	if c.held += len(msg); c.held >= bufferSize {
		return c.Flush()
	}
	return nil
}

func (c *shmipcConn) Flush() error {
	c.held = 0
	return c.stream.Flush(false)
}

// Receive returns a message in shared memory, which is good until the next call: that gives it back.
func (c *shmipcConn) Receive([]byte) ([]byte, error) {
	r := c.stream.BufferReader()
	r.ReleasePreviousRead()
	return r.ReadBytes(c.size)
}

func (c *shmipcConn) Close() error { return c.manager.Close() }
