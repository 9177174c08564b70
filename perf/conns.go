package perf

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/perf/rig"
)

// conns are connections as Go programs have them without corechan: at the server a goroutine each.
type conns struct {
	env      *env
	listener net.Listener
	serving  sync.WaitGroup
	count    atomic.Int64
	config   *tls.Config // if there is TLS
	list     []net.Conn
}

func (c *conns) listen(ctx context.Context, _ int) (string, []byte, error) {
	if err := c.env.identify(); err != nil {
		return "", nil, err
	}
	network, address := "unix", c.env.address
	if c.env.config.Transport.Network() == "tcp" {
		network, address = "tcp", rig.AnyPort
	}
	var err error
	if c.listener, err = new(net.ListenConfig).Listen(ctx, network, address); err != nil {
		return "", nil, err
	}
	if c.env.identity != nil {
		if c.config, err = c.env.tls(measure.Near); err != nil {
			return "", nil, err
		}
	}
	c.serving.Go(c.accept)
	return c.listener.Addr().String(), c.env.certificate, nil
}

func (c *conns) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return // closed
		}
		if c.config != nil {
			conn = tls.Server(conn, c.config)
		}
		c.serving.Go(func() { c.serve(conn) })
	}
}

func (c *conns) serve(conn net.Conn) {
	defer conn.Close()
	if t, ok := conn.(*tls.Conn); ok && t.Handshake() != nil {
		return
	}
	c.count.Add(1)
	defer c.count.Add(-1)
	b := make([]byte, DefaultSize)
	for {
		if _, err := io.ReadFull(conn, b); err != nil {
			return
		}
		if _, err := conn.Write(b); err != nil {
			return
		}
	}
}

func (c *conns) here() int { return int(c.count.Load()) }

func (c *conns) ready(address string, certificate []byte, _ int) (err error) {
	c.env.address, c.env.certificate = address, certificate
	if c.env.config.Transport.Secure() {
		c.config, err = c.env.tls(measure.Far)
	}
	return err
}

func (c *conns) dial(ctx context.Context, n int) error {
	c.list = make([]net.Conn, n)
	network := c.env.config.Transport.Network()
	return each(n, func(i int) error {
		conn, err := new(net.Dialer).DialContext(ctx, network, c.env.address)
		if err != nil {
			return err
		}
		c.list[i] = conn
		if c.config == nil {
			return nil
		}
		t := tls.Client(conn, c.config)
		c.list[i] = t
		return t.HandshakeContext(ctx)
	})
}

func (c *conns) use(context.Context) error {
	return each(len(c.list), func(i int) error { return trip(c.list[i], make([]byte, DefaultSize)) })
}

func trip(conn net.Conn, b []byte) error {
	b[0]++
	want := b[0]
	if _, err := conn.Write(b); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, b); err != nil {
		return err
	}
	if b[0] != want {
		return fmt.Errorf("%w: %d instead of %d", errMismatch, b[0], want)
	}
	return nil
}

func (c *conns) work(_ context.Context, n int, d time.Duration) ([]int, error) {
	buffers := make([][]byte, n)
	for i := range buffers {
		buffers[i] = own(DefaultSize)
	}
	return race(n, d, func(i int) error { return trip(c.list[i], buffers[i]) })
}

func (c *conns) hangUp() error {
	list := c.list
	c.list = nil
	return each(len(list), func(i int) error { return list[i].Close() })
}

func (c *conns) close() error {
	var errs []error
	if c.listener != nil {
		errs = append(errs, c.listener.Close())
	}
	if c.list != nil {
		errs = append(errs, c.hangUp())
	}
	c.serving.Wait() // the clients have hung up
	return errors.Join(errs...)
}
