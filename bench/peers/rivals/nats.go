package rivals

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/corechan/corechan/bench/peers/peer"
)

// NATS: the server is embedded in the far process, and its echo is a client within the process. What is measured is messages by way of a
// broker, which does more than the others: it finds out who wants them.

func natses() []peer.Entry {
	return []peer.Entry{{
		Name: "nats-server", Network: "tcp", Module: "github.com/nats-io/nats-server/v2",
		Settings: "embedded in the far process, whose client is in process; core NATS, no persistence",
		New:      func(c peer.Case) (peer.Peer, error) { return &natsPeer{c: c}, nil },
	}}
}

type natsPeer struct {
	c       peer.Case
	server  *server.Server
	client  *nats.Conn
	dialled atomic.Int64
}

func (p *natsPeer) Serve(context.Context, string) (string, error) {
	var err error
	p.server, err = server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, MaxPayload: 4 << 20, MaxPending: 1 << 30,
		PingInterval: time.Hour, WriteDeadline: time.Minute,
	})
	if err != nil {
		return "", err
	}
	p.server.Start()
	if !p.server.ReadyForConnections(10 * time.Second) {
		return "", fmt.Errorf("it does not serve after 10 s")
	}
	if p.client, err = nats.Connect("", nats.InProcessServer(p.server), nats.PingInterval(time.Hour)); err != nil {
		return "", err
	}
	for i := range p.c.Conns {
		if err := p.echo(fmt.Sprint(i)); err != nil {
			return "", err
		}
	}
	return strings.TrimPrefix(p.server.ClientURL(), "nats://"), p.client.Flush()
}

// echo answers what comes on one connection's subject.
func (p *natsPeer) echo(id string) error {
	order, reply := peer.Order{Size: p.c.Size}, back+"."+id
	sub, err := p.client.Subscribe(there+"."+id, func(m *nats.Msg) {
		if err := order.Take(m.Data); err != nil {
			peer.Fail(err)
		}
		if peer.WantsReply(m.Data) {
			if err := p.client.Publish(reply, m.Data); err != nil {
				peer.Fail(err)
			}
		}
	})
	if err != nil {
		return err
	}
	return sub.SetPendingLimits(-1, -1)
}

func (p *natsPeer) Dial(_ context.Context, addr string) (peer.Conn, error) {
	client, err := nats.Connect("nats://"+addr, nats.PingInterval(time.Hour))
	if err != nil {
		return nil, err
	}
	id := fmt.Sprint(p.dialled.Add(1) - 1)
	c := &natsConn{client: client, subject: there + "." + id, answers: make(chan *nats.Msg, 1024)}
	if c.sub, err = client.ChanSubscribe(back+"."+id, c.answers); err != nil {
		return nil, err
	}
	return c, client.Flush()
}

func (p *natsPeer) Close() error {
	p.client.Close()
	p.server.Shutdown()
	return nil
}

type natsConn struct {
	client  *nats.Conn
	subject string
	sub     *nats.Subscription
	answers chan *nats.Msg
}

func (c *natsConn) Send(msg []byte) error { return c.client.Publish(c.subject, msg) }

// Flush does nothing: the client's own goroutine writes, as soon as there is something.
func (c *natsConn) Flush() error { return nil }

func (c *natsConn) Receive([]byte) ([]byte, error) {
	m, ok := <-c.answers
	if !ok {
		return nil, nats.ErrConnectionClosed
	}
	return m.Data, nil
}

func (c *natsConn) Close() error {
	c.client.Close()
	return nil
}
